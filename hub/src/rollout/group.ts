// A group in memory: what `step` reads, and where its changes are put. The order in which clusters get their slots is kept beside it, so
// that the next ones are found without a search.

import type { ClusterName } from "@muster/proto/model/identity";
import type { Change, Group } from "./draft.ts";
import { newGroup, type GroupHead, type GroupId, type Head } from "./head.ts";
import { holdsSlot, type Member } from "./member.ts";
import type { Passed } from "./passed.ts";

/** Clusters in the order of their turn. */
export type Queues = {
  /** Of the wave that is open: may be released to now. */
  readonly ready: ReadonlySet<ClusterName>;
  readonly stragglers: ReadonlySet<ClusterName>;
  /** To go back: those that failed, those that passed. */
  readonly recalledFailed: ReadonlySet<ClusterName>;
  readonly recalled: ReadonlySet<ClusterName>;
  /** Clusters that hold a slot, and how many of them by the value of the site's label. */
  readonly disrupted: ReadonlySet<ClusterName>;
  readonly sites: ReadonlyMap<string, number>;
  readonly stragglersMoving: ReadonlySet<ClusterName>;
};

export class LiveGroup implements Group {
  #head: GroupHead;
  #rollout: Head | null;
  readonly #members = new Map<ClusterName, Member>();
  readonly #passed = new Map<ClusterName, Passed>();
  readonly #queues = {
    ready: new Set<ClusterName>(),
    stragglers: new Set<ClusterName>(),
    recalledFailed: new Set<ClusterName>(),
    recalled: new Set<ClusterName>(),
    disrupted: new Set<ClusterName>(),
    sites: new Map<string, number>(),
    stragglersMoving: new Set<ClusterName>(),
  };

  constructor(head: GroupHead, rollout: Head | null, members: Iterable<Member>, passed: Iterable<readonly [ClusterName, Passed]>) {
    this.#head = head;
    this.#rollout = rollout;
    for (const [cluster, each] of passed) this.#passed.set(cluster, each);
    for (const member of [...members].toSorted((a, b) => a.place - b.place)) this.#put(member);
  }

  static empty(id: GroupId): LiveGroup {
    return new LiveGroup(newGroup(id), null, [], []);
  }

  get head(): GroupHead {
    return this.#head;
  }

  get rollout(): Head | null {
    return this.#rollout;
  }

  get members(): ReadonlyMap<ClusterName, Member> {
    return this.#members;
  }

  get passed(): ReadonlyMap<ClusterName, Passed> {
    return this.#passed;
  }

  get queues(): Queues {
    return this.#queues;
  }

  /** Takes a change over: it is on disk. */
  apply({ head, rollout, fresh, members, passed }: Change): void {
    if (fresh) {
      for (const member of this.#members.values()) this.#drop(member);
      this.#members.clear();
    }
    if (head !== null) this.#head = head;
    const wasEnded = this.#isEnded;
    if (rollout !== undefined) this.#rollout = rollout;
    if (this.#isEnded && !wasEnded) this.#countSlots();
    for (const [cluster, each] of passed) this.#passed.set(cluster, each);
    for (const member of members) this.#put(member);
  }

  #put(member: Member): void {
    const before = this.#members.get(member.cluster);
    this.#members.set(member.cluster, member);
    const from = before === undefined ? null : queueOf(before);
    const to = queueOf(member);
    if (from !== to && from !== null) this.#queues[from].delete(member.cluster);
    if (to !== null) this.#queues[to].add(member.cluster);
    this.#slot(before, -1);
    this.#slot(member, 1);
  }

  #drop(member: Member): void {
    const from = queueOf(member);
    if (from !== null) this.#queues[from].delete(member.cluster);
    this.#slot(member, -1);
  }

  get #isEnded(): boolean {
    return this.#rollout?.phase.kind === "ended";
  }

  /** Of what has ended only those that follow hold slots (R14). */
  #countSlots(): void {
    for (const each of [this.#queues.disrupted, this.#queues.stragglersMoving, this.#queues.sites]) each.clear();
    for (const member of this.#members.values()) this.#slot(member, 1);
  }

  #slot(member: Member | undefined, by: 1 | -1): void {
    if (member === undefined || !holdsSlot(member) || (this.#isEnded && !member.straggler)) return;
    const { disrupted, sites, stragglersMoving } = this.#queues;
    const change = <Name>(set: Set<Name>, name: Name): void => void (by === 1 ? set.add(name) : set.delete(name));
    change(disrupted, member.cluster);
    if (member.straggler) change(stragglersMoving, member.cluster);
    const label = this.#rollout?.policy.perSite?.label;
    const site = label === undefined ? undefined : member.labels[label];
    if (site !== undefined) sites.set(site, (sites.get(site) ?? 0) + by);
  }
}

function queueOf(member: Member): "ready" | "stragglers" | "recalledFailed" | "recalled" | null {
  if (member.state === "recalled") return member.cause === null ? "recalled" : "recalledFailed";
  if (member.state !== "waiting" || member.hindered.length > 0) return null;
  return member.straggler ? "stragglers" : member.wave === null ? null : "ready";
}
