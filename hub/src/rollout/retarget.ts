// A new target of a group, whatever its rollout is doing: swap, supersede, queue, or begin.

import type { ClusterName } from "@muster/proto/model/identity";
import type { Draft } from "./draft.ts";
import type { Target } from "./events.ts";
import { close } from "./ending.ts";
import { rolloutName } from "./head.ts";
import { memberOf, type Member, type Participant } from "./member.ts";
import { planRollout } from "./plan.ts";

const starvingAfter = 3;
const starvingMs = 86_400_000;

/** Begins a rollout to the target, where anybody takes part. What was there is history. */
export function begin(draft: Draft, target: Target, paused = false): void {
  clear(draft, target.id);
  const failed = failedMembers(draft);
  draft.archive();
  const participants = target.participants;
  if (participants.length === 0) return draft.rest();
  const members = participants.map((each) => memberFor(draft, each, failed));
  if (members.every(({ state }) => state === "heldBack")) return keepFrom(draft, target, members);
  const head = planRollout(draft.group, target, draft.now, paused);
  draft.setGroup({ next: draft.group.next + 1, unfinishedSince: draft.group.unfinishedSince ?? draft.now.wallMs });
  draft.begin(head, members);
  if (head.phase.kind === "running") draft.tell({ kind: "notify", notice: "Started", message: `${rolloutName(head)} began` });
}

/** Nothing of it may be released: all its pins failed before. */
function keepFrom(draft: Draft, { id, commit }: Target, [first]: readonly Member[]): void {
  draft.setGroup({ heldBack: { target: id, commit, cause: first?.cause?.message ?? "it failed before" } });
  draft.rest();
}

function memberFor(draft: Draft, participant: Participant, failed: ReadonlySet<ClusterName>): Member {
  const member = { ...memberOf(participant, draft.now.wallMs), first: failed.has(participant.cluster) };
  const bad = draft.group.quarantined.find(({ app, pin }) => participant.parts.some((part) => part.app === app && part.target === pin));
  if (bad === undefined) return member;
  return { ...member, state: "heldBack", cause: { code: "Quarantined", message: `it failed at ${bad.commit}: ${bad.cause}` } };
}

const failedMembers = (draft: Draft): ReadonlySet<ClusterName> =>
  draft.any === null ? new Set() : new Set([...draft.members()].filter(({ state }) => state === "failed").map(({ cluster }) => cluster));

/** Git yields something else: what held its clusters back is over. A pin that failed stays in quarantine as long as it is meant. */
function clear(draft: Draft, target: string): void {
  const { heldBack } = draft.group;
  if (heldBack === null || heldBack.target === target) return;
  draft.setGroup({ heldBack: null });
  draft.tell({ kind: "notify", notice: "Cleared", message: `${heldBack.commit} is no longer wanted` });
}

/** Ends what runs in favour of the newer one. */
export function supersede(draft: Draft, target: Target, paused = false): void {
  close(draft, "superseded", "Superseded", `was superseded by ${target.commit}`);
  const superseded = draft.group.superseded + 1;
  draft.setGroup({ superseded });
  const since = draft.group.unfinishedSince ?? draft.now.wallMs;
  if (superseded === starvingAfter || draft.now.wallMs - since >= starvingMs)
    draft.tell({ kind: "notify", notice: "Starving", message: `${draft.group.id}: ${superseded} rollouts in a row were superseded` });
  begin(draft, target, paused);
}
