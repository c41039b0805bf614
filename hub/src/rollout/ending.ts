// The end of a rollout; what waited for it may begin.

import type { Draft } from "./draft.ts";
import type { Notice } from "./events.ts";
import { cancelGates } from "./gates.ts";
import { rolloutName, type End } from "./head.ts";

export function end(draft: Draft, how: End, notice: Notice): void {
  cancelGates(draft);
  draft.setRollout({ phase: { kind: "ended", end: how }, endedAt: draft.now.wallMs });
  draft.tell({ kind: "notify", notice, message: `${rolloutName(draft.rollout)} ${told[how]}` });
  if (draft.group.queued === null) return;
  draft.setGroup({ queued: null });
  draft.tell({ kind: "retarget" });
}

const told: Record<End, string> = {
  completed: "is completed",
  rolledBack: "was taken back",
  aborted: "was aborted",
  superseded: "was superseded by a newer commit",
};
