// What the API answers: the record, the fleet loop's last decision and the live sessions, put together for people.

import { pinDigest } from "@muster/proto/model/bundle";
import { byCodeUnits } from "@muster/proto/model/canonical";
import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import { isCalled, type AppKey, type ClusterName } from "@muster/proto/model/identity";
import { appRow, worstRow } from "../view/placement.ts";
import type {
  AppRow,
  AppsAnswer,
  ApproveAnswer,
  ClusterRow,
  ClustersAnswer,
  DriftAnswer,
  DriftRow,
  HeldAnswer,
  HeldRow,
  Page,
  Problem as ProblemRow,
  Rollups,
  SourceRow,
  StateCounts,
  StatusAnswer,
} from "../view/api.ts";
import type { Filter } from "../api/api.ts";
import type { Problem } from "../fleet/fleet.ts";
import type { Decided, FleetState } from "./fleet-state.ts";
import type { Member } from "./memory.ts";
import type { HubRecord } from "./record.ts";
import type { Sessions } from "./sessions.ts";
import type { ContentView } from "./sources/fleet-sources.ts";
import type { SourceView } from "./sources/source-loop.ts";

export type AnswersOptions = {
  readonly fleet: string;
  readonly record: HubRecord;
  readonly sessions: Pick<Sessions, "live" | "quarantined">;
  readonly state: () => FleetState;
  readonly sources: () => readonly SourceView[];
  /** What Apps take from elsewhere. */
  readonly contents: () => readonly ContentView[];
  readonly staleAfterMs: number;
  readonly now: () => number;
};

export class Answers {
  readonly #options: AnswersOptions;

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  status(): StatusAnswer {
    const { fleet, now, state } = this.#options;
    const rows = this.#appRows({});
    const clusters = this.#clusterRows(rows);
    return {
      fleet,
      asOf: iso(now()),
      sources: this.#options.sources().map((view) => sourceRow(view, state().problems)),
      contents: this.#options.contents().flatMap((view) => (view.fault === null ? [] : [sourceRow(view, [])])),
      clusters,
      rollups: rollupsOf(clusters, rows),
      problems: state()
        .problems.filter((problem) => problem.place === undefined)
        .map(problemRow),
    };
  }

  clusters(): ClustersAnswer {
    return this.#page(this.#clusterRows(this.#appRows({})));
  }

  apps(filter: Filter): AppsAnswer {
    return this.#page(this.#appRows(filter));
  }

  drift(filter: Filter): DriftAnswer {
    const rows: DriftRow[] = [];
    for (const [cluster, member] of this.#members(filter)) {
      for (const [app, { status }] of member.statuses) {
        if (matches(filter.app, app)) rows.push(...status.drift.map((record) => ({ ...record, app, cluster })));
      }
    }
    return this.#page(rows.toSorted((a, b) => byCodeUnits(b.seenAt, a.seenAt)));
  }

  held(): HeldAnswer {
    const rows = [...Map.groupBy([...this.#heldHere(), ...this.#heldByAgents()], ({ app, digest }) => `${app} ${digest}`).values()].map(
      joinHeld,
    );
    const all = [...this.#heldSources(), ...rows];
    return this.#page(all.toSorted((a, b) => byCodeUnits(a.app ?? "", b.app ?? "") || byCodeUnits(a.digest, b.digest)));
  }

  #heldSources(): HeldRow[] {
    return (this.#options.state().heldSources ?? []).map(({ source, commit, documents, digest, since }) => ({
      id: heldId(digest),
      app: null,
      source,
      clusters: [],
      guards: [],
      deletes: [],
      message: `commit ${commit.slice(0, 12)} holds none of its ${documents.length} documents any more`,
      digest,
      since: iso(since),
    }));
  }

  #heldHere(): HeldOne[] {
    const all = [...this.#options.state().clusters.values()].flatMap(({ held }) => held);
    return all.map(({ app, cluster, guards, vanished, deletes, digest, since }) => ({
      app,
      cluster,
      guards,
      deletes,
      digest,
      message:
        vanished.length === 0
          ? ""
          : `the cluster reports no ${vanished.slice(0, 3).join(", ")}${vanished.length > 3 ? " and others" : ""} any more`,
      since: iso(since),
    }));
  }

  /** An agent counts for itself: what it holds, the hub may have let pass. */
  #heldByAgents(): HeldOne[] {
    return this.#members({}).flatMap(([cluster, { statuses }]) =>
      [...statuses.values()].flatMap(({ status: { app, held, message, since } }) =>
        held === null ? [] : [{ app, cluster, guards: [], deletes: [], digest: held, message, since }],
      ),
    );
  }

  async approve(id: string, reason: string, actor: string): Promise<ApproveAnswer> {
    const rows = this.held().items.filter((row) => row.id === id);
    const [first] = rows;
    if (first === undefined)
      throw new OperationError("notFound", id, `nothing is held under ${id}`, undefined, {
        code: "E_NOT_HELD",
        remedy: "muster held lists what is",
      });
    await this.#options.record.commit([{ kind: "approval", row: { digest: first.digest, actor, reason, at: this.#options.now() } }]);
    return { id, digest: first.digest, clusters: [...new Set(rows.flatMap(({ clusters }) => clusters))] };
  }

  #page<Row>(items: readonly Row[]): Page<Row> {
    return { items, next: null, total: items.length, asOf: iso(this.#options.now()) };
  }

  /** Enrolled clusters that a filter lets through, by name. */
  #members(filter: Filter): [ClusterName, Member][] {
    const all = [...this.#options.record.memory.members];
    return all.filter(([name]) => filter.cluster === undefined || name === filter.cluster).toSorted(([a], [b]) => byCodeUnits(a, b));
  }

  /** Every cluster that is in Git or enrolled, by name. */
  #names(): ClusterName[] {
    return [...new Set([...this.#options.state().clusters.keys(), ...this.#options.record.memory.members.keys()])].toSorted(byCodeUnits);
  }

  #appRows(filter: Filter): AppRow[] {
    return this.#names()
      .filter((name) => filter.cluster === undefined || name === filter.cluster)
      .flatMap((name) => this.#rowsOf(name))
      .filter(({ app }) => matches(filter.app, app));
  }

  #rowsOf(cluster: ClusterName): AppRow[] {
    const { record, sessions, state, staleAfterMs, now } = this.#options;
    const member = record.memory.members.get(cluster);
    const decided = state().clusters.get(cluster);
    const apps = new Set<AppKey>([
      ...(decided?.placements.keys() ?? []),
      ...(member?.released.keys() ?? []),
      ...(member?.tombstones.keys() ?? []),
      ...(member?.statuses.keys() ?? []),
    ]);
    const connected = sessions.live(cluster) !== undefined;
    const lastSeen = member?.row.lastSeen ?? 0;
    return [...apps].toSorted(byCodeUnits).map((app) => {
      const released = member?.released.get(app);
      const placement = decided?.placements.get(app);
      const waits = decided?.waits.get(app) ?? null;
      const status = member?.statuses.get(app)?.status ?? null;
      return appRow({
        app,
        cluster,
        released:
          released === undefined
            ? null
            : { release: released.release, pin: pinDigest(released), commit: released.commit, since: released.since },
        waits,
        status,
        connected,
        stale: !connected && lastSeen + staleAfterMs < now(),
        enrolled: member !== undefined,
        quarantined: !connected && sessions.quarantined(cluster) !== undefined,
        refusal: member?.row.refusal == null ? null : `${member.row.refusal}: ${member.row.refusalMessage}`,
        lastSeen,
        tombstone: member?.tombstones.has(app) ?? false,
        layers: (placement?.layers ?? []).map(({ from, place }) => ({ layer: from, place })),
        provisional: placement?.told?.known === false,
      });
    });
  }

  #clusterRows(apps: readonly AppRow[]): ClusterRow[] {
    const byCluster = Map.groupBy(apps, ({ cluster }) => cluster);
    return this.#names().map((name) => this.#clusterRow(name, byCluster.get(name) ?? []));
  }

  #clusterRow(name: ClusterName, apps: readonly AppRow[]): ClusterRow {
    const { record, sessions, state, staleAfterMs, now } = this.#options;
    const member = record.memory.members.get(name);
    const decided: Decided | undefined = state().clusters.get(name);
    const connected = sessions.live(name) !== undefined;
    const lastSeen = member?.row.lastSeen ?? 0;
    const silent = member !== undefined && !connected && lastSeen + staleAfterMs < now();
    const worst = worstRow(apps);
    const idle = member === undefined ? "NotEnrolled" : silent ? "Offline" : sessions.quarantined(name) ? "Quarantined" : "Synced";
    const told =
      worst ??
      ({
        state: ({ NotEnrolled: "waiting", Offline: "unreachable", Quarantined: "failed", Synced: "synced" } as const)[idle],
        reason: idle,
        message: "",
        since: iso(lastSeen),
      } as const);
    return {
      name,
      labels: decided?.cluster.labels ?? member?.row.labels ?? {},
      provisional: decided?.cluster.provisional ?? true,
      connected,
      lastSeen: lastSeen === 0 ? null : iso(lastSeen),
      state: told.state,
      reason: told.reason,
      message: told.message,
      since: told.since,
      apps: { total: apps.length, synced: apps.filter((row) => row.state === "synced").length },
      generation: { signed: member?.bundles[0]?.generation ?? 0, acked: member?.row.ackedGeneration ?? 0 },
      commit: member !== undefined && isCurrent(member, decided) ? state().commit : null,
      kubernetesVersion: member?.row.facts?.kubernetesVersion ?? null,
      agentVersion: member?.row.facts?.agentVersion ?? null,
    };
  }
}

type HeldOne = Omit<HeldRow, "id" | "clusters" | "app"> & { readonly app: AppKey; readonly cluster: ClusterName };

/** One row for one change, on however many clusters it is held. */
function joinHeld(group: readonly HeldOne[]): HeldRow {
  const first = group.find(({ deletes }) => deletes.length > 0) ?? group[0];
  if (first === undefined) throw new TypeError("an empty group");
  const { cluster: _, ...row } = first;
  const since = group.map((one) => one.since).toSorted(byCodeUnits)[0] ?? first.since;
  return { ...row, id: heldId(first.digest), clusters: [...new Set(group.map(({ cluster }) => cluster))].toSorted(byCodeUnits), since };
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** What a person types to mean a held change: short, and still its own. */
const heldId = (digest: Digest): string => digest.slice(0, 12);

/** What was decided last is what the agent has accepted. */
function isCurrent(member: Member, decided: Decided | undefined): boolean {
  const newest = member.bundles[0];
  return newest !== undefined && newest.content === decided?.content && newest.digest === member.row.ackedDigest;
}

/** A filter by App takes its key, `tenant/name` or its name. */
export function matches(wanted: string | undefined, app: AppKey): boolean {
  return wanted === undefined || isCalled(app, wanted);
}

function sourceRow(view: ContentView, problems: readonly Problem[]): SourceRow {
  const { name, url, revision, snapshot, fetchedAt, fault } = view;
  return {
    name,
    url,
    revision,
    commit: snapshot?.commit ?? null,
    fetchedAt: fetchedAt === null ? null : iso(fetchedAt),
    stale: fault !== null,
    error: fault === null ? null : { code: fault.code, message: fault.message, remedy: fault.remedy },
    problems: problems.filter((problem) => problem.place?.source === name).map(problemRow),
  };
}

function problemRow({ severity, code, message, remedy, place, cluster }: Problem): ProblemRow {
  return { severity, code, message, remedy: remedy ?? "", ...(place && { place }), ...(cluster && { cluster }) };
}

function rollupsOf(clusters: readonly ClusterRow[], apps: readonly AppRow[]): Rollups {
  return {
    clusters: { total: clusters.length, connected: clusters.filter(({ connected }) => connected).length, states: countStates(clusters) },
    placements: { total: apps.length, states: countStates(apps) },
  };
}

function countStates(rows: readonly { readonly state: keyof StateCounts }[]): StateCounts {
  const counts: Partial<Record<keyof StateCounts, number>> = {};
  for (const { state } of rows) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
