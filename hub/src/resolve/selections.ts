// Which clusters a target selects. Equal selectors are worked out once, and after that only for clusters that changed.

import { groupMembership, selects, type ClusterGroup, type Membership, type TargetSelect } from "../fleet/fleet.ts";
import type { Clusters, ResolvedCluster } from "./clusters.ts";
import { SlotSet } from "./slots.ts";

/** Who wants to know of changes. */
export type Selecting = {
  /** A cluster is selected now that was not, or the other way round. */
  flipped(slot: number): void;
  /** The selector selects nobody any more, or somebody again; its group is gone, or is there again. */
  turned(): void;
};

export class Selection {
  readonly select: TargetSelect;
  readonly key: string;
  readonly users = new Set<Selecting>();
  readonly slots = new SlotSet();
  /** Its group does not exist. */
  missing = false;

  constructor(select: TargetSelect, key: string) {
    this.select = select;
    this.key = key;
  }
}

export class Selections {
  readonly #clusters: Clusters;
  readonly #known = new Map<string, Selection>();
  #groups: ReadonlyMap<string, ClusterGroup> = new Map();

  constructor(clusters: Clusters) {
    this.#clusters = clusters;
  }

  use(select: TargetSelect, user: Selecting): Selection {
    const key = JSON.stringify(select);
    let selection = this.#known.get(key);
    if (selection === undefined) {
      selection = new Selection(select, key);
      this.#known.set(key, selection);
      this.#fill(selection);
    }
    selection.users.add(user);
    return selection;
  }

  release(selection: Selection, user: Selecting): void {
    selection.users.delete(user);
    if (selection.users.size === 0) this.#known.delete(selection.key);
  }

  /** Takes changed clusters and the groups as they are now, and tells the users. */
  update(changed: ReadonlySet<number>, groups: ReadonlyMap<string, ClusterGroup>): void {
    const was = this.#groups;
    this.#groups = groups;
    for (const selection of this.#known.values()) {
      const { select } = selection;
      const [empty, missing] = [selection.slots.size === 0, selection.missing];
      if (select.by === "group" && groups.get(select.group) !== was.get(select.group)) this.#fill(selection);
      else if (select.by === "cluster") this.#name(selection, changed);
      else for (const slot of changed) this.#test(selection, slot);
      if ((selection.slots.size === 0) !== empty || selection.missing !== missing) for (const user of selection.users) user.turned();
    }
  }

  #fill(selection: Selection): void {
    const { select } = selection;
    selection.missing = select.by === "group" && !this.#groups.has(select.group);
    if (select.by === "cluster") {
      const slot = this.#clusters.slotOf(select.cluster);
      if (slot !== undefined) this.#flip(selection, slot, true);
      return;
    }
    const gone: number[] = [];
    selection.slots.each((slot) => {
      if (this.#clusters.at(slot) === undefined) gone.push(slot);
    });
    for (const slot of gone) this.#flip(selection, slot, false);
    const holds = this.#rule(select);
    for (const slot of this.#clusters.order) {
      const cluster = this.#clusters.at(slot);
      this.#flip(selection, slot, cluster !== undefined && holds(cluster));
    }
  }

  #test(selection: Selection, slot: number): void {
    const cluster = this.#clusters.at(slot);
    this.#flip(selection, slot, cluster !== undefined && this.#rule(selection.select)(cluster));
  }

  /** A cluster that is named: nothing to look at but whether it is there. */
  #name(selection: Selection, changed: ReadonlySet<number>): void {
    const { select, slots } = selection;
    const now = select.by === "cluster" ? this.#clusters.slotOf(select.cluster) : undefined;
    if (now !== undefined && slots.has(now)) return;
    if (slots.size > 0) for (const slot of changed) this.#flip(selection, slot, false);
    if (now !== undefined) this.#flip(selection, now, true);
  }

  #flip(selection: Selection, slot: number, member: boolean): void {
    if (selection.slots.put(slot, member)) for (const user of selection.users) user.flipped(slot);
  }

  #rule(select: TargetSelect): (cluster: ResolvedCluster) => boolean {
    switch (select.by) {
      case "cluster":
        return ({ name }) => name === select.cluster;
      case "selector":
        return ({ labels }) => selects(select.selector, labels);
      case "group": {
        const group = this.#groups.get(select.group);
        return group === undefined ? () => false : this.#membershipOf(group);
      }
    }
  }

  readonly #memberships = new WeakMap<ClusterGroup, Membership>();

  #membershipOf(group: ClusterGroup): Membership {
    const known = this.#memberships.get(group) ?? groupMembership(group);
    this.#memberships.set(group, known);
    return known;
  }
}
