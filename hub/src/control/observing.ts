// What rollouts watch on each cluster: the newest list of each, for agents that take one. What is in it, the rollouts decide.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { ClusterName } from "@muster/proto/model/identity";
import { observedMax, observes, type FromHub, type Hello, type ObservedApp } from "@muster/proto/model/session";

export class Observing {
  readonly #lists = new Map<ClusterName, readonly ObservedApp[]>();

  /** True when the agent does not know this list yet. Those past the bound come when others before them are done. */
  put(cluster: ClusterName, apps: readonly ObservedApp[]): boolean {
    const list = apps.slice(0, observedMax).toSorted((a, b) => byCodeUnits(a.app, b.app));
    const before = this.#lists.get(cluster);
    this.#lists.set(cluster, list);
    return before === undefined || !areEqual(before, list);
  }

  /** What to say to an agent. Null: it does not take lists, or no rollout has spoken of its cluster yet, and it keeps the one that it has. */
  message(cluster: ClusterName, { features }: Hello): FromHub | null {
    const apps = this.#lists.get(cluster);
    return apps === undefined || !features.includes(observes) ? null : { kind: "observe", apps };
  }
}

function areEqual(some: readonly ObservedApp[], others: readonly ObservedApp[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ app, pin, healthyForMs }, at) => {
      const other = others[at];
      return other?.app === app && other.pin === pin && other.healthyForMs === healthyForMs;
    })
  );
}
