// What a hub is opened with.

import type { Secret } from "@muster/proto/model/secret";
import type { HubConfig } from "../config/config.ts";
import type { RemoteAddress } from "../git/git.ts";
import type { Network } from "../network/network.ts";
import type { HubLog } from "./log.ts";
import type { Bound } from "./sources/bound.ts";

/** Reads secrets by their refs. */
export type SecretReader = {
  source(ref: string): Promise<Omit<RemoteAddress, "url"> & Bound>;
  webhook(forge: string): Promise<Secret | undefined>;
};

export type HubOptions = {
  readonly config: HubConfig;
  readonly secrets: SecretReader;
  /** Through which proxy others are reached, and what of this machine may be asked: asked for at each opening of a Source. */
  readonly network: () => Promise<Network>;
  readonly log: HubLog;
  readonly now: () => number;
  readonly random: () => number;
};
