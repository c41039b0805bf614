// From what Git yields for a group's clusters to a target: whom it concerns, and whether it goes forward or back to what was complete.

import { byCodeUnits } from "@muster/proto/model/canonical";
import { digestOfJson, type Digest } from "@muster/proto/model/digest";
import type { AppKey } from "@muster/proto/model/identity";
import type { WavesPolicy } from "../fleet/fleet.ts";
import type { Group } from "./draft.ts";
import type { Target } from "./events.ts";
import type { Completed, RolloutKind, TargetId } from "./head.ts";
import type { Participant } from "./member.ts";
import { newPassed, pinAt } from "./passed.ts";

export type Yield = {
  readonly commit: string;
  readonly author: string | null;
  readonly policy: WavesPolicy;
  readonly auto: boolean;
  /** All that is wanted anywhere, each once. */
  readonly pins: Iterable<readonly [AppKey, Digest | null]>;
  /** All clusters of the group. `parts`: the Apps whose pin is not the released one. */
  readonly clusters: readonly Participant[];
};

export type Aim = { readonly kind: "settled"; readonly id: TargetId } | { readonly kind: "target"; readonly target: Target };

export function targetOf(group: Group, { commit, author, policy, auto, clusters, pins }: Yield): Aim {
  const participants = clusters.filter(({ parts }) => parts.length > 0);
  const id = targetId(pins);
  if (participants.length === 0) return { kind: "settled", id };
  return { kind: "target", target: { id, commit, author, policy, auto, participants, kind: kindOf(group, participants) } };
}

/** By the pins, whichever clusters hold them: who joins or leaves does not make another target of it. */
function targetId(pins: Yield["pins"]): TargetId {
  const byText = new Map([...pins].map(([app, pin]) => [`${app}\n${pin}`, [app, pin]]));
  return digestOfJson([...byText].toSorted(([a], [b]) => byCodeUnits(a, b)).map(([, each]) => each));
}

function kindOf(group: Group, participants: readonly Participant[]): RolloutKind {
  if (revertOf(group, participants) !== undefined) return "rollback";
  const parts = participants.flatMap((participant) => participant.parts);
  if (parts.every(({ target }) => target === null)) return "remove";
  return parts.every(({ base }) => base === null) ? "install" : "update";
}

/** The newest set that was complete, is not in quarantine, and has for every participant what it shall get. */
export function revertOf(group: Group, participants: readonly Participant[]): Completed | undefined {
  const bad = new Set(group.head.quarantined.map(({ app, pin }) => `${app}\n${pin}`));
  return group.head.completed.find((set) =>
    participants.every(({ cluster, parts }) => {
      const passed = group.passed.get(cluster) ?? newPassed;
      return parts.every(({ app, target }) => target !== null && pinAt(passed, app, set) === target && !bad.has(`${app}\n${target}`));
    }),
  );
}
