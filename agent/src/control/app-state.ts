// Where each App stands in the work of a round: what the report is made from, beside problems, drift and health.

import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ObjectIdentity } from "@muster/proto/model/identity";

import type { Note } from "../plan/plan.ts";
import type { Hold } from "./targets.ts";

export type AppPhase =
  /** Nothing to do, or done. */
  | { readonly kind: "resting" }
  | { readonly kind: "held"; readonly hold: Hold }
  | { readonly kind: "waiting"; readonly for: readonly AppKey[] }
  | { readonly kind: "applying" }
  | { readonly kind: "pruning" }
  /** Deletes wait for a person. */
  | { readonly kind: "guarded"; readonly message: string; readonly digest: Digest }
  /** Gone from Git; deleted or let go at that time. */
  | { readonly kind: "tombstone"; readonly atMs: number }
  /** Absent from the bundle, without a tombstone. */
  | { readonly kind: "kept" };

export type AppState = {
  readonly app: AppKey;
  readonly pin: Digest;
  readonly release: Digest;
  readonly generation: number;
  readonly phase: AppPhase;
  readonly expected: readonly { readonly identity: ObjectIdentity; readonly digest: Digest }[];
  readonly skipped: readonly Note[];
  readonly refused: readonly Note[];
  /** True when another App writes some of its objects: then their news does not come by itself. */
  readonly shares: boolean;
};

export class AppStates {
  readonly #states = new Map<AppKey, AppState>();
  readonly #onChange: (app: AppKey) => void;

  constructor(onChange: (app: AppKey) => void) {
    this.#onChange = onChange;
  }

  get(app: AppKey): AppState | undefined {
    return this.#states.get(app);
  }

  get apps(): readonly AppKey[] {
    return [...this.#states.keys()];
  }

  set(state: AppState): void {
    this.#states.set(state.app, state);
    this.#onChange(state.app);
  }

  enter(app: AppKey, phase: AppPhase): void {
    const state = this.#states.get(app);
    if (state !== undefined) this.set({ ...state, phase });
  }

  forget(app: AppKey): void {
    this.#states.delete(app);
    this.#onChange(app);
  }
}
