// Who is in the fleet and under which labels: the Cluster document where there is one, else what the join token said.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { ClusterName } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";
import type { ClusterFacts } from "@muster/proto/model/status";
import { selects, type Cluster, type ClusterGroup, type Place, type Problem, type Scope, type TargetSelect } from "../fleet/fleet.ts";

export type Enrolled = {
  readonly name: ClusterName;
  readonly uid: string;
  /** Labels of its token. */
  readonly labels: Readonly<Record<string, string>>;
  readonly facts: ClusterFacts | null;
};

export type ResolvedCluster = {
  readonly name: ClusterName;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly values: JsonObject;
  readonly server: string;
  readonly timezone: string | null;
  readonly paused: boolean;
  /** Enrolled, and not in Git. */
  readonly provisional: boolean;
  readonly place: Place | null;
  /** Null: not enrolled. */
  readonly uid: string | null;
};

type Placed<T> = { readonly value: T; readonly place: Place };

/** All clusters but the undecided ones, sorted by name. A document replaces the token's labels entirely. */
export function joinClusters(
  documents: Iterable<Placed<Cluster>>,
  enrolled: readonly Enrolled[],
  undecided: ReadonlySet<string>,
): readonly ResolvedCluster[] {
  const uids = new Map(enrolled.map(({ name, uid }) => [name, uid]));
  const clusters = new Map<ClusterName, ResolvedCluster>();
  for (const { name, uid, labels } of enrolled) {
    const rest = { annotations: {}, values: {}, server: `muster://${name}`, timezone: null, paused: false };
    clusters.set(name, { name, labels, ...rest, provisional: true, place: null, uid });
  }
  for (const { value, place } of documents) {
    clusters.set(value.name, { ...value, provisional: false, place, uid: uids.get(value.name) ?? null });
  }
  return [...clusters.values()].filter(({ name }) => !undecided.has(name)).toSorted((a, b) => byCodeUnits(a.name, b.name));
}

export function sharedServers(clusters: readonly ResolvedCluster[]): Problem[] {
  const first = new Map<string, ClusterName>();
  return clusters.flatMap(({ name, server, place }): Problem[] => {
    const other = first.get(server);
    first.set(server, other ?? name);
    if (other === undefined) return [];
    const message = `Cluster ${name} has the server URL of Cluster ${other}`;
    return [
      {
        code: "W_DUPLICATE_SERVER",
        severity: "warning",
        message,
        ...(place !== null && { place }),
        subject: `Cluster ${name}`,
        cluster: name,
      },
    ];
  });
}

/** The clusters as targets see them: by position in the sorted list. */
export class ClusterIndex {
  readonly clusters: readonly ResolvedCluster[];
  readonly scopes: readonly NonNullable<Scope["cluster"]>[];
  readonly groups: ReadonlyMap<string, ClusterGroup>;
  readonly #positions: ReadonlyMap<string, number>;
  readonly #selected = new Map<string, readonly number[]>();

  constructor(clusters: readonly ResolvedCluster[], enrolled: readonly Enrolled[], groups: ReadonlyMap<string, ClusterGroup>) {
    const versions = new Map(enrolled.map(({ name, facts }) => [name, facts?.kubernetesVersion ?? null]));
    this.clusters = clusters;
    this.groups = groups;
    this.scopes = clusters.map((cluster) => ({ ...cluster, kubeVersion: versions.get(cluster.name) ?? null }));
    this.#positions = new Map(clusters.map(({ name }, i) => [name, i]));
  }

  position(name: string): number | undefined {
    return this.#positions.get(name);
  }

  /** Positions that a target selects, rising. Null when its group does not exist. */
  select(select: TargetSelect): readonly number[] | null {
    if (select.by === "group" && !this.groups.has(select.group)) return null;
    const key = JSON.stringify(select);
    const known = this.#selected.get(key);
    if (known !== undefined) return known;
    const found = this.#find(select);
    this.#selected.set(key, found);
    return found;
  }

  #find(select: TargetSelect): readonly number[] {
    switch (select.by) {
      case "cluster": {
        const position = this.#positions.get(select.cluster);
        return position === undefined ? [] : [position];
      }
      case "selector":
        return this.#matching(({ labels }) => selects(select.selector, labels));
      case "group": {
        const group = this.groups.get(select.group);
        const members = new Set<string>(group?.members);
        return this.#matching(({ name, labels }) => members.has(name) || (group !== undefined && selects(group.selector, labels)));
      }
    }
  }

  #matching(holds: (cluster: ResolvedCluster) => boolean): readonly number[] {
    return this.clusters.flatMap((cluster, i) => (holds(cluster) ? [i] : []));
  }
}
