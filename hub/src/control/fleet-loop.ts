// The hub's heart: whenever Git or the fleet changed, decides anew what the clusters shall run that this can concern, and signs what
// differs. Works on the present state at its own pace: what happens meanwhile joins the next turn.

import { messageOf } from "@muster/proto/model/failure";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { Bell, pause } from "@muster/proto/waiting/waiting";
import type { AssembledFleet } from "../fleet/fleet.ts";
import type { Keys } from "../keys/keys.ts";
import type { Renderer } from "../render/render.ts";
import { Resolver, type Enrolled, type FleetModel, type Placement, type RenderRequest, type Resolution } from "../resolve/resolve.ts";
import { nothingDecided, type Basis, type FleetState } from "./fleet-state.ts";
import { FleetReading } from "./fleet-reading.ts";
import { Judging } from "./judging.ts";
import type { HubLog } from "./log.ts";
import { PlaceFinder } from "./places.ts";
import { recordCache } from "./record-cache.ts";
import type { HubRecord } from "./record.ts";
import { Remembering } from "./remembering.ts";
import { Asking } from "./renders/asking.ts";
import type { Sessions } from "./sessions.ts";
import { signAll } from "./signing.ts";
import type { ClusterRow } from "../store/store.ts";
import { contentKey, refOf, specOf, type ContentRef } from "./sources/content.ts";
import type { Contents, FleetSources } from "./sources/fleet-sources.ts";
import type { SourceView } from "./sources/source-loop.ts";
import { union, type Touched } from "./touched.ts";

export type FleetLoopOptions = {
  readonly record: HubRecord;
  readonly keys: Keys;
  readonly sessions: Sessions;
  readonly renderer: Pick<Renderer, "render">;
  readonly sources: Pick<FleetSources, "views" | "freeze" | "follow" | "want">;
  readonly removeDelayMs: number;
  readonly leaveDelayMs: number;
  readonly now: () => number;
  readonly log: HubLog;
};

const times = { tickMs: 60_000, retryMs: 2_000, retryMaxMs: 60_000, sweepEveryMs: 6 * 3_600_000, renderKeptMs: 7 * 86_400_000 } as const;

export class FleetLoop {
  readonly #options: FleetLoopOptions;
  readonly #bell = new Bell();
  readonly #reading: FleetReading;
  readonly #remembering: Remembering;
  readonly #asking: Asking;
  readonly #judging: Judging;
  readonly #places = new PlaceFinder();
  readonly #resolver = new Resolver();
  #state: FleetState = nothingDecided;
  #basis: Basis | null = null;
  /** By resolving, since the last turn that came to its end. */
  #touched: Touched = new Set();
  #apps: ReadonlySet<AppKey> | "all" = new Set();
  #fleet: AssembledFleet | undefined;
  #refs: readonly ContentRef[] = [];
  readonly #enrolled = new WeakMap<ClusterRow, Enrolled>();
  #sweptAt = 0;

  constructor(options: FleetLoopOptions) {
    this.#options = options;
    const { record, renderer, now, keys } = options;
    this.#remembering = new Remembering(record);
    this.#reading = new FleetReading(this.#remembering.documents);
    this.#judging = new Judging(options);
    this.#asking = new Asking({
      renderer,
      secret: keys.storeKey,
      cache: recordCache(record, now),
    });
  }

  get state(): FleetState {
    return this.#state;
  }

  /** What the last decision was made from; null before the first. */
  get basis(): Basis | null {
    return this.#basis;
  }

  /** Something about one cluster changed. */
  look(cluster: ClusterName): void {
    this.#judging.touch(cluster);
    this.#bell.ring();
  }

  /** Git, or an approval, or anything that all clusters may depend on changed. */
  lookAtAll(): void {
    this.#bell.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      await this.#bell.wait(Math.min(times.tickMs, this.#judging.wakesInMs()), signal);
      if (signal.aborted) return;
      try {
        await this.#turn(signal);
        await this.#sweep();
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        this.#options.log.error({ reason: messageOf(error), err: error }, "could not decide; everything stays as it is");
        this.#judging.again();
        this.#bell.ring();
        await pause(Math.min(times.retryMaxMs, times.retryMs * 2 ** Math.min(failures, 5)), signal);
        failures += 1;
      }
    }
  }

  /** Keeps the database from growing with every render there ever was (I8). */
  async #sweep(): Promise<void> {
    const { record, now } = this.#options;
    const at = now();
    if (this.#state.commit === null || at - this.#sweptAt < times.sweepEveryMs) return;
    this.#sweptAt = at;
    await record.commit([{ kind: "sweep", used: this.#asking.variants, before: at - times.renderKeptMs, at }]);
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { sources, log, now } = this.#options;
    const views = sources.views();
    const contents = sources.freeze();
    const commit = views[0]?.snapshot?.commit;
    if (commit === undefined) return;
    const began = now();
    const { fleet, problems: silent } = this.#reading.read(views, this.#judging.approvals());
    this.#follow(fleet);
    const model = this.#modelOf(fleet);
    const resolution = await this.#resolve(model, contents, signal);
    const refs = this.#refsOf(resolution);
    const trees = new Map(views.map(({ name, snapshot }) => [name, snapshot?.tree]));
    const told = await this.#places.closer([...silent, ...fleet.problems, ...resolution.problems], (name) => trees.get(name));
    const commitOf = ({ request }: Placement): string => commitIn(contents, resolution.requests.get(request)) ?? commit;
    const judged = this.#judging.judge({ resolution, touched: this.#touched, apps: this.#apps, problems: told, commitOf });
    const commits = commitsOf(views, refs, contents);
    const serial = await this.#remembering.keep(fleet.documents, resolution.incumbents, commits);
    this.#judging.accept(judged);
    this.#touched = new Set();
    this.#apps = new Set();
    const problems = [...told, ...judged.problems];
    this.#basis = { model, resolution, answers: this.#asking.answers, contents, sources: views, problems };
    this.#state = { commit, serial, problems, clusters: this.#judging.clusters };
    const signed = await signAll(this.#options, judged.decided, { serial, sources: Object.fromEntries(commits) });
    log.info({ commit, clusters: signed, count: judged.decided.length, problems: problems.length, ms: now() - began }, "decided");
  }

  /** Sources that Git names are followed. */
  #follow(fleet: AssembledFleet): void {
    if (fleet === this.#fleet) return;
    this.#fleet = fleet;
    this.#options.sources.follow(fleet.documents.flatMap(({ kind, value }) => (kind === "Source" ? [specOf(value)] : [])));
  }

  /** The contents that requests name now, each once; they are looked at from now on. */
  #refsOf({ requests }: Resolution): readonly ContentRef[] {
    if (this.#apps === "all" || this.#apps.size > 0)
      this.#refs = [...new Map([...requests.values()].map((request) => [contentKey(refOf(request)), refOf(request)])).values()];
    this.#options.sources.want(this.#refs);
    return this.#refs;
  }

  #modelOf({ documents, broken, unreadable }: AssembledFleet): FleetModel {
    const { memory } = this.#options.record;
    const enrolled = [...memory.members.values()].map(({ row }) => this.#enrolledOf(row));
    return { documents, broken, unreadable, enrolled, incumbents: this.#remembering.incumbents };
  }

  /** The same object as long as the row is: what did not change is told at a glance. */
  #enrolledOf(row: ClusterRow): Enrolled {
    const known = this.#enrolled.get(row);
    if (known !== undefined) return known;
    const { name, uid, labels, facts } = row;
    const enrolled = { name, uid, labels, facts };
    this.#enrolled.set(row, enrolled);
    return enrolled;
  }

  async #resolve(model: FleetModel, contents: Contents, signal: AbortSignal): Promise<Resolution> {
    let changed = await this.#asking.freshen(contents, signal);
    for (;;) {
      const resolution = this.#resolver.resolve(model, this.#asking.answers, changed);
      this.#touched = union(this.#touched, resolution.touched);
      this.#apps = union(this.#apps, resolution.touchedApps);
      if (resolution.needs.length === 0) return resolution;
      changed = await this.#asking.answer(resolution.needs, signal);
    }
  }
}

/** The commit, or the chart's version, that an App's files are of. */
function commitIn(contents: Contents, request: RenderRequest | undefined): string | undefined {
  const state = request === undefined ? undefined : contents.of(refOf(request));
  return state?.kind === "there" ? state.snapshot.commit : undefined;
}

/** What the decision rests on, by content key: each Source's commit, and what Apps take from elsewhere. */
function commitsOf(views: readonly SourceView[], refs: readonly ContentRef[], contents: Contents): ReadonlyMap<string, string> {
  const commits = new Map<string, string>();
  for (const { name, snapshot } of views) if (snapshot !== null) commits.set(name, snapshot.commit);
  for (const ref of refs) {
    const state = contents.of(ref);
    if (state.kind === "there") commits.set(state.key, state.snapshot.commit);
  }
  return commits;
}
