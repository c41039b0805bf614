// The Placements of one App, from call to call: one for each cluster in a Group that is placed, with the dependencies that it has there.

import type { AppKey } from "@muster/proto/model/identity";
import { appDocument, type Problem } from "../fleet/fleet.ts";
import type { AppWork } from "./app-work.ts";
import type { Clusters } from "./clusters.ts";
import type { Group } from "./group.ts";
import { placementOf, says, type Placement, type PlacementBook } from "./placements.ts";
import { keepList, sameData } from "./same.ts";
import { SlotMap, SlotSet } from "./slots.ts";
import { toldTogether, type Told } from "./told.ts";
import { showClusters, toldBy } from "./verdict.ts";

/** What was seen of a dependency: another one of that key, or more known of it, changes every Placement. */
type Seen = { readonly work: AppWork | undefined; readonly complete: boolean };

export class Placing {
  readonly #work: AppWork;
  readonly #clusters: Clusters;
  readonly #book: PlacementBook;
  readonly #placements = new SlotMap<Placement>();
  readonly #lists = new Map<string, readonly AppKey[]>();
  /** Dependency -> clusters that it is not on. */
  readonly #missing = new Map<AppKey, Set<number>>();
  readonly #seen = new Map<AppKey, Seen>();
  readonly #dirty = new SlotSet();
  #isWrong = false;
  problems: readonly Problem[] = [];

  constructor(work: AppWork, clusters: Clusters, book: PlacementBook) {
    this.#work = work;
    this.#clusters = clusters;
    this.#book = book;
    book.add(work.key, this.#placements);
  }

  /**
   * Takes what changed in this turn. `wrong`: its dependencies are, so it is placed nowhere. `touch` hears of every cluster whose
   * Placement is another one, or gone.
   */
  update(members: ReadonlyMap<AppKey, AppWork>, wrong: boolean, renamed: boolean, touch: (slot: number) => void): void {
    this.#hear(members, wrong);
    this.#dirty.each((slot) => this.#place(slot, members, touch));
    if (this.#dirty.size > 0) this.#book.forget(this.#work.key);
    if (this.#dirty.size > 0 || (renamed && this.problems.length > 0)) this.#tell();
    this.#dirty.clear();
  }

  close(touch: (slot: number) => void): void {
    this.#placements.each((was, slot) => {
      this.#book.remove(slot, was);
      touch(slot);
    });
    this.#book.drop(this.#work.key);
  }

  /** Finds the clusters to look at. */
  #hear(members: ReadonlyMap<AppKey, AppWork>, wrong: boolean): void {
    const { moved, rewritten, claim } = this.#work;
    const dirty = this.#dirty;
    moved.each((slot) => dirty.add(slot));
    for (const key of claim.ancestors) members.get(key)?.moved.each((slot) => dirty.add(slot)); // what it is told there may differ
    let all = wrong !== this.#isWrong;
    this.#isWrong = wrong;
    const [only] = claim.parts;
    const dependsOn = claim.parts.length === 1 ? only?.app.dependsOn : new Set(claim.parts.flatMap(({ app }) => app.dependsOn));
    for (const app of dependsOn ?? []) {
      const work = members.get(app);
      const complete = work?.seatsComplete ?? false;
      const seen = this.#seen.get(app);
      if (seen === undefined || seen.work !== work || seen.complete !== complete) all = true;
      else work?.came.each((slot) => dirty.add(slot));
      this.#seen.set(app, { work, complete });
    }
    if (all) {
      this.#work.eachSeat((_, slot) => dirty.add(slot));
      this.#placements.each((_, slot) => dirty.add(slot));
    } else if (rewritten.size > 0) {
      this.#work.eachSeat((group, slot) => {
        if (rewritten.has(group)) dirty.add(slot);
      });
    }
  }

  #place(slot: number, members: ReadonlyMap<AppKey, AppWork>, touch: (slot: number) => void): void {
    const group = this.#isWrong ? undefined : this.#work.seatAt(slot);
    const shared = group?.verdict?.shared ?? null;
    const cluster = this.#clusters.at(slot);
    const was = this.#placements.get(slot);
    for (const slots of this.#missing.values()) slots.delete(slot);
    if (group === undefined || shared === null || cluster === undefined) {
      if (was === undefined) return;
      this.#placements.delete(slot);
      this.#book.remove(slot, was);
      touch(slot);
      return;
    }
    const dependsOn = this.#dependsOn(group, slot, members);
    const told = this.#toldAt(shared.told ?? null, slot, members);
    if (was !== undefined && says(was, shared, dependsOn, told)) return;
    const now = placementOf(shared, cluster.name, dependsOn, told);
    this.#placements.set(slot, now);
    this.#book.put(slot, was, now);
    touch(slot);
  }

  /** Its own chart, and those that rendered it there. */
  #toldAt(own: Told | null, slot: number, members: ReadonlyMap<AppKey, AppWork>): Told | null {
    let told = own;
    for (const key of this.#work.claim.ancestors) {
      const group = members.get(key)?.seatAt(slot);
      if (group !== undefined) told = toldTogether(told, toldBy(group));
    }
    return told;
  }

  /** Only Apps that may be on that cluster; equal lists are one list. */
  #dependsOn(group: Group, slot: number, members: ReadonlyMap<AppKey, AppWork>): readonly AppKey[] {
    const all = group.part.app.dependsOn;
    if (all.length === 0) return all;
    const here = all.filter((app) => !isElsewhere(members.get(app), slot));
    if (here.length === all.length) return all;
    for (const app of all) if (!here.includes(app)) this.#miss(app, slot);
    const text = here.join(" ");
    const known = this.#lists.get(text) ?? here;
    this.#lists.set(text, known);
    return known;
  }

  #miss(app: AppKey, slot: number): void {
    const slots = this.#missing.get(app);
    if (slots === undefined) this.#missing.set(app, new Set([slot]));
    else slots.add(slot);
  }

  #tell(): void {
    const { key, place } = this.#work.claim;
    const { ranks } = this.#clusters;
    const told = [...this.#missing].flatMap(([app, slots]): Problem[] => {
      if (slots.size === 0) return [];
      const sorted = [...slots].toSorted((a, b) => (ranks[a] ?? 0) - (ranks[b] ?? 0));
      const names = sorted.flatMap((slot) => this.#clusters.at(slot)?.name ?? []);
      const message = `App ${key}: dependsOn names App ${app}, which is not on ${showClusters(names)}; it is not waited for there`;
      return [{ code: "W_DEPENDENCY_ELSEWHERE", severity: "warning", message, place, subject: appDocument(key) }];
    });
    this.problems = keepList(this.problems, told, sameData);
  }
}

/** True when an App is surely not on a cluster. */
function isElsewhere(work: AppWork | undefined, slot: number): boolean {
  return work !== undefined && work.seatsComplete && work.seatAt(slot) === undefined;
}
