// One look at the pods of an App's workloads: those of the newest templates, at most 500 of each workload. Which template is newest is
// asked again only when the workload changed.

import { OperationError } from "@muster/proto/model/failure";
import { identityKey, showIdentity, type ObjectIdentity } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";

import type { Mapping } from "../kube/kube.ts";
import { isOwnedBy, newestPods, podSight, readingOf, soakBounds, type NewestPods, type WorkloadSample } from "../soak/soak.ts";
import { seenOf } from "./sightings.ts";
import type { Site } from "./site.ts";

type Known = { readonly version: string; readonly newest: NewestPods };

export class PodLooks {
  readonly #site: Site;
  /** What is newest of each workload, as of one version of it. */
  readonly #known = new Map<string, Known>();

  constructor(site: Site) {
    this.#site = site;
  }

  /** All workloads among these objects. Throws an OperationError when any of it cannot be known now. */
  async look(objects: readonly ObjectIdentity[], signal: AbortSignal): Promise<readonly WorkloadSample[]> {
    const workloads = objects.filter(({ group, kind }) => readingOf(group, kind) !== undefined);
    if (workloads.length === 0) await this.#reach(objects[0]);
    const samples: WorkloadSample[] = [];
    for (const identity of workloads) samples.push(await this.#sample(identity, signal));
    return samples;
  }

  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
  }

  /** Health that nobody could correct proves nothing: the API server has to answer. */
  async #reach(identity: ObjectIdentity | undefined): Promise<void> {
    if (identity === undefined) await this.#site.kube.version();
    else await this.#site.kube.get(identity, { metadataOnly: true });
  }

  async #sample(identity: ObjectIdentity, signal: AbortSignal): Promise<WorkloadSample> {
    const key = identityKey(identity);
    const newest = await this.#newest(key, identity, signal);
    if (newest === null) return { key, template: null, pods: [], total: 0 };
    const { owner, template, labelSelector, count } = newest;
    const options = { namespace: identity.namespace, labelSelector, itemsMax: soakBounds.podsMax };
    const { items, isCut } = await this.#site.kube.list(this.#mapping("", "Pod"), options, signal);
    const pods = items.filter(isOwnedBy(owner)).slice(0, soakBounds.podsMax).map(podSight);
    const total = isCut ? Math.max(count, pods.length + 1) : pods.length;
    return { key, template: `${owner} ${template}`, pods, total };
  }

  /** Null: there is no such workload. */
  async #newest(key: string, identity: ObjectIdentity, signal: AbortSignal): Promise<NewestPods | null> {
    const { kube, sightings } = this.#site;
    const known = this.#known.get(key);
    const sighting = sightings.get(key);
    const version = `${sighting?.uid ?? ""} ${sighting?.generation ?? 0}`;
    if (sighting !== undefined && known?.version === version) return known.newest;
    this.#known.delete(key);
    const found = await kube.get(identity);
    if (found.kind !== "found") return null;
    const kind = readingOf(identity.group, identity.kind)?.revisions ?? null;
    const revisions = kind === null ? [] : await this.#revisions(kind, identity.namespace, signal);
    const newest = newestPods(found.object, revisions);
    if (newest === null)
      throw new OperationError(
        "unavailable",
        showIdentity(identity),
        `${showIdentity(identity)}: which of its pods are new is not known yet`,
      );
    const { uid, generation } = seenOf(found.object);
    if (`${uid} ${generation}` === version) this.#known.set(key, { version, newest });
    return newest;
  }

  async #revisions(kind: string, namespace: string, signal: AbortSignal): Promise<readonly JsonObject[]> {
    return (await this.#site.kube.list(this.#mapping("apps", kind), { namespace }, signal)).items;
  }

  #mapping(group: string, kind: string): Mapping {
    const mapping = this.#site.kube.mapping(group, kind);
    if (mapping === undefined) throw new OperationError("unavailable", kind, `the cluster does not serve ${kind}`);
    return mapping;
  }
}
