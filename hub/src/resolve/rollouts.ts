// What is said of rollouts: equal policies are one object, and a Source's default counts for its Apps that say nothing.

import { rolloutPolicyOf, rootSourceName, type App, type FleetDocument, type Problem, type RolloutPolicy } from "../fleet/fleet.ts";

type SourceDocument = Extract<FleetDocument, { kind: "Source" }>;
type Default = { readonly policy: RolloutPolicy; readonly document: SourceDocument };

/** A policy that somebody wrote, and where: `spec.rollout`. */
export type WrittenRollout = { readonly at: string; readonly policy: RolloutPolicy };

export class Rollouts {
  readonly #known = new Map<string, WeakRef<RolloutPolicy>>();
  #defaults: ReadonlyMap<string, Default> = new Map();
  #sweepAt = 64;

  /** The one object of all policies that say the same. */
  keep(policy: RolloutPolicy): RolloutPolicy {
    const text = JSON.stringify(policy); // reading writes the fields in one order
    const known = this.#known.get(text)?.deref();
    if (known !== undefined) return known;
    this.#known.set(text, new WeakRef(policy));
    if (this.#known.size >= this.#sweepAt) this.#sweep();
    return policy;
  }

  #sweep(): void {
    for (const [text, ref] of this.#known) if (ref.deref() === undefined) this.#known.delete(text);
    this.#sweepAt = 2 * this.#known.size + 64;
  }

  /** What counts for Apps of a Source that say nothing; null: nothing either. */
  defaultOf(source: string): RolloutPolicy | null {
    return this.#defaults.get(source)?.policy ?? null;
  }

  /**
   * Takes the Sources as they are now, of the root Source only: who may push elsewhere has no say in others. True when a default is
   * another one.
   */
  update(documents: readonly SourceDocument[]): boolean {
    const now = new Map<string, Default>();
    for (const document of documents) {
      const { name, defaultRollout } = document.value;
      if (defaultRollout !== undefined && document.place.source === rootSourceName)
        now.set(name, { policy: this.keep(defaultRollout), document });
    }
    const was = this.#defaults;
    this.#defaults = now;
    return was.size !== now.size || [...now].some(([name, { policy }]) => was.get(name)?.policy !== policy);
  }

  get problems(): readonly Problem[] {
    return [...this.#defaults.values()].flatMap(({ policy, document: { key, place } }) =>
      policy.kind === "immediate" ? [] : [{ ...notYet(key, "spec.defaultRollout"), place, subject: key }],
    );
  }
}

/** All that an App's document says of its rollout. */
export function rolloutsIn({ layer, targets }: App): readonly WrittenRollout[] {
  const said = [
    { at: "spec.rollout", value: layer["rollout"] },
    ...targets.map((target, i) => ({ at: `spec.targets[${i}].rollout`, value: target.layer["rollout"] })),
  ];
  return said.flatMap(({ at, value }) => {
    const policy = rolloutPolicyOf(value);
    return policy === null ? [] : [{ at, policy }];
  });
}

/** The groups that waves name, each with the first place that does. */
export function groupsNamed(written: readonly WrittenRollout[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { at, policy } of written) {
    if (policy.kind === "immediate") continue;
    policy.waves.forEach(({ group }, i) => {
      if (group !== null && !found.has(group)) found.set(group, `${at}.waves[${i}]`);
    });
  }
  return found;
}

/** While waves are not acted on, nobody may think that they are. */
export const notYet = (key: string, at: string): Pick<Problem, "code" | "severity" | "message" | "remedy"> => ({
  code: "W_ROLLOUT_NOT_YET",
  severity: "warning",
  message: `${key}: ${at}: waves are not acted on yet: released to all at once`,
  remedy: "write rollout: immediate to say that this is meant",
});
