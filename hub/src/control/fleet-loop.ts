// The hub's heart: whenever Git or the fleet changed, decides anew what every cluster shall run, and signs what differs. Works on the
// present state at its own pace: what happens meanwhile joins the next turn.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { Digest } from "@muster/proto/model/digest";
import { messageOf } from "@muster/proto/model/failure";
import type { ClusterName } from "@muster/proto/model/identity";
import type { JsonValue } from "@muster/proto/model/json";
import type { Manifest } from "@muster/proto/model/release";
import { Bell, pause } from "@muster/proto/waiting/waiting";
import { admit, admitSource } from "../admit/admit.ts";
import { assembleFleet, type AssembledFleet, type FleetDocument, type Problem } from "../fleet/fleet.ts";
import type { Keys } from "../keys/keys.ts";
import type { Renderer } from "../render/render.ts";
import { resolve, type FleetModel, type Resolution } from "../resolve/resolve.ts";
import type { DocumentRow, Write } from "../store/store.ts";
import { decide, heldBy, undecidedCluster } from "./decide.ts";
import { nothingDecided, type Basis, type Decided, type FleetState } from "./fleet-state.ts";
import type { HubLog } from "./log.ts";
import type { HubRecord } from "./record.ts";
import type { Tree } from "../git/git.ts";
import { closerPlaces } from "./places.ts";
import { recordCache } from "./record-cache.ts";
import { openRenders, type Answered, type Renders } from "./renders.ts";
import type { Sessions } from "./sessions.ts";
import { signFor } from "./signing.ts";
import type { SourceView } from "./sources.ts";

export type FleetLoopOptions = {
  readonly record: HubRecord;
  readonly keys: Keys;
  readonly sessions: Sessions;
  readonly renderer: Renderer;
  readonly sources: () => readonly SourceView[];
  readonly removeDelayMs: number;
  readonly leaveDelayMs: number;
  readonly now: () => number;
  readonly log: HubLog;
};

const times = {
  tickMs: 60_000,
  retryMs: 2_000,
  retryMaxMs: 60_000,
  sweepEveryMs: 6 * 3_600_000,
  renderKeptMs: 7 * 86_400_000,
  approvalMs: 86_400_000,
} as const;
const manifestsKept = 20_000;
const incumbentsKey = "incumbents";
const serialKey = "serial";

export class FleetLoop {
  readonly #options: FleetLoopOptions;
  readonly #bell = new Bell();
  readonly #renders: Renders;
  readonly #manifests = new Map<Digest, Manifest>();
  #state: FleetState = nothingDecided;
  #basis: Basis | null = null;
  #tree: Tree | undefined;
  #sweptAt = 0;
  /** Answers to render requests, true for one commit. */
  #answers = new Map<Digest, Answered>();
  #answersOf: string | null = null;

  constructor(options: FleetLoopOptions) {
    this.#options = options;
    const { record, renderer, now, keys } = options;
    this.#renders = openRenders({
      renderer,
      secret: keys.storeKey,
      // A turn renders the commit that it decides on, whatever is pushed meanwhile.
      treeOf: async (name) => {
        if (this.#tree === undefined) throw new TypeError(`a render of source ${name} outside of a turn`);
        return this.#tree;
      },
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
  look(_cluster: ClusterName): void {
    this.#bell.ring();
  }

  /** Git, or an approval, or anything that all clusters may depend on changed. */
  lookAtAll(): void {
    this.#bell.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      await this.#bell.wait(times.tickMs, signal);
      if (signal.aborted) return;
      try {
        await this.#turn(signal);
        await this.#sweep();
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        this.#options.log.error({ reason: messageOf(error), err: error }, "could not decide; everything stays as it is");
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
    if (this.#answersOf === null || at - this.#sweptAt < times.sweepEveryMs) return;
    this.#sweptAt = at;
    const used = [...this.#answers.values()].flatMap(({ variant }) => variant ?? []);
    await record.commit([{ kind: "sweep", used, before: at - times.renderKeptMs, at }]);
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { record, log, now } = this.#options;
    const [source] = this.#options.sources();
    if (source?.snapshot == null) return;
    const commit = source.snapshot.commit;
    this.#tree = source.snapshot.tree;
    const began = now();
    const { fleet, problems } = this.#read(source);
    const resolved = await this.#resolve(fleet, commit, signal);
    const tree = source.snapshot.tree;
    const resolution = {
      ...resolved,
      problems: await closerPlaces(resolved.problems, (name) => (name === source.name ? tree : undefined)),
    };
    const members = [...record.memory.members.values()];
    const approvals = this.#approvals();
    const delays = { removeMs: this.#options.removeDelayMs, orphanMs: this.#options.leaveDelayMs };
    const admission = admit({
      resolution,
      clusters: members.map(heldBy),
      manifestOf: (release) => this.#manifestOf(release),
      approvals,
      delays,
      now: now(),
    });
    const all = [...problems, ...fleet.problems, ...resolution.problems, ...admission.problems];
    const serial = await this.#remember(source, fleet.documents, resolution);
    this.#basis = { model: this.#modelOf(fleet), resolution, answers: this.#answers, sources: [source], problems: all };
    this.#state = { commit, serial, problems: all, clusters: this.#decideAll(resolution, admission, all, commit, approvals) };
    let signed = 0;
    for (const decided of this.#state.clusters.values()) {
      // One cluster that cannot be signed for stops only itself (S51).
      const done = await signFor(this.#options, decided, { serial, sources: { [source.name]: commit } }).catch((error: unknown) => {
        log.error(
          { cluster: decided.cluster.name, reason: messageOf(error), err: error },
          "could not sign for a cluster; its newest bundle stays",
        );
        return false;
      });
      if (done) signed += 1;
    }
    log.info({ commit, clusters: signed, problems: all.length, ms: now() - began }, "decided");
  }

  /** The fleet's documents; those of a Source that suddenly says nothing are the last known ones. */
  #read(source: SourceView): { readonly fleet: AssembledFleet; readonly problems: readonly Problem[] } {
    const { memory } = this.#options.record;
    const before = [...memory.documents.values()].map((row) => row.body as unknown as FleetDocument);
    const fleet = assembleFleet([...source.files.values()], before);
    const approvals = this.#approvals();
    const verdict = admitSource({
      source: source.name,
      commit: source.snapshot?.commit ?? "",
      before,
      after: fleet.documents,
      pathFound: true,
      approvals,
    });
    if (verdict.kind === "take") return { fleet, problems: [] };
    return {
      fleet: { documents: before, problems: fleet.problems, broken: fleet.broken, unreadable: fleet.unreadable },
      problems: [verdict.problem],
    };
  }

  /** An approval is an answer to a question of today: asked again later, it is another question. */
  #approvals(): ReadonlySet<Digest> {
    const since = this.#options.now() - times.approvalMs;
    return new Set([...this.#options.record.memory.approvals.values()].filter(({ at }) => at > since).map(({ digest }) => digest));
  }

  async #resolve(fleet: AssembledFleet, commit: string, signal: AbortSignal): Promise<Resolution> {
    if (this.#answersOf !== commit) {
      this.#answers = new Map();
      this.#answersOf = commit;
    }
    const model = this.#modelOf(fleet);
    for (;;) {
      const resolution = resolve(model, this.#answers);
      if (resolution.needs.length === 0) return resolution;
      for (const [key, answer] of await this.#renders.answer(resolution.needs, signal)) this.#answers.set(key, answer);
    }
  }

  #modelOf(fleet: AssembledFleet): FleetModel {
    const { memory } = this.#options.record;
    const enrolled = [...memory.members.values()].map(({ row: { name, uid, labels, facts } }) => ({ name, uid, labels, facts }));
    const incumbents = new Map(JSON.parse(memory.meta.get(incumbentsKey) ?? "[]") as [string, string][]);
    return { documents: fleet.documents, broken: fleet.broken, unreadable: fleet.unreadable, enrolled, incumbents };
  }

  #decideAll(
    resolution: Resolution,
    admission: ReturnType<typeof admit>,
    problems: readonly Problem[],
    commit: string,
    approvals: ReadonlySet<Digest>,
  ): ReadonlyMap<ClusterName, Decided> {
    const { memory } = this.#options.record;
    const verdicts = new Map(admission.clusters.map((verdict) => [verdict.cluster, verdict]));
    const placements = Map.groupBy(resolution.placements, ({ cluster }) => cluster);
    const decided = new Map<ClusterName, Decided>();
    for (const cluster of resolution.clusters) {
      const { name } = cluster;
      const input = {
        cluster,
        member: memory.members.get(name),
        placements: placements.get(name) ?? [],
        verdict: verdicts.get(name),
        problems,
        commit,
        approvals,
      };
      decided.set(name, decide({ ...input, before: this.#state.clusters.get(name), now: this.#options.now() }));
    }
    for (const [name, member] of memory.members) if (!decided.has(name)) decided.set(name, undecidedCluster(name, member));
    return decided;
  }

  /** Keeps what the next turn, or the next run, starts from: the last good documents, who was first, the commit. */
  async #remember(source: SourceView, documents: readonly FleetDocument[], resolution: Resolution): Promise<number> {
    const { record } = this.#options;
    const { memory } = record;
    const commit = source.snapshot?.commit ?? "";
    const writes: Write[] = [];
    const first = new Map(documents.toReversed().map((document) => [document.key, document]));
    const rows = [...first.values()].map((document): DocumentRow => ({
      key: document.key,
      source: source.name,
      path: document.place.path,
      body: document as unknown as JsonValue,
    }));
    if (!sameRows(rows, memory.documents)) writes.push({ kind: "documents", source: source.name, rows });
    const incumbents = JSON.stringify([...resolution.incumbents].toSorted(([a], [b]) => byCodeUnits(a, b)));
    if (memory.meta.get(incumbentsKey) !== incumbents) writes.push({ kind: "meta", key: incumbentsKey, value: incumbents });
    let serial = Number(memory.meta.get(serialKey) ?? "0");
    if (memory.sources.get(source.name)?.commit !== commit) {
      serial += 1;
      writes.push(
        { kind: "meta", key: serialKey, value: String(serial) },
        { kind: "source", row: { name: source.name, commit, body: null } },
      );
    }
    await record.commit(writes);
    return serial;
  }

  /** Content-addressed, so what was read once stays true. */
  #manifestOf(release: Digest): Manifest | undefined {
    const known = this.#manifests.get(release);
    if (known !== undefined) return known;
    const manifest = this.#options.record.store.manifest(release);
    if (manifest === undefined) return undefined;
    if (this.#manifests.size >= manifestsKept) this.#manifests.clear();
    this.#manifests.set(release, manifest);
    return manifest;
  }
}

function sameRows(rows: readonly DocumentRow[], held: ReadonlyMap<string, DocumentRow>): boolean {
  return rows.length === held.size && rows.every((row) => JSON.stringify(held.get(row.key)?.body) === JSON.stringify(row.body));
}
