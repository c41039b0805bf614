// One App, worked out once and then kept: which Group each cluster is in, what its renders mean, which children they hold. It is told
// what changed, and looks at that only. What comes of it as Placements is in placing.ts.

import type { AppKey } from "@muster/proto/model/identity";
import type { Problem } from "../fleet/fleet.ts";
import { childless, Nursery, type Birth } from "./children.ts";
import type { Claim } from "./claim.ts";
import type { Desk } from "./desk.ts";
import type { Base, Group } from "./group.ts";
import { PartWork, type PartOwner } from "./part-work.ts";
import { keepList, sameData } from "./same.ts";
import { SlotMap, SlotSet } from "./slots.ts";
import { judgeRender, problemOf } from "./verdict.ts";

/** What changed for everybody. */
export type Turn = {
  readonly serial: number;
  /** Clusters that came, went, or that Apps may see differently. */
  readonly slots: ReadonlySet<number>;
  /** Some cluster came or went: what is told of clusters may read differently. */
  readonly moved: boolean;
  readonly sourcesChanged: boolean;
};

const noSlots: readonly number[] = [];
const noParts: readonly PartWork[] = [];

export class AppWork implements PartOwner {
  /** Clusters whose Group is another since this turn. */
  readonly moved = new SlotSet();
  /** Clusters that it came to or left in this turn. */
  readonly came = new SlotSet();
  /** Groups whose Placements say something else since this turn. */
  readonly rewritten = new Set<Group>();
  claim: Claim;
  birth: Birth = childless;
  /** What it tells but for its Placements; the same array as long as it says the same. */
  problems: readonly Problem[] = [];
  readonly #desk: Desk;
  readonly #nursery = new Nursery(this);
  readonly #seats = new SlotMap<Group>();
  readonly #look = new SlotSet();
  readonly #whole = new Set<PartWork>();
  readonly #bases = new Set<Base>();
  readonly #judge = new Set<Group>();
  readonly #groups = new Set<Group>();
  /** Groups of which not all is known, or that have something to tell. */
  readonly #notable = new Set<Group>();
  readonly #bearing = new Set<Group>();
  readonly #unrendered = new Set<Group>();
  #parts: readonly PartWork[] = [];
  #nobody: Group | undefined;
  #slotsOf: Map<Group, number[]> | null = null;
  #serial = -1;
  #birthIsStale = false;
  #hasToTell = true;

  constructor(claim: Claim, desk: Desk) {
    this.claim = { ...claim, parts: [] };
    this.#desk = desk;
  }

  get key(): AppKey {
    return this.claim.key;
  }

  /** False: rendered once, to find its children. */
  get targeted(): boolean {
    return this.#parts.some(({ targeted }) => targeted);
  }

  /** False when some cluster's Group could not be found out. */
  get seatsComplete(): boolean {
    return this.#parts.every(({ complete }) => complete);
  }

  /** False when some render is missing or failed, or some child could not be read: there may be more children. */
  get birthComplete(): boolean {
    return this.birth.complete && this.seatsComplete && this.#unrendered.size === 0;
  }

  /** False when something of it is not known. */
  get complete(): boolean {
    if (!this.birthComplete) return false;
    for (const { verdict } of this.#notable) if (verdict?.complete !== true) return false;
    return true;
  }

  seatAt(slot: number): Group | undefined {
    return this.#seats.get(slot);
  }

  eachSeat(visit: (group: Group, slot: number) => void): void {
    this.#seats.each(visit);
  }

  /** In no particular order. */
  slotsOf(group: Group): readonly number[] {
    if (this.#slotsOf === null) {
      const found = new Map<Group, number[]>();
      this.#seats.each((each, slot) => {
        const same = found.get(each);
        if (same === undefined) found.set(each, [slot]);
        else same.push(slot);
      });
      this.#slotsOf = found;
    }
    return this.#slotsOf.get(group) ?? noSlots;
  }

  look(slot: number): void {
    this.#look.add(slot);
  }

  lookAtAll(part: PartWork): void {
    this.#whole.add(part);
  }

  lookAtBase(base: Base): void {
    this.#bases.add(base);
  }

  complain(): void {
    this.#hasToTell = true;
  }

  groupAnswered(group: Group): void {
    this.#judge.add(group);
  }

  /** Takes the claim as it is now, and what changed. Once in a turn; the parent's turn comes before. */
  refresh(claim: Claim, turn: Turn): void {
    if (this.#serial === turn.serial) return;
    this.#serial = turn.serial;
    for (const set of [this.moved, this.came, this.rewritten]) set.clear();
    if (claim !== this.claim) this.#adopt(claim);
    this.#hear(turn);
    this.#reseat();
    this.#judgeAll();
    this.#bear();
    if (this.#hasToTell || (turn.moved && this.problems.length > 0)) this.#tell();
  }

  /** Ends it: nothing is asked for it any more. */
  close(): void {
    this.#seats.each((group, slot) => this.#move(slot, group, undefined));
    if (this.#nobody !== undefined) this.#end(this.#nobody);
    for (const part of this.#parts) part.close();
  }

  #adopt(claim: Claim): void {
    const was = this.#parts;
    const known = new Map(was.map((part) => [part.part, part]));
    this.claim = claim;
    this.#parts = claim.parts.map((part) => {
      const same = known.get(part);
      if (same !== undefined) return same;
      const fresh = new PartWork(part, this.#desk, this);
      part.scope?.stale.clear();
      this.#whole.add(fresh);
      return fresh;
    });
    const gone = new Set(was.filter((part) => !this.#parts.includes(part)));
    for (const part of gone) {
      part.close();
      this.#whole.delete(part);
    }
    if (gone.size > 0) {
      const parts = new Set([...gone].map(({ part }) => part));
      this.#seats.each((group, slot) => {
        if (parts.has(group.part)) this.#look.add(slot);
      });
    }
    for (const group of this.#groups) this.#judge.add(group);
    this.#birthIsStale = true;
    this.#hasToTell = true;
  }

  /** Finds the clusters to look at. */
  #hear({ slots, sourcesChanged }: Turn): void {
    if (sourcesChanged) {
      for (const part of this.#parts) part.turned();
      this.#takeDefaults();
    }
    for (const { part } of this.#parts) {
      if (part.scope === null) continue;
      part.scope.stale.each((slot) => this.#look.add(slot));
      part.scope.stale.clear();
      part.scope.parent.moved.each((slot) => this.#look.add(slot));
    }
    const faulty = this.seatsComplete ? noParts : this.#parts;
    for (const slot of slots) if (this.#seats.has(slot) || faulty.some((part) => part.hasFault(slot))) this.#look.add(slot);
    if (this.#bases.size > 0) {
      this.#seats.each((group, slot) => {
        if (this.#bases.has(group.base)) this.#look.add(slot);
      });
    }
    for (const part of this.#whole) {
      this.#seats.each((group, slot) => {
        if (group.part === part.part) this.#look.add(slot);
      });
      if (part.targeted) part.each((slot) => this.#look.add(slot));
    }
  }

  /** A Source's default for rollouts may be another one. */
  #takeDefaults(): void {
    for (const group of this.#groups) {
      const shared = group.verdict?.shared ?? null;
      if (shared === null || group.settings.rollout !== null) continue;
      if (shared.rollout !== this.#desk.rollouts.defaultOf(group.part.start.source)) this.#judge.add(group);
    }
  }

  #reseat(): void {
    if (this.#look.size + this.#whole.size + this.#bases.size > 0) this.#hasToTell = true;
    const [only] = this.#parts;
    const targeted = this.targeted;
    this.#look.each((slot) => {
      const part = !targeted || this.#parts.length === 1 ? only : this.#partAt(slot);
      if (this.#parts.length > 1) for (const other of this.#parts) if (other !== part) other.forget(slot);
      this.#move(slot, this.#seats.get(slot), targeted ? part?.seat(slot) : undefined);
    });
    if (this.#whole.size + this.#bases.size > 0) this.#reseatNobody();
    this.#look.clear();
    this.#whole.clear();
    this.#bases.clear();
  }

  #partAt(slot: number): PartWork | undefined {
    return this.#parts.find(({ part }) => part.scope?.has(slot) === true);
  }

  #reseatNobody(): void {
    const [part] = this.#parts;
    const was = this.#nobody;
    this.#nobody = this.targeted ? undefined : part?.once();
    if (this.#nobody !== undefined && this.#nobody !== was) this.#begin(this.#nobody);
    if (was !== undefined && this.#nobody !== was) this.#end(was);
  }

  #move(slot: number, was: Group | undefined, now: Group | undefined): void {
    if (was === now) return;
    if (now === undefined) this.#seats.delete(slot);
    else {
      this.#seats.set(slot, now);
      if (now.count === 0) this.#begin(now);
      now.count += 1;
    }
    if (was !== undefined) {
      was.count -= 1;
      if (was.count === 0) this.#end(was);
    }
    this.moved.add(slot);
    if (was === undefined || now === undefined) this.came.add(slot);
    this.#slotsOf = null;
  }

  #begin(group: Group): void {
    this.#groups.add(group);
    this.#judge.add(group);
  }

  #end(group: Group): void {
    if (this.#bearing.has(group)) this.#birthIsStale = true;
    for (const set of [this.#groups, this.#judge, this.#notable, this.#bearing, this.#unrendered]) set.delete(group);
    group.base.close(group);
  }

  #judgeAll(): void {
    if (this.#judge.size > 0) this.#hasToTell = true;
    const at = { targeted: this.targeted, rollouts: this.#desk.rollouts };
    for (const group of this.#judge) {
      if (!this.#groups.has(group)) continue;
      const answer = this.#desk.requests.answerOf(group.request);
      const verdict = judgeRender(this.claim, group, answer, at);
      const was = group.verdict;
      const same = was !== undefined && sameData(was.shared, verdict.shared);
      group.verdict = same ? { ...verdict, shared: was.shared } : verdict;
      if (!same) this.rewritten.add(group);
      put(this.#notable, group, !verdict.complete || verdict.complaint !== null);
      put(this.#unrendered, group, answer?.kind !== "rendered");
      const bears = answer?.kind === "rendered" && answer.apps.length > 0;
      if (bears || this.#bearing.has(group)) this.#birthIsStale = true;
      put(this.#bearing, group, bears);
    }
    this.#judge.clear();
  }

  #bear(): void {
    if (!this.#birthIsStale) return;
    this.#birthIsStale = false;
    this.#hasToTell = true;
    const bearing = [...this.#bearing].flatMap((group) => {
      const answer = this.#desk.requests.answerOf(group.request);
      return answer?.kind === "rendered" ? [{ group, apps: answer.apps }] : [];
    });
    this.birth = this.#nursery.bear(this.claim, bearing, this.targeted);
  }

  #tell(): void {
    this.#hasToTell = false;
    const { clusters } = this.#desk;
    const told = [...this.#notable].flatMap((group) => {
      const complaint = group.verdict?.complaint ?? null;
      const names = complaint === null ? [] : this.#namesOf(group);
      return complaint === null ? [] : [problemOf(this.claim, group, complaint, names, clusters.list.length)];
    });
    const all = [...this.#parts.flatMap((part) => part.problems()), ...this.birth.problems, ...told];
    this.problems = keepList(this.problems, all, sameData);
  }

  #namesOf(group: Group): readonly string[] {
    const { clusters } = this.#desk;
    const slots = this.slotsOf(group).toSorted((a, b) => (clusters.ranks[a] ?? 0) - (clusters.ranks[b] ?? 0));
    return slots.flatMap((slot) => clusters.at(slot)?.name ?? []);
  }
}

function put<T>(set: Set<T>, value: T, member: boolean): void {
  if (member) set.add(value);
  else set.delete(value);
}
