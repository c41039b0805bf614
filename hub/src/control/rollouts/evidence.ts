// What the record says of a cluster, as events of a rollout: present state, not messages. Saying it again changes nothing.

import { pinDigest } from "@muster/proto/model/bundle";
import type { AppKey } from "@muster/proto/model/identity";
import { stateOf, type ReasonCode } from "@muster/proto/model/reasons";
import type { AppStatus } from "@muster/proto/model/status";
import { pinFor, type Member as Participant, type RolloutEvent, type Seen } from "../../rollout/rollout.ts";
import type { Member } from "../memory.ts";

/** How the cluster stands beside its record. */
export type Standing = {
  /** A session is open: what was signed is with the agent, or on its way. */
  readonly live: boolean;
  readonly silent: boolean;
  readonly paused: boolean;
};

const finals: Partial<Record<ReasonCode, "CrashLooping" | "Poison">> = { Poison: "Poison" };

export function eventsOf(participant: Participant, member: Member, standing: Standing): readonly RolloutEvent[] {
  const { cluster } = participant;
  const { row, bundles } = member;
  const events: RolloutEvent[] = [];
  if (standing.silent !== participant.silent) events.push({ kind: standing.silent ? "silent" : "back", cluster });
  for (const [by, on] of [
    ["Paused", standing.paused],
    ["BundleRefused", row.refusal !== null],
  ] as const)
    if (participant.hindered.includes(by) !== on) events.push({ kind: "hindered", cluster, by, on });
  const [newest] = bundles;
  if (newest === undefined) return events;
  if (participant.generation === null && isSigned(participant, member))
    events.push({ kind: "signed", cluster, generation: newest.generation });
  if (standing.live) events.push({ kind: "delivered", cluster, generation: newest.generation });
  for (const { app, target } of participant.parts) {
    const status = member.statuses.get(app)?.status;
    if (status !== undefined) events.push(reportOf(participant, app, status, row.ackedGeneration, target === null));
  }
  return events;
}

/** Whether its newest bundle holds what the rollout says. */
function isSigned(participant: Participant, member: Member): boolean {
  return participant.parts.every(({ app }) => {
    const row = member.released.get(app);
    return (row === undefined ? null : pinDigest(row)) === pinFor(participant, app);
  });
}

function reportOf({ cluster }: Participant, app: AppKey, status: AppStatus, acked: number, goes: boolean): RolloutEvent {
  const pin = goes && status.inventoryEmpty ? null : status.pin;
  const { generation } = status;
  return {
    kind: "report",
    cluster,
    app,
    pin,
    generation,
    acked,
    seen: seenOf(status, goes),
    inCluster: false,
    final: finals[status.reason] ?? null,
  };
}

/** A refused write may pass at the next attempt: it is unwell, and fails when it stays so. */
function seenOf({ reason, health, message, inventoryEmpty }: AppStatus, goes: boolean): Seen {
  const said = { healthyForMs: null, message: message === "" ? reason : `${reason}: ${message}` };
  if (goes) return { ...said, standing: inventoryEmpty ? "healthy" : "progressing" };
  if (stateOf(reason) === "failed" || health === "degraded") return { ...said, standing: "degraded" };
  const synced = reason === "Synced" || stateOf(reason) === "drifted";
  return { ...said, standing: synced && (health === "healthy" || health === "suspended") ? "healthy" : "progressing" };
}
