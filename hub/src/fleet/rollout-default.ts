// What counts where nobody says how a change goes through the fleet: a canary, then a tenth, then all; a handful of clusters at once.

import type { RolloutPolicy } from "./rollout-policy.ts";
import { wavesPolicyOf } from "./rollout-reading.ts";

/** From so many clusters up a change goes in waves where nobody says how. */
export const wavesFrom = 4;

const immediate: RolloutPolicy = { kind: "immediate" };
const waves: RolloutPolicy = wavesPolicyOf({});

/**
 * What counts for a change that reaches so many clusters: what is written (an App's own word, or its Source's), else the default of the
 * language. The same answer is the same object.
 */
export function policyFor(written: RolloutPolicy | null, participants: number): RolloutPolicy {
  return written ?? (participants < wavesFrom ? immediate : waves);
}
