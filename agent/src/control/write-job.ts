// One object to be written: what is declared, for whom, and why now.

import type { AgentPolicy } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ObjectIdentity } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";

import type { Traits } from "../plan/plan.ts";

export type WriteJob = {
  readonly app: AppKey;
  readonly identity: ObjectIdentity;
  readonly digest: Digest;
  /** What the inventory remembers as applied. */
  readonly desired: string;
  readonly policy: AgentPolicy;
  readonly writing: Traits["writing"];
  readonly why: "release" | "heal";
  /** The live object with its body, when it was just read; null when it is known to be absent. */
  readonly live?: JsonObject | null;
};
