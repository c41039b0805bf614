// From an admission to what each cluster shall hold: rows of the next bundle, and for everything that does not move the one reason why.

import { pinDigest, samePin, type Tombstone } from "@muster/proto/model/bundle";
import { byCodeUnits } from "@muster/proto/model/canonical";
import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { AppStatus } from "@muster/proto/model/status";
import { pauseMessage, pausing, postponed, type Pause } from "../acts/acts.ts";
import type { AppVerdict, ClusterVerdict, HeldCluster } from "../admit/admit.ts";
import { settleContent } from "../bundle/bundle.ts";
import type { Problem } from "../fleet/fleet.ts";
import type { Placement, ResolvedCluster } from "../resolve/resolve.ts";
import { releaseImmediately, type Moving } from "../rollout/rollout.ts";
import type { ReleasedRow } from "../store/store.ts";
import type { Decided, Held, Waiting } from "./fleet-state.ts";
import type { Member } from "./memory.ts";
import { pendingCode } from "./renders/reading.ts";

export type DecideInput = {
  readonly cluster: ResolvedCluster;
  readonly member: Member | undefined;
  readonly placements: readonly Placement[];
  /** Undefined: not enrolled, so there was nothing to judge. */
  readonly verdict: ClusterVerdict | undefined;
  readonly problems: readonly Problem[];
  readonly before: Decided | undefined;
  readonly approvals: ReadonlySet<Digest>;
  /** What people paused. */
  readonly pauses: readonly Pause[];
  /** The commit, or the chart, that an App's files are of. */
  readonly commitOf: (placement: Placement) => string;
  readonly now: number;
};

export function decide(input: DecideInput): Decided {
  const { cluster, member, verdict, placements } = input;
  const byApp = new Map(placements.map((placement) => [placement.app, placement]));
  if (verdict === undefined) return notEnrolled(input, byApp);
  const wants = verdict.apps.flatMap((each) => (each.kind === "admit" ? wantOf(each, member) : []));
  const moves = new Set(releaseImmediately(wants).releases.map(({ app }) => app));
  const waits = new Map<AppKey, Waiting>();
  const released = new Map<AppKey, ReleasedRow>();
  const held: Held[] = [];
  const pauseOf = (app: AppKey): Pause | undefined => pausing(input.pauses, { cluster: cluster.name, app }, input.now);
  const isPaused = (app: AppKey): boolean => pauseOf(app) !== undefined;
  const mayMove = (app: AppKey, current: ReleasedRow | undefined): boolean => current !== undefined || moves.has(app);
  for (const each of verdict.apps) {
    const current = member?.released.get(each.app);
    const row = each.kind === "admit" && !isPaused(each.app) && mayMove(each.app, current) ? rowOf(each, current, moves, input) : current;
    if (row !== undefined) released.set(each.app, row);
    const why = whyWaiting(each, wants, moves, input);
    if (why !== undefined) waits.set(each.app, since(why, each.app, input));
    if (each.kind === "hold") {
      const { app, guards, vanished, deletes, digest } = each;
      held.push({ app, cluster: cluster.name, guards, vanished, deletes, digest, since: waits.get(app)?.since ?? input.now });
    }
  }
  const tombstones: Tombstone[] = [];
  for (const tombstone of verdict.tombstones) {
    const { app } = tombstone;
    const [pause, row] = [pauseOf(app), member?.released.get(app)];
    // A removal is an upgrade too: what is still released stays so, and what has its tombstone already has it put off.
    if (pause !== undefined && row !== undefined) {
      released.set(app, row);
      waits.set(app, since({ reason: "Paused", message: `its removal waits: ${pauseMessage(pause)}` }, app, input));
    } else tombstones.push(postponed(tombstone, pause));
  }
  const approvals = [...new Set([...verdict.approvals, ...approvedOnTheSpot(member, input.approvals)])].toSorted(byCodeUnits);
  const content = settleContent({ paused: cluster.paused, apps: [...released.values()], tombstones, approvals }).digest;
  return { cluster, placements: byApp, released, tombstones, approvals, waits, held, content, undecided: false };
}

/** What an agent holds by its own count, and a person approved since. */
function approvedOnTheSpot(member: Member | undefined, approvals: ReadonlySet<Digest>): readonly Digest[] {
  const held = [...(member?.statuses.values() ?? [])].flatMap(({ status }) => status.held ?? []);
  return held.filter((digest) => approvals.has(digest));
}

/** What the cluster holds, as admission sees it. */
export function heldBy(member: Member): HeldCluster {
  const rows = [...member.released.values()];
  const acked = member.bundles[0]?.digest === member.row.ackedDigest;
  return {
    cluster: member.row.name,
    apps: rows,
    tombstones: [...member.tombstones.values()].filter(({ app }) => !isDone(member, app)),
    approvals: approvalsOf(member),
    settled: acked && rows.every((row) => isSynced(row, member.statuses.get(row.app)?.status)),
    apis: member.row.facts?.apiVersions ?? null,
  };
}

const isSynced = (row: ReleasedRow, status: AppStatus | undefined): boolean => status?.reason === "Synced" && status.pin === pinDigest(row);

/** A tombstone is done when the agent says that nothing of the App is left. */
function isDone(member: Member, app: AppKey): boolean {
  const status = member.statuses.get(app)?.status;
  // What it said before it had the tombstone says nothing about it.
  return status?.inventoryEmpty === true && status.generation >= (member.bundles[0]?.generation ?? 0);
}

const approvalsOf = (member: Member): HeldCluster["approvals"] => member.approvals;

function wantOf({ app, placement, release }: Extract<AppVerdict, { kind: "admit" }>, member: Member | undefined): Moving[] {
  const current = member?.released.get(app);
  const { policy, cluster, auto } = placement;
  if (current !== undefined && samePin(current, { release, policy })) return [];
  return [{ app, cluster, pin: pinDigest({ release, policy }), auto }];
}

/** An unchanged pin keeps its commit and its time; what only the hub acts on is taken over all the same. */
function rowOf(
  verdict: Extract<AppVerdict, { kind: "admit" }>,
  current: ReleasedRow | undefined,
  moves: ReadonlySet<AppKey>,
  { commitOf, now }: DecideInput,
): ReleasedRow {
  const { app, placement, release } = verdict;
  const { policy, dependsOn, parent, onLeave, withParent } = placement;
  const ancestors = placement.ancestors.length > 1 ? placement.ancestors : undefined;
  const settings = { dependsOn, parent, onLeave, withParent, ...(ancestors && { ancestors }) };
  const apis = placement.told == null || placement.told.has.length === 0 ? undefined : placement.told.has;
  const moved = { app, release, policy, ...settings, ...(apis && { apis }), commit: commitOf(placement), since: now };
  if (current === undefined || moves.has(app)) return moved;
  // What waits for a hand was told something that the released one was not.
  const told = release === current.release ? apis : current.apis;
  const same = sameNames(dependsOn, current.dependsOn) && parent === current.parent && onLeave === current.onLeave;
  const sameLine = sameNames(ancestors ?? [], current.ancestors ?? []);
  if (same && sameLine && withParent === current.withParent && sameNames(told ?? [], current.apis ?? [])) return current;
  const { apis: _, ancestors: _line, ...rest } = current;
  return { ...rest, ...settings, ...(told && { apis: told }) };
}

const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((name, index) => name === b[index]));

type Why = Omit<Waiting, "since">;

function whyWaiting(verdict: AppVerdict, wants: readonly Moving[], moves: ReadonlySet<AppKey>, input: DecideInput): Why | undefined {
  const pause = verdict.kind === "keep" ? undefined : pausing(input.pauses, { cluster: input.cluster.name, app: verdict.app }, input.now);
  if (pause !== undefined) return { reason: "Paused", message: pauseMessage(pause) };
  switch (verdict.kind) {
    case "admit": {
      const want = wants.find(({ app }) => app === verdict.app);
      return want !== undefined && !moves.has(verdict.app)
        ? { reason: "WaitingForHand", message: "sync.auto is false; muster sync releases it", pin: want.pin }
        : undefined;
    }
    case "hold": {
      const what = `${verdict.removal ? "its removal" : "the change"} deletes ${verdict.deletes.length} ${verdict.deletes.length === 1 ? "object" : "objects"}`;
      const guards = verdict.guards.length > 0 ? ` (${verdict.guards.join(", ")})` : "";
      const gone = verdict.vanished.length > 0 ? `, for the cluster reports no ${showApis(verdict.vanished)} any more` : "";
      const back = gone === "" ? "" : "it goes on by itself when that is back; ";
      const message = `${what}${guards}${gone}; ${back}muster approve ${verdict.digest.slice(0, 12)} lets it pass`;
      return { reason: verdict.reason, message };
    }
    case "keep": {
      const problem = problemOf(verdict.app, input);
      if (problem?.code === pendingCode) return { reason: "WaitingForSource", message: problem.message };
      return { reason: verdict.reason, message: problem === undefined ? "" : told(problem) };
    }
  }
}

const apisShown = 3;
const showApis = (names: readonly string[]): string =>
  names.length <= apisShown ? names.join(", ") : `${names.slice(0, apisShown).join(", ")} and ${names.length - apisShown} more`;

/** What is wrong with an App here. */
function problemOf(app: AppKey, { problems, cluster }: DecideInput): Problem | undefined {
  const own = errorsBySubject(problems).get(`App ${app}`) ?? [];
  return own.find((each) => each.cluster === cluster.name) ?? own.find((each) => each.cluster === undefined);
}

const told = ({ place, code, message }: Problem): string =>
  `${code}: ${message}${place === undefined ? "" : ` (${place.path}:${place.line})`}`;

const known = new WeakMap<readonly Problem[], ReadonlyMap<string | undefined, readonly Problem[]>>();

function errorsBySubject(problems: readonly Problem[]): ReadonlyMap<string | undefined, readonly Problem[]> {
  const made =
    known.get(problems) ??
    Map.groupBy(
      problems.filter(({ severity }) => severity === "error"),
      ({ subject }) => subject,
    );
  known.set(problems, made);
  return made;
}

/** The same reason goes on since it began. */
function since(why: Why, app: AppKey, { before, now }: DecideInput): Waiting {
  const known = before?.waits.get(app);
  return { ...why, since: known?.reason === why.reason ? known.since : now };
}

function notEnrolled(input: DecideInput, placements: ReadonlyMap<AppKey, Placement>): Decided {
  const waits = new Map([...placements.keys()].map((app) => [app, since({ reason: "NotEnrolled", message: "" }, app, input)]));
  const content = settleContent({ paused: input.cluster.paused, apps: [], tombstones: [], approvals: [] }).digest;
  return {
    cluster: input.cluster,
    placements,
    released: new Map(),
    tombstones: [],
    approvals: [],
    waits,
    held: [],
    content,
    undecided: false,
  };
}

/** A cluster that is enrolled and of which the resolution does not speak: it keeps what it has. */
export function undecidedCluster(name: ClusterName, member: Member): Decided {
  const { labels, uid } = member.row;
  const cluster: ResolvedCluster = {
    name,
    labels,
    annotations: {},
    values: {},
    server: `muster://${name}`,
    timezone: null,
    paused: false,
    provisional: true,
    place: null,
    uid,
  };
  const tombstones = [...member.tombstones.values()];
  const content = member.bundles[0]?.content ?? settleContent({ paused: false, apps: [], tombstones: [], approvals: [] }).digest;
  return {
    cluster,
    placements: new Map(),
    released: member.released,
    tombstones,
    approvals: member.approvals,
    waits: new Map(),
    held: [],
    content,
    undecided: true,
  };
}
