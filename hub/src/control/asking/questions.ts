// The questions that a hub answers, put together: what it decided last, its record, Git. Each question has a file of its own.

import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { appKeyParts, isCalled, showApp } from "@muster/proto/model/identity";
import { byCodeUnits } from "@muster/proto/model/canonical";
import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { Spell } from "@muster/proto/model/mask";
import type { QuestionsPort } from "../../api/api.ts";
import type {
  DiffAnswer,
  ExplainAnswer,
  NamesAnswer,
  ParityAnswer,
  PreviewAnswer,
  WhereAnswer,
  WhyAnswer,
  WhyRow,
} from "../../view/questions.ts";
import type { Snapshot } from "../../git/git.ts";
import { heldBy } from "../decide.ts";
import type { Basis, FleetState } from "../fleet-state.ts";
import type { HubRecord } from "../record.ts";
import type { FleetSources } from "../sources/fleet-sources.ts";
import { between } from "./between.ts";
import { diffAll } from "./diff.ts";
import { explain, type ExplainQuery } from "./explain.ts";
import { appNamed, clusterNamed, type Ground } from "./ground.ts";
import { heavyLimits, HeavyQuestions } from "./heavy.ts";
import { heldNow } from "./held-now.ts";
import { groundAt, hubGround, objectsOf, type Changed, type HubSight } from "./hub-ground.ts";
import { imagesIn } from "./images.ts";
import { movedEverywhere, movedOn, type Moved } from "./moved.ts";
import { pageOf } from "./page.ts";
import { Pairs } from "./pairs.ts";
import { heldOf, preview } from "./preview.ts";
import { where } from "./where.ts";
import { whyRow, type Vector, type WhySight } from "./why.ts";

export type QuestionsOptions = {
  readonly record: HubRecord;
  readonly basis: () => Basis | null;
  readonly state: () => FleetState;
  readonly renders: HubSight["renders"];
  readonly sources: Pick<FleetSources, "commitOf" | "histories" | "pathOf" | "treeAt">;
  readonly spell: Spell;
  readonly now: () => number;
};

/** Images of this many Releases are remembered. */
const imagesKept = 20_000;
/** Moves that one answer explains: each may have to be resolved. */
const whyMax = 20;

export class Questions implements QuestionsPort {
  readonly #options: QuestionsOptions;
  readonly #renders = new HeavyQuestions(heavyLimits.render);
  readonly #walks = new HeavyQuestions(heavyLimits.walk);
  readonly #images = new Map<Digest, readonly string[]>();

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  explain(query: ExplainQuery): Promise<ExplainAnswer> {
    return this.#renders.run((signal) => explain(this.#ground(), query, this.#options.spell, signal));
  }

  diff(query: { readonly app?: string; readonly cluster?: string }): Promise<DiffAnswer> {
    return this.#walks.run(async () => {
      const { record, state, now } = this.#options;
      const { clusters, commit } = state();
      const { app, cluster } = this.#named(query);
      const only = {
        app: (key: AppKey) => app === undefined || key === app,
        cluster: (name: string) => cluster === undefined || name === cluster,
      };
      return { commit, asOf: iso(now()), ...diffAll(clusters, record.memory.members, only, this.#pairs()) };
    });
  }

  parity({ left, right, app }: { readonly left: string; readonly right: string; readonly app?: string }): Promise<ParityAnswer> {
    return this.#walks.run(async () => {
      const named = this.#named(app === undefined ? {} : { app }).app;
      return between(this.#ground(), left, right, (key) => named === undefined || key === named, this.#pairs(), this.#options.spell);
    });
  }

  preview({ revision, source }: { readonly revision: string; readonly source?: string }): Promise<PreviewAnswer> {
    return this.#renders.run(async (signal) => {
      const { record, sources, now } = this.#options;
      // All of one moment: a commit that lands meanwhile is beside the point.
      const basis = this.#basis();
      const members = [...record.memory.members.values()].map(heldBy);
      const enrolled = new Set(members.map(({ cluster }) => cluster));
      const held = [...members, ...heldOf(basis.resolution).filter(({ cluster }) => !enrolled.has(cluster))];
      const view = basis.sources.find(({ name }) => name === (source ?? basis.sources[0]?.name));
      if (view === undefined) throw noSource(source ?? "", basis);
      const snapshot = await sources.treeAt(view.name, revision, signal);
      const changed = [{ key: view.name, snapshot }];
      const after = await groundAt(basis, this.#sight(), { changed, pathOf: (name) => sources.pathOf(name) }, signal);
      const seen = preview({
        after,
        held,
        problemsNow: basis.problems,
        manifestOf: (release) => record.store.manifest(release),
        approvals: new Set(),
        pairs: this.#pairs(),
        now: now(),
      });
      return { source: view.name, revision, commit: snapshot.commit, against: view.snapshot?.commit ?? null, ...seen };
    });
  }

  where({ what, after }: { readonly what: string; readonly after?: string }): Promise<WhereAnswer> {
    return this.#walks.run(async (signal) => {
      const { record, state, now } = this.#options;
      // All of one moment: the walk gives way to decisions that land meanwhile.
      const members = new Map([...record.memory.members].map(([name, member]) => [name, { ...member }]));
      const fleet = { members, decided: new Map(state().clusters), basis: this.#options.basis() };
      const sight = {
        held: () => heldNow(fleet),
        imagesOf: (release: Digest) => this.#imagesOf(release),
        commitOf: (source: string | null, commit: string) => this.#commitOf(source, commit),
        signal,
      };
      return { what, asOf: iso(now()), ...(await where(what, after, sight)) };
    });
  }

  why({ what, app: wanted, after }: WhyQuery): Promise<WhyAnswer> {
    return this.#renders.run(async (signal) => {
      const { record, spell } = this.#options;
      const asked = this.#asked(what, wanted);
      const moved = asked.cluster === null ? await this.#movedEverywhere(asked.app, signal) : this.#movedOn(asked.cluster, asked.app);
      const page = pageOf(moved, newestFirst, after, whyMax);
      const sight: WhySight = {
        groundAt: this.#pastGrounds(signal),
        commitOf: (source, commit) => this.#commitOf(source, commit),
        manifestOf: (release) => record.store.manifest(release),
        spell,
        signal,
      };
      const items: WhyRow[] = [];
      for (const each of page.items) items.push(await whyRow(each, sight));
      return { ...asked, ...page, items };
    });
  }

  #movedOn(cluster: ClusterName, app: AppKey | null): readonly Moved[] {
    return movedOn(this.#options.record.store.moves(cluster, app, movesMax), app !== null);
  }

  #movedEverywhere(app: AppKey, signal: AbortSignal): Promise<readonly Moved[]> {
    const { store, memory } = this.#options.record;
    const names = [...memory.members.keys()].toSorted(byCodeUnits);
    return movedEverywhere(
      (function* () {
        for (const name of names) yield* store.moves(name, app, 2);
      })(),
      signal,
    );
  }

  /** A word that may be a cluster or an App, as people give them. */
  #asked(what: string, app: string | undefined): Asked {
    if (app !== undefined) {
      const named = this.#named({ cluster: what, app });
      return { cluster: named.cluster as ClusterName, app: named.app ?? null };
    }
    try {
      return { cluster: this.#named({ cluster: what }).cluster as ClusterName, app: null };
    } catch (error) {
      if (!(error instanceof OperationError) || error.fault?.code !== "E_NOT_FOUND") throw error;
      if (!this.#keys().some((key) => isCalled(key, what))) throw neither(what, error);
      return { cluster: null, app: appNamed(what, this.#keys()) };
    }
  }

  /** The fleet as single clusters saw it at commits of its contents: each is resolved once for one question, the last few are kept. */
  #pastGrounds(signal: AbortSignal): WhySight["groundAt"] {
    const basis = this.#basis();
    const known = new Map<string, Promise<Ground | undefined>>();
    return (vector, cluster) => {
      const key = JSON.stringify([cluster, Object.entries(vector).toSorted(([a], [b]) => byCodeUnits(a, b))]);
      const found = known.get(key) ?? this.#groundOf(basis, vector, cluster, signal);
      known.delete(key);
      known.set(key, found);
      for (const oldest of known.keys()) if (known.size > groundsKept) known.delete(oldest);
      return found;
    };
  }

  async #groundOf(basis: Basis, vector: Vector, cluster: ClusterName, signal: AbortSignal): Promise<Ground | undefined> {
    const { sources } = this.#options;
    const changed: Changed[] = [];
    for (const [key, commit] of Object.entries(vector)) {
      const snapshot = await this.#versionOf(key, commit);
      if (snapshot === undefined) return undefined;
      changed.push({ key, snapshot });
    }
    return groundAt(basis, this.#sight(), { changed, pathOf: (name) => sources.pathOf(name), only: new Set([cluster]) }, signal);
  }

  /** What cannot be had any more is not at hand: an archive that is gone, a repository that nobody names now. */
  async #versionOf(key: string, commit: string): Promise<Snapshot | undefined> {
    try {
      return await this.#options.sources.commitOf(key, commit);
    } catch (error) {
      if (error instanceof OperationError) return undefined;
      throw error;
    }
  }

  /** A commit of one content, or of the first that has it. */
  async #commitOf(source: string | null, commit: string): Promise<Snapshot | undefined> {
    const { sources } = this.#options;
    if (source !== null) return sources.commitOf(source, commit);
    for (const key of sources.histories()) {
      const found = await sources.commitOf(key, commit);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async names(): Promise<NamesAnswer> {
    const { record, state } = this.#options;
    const basis = this.#options.basis();
    const keys = basis?.resolution.apps.map(({ key }) => key) ?? [];
    const groups = basis?.model.documents.flatMap((document) => (document.kind === "ClusterGroup" ? [document.value.name] : [])) ?? [];
    const shown = keys.length > 2_000 ? keys.map((key) => appKeyParts(key).name) : keys.map((key) => showApp(key, keys));
    return {
      apps: [...new Set(shown)].toSorted(),
      clusters: [...new Set([...state().clusters.keys(), ...record.memory.members.keys()])].toSorted(),
      groups: groups.toSorted(),
    };
  }

  #imagesOf(release: Digest): readonly string[] {
    const known = this.#images.get(release);
    if (known !== undefined) return known;
    const objects = objectsOf(this.#options.record.store, release);
    if (objects === undefined) return [];
    if (this.#images.size >= imagesKept) this.#images.clear();
    const images = imagesIn(objects);
    this.#images.set(release, images);
    return images;
  }

  /** Names as people give them. Throws E_NOT_FOUND. */
  #named({ app, cluster }: { readonly app?: string; readonly cluster?: string }) {
    const { resolution } = this.#basis();
    const { members } = this.#options.record.memory;
    return {
      app: app === undefined ? undefined : appNamed(app, this.#keys()),
      cluster: cluster === undefined || members.has(cluster as ClusterName) ? cluster : clusterNamed(cluster, resolution.clusters).name,
    };
  }

  /** Apps that are declared, and those that are still somewhere. */
  #keys(): readonly AppKey[] {
    const keys = new Set(this.#basis().resolution.apps.map(({ key }) => key));
    for (const { released } of this.#options.record.memory.members.values()) for (const key of released.keys()) keys.add(key);
    return [...keys];
  }

  #basis(): Basis {
    const basis = this.#options.basis();
    if (basis !== null) return basis;
    throw new OperationError("unavailable", "hub", "nothing has been decided yet", undefined, {
      code: "E_NOT_DECIDED",
      remedy: "try again in a moment; muster status shows whether Git can be read",
    });
  }

  #ground(): Ground {
    return hubGround(this.#basis(), this.#sight());
  }

  #sight(): HubSight {
    const { record, renders, sources } = this.#options;
    return { store: record.store, renders, commitOf: (source, commit) => sources.commitOf(source, commit) };
  }

  #pairs(): Pairs {
    const sight = (release: Digest) => objectsOf(this.#options.record.store, release);
    return new Pairs(sight, sight, this.#options.spell);
  }
}

/** Moves of one cluster that a question reads. */
const movesMax = 10_000;
/** Each may hold all Apps of a fleet. */
const groundsKept = 4;

type WhyQuery = Parameters<QuestionsPort["why"]>[0];
type Asked = { readonly cluster: ClusterName; readonly app: AppKey | null } | { readonly cluster: null; readonly app: AppKey };

/** Later moves first; what moved in one moment by App. */
const newestFirst = ({ move }: Moved): string => `${String(1e15 - move.at).padStart(16, "0")} ${move.app} ${move.cluster}`;

function neither(what: string, error: OperationError): OperationError {
  return new OperationError("notFound", "fleet", `there is no cluster and no App ${what}`, error, {
    code: "E_NOT_FOUND",
    remedy: `clusters: ${error.fault?.remedy ?? ""}; muster apps lists the Apps`,
  });
}

const iso = (ms: number): string => new Date(ms).toISOString();

function noSource(name: string, { sources }: Basis): OperationError {
  return new OperationError("notFound", name, `there is no Source ${name}`, undefined, {
    code: "E_NOT_FOUND",
    remedy: `there are: ${sources.map((source) => source.name).join(", ")}`,
  });
}
