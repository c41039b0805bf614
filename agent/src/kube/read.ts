// Reading: one object, or all of a kind. An error or a half answer is never an absence.

import { OperationError } from "@muster/proto/model/failure";
import { showIdentity, type ObjectIdentity } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { aboutObject, metadataAs, metadataOf, named, objectIn, read, scoped, type Caller } from "./caller.ts";
import type { Mapping } from "./discovered.ts";
import { readFailure, readStatus } from "./kube-answer.ts";
import { apiVersionOf, collectionPath, objectPath, query } from "./paths.ts";

export type GetResult =
  { readonly kind: "found"; readonly object: JsonObject } | { readonly kind: "absent" } | { readonly kind: "unknownKind" };
export type GetOptions = {
  readonly metadataOnly?: boolean;
  /** Read at this version; else at the server's preferred one. */ readonly version?: string;
};

/**
 * One object. `absent` and `unknownKind` are said only when the server surely said so; throws an OperationError ("unavailable",
 * "forbidden") whenever the answer is not known.
 */
export async function get(caller: Caller, id: ObjectIdentity, options: GetOptions = {}): Promise<GetResult> {
  const mapping = await caller.kinds.lookUp(id.group, id.kind, options.version);
  if (mapping === undefined) return unknownKind(caller, id);
  const about = aboutObject(id);
  const accept = options.metadataOnly ? metadataAs("PartialObjectMetadata") : "application/json";
  const answer = await read(caller, about.subject, objectPath(mapping, scoped(id, mapping)), accept);
  if (answer.status === 200) return { kind: "found", object: named(objectIn(answer, about.subject), mapping) };
  const status = readStatus(answer.status, answer.body);
  if (status.code !== 404) throw readFailure(status, about);
  // Only a Status that names what is absent speaks of the object; anything else means that the kind itself is not served.
  if (status.details.name !== "") return { kind: "absent" };
  await caller.kinds.refresh();
  return unknownKind(caller, id);
}

function unknownKind(caller: Caller, id: ObjectIdentity): GetResult {
  if (caller.kinds.surelyUnknown(id.group, id.kind)) return { kind: "unknownKind" };
  throw new OperationError(
    "unavailable",
    showIdentity(id),
    `${showIdentity(id)}: it is not certain yet whether the cluster knows the kind`,
  );
}

export type ListOptions = {
  readonly labelSelector?: string;
  readonly namespace?: string;
  readonly metadataOnly?: boolean;
  /** For a look only: no page is asked for after so many items. */
  readonly itemsMax?: number;
};
export type Listed = {
  readonly items: readonly JsonObject[];
  readonly resourceVersion: string;
  /** True when `itemsMax` was reached and there is more: then an item that is not here may well exist. */
  readonly isCut: boolean;
};

/** All objects of a kind, of one moment: every page or an OperationError. Code "notFound": the kind is not served. */
export async function list(caller: Caller, mapping: Mapping, options: ListOptions = {}, signal?: AbortSignal): Promise<Listed> {
  for (let start = 0; start <= caller.limits.listRestartsMax; start += 1) {
    const listed = await pages(caller, mapping, options, signal);
    if (listed !== undefined) return listed;
  }
  throw new OperationError(
    "unavailable",
    mapping.plural,
    `list of ${mapping.plural}: its pages expired ${caller.limits.listRestartsMax + 1} times`,
  );
}

/** Undefined when the continue token expired: the rest would be of another moment, so the list starts over. */
async function pages(caller: Caller, mapping: Mapping, options: ListOptions, signal: AbortSignal | undefined): Promise<Listed | undefined> {
  const accept = options.metadataOnly ? metadataAs("PartialObjectMetadataList") : "application/json";
  const about = { subject: `list of ${mapping.plural}`, group: mapping.group, kind: mapping.kind };
  const items: JsonObject[] = [];
  for (let next: string | undefined; ;) {
    const parameters = { labelSelector: options.labelSelector, limit: caller.limits.pageSize, continue: next };
    const answer = await read(caller, about.subject, collectionPath(mapping, options.namespace ?? "") + query(parameters), accept, signal);
    if (answer.status === 410 && next !== undefined) return undefined;
    if (answer.status !== 200) throw listFailure(answer.status, answer.body, about);
    const body = objectIn(answer, about.subject);
    const page = pageOf(body, mapping, about.subject);
    items.push(...page.items);
    next = page.next;
    const isCut = next !== undefined && options.itemsMax !== undefined && items.length >= options.itemsMax;
    if (next === undefined || isCut) return { items, resourceVersion: page.resourceVersion, isCut };
  }
}

function listFailure(
  code: number,
  body: string,
  about: { readonly subject: string; readonly group: string; readonly kind: string },
): OperationError {
  const status = readStatus(code, body);
  return code === 404
    ? new OperationError("notFound", about.subject, `${about.subject}: the cluster does not serve the kind`)
    : readFailure(status, about);
}

function pageOf(
  body: JsonObject,
  mapping: Mapping,
  subject: string,
): { readonly items: readonly JsonObject[]; readonly next: string | undefined; readonly resourceVersion: string } {
  const { continue: next, resourceVersion } = metadataOf(body);
  const items = body["items"] === null ? [] : body["items"];
  if (!Array.isArray(items) || typeof resourceVersion !== "string")
    throw new OperationError("unavailable", subject, `${subject}: the answer is no ${apiVersionOf(mapping)} list`);
  const objects = (items as readonly JsonValue[]).filter(isJsonObject).map((item) => named(item, mapping));
  return { items: objects, next: typeof next === "string" && next !== "" ? next : undefined, resourceVersion };
}
