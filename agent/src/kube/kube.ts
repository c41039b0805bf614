// The API server of one cluster: discovery, reads, server-side apply, deletes and watches. The only room that knows HTTP to it. Decides
// nothing: what to write, when to try again and what a refusal means for an App are others' matter.

import type { ObjectIdentity } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";
import { apply, create, patchJson, type Applied, type ApplyOptions, type ApplyResult, type PatchOperation } from "./apply.ts";
import { bounds, type AllBounds, type SomeBounds } from "./bounds.ts";
import type { Caller, KubeLog } from "./caller.ts";
import { credentialsFrom } from "./credentials.ts";
import type { Mapping } from "./discovered.ts";
import { KindDirectory, type Discovery } from "./discovery.ts";
import { facts, kubeSystemUid, version, type KubeFacts } from "./facts.ts";
import { impersonationHeaders, type Impersonation } from "./impersonation.ts";
import type { Refusal } from "./kube-answer.ts";
import { get, list, type GetOptions, type GetResult, type Listed, type ListOptions } from "./read.ts";
import { remove, type RemoveOptions, type RemoveResult } from "./remove.ts";
import { Transport } from "./transport.ts";
import { watch, type WatchEvent, type WatchOptions } from "./watch.ts";

export type { Applied, ApplyOptions, ApplyResult, PatchOperation } from "./apply.ts";
export type { KubeLog } from "./caller.ts";
export type { Mapping } from "./discovered.ts";
export type { Discovery } from "./discovery.ts";
export type { KubeFacts } from "./facts.ts";
export type { Conflict, FieldConflict, Refusal, Retry } from "./kube-answer.ts";
export type { GetOptions, GetResult, Listed, ListOptions } from "./read.ts";
export type { RemoveOptions, RemoveResult } from "./remove.ts";
export type { WatchEvent, WatchOptions } from "./watch.ts";
export { serviceAccountUser, type Impersonation } from "./impersonation.ts";
export { selfOf } from "./paths.ts";

/**
 * Everything one can do on a cluster as somebody. What is not known is thrown as an OperationError: "unavailable" (of a write: it may
 * or may not have happened), "forbidden", "unauthenticated", "invalid", "limit", "cancelled".
 */
export type KubeActions = {
  /** Asks when the newest answer is older than ten minutes, or when forced; what cannot be described now stays as it was known. */
  discover(force?: boolean): Promise<Discovery>;
  /** From memory; at the server's preferred version when none is named. */
  mapping(group: string, kind: string, version?: string): Mapping | undefined;
  get(id: ObjectIdentity, options?: GetOptions): Promise<GetResult>;
  /** Server-side apply; guards (uid, resourceVersion) are in the object as the caller puts them. */
  apply(object: JsonObject, options?: ApplyOptions): Promise<ApplyResult>;
  create(object: JsonObject, options?: { readonly dryRun?: boolean }): Promise<Applied | Refusal>;
  patchJson(
    id: ObjectIdentity,
    operations: readonly PatchOperation[],
    options?: { readonly version?: string; readonly dryRun?: boolean },
  ): Promise<Applied | Refusal>;
  remove(id: ObjectIdentity, options: RemoveOptions): Promise<RemoveResult>;
  /** All of a kind, or it throws ("notFound": the kind is not served). */
  list(mapping: Mapping, options?: ListOptions, signal?: AbortSignal): Promise<Listed>;
  /** Runs until aborted. */
  watch(mapping: Mapping, options: WatchOptions, onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<void>;
  version(): Promise<{ readonly gitVersion: string }>;
  facts(): Promise<KubeFacts>;
  kubeSystemUid(): Promise<string>;
};

export type Kube = KubeActions & {
  /** The same cluster as somebody else, over the same connections. Throws an OperationError("invalid") for an empty identity. */
  as(who: Impersonation): KubeActions;
  close(): Promise<void>;
} & AsyncDisposable;

export type KubeOptions = {
  /** Path of a kubeconfig; without one, the ServiceAccount of our own pod. */
  readonly kubeconfig?: string;
  readonly log?: KubeLog;
  /** Replaces some bounds, for tests. */
  readonly limits?: SomeBounds;
};

/** Connects and discovers. Throws an OperationError: "unavailable", "unauthenticated", "invalid" for a kubeconfig that cannot be used. */
export async function connectKube(options: KubeOptions = {}): Promise<Kube> {
  const limits: AllBounds = { ...bounds, ...options.limits };
  const transport = new Transport(credentialsFrom(options.kubeconfig, limits), limits);
  const caller: Caller = { transport, kinds: new KindDirectory(transport, limits), limits, log: options.log ?? silent, impersonation: {} };
  try {
    await caller.kinds.discover(true);
  } catch (error) {
    await transport.close();
    throw error;
  }
  return {
    ...actions(caller),
    as: (who) => actions({ ...caller, impersonation: impersonationHeaders(who) }),
    close: () => transport.close(),
    [Symbol.asyncDispose]: () => transport.close(),
  };
}

const silent: KubeLog = { info: () => undefined, warn: () => undefined };

function actions(caller: Caller): KubeActions {
  return {
    discover: (force = false) => caller.kinds.discover(force),
    mapping: (group, kind, version) => caller.kinds.find(group, kind, version),
    get: (id, options) => get(caller, id, options),
    apply: (object, options = {}) => apply(caller, object, options),
    create: (object, options) => create(caller, object, options),
    patchJson: (id, operations, options) => patchJson(caller, id, operations, options),
    remove: (id, options) => remove(caller, id, options),
    list: (mapping, options, signal) => list(caller, mapping, options, signal),
    watch: (mapping, options, onEvent, signal) => watch(caller, mapping, options, onEvent, signal),
    version: () => version(caller),
    facts: () => facts(caller),
    kubeSystemUid: () => kubeSystemUid(caller),
  };
}
