// The end of a rollout; what waited for it may begin.

import type { Draft } from "./draft.ts";
import type { Notice } from "./events.ts";
import { cancelGates } from "./gates.ts";
import { rolloutName, type End } from "./head.ts";

export function end(draft: Draft, how: End, notice: Notice): void {
  close(draft, how, notice, told[how]);
  if (draft.group.queued === null) return;
  draft.setGroup({ queued: null });
  draft.tell({ kind: "retarget" });
}

/** Ends it; what waited for it is the caller's matter. */
export function close(draft: Draft, how: End, notice: Notice, words: string): void {
  cancelGates(draft);
  draft.setRollout({ phase: { kind: "ended", end: how }, endedAt: draft.now.wallMs });
  draft.tell({ kind: "notify", notice, message: `${rolloutName(draft.rollout)} ${words}` });
}

const told: Record<End, string> = {
  completed: "is completed",
  rolledBack: "was taken back",
  aborted: "was aborted",
  superseded: "was superseded by a newer commit",
};
