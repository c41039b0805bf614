// What a rollout hears, and what it wants done.

import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { WavesPolicy } from "../fleet/fleet.ts";
import type { GateAnswer, RolloutKind, TargetId } from "./head.ts";
import type { Hindrance, Participant, Seen } from "./member.ts";

/** What one commit yields for a group: where it differs from what is released. */
export type Target = {
  readonly id: TargetId;
  readonly commit: string;
  readonly author: string | null;
  readonly kind: RolloutKind;
  readonly policy: WavesPolicy;
  readonly participants: readonly Participant[];
  /** Of a way back by hand: what Git yields meanwhile. */
  readonly from?: { readonly id: TargetId; readonly commit: string };
  /** sync.auto: a rollout that is not, begins by hand. */
  readonly auto: boolean;
};

/** Who did something by hand, and why. `roles`: those of the token. */
export type Actor = { readonly name: string; readonly roles: readonly string[]; readonly reason: string };

export type FactEvent =
  /** An agent spoke of one App. `acked`: the newest generation that it accepted. `pin` null: nothing of the App is left. */
  | {
      readonly kind: "report";
      readonly cluster: ClusterName;
      readonly app: AppKey;
      readonly pin: Digest | null;
      readonly generation: number;
      readonly acked: number;
      readonly seen: Seen;
      readonly inCluster: boolean;
      /** Beyond doubt at once: a final apply failure, a crash loop, poison. */
      readonly final: "ApplyFailed" | "CrashLooping" | "Poison" | null;
    }
  /** A bundle with what was released, or given back, was signed. */
  | { readonly kind: "signed"; readonly cluster: ClusterName; readonly generation: number }
  | { readonly kind: "delivered"; readonly cluster: ClusterName; readonly generation: number }
  | { readonly kind: "silent"; readonly cluster: ClusterName }
  | { readonly kind: "back"; readonly cluster: ClusterName }
  | { readonly kind: "hindered"; readonly cluster: ClusterName; readonly by: Hindrance; readonly on: boolean }
  | { readonly kind: "joined"; readonly participant: Participant }
  | { readonly kind: "left"; readonly cluster: ClusterName }
  | {
      readonly kind: "relabelled";
      readonly cluster: ClusterName;
      readonly labels: Readonly<Record<string, string>>;
      readonly matches: readonly number[];
    }
  /** Slots were given by `allocate`. */
  | { readonly kind: "granted"; readonly clusters: readonly ClusterName[] }
  | { readonly kind: "gateAnswer"; readonly id: string; readonly answer: GateAnswer; readonly message: string }
  /** Time went by: `due` names the members of which a deadline may have passed. */
  | { readonly kind: "tick"; readonly due: readonly ClusterName[] };

export type TargetEvent =
  | { readonly kind: "newTarget"; readonly target: Target }
  /** Git yields for every cluster what is released, or was before the live rollout. */
  | { readonly kind: "settled"; readonly id: TargetId };

export type HandEvent = { readonly actor: Actor } & (
  | { readonly kind: "start" }
  | { readonly kind: "pause" }
  | { readonly kind: "resume" }
  | { readonly kind: "promote" }
  | { readonly kind: "accept"; readonly clusters: readonly ClusterName[] }
  | { readonly kind: "retry" }
  | { readonly kind: "abort" }
  /** `target`: the Completed set to go back to, when nothing runs. */
  | { readonly kind: "rollback"; readonly target: Target | null }
  | { readonly kind: "emergency" }
  | { readonly kind: "approve"; readonly id: string }
  | { readonly kind: "reject"; readonly id: string }
);

/** The hub's record came back from an old copy: nobody is moved before a person looked. */
export type RestoredEvent = { readonly kind: "restored" };

export type RolloutEvent = FactEvent | TargetEvent | HandEvent | RestoredEvent;

export type Notice =
  | "Started"
  | "WavePassed"
  | "Held"
  | "RollingBack"
  | "RolledBack"
  | "Completed"
  | "Aborted"
  | "Superseded"
  | "HeldBack"
  | "Cleared"
  | "StragglerFailed"
  | "Starving"
  | "Restored";

export type Effect =
  /** What a cluster's bundle may hold of the group changed: it is to be decided for again. */
  | { readonly kind: "release"; readonly cluster: ClusterName }
  /** A fresh report is wanted. */
  | { readonly kind: "ask"; readonly cluster: ClusterName; readonly app: AppKey }
  /** The target has to be looked at again: what was put off may begin. */
  | { readonly kind: "retarget" }
  | { readonly kind: "askGate"; readonly id: string }
  | { readonly kind: "cancelGate"; readonly id: string }
  | { readonly kind: "notify"; readonly notice: Notice; readonly message: string }
  | { readonly kind: "audit"; readonly actor: Actor; readonly action: HandEvent["kind"]; readonly message: string };

/** A person's word that does not fit the state it meets. */
export type Refusal = {
  readonly code: "E_ROLLOUT_STATE" | "E_ROLLOUT_ROLE" | "E_ROLLOUT_GATE";
  readonly message: string;
  readonly remedy: string;
};
