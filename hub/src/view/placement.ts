// What a person is told about one App on one cluster: the one reason that holds now, from what is wanted, released and reported.

import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { stateOf, type PlacementState, type ReasonCode } from "@muster/proto/model/reasons";
import type { AppStatus } from "@muster/proto/model/status";
import type { AppRow, LayerRow } from "./api.ts";

/** What the hub decided and why it waits, if it does. Times are milliseconds since 1970. */
export type PlacementFacts = {
  readonly app: AppKey;
  readonly cluster: ClusterName;
  /** Null: nothing is released to the cluster yet. */
  readonly released: { readonly release: Digest; readonly pin: Digest; readonly commit: string; readonly since: number } | null;
  /** Why the wanted pin is not the released one, or why it cannot be had. */
  readonly waits: { readonly reason: ReasonCode; readonly message: string; readonly since: number } | null;
  readonly status: AppStatus | null;
  readonly connected: boolean;
  readonly stale: boolean;
  readonly enrolled: boolean;
  readonly quarantined: boolean;
  readonly refusal: string | null;
  readonly lastSeen: number;
  readonly tombstone: boolean;
  readonly layers: readonly LayerRow[];
  /** Rendered without knowing the cluster, though the chart asks. */
  readonly provisional?: boolean;
};

type Told = { readonly reason: ReasonCode; readonly message: string; readonly since: string };

const at = (ms: number): string => new Date(ms).toISOString();

/** The row of an App on a cluster. A report counts only for the pin that is released: an older one says nothing about it. */
export function appRow(facts: PlacementFacts): AppRow {
  const { status, released } = facts;
  const current = status !== null && (released === null || status.pin === released.pin) ? status : null;
  const told = tell(facts, current);
  return {
    app: facts.app,
    cluster: facts.cluster,
    state: stateOf(told.reason),
    ...told,
    health: current?.health ?? "unknown",
    release: released?.release ?? null,
    pin: released?.pin ?? null,
    commit: released?.commit ?? null,
    counts: current?.counts ?? { total: 0, applied: 0, failed: 0, healthy: 0 },
    problems: current?.problems ?? [],
    layers: facts.layers,
    ...(facts.provisional === true && { provisional: true }),
  };
}

/** The reasons from the strongest to the weakest. */
function tell(facts: PlacementFacts, current: AppStatus | null): Told {
  const { released, waits, tombstone } = facts;
  if (!facts.enrolled) return { reason: "NotEnrolled", message: "", since: at(waits?.since ?? 0) };
  if (facts.quarantined) return { reason: "Quarantined", message: "", since: at(facts.lastSeen) };
  if (facts.stale) return { reason: "Offline", message: `silent since ${at(facts.lastSeen)}`, since: at(facts.lastSeen) };
  if (waits !== null && !isWorseThanPaused(waits.reason, current))
    return { reason: waits.reason, message: waits.message, since: at(waits.since) };
  if (facts.refusal !== null) return { reason: "BundleRefused", message: facts.refusal, since: at(released?.since ?? 0) };
  if (tombstone && current === null) return { reason: "TombstonePending", message: "", since: at(released?.since ?? 0) };
  if (current === null) return { reason: "NotReported", message: "", since: at(released?.since ?? 0) };
  const message = [current.message, waits?.message ?? ""].filter((part) => part !== "").join("; ");
  return { reason: current.reason, message, since: current.since };
}

/** A pause stops upgrades; it does not hide what is ill. */
function isWorseThanPaused(reason: ReasonCode, current: AppStatus | null): boolean {
  if (reason !== "Paused" || current === null) return false;
  return stateOf(current.reason) === "failed" || stateOf(current.reason) === "drifted";
}

/** How bad a state is: what a summary of many shows is the worst of them. */
const severity = { failed: 6, unreachable: 5, drifted: 4, applying: 3, waiting: 2, paused: 1, synced: 0 } as const satisfies Record<
  PlacementState,
  number
>;

/** The row that speaks for many: the worst one, the oldest of equals. Undefined for none. */
export function worstRow(rows: readonly AppRow[]): AppRow | undefined {
  let worst: AppRow | undefined;
  for (const row of rows) {
    if (worst === undefined) worst = row;
    else if (severity[row.state] > severity[worst.state] || (row.state === worst.state && row.since < worst.since)) worst = row;
  }
  return worst;
}
