// What objects own: ReplicaSets, Pods, Jobs and the like, found by their ownerReferences, level by level. Lists only kinds that can be
// owned by what is there, in the namespaces where it is; a kind that may not be listed is a note, never an empty list.

import { messageOf, OperationError } from "@muster/proto/model/failure";
import { inspectionLimits } from "@muster/proto/model/inspection";
import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";

import { needsBody } from "../health/health.ts";
import { selfOf, type KubeActions, type Mapping } from "../kube/kube.ts";

/** An object that may own others. */
export type Owner = { readonly uid: string; readonly group: string; readonly kind: string; readonly namespace: string };

/** `object` is whole where its kind's health needs it, else its metadata only. */
export type Child = { readonly owner: string; readonly uid: string; readonly object: JsonObject };

export type Children = { readonly found: readonly Child[]; readonly notes: readonly string[] };

type KindName = `${string}/${string}`;

/** What the controllers of Kubernetes make of what. */
const childrenOf: { readonly [owner: KindName]: readonly KindName[] } = {
  "apps/Deployment": ["apps/ReplicaSet"],
  "apps/ReplicaSet": ["/Pod"],
  "apps/StatefulSet": ["/Pod", "apps/ControllerRevision", "/PersistentVolumeClaim"],
  "apps/DaemonSet": ["/Pod", "apps/ControllerRevision"],
  "/ReplicationController": ["/Pod"],
  "batch/CronJob": ["batch/Job"],
  "batch/Job": ["/Pod"],
  "/Service": ["discovery.k8s.io/EndpointSlice"],
};

/** Groups whose other kinds own nothing that is namespaced: they are not asked about. */
const builtin: ReadonlySet<string> = new Set([
  "",
  "apps",
  "batch",
  "autoscaling",
  "policy",
  "discovery.k8s.io",
  "networking.k8s.io",
  "rbac.authorization.k8s.io",
  "storage.k8s.io",
  "scheduling.k8s.io",
  "coordination.k8s.io",
  "apiextensions.k8s.io",
  "apiregistration.k8s.io",
  "admissionregistration.k8s.io",
  "node.k8s.io",
  "certificates.k8s.io",
  "flowcontrol.apiserver.k8s.io",
]);

/** What an operator usually makes for an object of its own kind, beside other kinds of its own group. */
const ofOperators: readonly KindName[] = [
  "apps/Deployment",
  "apps/StatefulSet",
  "apps/DaemonSet",
  "apps/ReplicaSet",
  "batch/Job",
  "batch/CronJob",
  "/Pod",
  "/Service",
  "/ConfigMap",
  "/Secret",
  "/PersistentVolumeClaim",
];

/** The levels of ownership that are followed. */
const depthMax = 8;
/** Of one kind in one namespace. */
const listedMax = 10_000;

/** Finds what these objects own, and what that owns in turn. */
export async function findChildren(kube: KubeActions, owners: readonly Owner[], signal: AbortSignal): Promise<Children> {
  const { mappings } = await kube.discover();
  const search = new Search(kube, mappings, signal);
  let level = owners;
  for (let depth = 0; depth < depthMax && level.length > 0 && !search.isFull; depth += 1) level = await search.level(level);
  return { found: search.found, notes: [...search.notes] };
}

class Search {
  readonly found: Child[] = [];
  readonly notes = new Set<string>();
  readonly #kube: KubeActions;
  readonly #mappings: readonly Mapping[];
  readonly #signal: AbortSignal;
  readonly #seen = new Set<string>();
  readonly #lists = new Map<string, Promise<readonly JsonObject[]>>();

  constructor(kube: KubeActions, mappings: readonly Mapping[], signal: AbortSignal) {
    this.#kube = kube;
    this.#mappings = mappings;
    this.#signal = signal;
  }

  get isFull(): boolean {
    return this.found.length >= inspectionLimits.children;
  }

  /** The children of one level, as owners of the next. */
  async level(owners: readonly Owner[]): Promise<readonly Owner[]> {
    for (const { uid } of owners) this.#seen.add(uid);
    const next: Owner[] = [];
    const places = new Map<string, { mapping: Mapping; namespace: string; owners: Map<string, Owner> }>();
    for (const owner of owners) {
      for (const mapping of this.#kindsUnder(owner)) {
        const place = `${mapping.group}/${mapping.version}/${mapping.plural} ${owner.namespace}`;
        const known = places.get(place) ?? { mapping, namespace: owner.namespace, owners: new Map<string, Owner>() };
        places.set(place, known);
        known.owners.set(owner.uid, owner);
      }
    }
    for (const [place, { mapping, namespace, owners: here }] of places) {
      for (const object of await this.#list(place, mapping, namespace)) next.push(...this.#take(object, mapping, here));
    }
    return next;
  }

  #take(object: JsonObject, mapping: Mapping, owners: ReadonlyMap<string, Owner>): readonly Owner[] {
    const uid = uidOf(object);
    const owner = ownersOf(object).find((each) => owners.has(each));
    if (owner === undefined || uid === "" || this.#seen.has(uid)) return [];
    if (this.isFull) {
      this.notes.add(`only the first ${inspectionLimits.children} owned objects are shown`);
      return [];
    }
    this.#seen.add(uid);
    this.found.push({ owner, uid, object });
    return [{ uid, group: mapping.group, kind: mapping.kind, namespace: selfOf(object).identity.namespace }];
  }

  /** Kinds that an object may own, at the server's preferred version each. A cluster-scoped owner is not followed into all namespaces. */
  #kindsUnder({ group, kind, namespace }: Owner): readonly Mapping[] {
    if (namespace === "") return [];
    const named = childrenOf[`${group}/${kind}`] ?? (builtin.has(group) ? [] : ofOperators);
    const known = named.flatMap((name) => {
      const [ofGroup = "", ofKind = ""] = name.split("/");
      return this.#kube.mapping(ofGroup, ofKind) ?? [];
    });
    if (builtin.has(group)) return known;
    const relatives = new Map(
      this.#mappings
        .filter((each) => each.group === group && each.namespaced)
        .map((each) => [each.kind, this.#kube.mapping(group, each.kind) ?? each]),
    );
    return [...known, ...relatives.values()];
  }

  #list(place: string, mapping: Mapping, namespace: string): Promise<readonly JsonObject[]> {
    const known = this.#lists.get(place) ?? this.#read(mapping, namespace);
    this.#lists.set(place, known);
    return known;
  }

  async #read(mapping: Mapping, namespace: string): Promise<readonly JsonObject[]> {
    const metadataOnly = !needsBody(mapping.group, mapping.kind);
    try {
      const { items, isCut } = await this.#kube.list(mapping, { namespace, metadataOnly, itemsMax: listedMax }, this.#signal);
      if (isCut) this.notes.add(`only the first ${items.length} ${mapping.plural} of namespace ${namespace} were looked at`);
      return items;
    } catch (error) {
      if (this.#signal.aborted) throw error;
      if (error instanceof OperationError && error.code === "notFound") return []; // the kind went away meanwhile
      this.notes.add(`${mapping.plural} of namespace ${namespace} could not be listed: ${messageOf(error)}`);
      return [];
    }
  }
}

function metadataOf(object: JsonObject): JsonObject {
  return isJsonObject(object["metadata"]) ? object["metadata"] : {};
}

function uidOf(object: JsonObject): string {
  const { uid } = metadataOf(object);
  return typeof uid === "string" ? uid : "";
}

function ownersOf(object: JsonObject): readonly string[] {
  const references = metadataOf(object)["ownerReferences"];
  if (!Array.isArray(references)) return [];
  return (references as readonly JsonValue[]).filter(isJsonObject).flatMap(({ uid }) => (typeof uid === "string" ? [uid] : []));
}
