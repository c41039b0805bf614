// The language that people write in Git: files become typed documents, with every fault and its place. Which documents apply where
// is for resolve/; keeping what was last good is in assemble.ts.

import { appKeyParts, type AppKey } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";
import { locate, readYaml } from "../yaml/yaml.ts";
import { showPath, type Fault } from "./check.ts";
import { isMusterObject, readDocument } from "./document.ts";
import { documentKey, type App, type FleetDocument, type ParsedFile } from "./kinds.ts";
import type { Place, Problem } from "./problem.ts";

export { assembleFleet, type AssembledFleet } from "./assemble.ts";
export { showPath, type Fault, type FieldPath } from "./check.ts";
export { lookUp, type Scope } from "./evaluate.ts";
export type { Ref } from "./expression.ts";
export {
  documentKey,
  type AllowedRemote,
  type App,
  type Cluster,
  type ClusterGroup,
  type FleetDocument,
  type HelmSettings,
  type KustomizeSettings,
  type Layer,
  type ObjectFiles,
  type Origin,
  type ParsedFile,
  type Remote,
  type Settings,
  type Source,
  type SyncSettings,
  type Target,
  type TargetSelect,
} from "./kinds.ts";
export { applyFixes, fixesOf, type Fix } from "./fixes.ts";
export { jsonSchemas } from "./schemas.ts";
export { groupMembership, waveMembership, type Membership, type Selectable } from "./membership.ts";
export { nearest } from "./nearest.ts";
export { fleetCodes, type FleetCode, type Place, type Problem } from "./problem.ts";
export { selects, type Requirement, type Selector } from "./selector.ts";
export { mergeLayers, refsIn, settingsOf, signature } from "./settings.ts";
export { allowedRemote } from "./remotes.ts";
export { policyFor, wavesFrom } from "./rollout-default.ts";
export { rolloutPolicyOf } from "./rollout-reading.ts";
export { canaryLabel } from "./rollout-table.ts";
export type {
  Amount,
  Gate,
  GateKind,
  GatePace,
  ImmediatePolicy,
  RolloutPolicy,
  Span,
  WavePolicy,
  WavesPolicy,
  Weekday,
  Window,
} from "./rollout-policy.ts";
export { fleetKinds, rootSourceName, type FleetKind } from "./tables.ts";

export type FleetFile = { readonly source: string; readonly path: string; readonly text: string };

/** True for files that may hold documents. */
export function isFleetFile(path: string): boolean {
  return /\.ya?ml$/i.test(path);
}

/** A cheap look before parsing. A file that held documents before has to be parsed whatever this says: it may be damaged. */
export function mentionsMuster(text: string): boolean {
  return /apiVersion["']?\s*:\s*["']?muster\.dev\//.test(text);
}

/** Reads a file. Documents of other groups are passed over. Never throws for what a file holds. */
export function parseFleetFile(file: FleetFile): ParsedFile {
  const { source, path, text } = file;
  const read = readYaml(text);
  const problems: Problem[] = read.faults.map((fault) => ({
    code: fault.code,
    severity: "error",
    message: `cannot read ${path}: ${fault.message}`,
    place: { source, path, line: fault.line, column: fault.column },
  }));
  const documents: FleetDocument[] = [];
  const brokenKeys: string[] = [];
  let broken = read.faults.length > 0;
  for (const { index, line, value } of read.documents) {
    if (!isMusterObject(value)) continue;
    const place = { source, path, line };
    const result = readDocument(value, place);
    if ("document" in result) {
      documents.push(result.document);
      continue;
    }
    const spot = (fault: Fault): Place => ({ ...place, ...locate(text, index, fault.path) });
    problems.push(...result.faults.map((fault) => toProblem(fault, result.subject, spot(fault))));
    if (result.key === null) broken = true;
    else brokenKeys.push(result.key);
  }
  return { source, path, ...withoutTwins(documents, brokenKeys, problems), broken };
}

/** One key twice in one file: nobody can say which is meant, so neither counts and the last good one stays. */
function withoutTwins(documents: readonly FleetDocument[], brokenKeys: readonly string[], problems: readonly Problem[]) {
  const count = new Map<string, number>();
  for (const { key } of documents) count.set(key, (count.get(key) ?? 0) + 1);
  for (const key of brokenKeys) count.set(key, (count.get(key) ?? 0) + 1);
  const twin = (document: FleetDocument): boolean => (count.get(document.key) ?? 0) > 1;
  const twins = documents.filter(twin);
  return {
    documents: documents.filter((each) => !twin(each)),
    brokenKeys: [...new Set([...brokenKeys, ...twins.map(({ key }) => key)])],
    problems: [...problems, ...twins.map((each) => duplicate(each, "another document of the same file has the same name"))],
  };
}

const duplicateCodes = {
  App: "E_DUPLICATE_APP",
  Cluster: "E_DUPLICATE_CLUSTER",
  ClusterGroup: "E_DUPLICATE_GROUP",
  Source: "E_DUPLICATE_SOURCE",
} as const;

/** The problem of a document whose key is taken. */
export function duplicate(document: FleetDocument, why: string): Problem {
  return {
    code: duplicateCodes[document.kind],
    severity: "error",
    message: `cannot take ${document.key}: ${why}`,
    remedy: "give one of them another name",
    place: document.place,
    subject: document.key,
  };
}

/** A fault of a document as a Problem. */
export function toProblem(fault: Fault, subject: string, place: Place): Problem {
  return {
    code: fault.code,
    severity: "error",
    message: `cannot read ${subject}: ${[showPath(fault.path), fault.says].filter((part) => part !== "").join(" ")}`,
    ...(fault.remedy !== undefined && { remedy: fault.remedy }),
    place,
    subject,
  };
}

export type ReadChild =
  | { readonly document: FleetDocument & { readonly kind: "App"; readonly value: App } }
  /** `key` where it could be read: that App's last known children and Placements stay. */
  | { readonly problems: readonly Problem[]; readonly key: string | null };

/**
 * Reads an object of Muster's group that a parent's render holds. It belongs to its parent's Tenant; a namespace that a renderer
 * put into its metadata means nothing.
 */
export function readChild(raw: JsonObject, place: Place, parent: AppKey): ReadChild {
  const { tenant } = appKeyParts(parent);
  const result = readDocument(inTenant(raw, tenant), place);
  if (!("document" in result)) {
    return { problems: result.faults.map((fault) => ({ ...toProblem(fault, result.subject, place), at: fault.path })), key: result.key };
  }
  const { document } = result;
  const refuse = (code: "E_TENANT" | "E_UNKNOWN_KIND", why: string): ReadChild => ({
    problems: [
      { code, severity: "error", message: `cannot take ${document.key} from App ${parent}: ${why}`, place, subject: document.key },
    ],
    key: document.kind === "App" ? document.key : null,
  });
  if (document.kind !== "App") return refuse("E_UNKNOWN_KIND", "an App renders Apps only; write this document as a file of the Source");
  if (document.value.tenant !== tenant) return refuse("E_TENANT", `it names another Tenant than its parent's ${tenant}`);
  return { document };
}

function inTenant(raw: JsonObject, tenant: string): JsonObject {
  const metadata = raw["metadata"];
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) return raw;
  const { namespace: _, ...rest } = metadata as JsonObject;
  return { ...raw, metadata: raw["kind"] === "App" ? { tenant, ...rest } : rest };
}

/** The document key of an App. */
export const appDocument = (key: AppKey): string => documentKey("App", key);
