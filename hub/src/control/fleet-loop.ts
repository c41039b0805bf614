// The hub's heart: whenever Git or the fleet changed, decides anew what the clusters shall run that this can concern, and signs what
// differs. Works on the present state at its own pace: what happens meanwhile joins the next turn.

import { messageOf } from "@muster/proto/model/failure";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { Bell, pause } from "@muster/proto/waiting/waiting";
import { rootSourceName, type AssembledFleet, type Problem, type Source } from "../fleet/fleet.ts";
import type { Keys } from "../keys/keys.ts";
import type { Renderer } from "../render/render.ts";
import { Resolver, type Enrolled, type FleetModel, type Placement, type RenderRequest, type Resolution } from "../resolve/resolve.ts";
import { actsOf, spentWords } from "../acts/acts.ts";
import { spentEnrolments } from "./enrolling.ts";
import { nothingDecided, type Basis, type Decided, type FleetState } from "./fleet-state.ts";
import { FleetReading } from "./fleet-reading.ts";
import { Judging } from "./judging.ts";
import type { HubLog } from "./log.ts";
import { PlaceFinder } from "./places.ts";
import { recordCache } from "./record-cache.ts";
import type { HubRecord } from "./record.ts";
import { Remembering } from "./remembering.ts";
import { Asking } from "./renders/asking.ts";
import { pendingCode } from "./renders/reading.ts";
import type { Sessions } from "./sessions.ts";
import { signAll } from "./signing.ts";
import type { ClusterRow, Write } from "../store/store.ts";
import { contentKey, refOf, specOf, type ContentRef } from "./sources/content.ts";
import { followedSources } from "./sources/followed.ts";
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
  #followed: ReadonlyMap<string, Source> = new Map();
  #misplaced: readonly Problem[] = [];
  #refs: readonly ContentRef[] = [];
  #counted = 0;
  readonly #enrolled = new WeakMap<ClusterRow, Enrolled>();
  #sweptAt = 0;

  constructor(options: FleetLoopOptions) {
    this.#options = options;
    const { record, renderer, now, keys } = options;
    this.#remembering = new Remembering(record);
    this.#reading = new FleetReading(this.#remembering.documents, now);
    this.#judging = new Judging(options);
    this.#asking = new Asking({
      renderer,
      secret: keys.storeKey,
      cache: recordCache(record, now),
      now,
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
    const spent: Write[] = [
      { kind: "actsGone", ids: this.#spentWords() },
      { kind: "enrolmentsGone", requests: spentEnrolments(record.memory, at) },
    ];
    await record.commit([...spent, { kind: "sweep", used: this.#asking.variants, before: at - times.renderKeptMs, at }]);
  }

  #spentWords(): readonly string[] {
    const { members, acts } = this.#options.record.memory;
    return spentWords(
      actsOf(acts.values()),
      (cluster, app) => members.get(cluster)?.released.get(app)?.since,
      (cluster, app) => {
        const decided = this.#state.clusters.get(cluster);
        if (decided === undefined) return members.has(cluster);
        return decided.undecided || decided.placements.has(app) || decided.released.has(app);
      },
    );
  }

  /** What is damaged in the record is rendered again where it can be; until then nothing that hangs on it moves. */
  async #mend(): Promise<void> {
    const { record, log } = this.#options;
    const releases = record.store.takeDamaged();
    if (releases.length === 0) return;
    for (const digest of releases) log.error({ digest }, "a Release in the database is damaged; it is rendered again");
    await record.commit([{ kind: "rendersGone", releases }]);
    this.#asking.doubt(new Set(releases));
  }

  async #turn(signal: AbortSignal): Promise<void> {
    await this.#mend();
    const { sources, log, now } = this.#options;
    const views = sources.views();
    const contents = sources.freeze();
    const commit = views[0]?.snapshot?.commit;
    if (commit === undefined) return;
    const began = now();
    const { fleet, problems: silent, held: heldSources } = this.#reading.read(views, this.#judging.approvals());
    const misplaced = this.#follow(fleet);
    const model = this.#modelOf(fleet);
    const resolution = await this.#resolve(model, contents, signal);
    const refs = this.#refsOf(resolution);
    const trees = new Map(views.map(({ name, snapshot }) => [name, snapshot?.tree]));
    const told = await this.#places.closer([...silent, ...misplaced, ...fleet.problems, ...resolution.problems], (name) => trees.get(name));
    const commitOf = ({ request }: Placement): string => commitIn(contents, resolution.requests.get(request)) ?? commit;
    const judged = this.#judging.judge({ resolution, touched: this.#touched, apps: this.#apps, problems: told, commitOf });
    const commits = commitsOf(views, refs, contents);
    const serial = await this.#remembering.keep(fleet.documents, resolution.incumbents, commits, this.#named(refs));
    this.#judging.accept(judged);
    this.#touched = new Set();
    this.#apps = new Set();
    const problems = [...told.filter(({ code }) => code !== pendingCode), ...judged.problems]; // waiting is no fault
    this.#basis = { model, resolution: this.#resolver.settled(), answers: this.#asking.parents, contents, sources: views, problems };
    this.#state = { commit, serial, problems, clusters: this.#judging.clusters, heldSources };
    const signed = await signAll(this.#options, judged.decided, (decided) => ({ serial, sources: this.#commitsFor(decided, commits) }));
    log.info({ commit, clusters: signed, count: judged.decided.length, problems: problems.length, ms: now() - began }, "decided");
  }

  /** Sources that the root Source names are followed. What is wrong with the others is told. */
  #follow(fleet: AssembledFleet): readonly Problem[] {
    if (fleet === this.#fleet) return this.#misplaced;
    this.#fleet = fleet;
    const { sources } = this.#options;
    const followed = followedSources(fleet.documents, (name) => this.#followed.get(name));
    this.#followed = new Map(followed.sources.map((source) => [source.name, source]));
    sources.follow(followed.sources.map(specOf));
    return (this.#misplaced = followed.problems);
  }

  /** What one cluster's bundle rests on: the root Source, and the contents of its own Apps (I4). */
  #commitsFor({ placements }: Decided, commits: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
    const names = new Set([rootSourceName]);
    for (const { request, source } of placements.values()) {
      names.add(source);
      for (const key of this.#asking.contentsOf(request)) names.add(key);
    }
    return Object.fromEntries([...names].flatMap((name) => (commits.has(name) ? [[name, commits.get(name) ?? ""]] : [])));
  }

  /** Keys of all contents that are meant now, there or not. */
  #named(refs: readonly ContentRef[]): ReadonlySet<string> {
    return new Set([rootSourceName, ...this.#followed.keys(), ...refs.map(contentKey)]);
  }

  /** The contents that answers depend on now, each once; they are looked at from now on. */
  #refsOf({ requests }: Resolution): readonly ContentRef[] {
    const { count } = this.#asking;
    if (count !== this.#counted || this.#apps === "all" || this.#apps.size > 0) this.#refs = this.#asking.refsOf(requests);
    this.#counted = count;
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
      if (resolution.needs.length === 0) {
        this.#asking.tidy(resolution.requests);
        return resolution;
      }
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
