// Who is in the fleet and under which labels: the Cluster document where there is one, else what the join token said. Each cluster has
// a slot for as long as it is in the fleet.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { ClusterName } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";
import type { ClusterFacts } from "@muster/proto/model/status";
import type { Cluster, Place, Problem, Scope } from "../fleet/fleet.ts";
import { sameData } from "./same.ts";

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

export type PlacedCluster = { readonly value: Cluster; readonly place: Place };

type Row = {
  readonly document: PlacedCluster | undefined;
  readonly enrolled: Enrolled | undefined;
  readonly cluster: ResolvedCluster;
  readonly scope: NonNullable<Scope["cluster"]>;
};

export type ClusterChanges = {
  /** Slots of clusters that came, went, or that Apps may see differently. */
  readonly slots: ReadonlySet<number>;
  /** Names of clusters of which anything changed that a Resolution tells. */
  readonly names: readonly ClusterName[];
  /** Some came or went. */
  readonly moved: boolean;
};

export type FleetNow = {
  readonly documents: Iterable<ClusterName>;
  documentOf(name: ClusterName): PlacedCluster | undefined;
  readonly enrolled: readonly Enrolled[];
  readonly undecided: ReadonlySet<ClusterName>;
};

type Changes = { readonly slots: Set<number>; readonly names: ClusterName[]; readonly came: number[]; left: boolean };

const nothing: ClusterChanges = { slots: new Set(), names: [], moved: false };

/** All clusters but the undecided ones. */
export class Clusters {
  readonly #slots = new Map<ClusterName, number>();
  readonly #rows: (Row | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #leaving: number[] = [];
  readonly #byName = new Map<ClusterName, Enrolled>();
  #enrolled: readonly Enrolled[] = [];
  #undecided: ReadonlySet<ClusterName> = new Set();
  #order: readonly number[] = [];
  #ranks: readonly number[] = [];
  #list: readonly ResolvedCluster[] = [];

  /** Sorted by name; the same array as long as nothing changed. */
  get list(): readonly ResolvedCluster[] {
    return this.#list;
  }

  /** Slots in the order of names. */
  get order(): readonly number[] {
    return this.#order;
  }

  /** Slot -> position in the order of names. */
  get ranks(): readonly number[] {
    return this.#ranks;
  }

  slotOf(name: string): number | undefined {
    return this.#slots.get(name as ClusterName);
  }

  at(slot: number): ResolvedCluster | undefined {
    return this.#rows[slot]?.cluster;
  }

  /** The cluster as expressions see it. */
  scope(slot: number): NonNullable<Scope["cluster"]> | undefined {
    return this.#rows[slot]?.scope;
  }

  facts(slot: number): ClusterFacts | null {
    return this.#rows[slot]?.enrolled?.facts ?? null;
  }

  /**
   * Takes the fleet as it is now. A document replaces the token's labels entirely. `documents`: names of clusters whose document may be
   * another one. Slots of clusters that left are free after the next call.
   */
  update(now: FleetNow): ClusterChanges {
    this.#free.push(...this.#leaving);
    this.#leaving.length = 0;
    const names = new Set([...now.documents, ...now.undecided.symmetricDifference(this.#undecided)]);
    this.#enroll(now.enrolled, names);
    this.#undecided = now.undecided;
    if (names.size === 0) return nothing;
    const changes: Changes = { slots: new Set(), names: [], came: [], left: false };
    for (const name of names) {
      const document = now.documentOf(name);
      const enrolled = this.#byName.get(name);
      if ((document === undefined && enrolled === undefined) || now.undecided.has(name)) this.#remove(name, changes);
      else this.#put(name, document, enrolled, changes);
    }
    const moved = changes.left || changes.came.length > 0;
    if (moved) this.#sort(changes);
    if (changes.names.length > 0) this.#list = this.#order.flatMap((slot) => this.#rows[slot]?.cluster ?? []);
    return { slots: changes.slots, names: changes.names, moved };
  }

  /** Adds the names of those whose row differs. */
  #enroll(enrolled: readonly Enrolled[], names: Set<ClusterName>): void {
    const was = this.#enrolled;
    this.#enrolled = enrolled;
    if (enrolled.length === was.length && enrolled.every((each, i) => each.name === was[i]?.name)) {
      enrolled.forEach((each, i) => {
        if (sameData(each, was[i])) return;
        this.#byName.set(each.name, each);
        names.add(each.name);
      });
      return;
    }
    const left = new Map(this.#byName);
    for (const each of enrolled) {
      left.delete(each.name);
      if (sameData(each, this.#byName.get(each.name))) continue;
      this.#byName.set(each.name, each);
      names.add(each.name);
    }
    for (const name of left.keys()) {
      this.#byName.delete(name);
      names.add(name);
    }
  }

  #put(name: ClusterName, document: PlacedCluster | undefined, enrolled: Enrolled | undefined, changes: Changes): void {
    const known = this.#slots.get(name);
    const was = known === undefined ? undefined : this.#rows[known];
    if (was !== undefined && was.document === document && sameData(was.enrolled, enrolled)) return;
    const slot = known ?? this.#free.pop() ?? this.#rows.length;
    const fresh = resolved(name, document, enrolled);
    const cluster = was !== undefined && sameData(was.cluster, fresh) ? was.cluster : fresh;
    this.#rows[slot] = { document, enrolled, cluster, scope: { ...cluster, kubeVersion: enrolled?.facts?.kubernetesVersion ?? null } };
    this.#slots.set(name, slot);
    changes.slots.add(slot);
    if (cluster !== was?.cluster) changes.names.push(name);
    if (was === undefined) changes.came.push(slot);
  }

  #remove(name: ClusterName, changes: Changes): void {
    const slot = this.#slots.get(name);
    if (slot === undefined) return;
    this.#slots.delete(name);
    this.#rows[slot] = undefined;
    this.#leaving.push(slot);
    changes.slots.add(slot);
    changes.names.push(name);
    changes.left = true;
  }

  #sort({ came }: Changes): void {
    const name = (slot: number): string => this.#rows[slot]?.cluster.name ?? "";
    const byName = (a: number, b: number): number => byCodeUnits(name(a), name(b));
    const stayed = this.#order.filter((slot) => this.#rows[slot] !== undefined);
    // Sorting what is sorted already but for its end costs little more than walking it.
    this.#order = [...stayed, ...came].sort(byName);
    const ranks = this.#rows.map(() => 0);
    this.#order.forEach((slot, rank) => (ranks[slot] = rank));
    this.#ranks = ranks;
  }
}

function resolved(name: ClusterName, document: PlacedCluster | undefined, enrolled: Enrolled | undefined): ResolvedCluster {
  const uid = enrolled?.uid ?? null;
  if (document !== undefined) return { ...document.value, provisional: false, place: document.place, uid };
  const rest = { annotations: {}, values: {}, server: `muster://${name}`, timezone: null, paused: false };
  return { name, labels: enrolled?.labels ?? {}, ...rest, provisional: true, place: null, uid };
}

/** Finds clusters with one server URL. */
export class Servers {
  readonly #byServer = new Map<string, Set<ClusterName>>();
  readonly #serverOf = new Map<ClusterName, string>();
  readonly #shared = new Set<string>();

  /** Takes changed clusters. */
  update(names: readonly ClusterName[], at: (name: ClusterName) => ResolvedCluster | undefined): void {
    for (const name of names) {
      const [was, now] = [this.#serverOf.get(name), at(name)?.server];
      if (was === now) continue;
      if (was !== undefined) this.#byServer.get(was)?.delete(name);
      if (now === undefined) this.#serverOf.delete(name);
      else {
        this.#serverOf.set(name, now);
        this.#byServer.set(now, (this.#byServer.get(now) ?? new Set()).add(name));
      }
      for (const server of [was, now]) if (server !== undefined) this.#count(server);
    }
  }

  problems(at: (name: ClusterName) => ResolvedCluster | undefined): readonly Problem[] {
    return [...this.#shared].flatMap((server) => {
      const [first, ...others] = [...(this.#byServer.get(server) ?? [])].toSorted(byCodeUnits);
      return first === undefined ? [] : others.map((name) => sharesServer(name, first, at(name)?.place ?? null));
    });
  }

  #count(server: string): void {
    const { size } = this.#byServer.get(server) ?? new Set();
    if (size === 0) this.#byServer.delete(server);
    if (size > 1) this.#shared.add(server);
    else this.#shared.delete(server);
  }
}

function sharesServer(name: ClusterName, other: ClusterName, place: Place | null): Problem {
  const message = `Cluster ${name} has the server URL of Cluster ${other}`;
  const about = { subject: `Cluster ${name}`, cluster: name };
  return { code: "W_DUPLICATE_SERVER", severity: "warning", message, ...(place !== null && { place }), ...about };
}
