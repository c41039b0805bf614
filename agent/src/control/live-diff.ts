// Released against live, in the API server's own spelling: what an apply of the Release would change, told by a dry run. Comparing text
// with text would call every default and every respelling a difference.

import { canonicalJson } from "@muster/proto/model/canonical";
import type { Digest } from "@muster/proto/model/digest";
import type { AgentPolicy } from "@muster/proto/model/bundle";
import { identityKey, showIdentity, type AppKey, type ObjectIdentity } from "@muster/proto/model/identity";
import { inspectionLimits, type FieldDiff, type ObjectDiff, type OtherManager } from "@muster/proto/model/inspection";
import type { JsonObject, JsonValue } from "@muster/proto/model/json";
import { maskObject } from "@muster/proto/model/mask";
import { spelledWith, type MaskKey } from "@muster/proto/model/masking";

import { covers, entriesOf, leaves, ownFields, pointerOf, step, unionFields, type FieldPath, type ManagerEntry } from "../drift/drift.ts";
import { pendingEntry } from "../plan/plan.ts";
import { declare, guarded } from "./declaring.ts";
import { seenOf } from "./sightings.ts";
import { actorFor, failureText, type Site } from "./site.ts";

export type Released = { readonly app: AppKey; readonly identity: ObjectIdentity; readonly digest: Digest; readonly policy: AgentPolicy };

const nothing = { message: "", ours: [], others: [] } as const;

/** The difference of one declared object. `live` is null when it is surely not there. Nothing is written. Values of Secrets are masked. */
export async function liveDiff(site: Site, released: Released, live: JsonObject | null, key: MaskKey): Promise<ObjectDiff> {
  if (live === null) return { state: "missing", ...nothing };
  if (seenOf(live).deleting) return { state: "unknown", ...nothing, message: "it is being deleted" };
  const { app, identity, digest, policy } = released;
  const declared = await site.cache.readObject(digest);
  if (declared === null) return { state: "unknown", ...nothing, message: "its stored object is damaged; it is fetched again" };
  const entry = site.ledger.get(identityKey(identity)) ?? pendingEntry(identity, app, "created");
  const job = { app, identity, digest, desired: entry.desired, policy, writing: "always", why: "heal" } as const;
  try {
    const body = guarded(declare(site, job, declared, live, entry), { uid: seenOf(live).uid, rv: "" });
    const result = await actorFor(site, policy).apply(body, { force: true, dryRun: true });
    if (result.kind !== "applied") return { state: "unknown", ...nothing, message: `the API server would refuse it: ${result.message}` };
    const ours = fieldDiffs(live, result.object, key);
    const shown = ours.slice(0, inspectionLimits.fieldsPerObject);
    const message = shown.length < ours.length ? `only ${shown.length} of ${ours.length} fields are shown` : "";
    return { state: ours.length === 0 ? "same" : "differs", message, ours: shown, others: otherManagers(live) };
  } catch (error) {
    return { state: "unknown", ...nothing, message: `${showIdentity(identity)} could not be compared: ${failureText(error)}` };
  }
}

/** Fields of ours whose live value an apply would change, drop or put back. */
export function fieldDiffs(live: JsonObject, applied: JsonObject, key: MaskKey): readonly FieldDiff[] {
  const fields = unionFields(ownFields(applied) ?? {}, ownFields(live) ?? {});
  const masked = spelledWith(key);
  const [before, after] = [maskObject(live, masked), maskObject(applied, masked)];
  const holders = entriesOf(live);
  return leaves(fields).flatMap((path) => {
    const [is, should] = [valueAt(before, path), valueAt(after, path)];
    if (spell(is) === spell(should)) return [];
    const diff = { path: pointerOf(path), manager: holderOf(holders, path) };
    return [{ ...diff, ...(should !== undefined && { released: cut(should) }), ...(is !== undefined && { live: cut(is) }) }];
  });
}

/** Who manages what we do not: names of fields only. */
export function otherManagers(live: JsonObject): readonly OtherManager[] {
  const own = ownFields(live) ?? {};
  return entriesOf(live)
    .filter((entry) => entry.manager !== "" && entry.subresource === "")
    .flatMap(({ manager, operation, time, fields }) => {
      const theirs = leaves(fields).filter((path) => !covers(own, path) && path[0] !== "f:status");
      if (theirs.length === 0) return [];
      return [{ manager, operation, time, fields: theirs.map(pointerOf).slice(0, inspectionLimits.fieldsPerObject) }];
    })
    .slice(0, inspectionLimits.managersPerObject);
}

/** The newest of the others that hold a field; what nobody else holds was changed by whoever changes objects on their way in. */
function holderOf(entries: readonly ManagerEntry[], path: FieldPath): string {
  const others = entries.filter((entry) => !(entry.manager === "muster" && entry.operation === "Apply") && covers(entry.fields, path));
  return others.toSorted((a, b) => Date.parse(b.time ?? "") - Date.parse(a.time ?? "") || 0)[0]?.manager || "unknown";
}

const valueAt = (object: JsonObject, path: FieldPath): JsonValue | undefined => path.reduce<JsonValue | undefined>(step, object);
const spell = (value: JsonValue | undefined): string => (value === undefined ? "" : canonicalJson(value));

function cut(value: JsonValue): JsonValue {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length <= inspectionLimits.valueChars ? value : `${text.slice(0, inspectionLimits.valueChars)}…`;
}
