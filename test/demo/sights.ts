// Witnesses on several clusters at once, and what is looked for in the objects that they see.

import { Witness } from "./witness.ts";
import type { Cluster, Stage } from "./stage.ts";

export type Deployment = {
  readonly metadata: { readonly generation: number };
  readonly status: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
  };
  readonly spec: { readonly replicas: number; readonly template: { readonly spec: { readonly containers: readonly { image: string }[] } } };
};
export type ConfigMap = { readonly data: Readonly<Record<string, string>> };

export const imageOf = ({ spec }: Deployment): string => spec.template.spec.containers[0]?.image ?? "";

/** Only Pods of the present template, all of them available. */
export const isRolledOut = ({ metadata, spec, status }: Deployment): boolean =>
  status.observedGeneration === metadata.generation &&
  [status.replicas, status.updatedReplicas, status.availableReplicas].every((count) => count === spec.replicas);

export class Witnesses<T> implements Disposable {
  readonly #each: ReadonlyMap<Cluster, Witness<T>>;

  constructor(each: ReadonlyMap<Cluster, Witness<T>>) {
    this.#each = each;
  }

  /** Waits for the next state on each cluster for which `holds`; gives when each showed it, in order, in ms after `sinceMs`. */
  async next(expected: string, holds: (object: T) => boolean, sinceMs: number): Promise<Readonly<Record<string, number>>> {
    const times = await Promise.all(
      [...this.#each].map(async ([name, witness]) => [name, (await witness.next(expected, holds)) - sinceMs] as const),
    );
    return Object.fromEntries(times.toSorted(([, a], [, b]) => a - b));
  }

  /** The present state on each cluster. */
  latest(): readonly T[] {
    return [...this.#each.values()].map((witness) => witness.latest);
  }

  [Symbol.dispose](): void {
    for (const witness of this.#each.values()) witness[Symbol.dispose]();
  }
}

/** Watches one Deployment on several clusters. */
export function deploymentsOf(stage: Stage, on: readonly Cluster[], namespace: string, name: string): Promise<Witnesses<Deployment>> {
  return watch(stage, on, `/apis/apps/v1/namespaces/${namespace}/deployments`, name);
}

/** Watches one ConfigMap on several clusters. */
export function configMapsOf(stage: Stage, on: readonly Cluster[], namespace: string, name: string): Promise<Witnesses<ConfigMap>> {
  return watch(stage, on, `/api/v1/namespaces/${namespace}/configmaps`, name);
}

async function watch<T>({ rig }: Stage, on: readonly Cluster[], collection: string, name: string): Promise<Witnesses<T>> {
  const each = on.map(async (cluster) => [cluster, await Witness.of<T>(rig.plane(cluster), collection, name)] as const);
  return new Witnesses(new Map(await Promise.all(each)));
}
