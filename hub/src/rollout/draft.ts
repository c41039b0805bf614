// A change of a group's rollout in the making: what is read shows what was written, what differs at the end is the change. The counts of
// the waves follow each member, so that an event costs the clusters that it names.

import type { ClusterName } from "@muster/proto/model/identity";
import type { Effect } from "./events.ts";
import type { BackCounts, GroupHead, Head, Now, WorldCounts, Wave } from "./head.ts";
import { bucketOf, holdsSlot, isReleased, type Member } from "./member.ts";
import { newPassed, type Passed } from "./passed.ts";

/** A group, its newest rollout, and its clusters there. Changed only by `apply`. */
export type Group = {
  readonly head: GroupHead;
  /** The live rollout, or the last, as long as stragglers follow. */
  readonly rollout: Head | null;
  readonly members: ReadonlyMap<ClusterName, Member>;
  readonly passed: ReadonlyMap<ClusterName, Passed>;
};

export type Change = {
  readonly head: GroupHead | null;
  /** Undefined: as it was. */
  readonly rollout: Head | null | undefined;
  /** The rollouts that ended, as they ended. */
  readonly ended: readonly Head[];
  /** True: all members that are not in `members` are forgotten first. */
  readonly fresh: boolean;
  readonly members: readonly Member[];
  readonly passed: readonly (readonly [ClusterName, Passed])[];
  readonly effects: readonly Effect[];
};

export class Draft {
  readonly base: Group;
  readonly now: Now;
  readonly #members = new Map<ClusterName, Member>();
  readonly #passed = new Map<ClusterName, Passed>();
  readonly #effects: Effect[] = [];
  readonly #ended: Head[] = [];
  #head: GroupHead;
  #rollout: Head | null;
  #fresh = false;

  constructor(base: Group, now: Now) {
    this.base = base;
    this.now = now;
    this.#head = base.head;
    this.#rollout = base.rollout;
  }

  get group(): GroupHead {
    return this.#head;
  }

  get any(): Head | null {
    return this.#rollout;
  }

  /** The rollout that there has to be. */
  get rollout(): Head {
    if (this.#rollout === null) throw new Error(`group ${this.#head.id} has no rollout`);
    return this.#rollout;
  }

  get wave(): Wave | undefined {
    return this.rollout.waves[this.rollout.current];
  }

  setGroup(fields: Partial<GroupHead>): void {
    this.#head = { ...this.#head, ...fields };
  }

  setRollout(fields: Partial<Head>): void {
    this.#rollout = { ...this.rollout, ...fields };
  }

  setWave(index: number, fields: Partial<Wave>): void {
    this.setRollout({ waves: this.rollout.waves.map((wave, at) => (at === index ? { ...wave, ...fields } : wave)) });
  }

  tell(...effects: readonly Effect[]): void {
    this.#effects.push(...effects);
  }

  member(cluster: ClusterName): Member | undefined {
    return this.#members.get(cluster) ?? (this.#fresh ? undefined : this.base.members.get(cluster));
  }

  *members(): Iterable<Member> {
    if (!this.#fresh) for (const [cluster, member] of this.base.members) if (!this.#members.has(cluster)) yield member;
    yield* this.#members.values();
  }

  passed(cluster: ClusterName): Passed {
    return this.#passed.get(cluster) ?? this.base.passed.get(cluster) ?? newPassed;
  }

  setPassed(cluster: ClusterName, passed: Passed): void {
    this.#passed.set(cluster, passed);
  }

  /** Takes a member's new state; the counts follow. */
  put(member: Member): void {
    const before = this.member(member.cluster);
    if (before === member) return;
    this.#members.set(member.cluster, member);
    this.#count(before, -1);
    this.#count(member, 1);
    const world = addWorld(addWorld(this.rollout.world, before, -1), member, 1);
    const back = addBack(addBack(this.rollout.back, before, -1), member, 1);
    this.setRollout({ world, back });
  }

  /** Ends the rollout that there is, and begins another. */
  begin(rollout: Head, members: readonly Member[]): void {
    this.#rollout = rollout;
    this.#members.clear();
    this.#fresh = true;
    for (const member of members) this.put(member);
  }

  /** Nobody takes part in anything. */
  rest(): void {
    this.#rollout = null;
    this.#members.clear();
    this.#fresh = true;
  }

  /** What was known of the present rollout is history now. */
  archive(): void {
    if (this.#rollout !== null) this.#ended.push(this.#rollout);
  }

  change(): Change {
    const { base } = this;
    return {
      head: this.#head === base.head ? null : this.#head,
      rollout: this.#rollout === base.rollout ? undefined : this.#rollout,
      ended: this.#ended,
      fresh: this.#fresh,
      members: [...this.#members.values()].filter((member) => this.#fresh || member !== base.members.get(member.cluster)),
      passed: [...this.#passed],
      effects: this.#effects,
    };
  }

  #count(member: Member | undefined, by: 1 | -1): void {
    if (member === undefined || member.wave === null || member.straggler) return;
    const wave = this.rollout.waves[member.wave];
    if (wave === undefined) return;
    const bucket = bucketOf(member);
    const slots = wave.slots + (holdsSlot(member) && !member.unwellBefore ? by : 0);
    const drawn = wave.drawn + (member.state === "gone" && member.cause === null ? 0 : by);
    const unsteady = wave.unsteady + (member.state === "passed" && (member.unwell || member.silent) ? by : 0);
    this.setWave(member.wave, { drawn, slots, unsteady, counts: { ...wave.counts, [bucket]: wave.counts[bucket] + by } });
  }
}

function addWorld(world: WorldCounts, member: Member | undefined, by: 1 | -1): WorldCounts {
  if (member === undefined || member.state === "gone") return world;
  const bad = member.unwell || member.silent ? by : 0;
  return isReleased(member)
    ? { ...world, released: world.released + by, releasedBad: world.releasedBad + bad }
    : { ...world, unreleased: world.unreleased + by, unreleasedBad: world.unreleasedBad + bad };
}

function addBack(back: BackCounts, member: Member | undefined, by: 1 | -1): BackCounts {
  if (member?.state === "recalled") return { ...back, recalled: back.recalled + by };
  if (member?.state === "returning" && !member.silent) return { ...back, returning: back.returning + by };
  if (member?.state === "failed" && member.cause?.code === "ReturnFailed") return { ...back, failed: back.failed + by };
  return back;
}
