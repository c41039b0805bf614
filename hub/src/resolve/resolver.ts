// Resolving from call to call: what differs from the last call is found first, and only what hangs on it is worked out again. What it
// answers is always what a fresh one would answer; the memos only save work.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { documentKey, rootSourceName, type ClusterGroup, type FleetDocument, type Problem } from "../fleet/fleet.ts";
import type { AppWork, Turn } from "./app-work.ts";
import { AppList } from "./app-list.ts";
import type { Claim } from "./claim.ts";
import { Clusters, Servers, type ClusterChanges } from "./clusters.ts";
import { Dependencies } from "./depend.ts";
import { SourceNames, type Desk } from "./desk.ts";
import { diffDocuments, type DocumentDiff } from "./diff.ts";
import { FamilyTree, type Family } from "./family.ts";
import { Knowledge } from "./knowledge.ts";
import { placeId, SettledKeys } from "./keys.ts";
import type { FleetModel } from "./model.ts";
import { PlacementBook } from "./placements.ts";
import { Placing } from "./placing.ts";
import { ProblemList } from "./problem-list.ts";
import { RequestBook } from "./request-book.ts";
import type { RenderAnswer } from "./request.ts";
import type { Resolution, Settled } from "./resolution.ts";
import { Rollouts } from "./rollouts.ts";
import { keepMap, keepSet } from "./same.ts";
import { SlotSet } from "./slots.ts";
import { Selections } from "./selections.ts";
import { mayExist } from "./unsure.ts";

const nobody: ReadonlySet<string> = new Set();

/** The memos of one Resolver; thrown away whole when something throws in the midst of a turn. */
export class ResolverState {
  readonly #clusters = new Clusters();
  readonly #servers = new Servers();
  readonly #keys = new SettledKeys();
  readonly #desk: Desk;
  readonly #family: FamilyTree;
  readonly #book: PlacementBook;
  readonly #dependencies = new Dependencies();
  readonly #apps = new AppList();
  readonly #knowledge = new Knowledge();
  readonly #problems = new ProblemList();
  readonly #roots = new Map<FleetDocument, Claim>();
  readonly #placings = new Map<AppKey, { readonly work: AppWork; readonly placing: Placing }>();
  #rootList: readonly Claim[] = [];
  #documents: readonly FleetDocument[] = [];
  #groups: ReadonlyMap<string, ClusterGroup> = new Map();
  #broken = nobody;
  #unreadable = nobody;
  #undecided: ReadonlySet<ClusterName> = new Set();
  #incumbents: ReadonlyMap<string, string> = new Map();
  #serial = 0;
  #told: Resolution | null = null;

  constructor() {
    const clusters = this.#clusters;
    this.#desk = {
      clusters,
      selections: new Selections(clusters),
      requests: new RequestBook(),
      sources: new SourceNames(),
      rollouts: new Rollouts(),
    };
    this.#family = new FamilyTree(this.#desk);
    this.#book = new PlacementBook(clusters);
  }

  turn(model: FleetModel, renders: ReadonlyMap<Digest, RenderAnswer>, changed: ReadonlySet<Digest> | undefined): Resolution {
    this.#serial += 1;
    const touched = new Set<ClusterName>();
    const touchedApps = new Set<AppKey>();
    this.#incumbents = keepMap(this.#incumbents, model.incumbents);
    this.#broken = keepSet(this.#broken, model.broken ?? nobody);
    this.#unreadable = keepSet(this.#unreadable, model.unreadable ?? nobody);
    const diff = diffDocuments(this.#documents, model.documents);
    this.#documents = model.documents;
    const rootsMoved = this.#takeRoots(diff);
    const undecidedBefore = this.#undecided;
    const clusters = this.#takeClusters(diff, model);
    for (const name of clusters.names) touched.add(name);
    for (const name of this.#undecided.symmetricDifference(undecidedBefore)) touched.add(name);
    const sourcesChanged = this.#takeSources(diff, model);
    this.#desk.selections.update(clusters.slots, this.#groups);
    this.#desk.requests.update(renders, changed);
    const turn: Turn = { serial: this.#serial, slots: clusters.slots, moved: clusters.moved, sourcesChanged };
    if (diff.added.length + diff.removed.length > 0) this.#rootList = [...this.#roots.values()];
    const roots = this.#rootList;
    const family = this.#family.grow({ roots, rootsMoved, incumbents: this.#incumbents, broken: this.#broken }, turn);
    const { adopted } = this.#family;
    const wrong = this.#dependencies.update(family, adopted, (key) => mayExist({ ...model, incumbents: this.#incumbents }, family, key));
    this.#place(family, wrong, clusters, touched, touchedApps);
    if (adopted) for (const key of this.#apps.update(family)) touchedApps.add(key);
    const known = { family, wrong, keys: this.#keys, incumbents: this.#incumbents, broken: this.#broken, unreadable: this.#unreadable };
    for (const key of this.#knowledge.update(known)) touchedApps.add(key);
    return this.#resolution(family, wrong, touched, touchedApps);
  }

  /** True when Apps of files came, went or moved. */
  #takeRoots({ added, removed }: DocumentDiff): boolean {
    const ids = new Map<string, number>();
    const count = ({ key, placeId: where }: Claim, by: number): void => {
      const id = `${key} ${where}`;
      ids.set(id, (ids.get(id) ?? 0) + by);
    };
    for (const document of removed) {
      const claim = this.#roots.get(document);
      if (claim !== undefined) count(claim, -1);
      this.#roots.delete(document);
    }
    for (const document of added) {
      if (document.kind !== "App") continue;
      const claim = rootClaim(document);
      this.#roots.set(document, claim);
      count(claim, 1);
    }
    return [...ids.values()].some((balance) => balance !== 0);
  }

  #takeClusters({ added, removed }: DocumentDiff, model: FleetModel): ClusterChanges {
    const changed = this.#keys.update(added, removed, this.#incumbents);
    const undecided = keepSet(this.#undecided, undecidedClusters(this.#keys.disputed, this.#broken));
    this.#undecided = undecided;
    const prefix = documentKey("Cluster", "");
    const documents = [...changed].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length) as ClusterName);
    const documentOf = (name: ClusterName) => this.#keys.get("Cluster", name);
    const changes = this.#clusters.update({ documents, documentOf, enrolled: model.enrolled, undecided });
    this.#servers.update(changes.names, this.#at);
    if ([...changed].some((key) => key.startsWith("ClusterGroup "))) {
      this.#groups = new Map(this.#keys.of("ClusterGroup").map(({ value }) => [value.name, value]));
    }
    return changes;
  }

  readonly #at = (name: ClusterName) => {
    const slot = this.#clusters.slotOf(name);
    return slot === undefined ? undefined : this.#clusters.at(slot);
  };

  /** Every Source that documents lie in exists, also one without a document of its own. */
  #takeSources({ added, removed }: DocumentDiff, { documents, sources = [] }: FleetModel): boolean {
    if (this.#serial > 1 && added.length + removed.length === 0) return false;
    const declared = this.#keys.of("Source");
    const names = new Set<string>([rootSourceName, ...sources, ...declared.map(({ value }) => value.name)]);
    for (const { place } of documents) names.add(place.source);
    const rolloutsChanged = this.#desk.rollouts.update(declared);
    return this.#desk.sources.update(names) || rolloutsChanged;
  }

  #place(
    family: Family,
    wrong: ReadonlyMap<AppKey, Problem>,
    clusters: ClusterChanges,
    touched: Set<ClusterName>,
    touchedApps: Set<AppKey>,
  ): void {
    const slots = new SlotSet();
    let app: AppKey | null = null;
    const touch = (slot: number): void => {
      slots.add(slot);
      if (app !== null) touchedApps.add(app);
      app = null;
    };
    for (const [key, { work, placing }] of this.#placings) {
      if (family.members.get(key) === work) continue;
      app = key;
      placing.close(touch);
      this.#placings.delete(key);
    }
    for (const [key, work] of family.members) {
      let placed = this.#placings.get(key);
      if (placed === undefined) {
        placed = { work, placing: new Placing(work, this.#clusters, this.#book) };
        this.#placings.set(key, placed);
      }
      app = key;
      placed.placing.update(family.members, wrong.has(key), clusters.moved, touch);
    }
    slots.each((slot) => {
      const name = this.#clusters.at(slot)?.name;
      if (name !== undefined) touched.add(name);
    });
  }

  /** What the last turn answered, for good. */
  settled(): Settled {
    const told = this.#told;
    if (told === null) throw new TypeError("nothing was resolved yet");
    return { ...told, placements: this.#book.freeze(told.clusters), requests: this.#desk.requests.freeze() };
  }

  #resolution(
    family: Family,
    wrong: ReadonlyMap<AppKey, Problem>,
    touched: ReadonlySet<ClusterName>,
    touchedApps: ReadonlySet<AppKey>,
  ): Resolution {
    const lists = [...this.#placings.values()].flatMap(({ work, placing }) => [work.problems, placing.problems]);
    const whole = [
      this.#keys.problems,
      this.#servers.problems(this.#at),
      family.problems,
      this.#desk.rollouts.problems,
      [...wrong.values()],
    ];
    return (this.#told = {
      placements: this.#book,
      needs: this.#desk.requests.open.toSorted((a, b) => byCodeUnits(a.key, b.key)),
      requests: this.#desk.requests.requests,
      clusters: this.#clusters.list,
      groups: this.#groups,
      apps: this.#apps.list,
      problems: this.#problems.sorted([...whole, ...lists]),
      incomplete: this.#knowledge.incomplete,
      undecided: this.#undecided,
      unreadable: this.#unreadable,
      incumbents: this.#knowledge.incumbents,
      touched: this.#serial === 1 ? "all" : touched,
      touchedApps: this.#serial === 1 ? "all" : touchedApps,
    });
  }
}

function undecidedClusters(...keys: readonly ReadonlySet<string>[]): ReadonlySet<ClusterName> {
  const prefix = documentKey("Cluster", "");
  return new Set(
    keys.flatMap((set) => [...set].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length) as ClusterName)),
  );
}

function rootClaim(document: Extract<FleetDocument, { kind: "App" }>): Claim {
  const { value: app, place } = document;
  const part = { app, place, start: { source: place.source, revision: null, remote: null }, scope: null };
  return { key: app.key, placeId: placeId(document), place, parts: [part], ancestors: [], parentSays: "delete" };
}
