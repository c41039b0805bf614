// A Bundle: the complete desired state of one cluster, as canonical JSON in a signed envelope. It is complete or it is nothing.

import { canonicalJson } from "./canonical.ts";
import { digestOf, isDigest, type Digest } from "./digest.ts";
import type { AppKey, ClusterName } from "./identity.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";
import { appsText } from "./pins.ts";

export { appsText, pinDigest, samePin } from "./pins.ts";

export const bundleSchema = 1;
export const bundlePayloadType = "application/vnd.muster.bundle.v1+json";

/** Fields of others that are not healed, or never written. `name` and the fields' parts may be "*". */
export type IgnoreRule = {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly fields: readonly string[];
  readonly managers: readonly string[];
  readonly mode: "untilRelease" | "always";
};

/** What of an App's settings the agent acts on. Part of the pin: a change of it is released like a change of the objects. */
export type AgentPolicy = {
  readonly namespace: string | null;
  readonly createNamespace: boolean;
  readonly prune: boolean;
  readonly heal: boolean;
  readonly adopt: "never" | "identical" | "yes" | "force";
  readonly serviceAccount: string | null;
  readonly timeoutMs: number;
  readonly ignore: readonly IgnoreRule[];
};

export type BundleApp = {
  readonly app: AppKey;
  readonly release: Digest;
  readonly policy: AgentPolicy;
  /** Apps of the same cluster that have to be healthy before this one is installed. */
  readonly dependsOn: readonly AppKey[];
};

/** An App that is gone from this cluster: the one evidence, beside a newer Release, that justifies deletes. */
export type Tombstone = {
  readonly app: AppKey;
  readonly mode: "delete" | "orphan";
  /** RFC 3339, UTC. */
  readonly notBefore: string;
  /** While a pause puts it off: what `notBefore` was, and will be again. */
  readonly due?: string;
};

/** Which Snapshots it was resolved from. */
export type RevisionVector = { readonly serial: number; readonly sources: { readonly [source: string]: string } };

export type Bundle = {
  readonly schema: number;
  /** Features that an agent must understand to act on this Bundle at all. */
  readonly critical: readonly string[];
  readonly fleet: string;
  readonly cluster: ClusterName;
  readonly clusterUid: string;
  /** Fencing number of the signer, and who that is: per epoch an agent accepts one signer. */
  readonly epoch: number;
  readonly signer: string;
  readonly generation: number;
  /** RFC 3339, UTC. Shown; never a reason to delete. */
  readonly issuedAt: string;
  readonly revision: RevisionVector;
  readonly paused: boolean;
  /** Sorted by key. */
  readonly apps: readonly BundleApp[];
  readonly tombstones: readonly Tombstone[];
  /** Digests of approved deletions (see evidence.ts), sorted. */
  readonly approvals: readonly Digest[];
};

type Content = Pick<Bundle, "paused" | "apps" | "tombstones" | "approvals">;
const textOf = (value: unknown): string => canonicalJson(value as JsonValue);

/** What of a Bundle is content: equal content is never signed again. `text`: the `appsText` of its Apps, where it is known. */
export function bundleContentDigest({ paused, apps, tombstones, approvals }: Content, text: string = appsText(apps)): Digest {
  return digestOf(`{"approvals":${textOf(approvals)},"apps":${text},${textOf({ paused, tombstones }).slice(1)}`);
}

/** The bytes that are signed, as text; their SHA-256 is the Bundle's digest. `text`: the `appsText` of its Apps, where it is known. */
export function bundleText({ approvals, apps, ...rest }: Bundle, text: string = appsText(apps)): string {
  // "approvals" and "apps" come first among a Bundle's members, which are sorted.
  return `{"approvals":${textOf(approvals)},"apps":${text},${textOf(rest).slice(1)}`;
}

export function bundleDigest(text: string): Digest {
  return digestOf(text);
}

/** Reads a Bundle whose signature was verified. Throws a TypeError that names the first field that is wrong. */
export function parseBundle(text: string): Bundle {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value)) throw new TypeError("bundle is not an object");
  for (const [field, check] of Object.entries(fields)) {
    if (!check(value[field])) throw new TypeError(`bundle field ${field} is missing or malformed`);
  }
  return value as unknown as Bundle;
}

const isText = (value: unknown): boolean => typeof value === "string";
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isTime = (value: unknown): boolean => typeof value === "string" && !Number.isNaN(Date.parse(value));
const listOf = (check: (value: unknown) => boolean) => (value: unknown) => Array.isArray(value) && value.every(check);
const isOneOf =
  (...names: readonly string[]) =>
  (value: unknown) =>
    typeof value === "string" && names.includes(value);

const policyFields = {
  namespace: (value: unknown) => value === null || isText(value),
  createNamespace: (value: unknown) => typeof value === "boolean",
  prune: (value: unknown) => typeof value === "boolean",
  heal: (value: unknown) => typeof value === "boolean",
  adopt: isOneOf("never", "identical", "yes", "force"),
  serviceAccount: (value: unknown) => value === null || isText(value),
  timeoutMs: isCount,
  ignore: listOf(isJsonObject),
} satisfies Record<keyof AgentPolicy, (value: unknown) => boolean>;

const hasFields = (value: JsonObject, table: Record<string, (value: unknown) => boolean>): boolean =>
  Object.entries(table).every(([field, check]) => check(value[field]));

const appFields = {
  app: isText,
  release: isDigest,
  policy: (value: unknown) => isJsonObject(value) && hasFields(value, policyFields),
  dependsOn: listOf(isText),
} satisfies Record<keyof BundleApp, (value: unknown) => boolean>;

const tombstoneFields = {
  app: isText,
  mode: isOneOf("delete", "orphan"),
  notBefore: isTime,
  due: (value: unknown) => value === undefined || isTime(value),
} satisfies Record<keyof Tombstone, (value: unknown) => boolean>;

const fields = {
  schema: isCount,
  critical: listOf(isText),
  fleet: isText,
  cluster: isText,
  clusterUid: isText,
  epoch: isCount,
  signer: isText,
  generation: isCount,
  issuedAt: isTime,
  revision: (value: unknown) => isJsonObject(value) && isCount(value["serial"]) && isJsonObject(value["sources"]),
  paused: (value: unknown) => typeof value === "boolean",
  apps: listOf((value) => isJsonObject(value) && hasFields(value, appFields)),
  tombstones: listOf((value) => isJsonObject(value) && hasFields(value, tombstoneFields)),
  approvals: listOf(isDigest),
} satisfies Record<keyof Bundle, (value: unknown) => boolean>;
