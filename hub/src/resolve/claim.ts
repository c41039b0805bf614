// What a document or a render says about an App, before it is settled who is right.

import type { AppKey } from "@muster/proto/model/identity";
import type { App, Place } from "../fleet/fleet.ts";
import type { Start } from "./request.ts";
import { SlotSet } from "./slots.ts";

/** One form of an App, and the clusters it is for. */
export type Part = {
  readonly app: App;
  readonly place: Place;
  /** Where its paths start. */
  readonly start: Start;
  /** Null: all clusters that its targets match. */
  readonly scope: PartScope | null;
};

/** Where the clusters of a parent are: each in one of its Groups, which are told apart by identity only. */
export type ParentSeats = {
  /** Clusters whose Group is another since this turn. */
  readonly moved: Pick<SlotSet, "each">;
  seatAt(slot: number): object | undefined;
  slotsOf(group: object): readonly number[];
};

/** The clusters of those Variants of a parent that hold a child. Follows the parent's clusters without being told. */
export class PartScope {
  readonly parent: ParentSeats;
  /** Clusters that may have come or gone with a Variant. Emptied by who looks at them. */
  readonly stale = new SlotSet();
  #groups: ReadonlySet<object>;

  constructor(parent: ParentSeats, groups: ReadonlySet<object>) {
    this.parent = parent;
    this.#groups = groups;
  }

  has(slot: number): boolean {
    const group = this.parent.seatAt(slot);
    return group !== undefined && this.#groups.has(group);
  }

  /** In no particular order. */
  slots(): readonly number[] {
    return [...this.#groups].flatMap((group) => [...this.parent.slotsOf(group)]);
  }

  /** Takes the Variants that hold the child now. */
  update(groups: ReadonlySet<object>): void {
    const differ = [...groups.symmetricDifference(this.#groups)];
    this.#groups = groups;
    for (const group of differ) for (const slot of this.parent.slotsOf(group)) this.stale.add(slot);
  }
}

/** Somebody says that there is an App of this key. */
export type Claim = {
  readonly key: AppKey;
  /** `source:path` of its file, or `in PARENT`: what incumbents remember. */
  readonly placeId: string;
  readonly place: Place;
  readonly parts: readonly Part[];
  /** Root first. */
  readonly ancestors: readonly AppKey[];
  /** What its parent says about children when the parent goes. */
  readonly parentSays: App["children"];
};
