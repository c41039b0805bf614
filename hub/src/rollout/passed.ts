// What each cluster passed, rollout by rollout: its base, and the sets that a revert may go back to. Only what differs from the one before
// is kept, so that a rollout costs the clusters that it moved.

import type { Digest } from "@muster/proto/model/digest";
import type { AppKey } from "@muster/proto/model/identity";
import type { Completed } from "./head.ts";

/** By App: the pins it passed, newest first; `number`: of the rollout. A null pin: the App was removed. */
export type Passed = ReadonlyMap<AppKey, readonly PassedPin[]>;
export type PassedPin = { readonly number: number; readonly pin: Digest | null };

export const newPassed: Passed = new Map();

/** What was passed last: undefined when nothing ever was. */
export function baseOf(passed: Passed, app: AppKey): Digest | null | undefined {
  return passed.get(app)?.[0]?.pin;
}

/** With a pin that was passed in a rollout. `oldest`: number of the oldest kept set; one pin before it is needed, no more. */
export function passPin(passed: Passed, app: AppKey, entry: PassedPin, oldest: number): Passed {
  const known = passed.get(app) ?? [];
  if (known[0]?.pin === entry.pin) return passed;
  const later = known.filter(({ number }) => number > oldest);
  const before = known.find(({ number }) => number <= oldest);
  return new Map(passed).set(app, [entry, ...later, ...(before === undefined ? [] : [before])]);
}

/** What the cluster ran when a kept set was complete. */
export function pinAt(passed: Passed, app: AppKey, { number }: Completed): Digest | null | undefined {
  return passed.get(app)?.find((entry) => entry.number <= number)?.pin;
}
