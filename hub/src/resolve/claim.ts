// What a document or a render says about an App, before it is settled who is right.

import type { AppKey } from "@muster/proto/model/identity";
import type { App, Place } from "../fleet/fleet.ts";
import type { Part } from "./variants.ts";

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
