// What resolving starts from.

import type { FleetDocument } from "../fleet/fleet.ts";
import type { Enrolled } from "./clusters.ts";

export type FleetModel = {
  readonly documents: readonly FleetDocument[];
  readonly enrolled: readonly Enrolled[];
  /** Document key -> where it was accepted from: `Resolution.incumbents` of the last run that was acted on. */
  readonly incumbents: ReadonlyMap<string, string>;
  /** From assembleFleet: documents that are there and of which nothing readable is known. */
  readonly broken?: ReadonlySet<string>;
  /** From assembleFleet: Sources with a file of which nothing is known. */
  readonly unreadable?: ReadonlySet<string>;
  /** Names of Sources that exist beside the root Source, those with a Source document, and those that documents lie in. */
  readonly sources?: readonly string[];
};
