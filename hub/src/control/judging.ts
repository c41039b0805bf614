// Which clusters have to be judged again, and what is decided for them: people's pauses and words, then admission says what may be
// deleted, then decide what is released.

import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { Manifest } from "@muster/proto/model/release";
import { actsOf, wakeAt, type Act } from "../acts/acts.ts";
import { Admitter, type Admission } from "../admit/admit.ts";
import type { Problem } from "../fleet/fleet.ts";
import type { Placement, ResolvedCluster, Resolution } from "../resolve/resolve.ts";
import { decide, heldBy, undecidedCluster } from "./decide.ts";
import { ActsSeen, handed } from "./acts-seen.ts";
import type { Decided } from "./fleet-state.ts";
import type { HubRecord } from "./record.ts";
import { union, type Touched } from "./touched.ts";

export type JudgingOptions = {
  readonly record: HubRecord;
  readonly removeDelayMs: number;
  readonly leaveDelayMs: number;
  readonly now: () => number;
};

export type Judged = {
  /** Those that were due. */
  readonly decided: readonly Decided[];
  /** Clusters that are no more. */
  readonly gone: readonly ClusterName[];
  /** As they were resolved. */
  readonly clusters: Resolution["clusters"];
  /** Of the whole fleet. */
  readonly problems: readonly Problem[];
};

/** What a judgement needs to know of the turn. `touched`, `apps`: by resolving, since the last judgement that was taken over. */
export type Case = {
  readonly resolution: Resolution;
  readonly touched: Touched;
  readonly apps: ReadonlySet<AppKey> | "all";
  /** Of reading and resolving. */
  readonly problems: readonly Problem[];
  readonly commitOf: (placement: Placement) => string;
};

const manifestsKept = 20_000;
/** An approval is an answer to a question of today: asked again later, it is another question. */
const approvalMs = 86_400_000;
/** Everything is judged again so often, whatever was heard: messages only make things faster. */
const wholeEveryMs = 3_600_000;

export class Judging {
  readonly #options: JudgingOptions;
  readonly #manifests = new Map<Digest, Manifest>();
  readonly #clusters = new Map<ClusterName, Decided>();
  readonly #wakes = new Map<ClusterName, number>();
  readonly #admitter = new Admitter();
  #due: Touched = "all";
  /** The clusters of the last judgement that was taken over: none of them is gone since. */
  #accepted: Resolution["clusters"] | undefined;
  #spoken: { readonly clusters: Resolution["clusters"]; readonly byName: ReadonlyMap<ClusterName, ResolvedCluster> } = {
    clusters: [],
    byName: new Map(),
  };
  #wholeAt = 0;
  #problems: ReadonlySet<Problem> = new Set();
  #approvals: ReadonlySet<Digest> = new Set();
  readonly #actsSeen = new ActsSeen();
  #acts: readonly Act[] = [];
  #actsWakeAt = Number.POSITIVE_INFINITY;

  constructor(options: JudgingOptions) {
    this.#options = options;
  }

  /** What was decided last for each cluster; changes with `accept`. */
  get clusters(): ReadonlyMap<ClusterName, Decided> {
    return this.#clusters;
  }

  /** Something about one cluster changed. */
  touch(cluster: ClusterName): void {
    this.#due = union(this.#due, new Set([cluster]));
  }

  /** What was judged could not be kept or acted on: all of it is judged anew. */
  again(): void {
    this.#due = "all";
  }

  /** Approvals that count today; the same object while they are the same. */
  approvals(): ReadonlySet<Digest> {
    const { record, now } = this.#options;
    const since = now() - approvalMs;
    const digests = [...record.memory.approvals.values()].filter(({ at }) => at > since).map(({ digest }) => digest);
    if (digests.length === this.#approvals.size && digests.every((digest) => this.#approvals.has(digest))) return this.#approvals;
    this.#due = "all"; // what an agent holds by its own count is let go here too
    return (this.#approvals = new Set(digests));
  }

  /** Milliseconds until time alone has something to decide. */
  wakesInMs(): number {
    let at = this.#actsWakeAt;
    for (const each of this.#wakes.values()) if (each < at) at = each;
    return Math.max(0, at - this.#options.now());
  }

  /** Decides what is due, and changes nothing yet. What is not accepted in the end has to be judged `again`. */
  judge({ resolution, touched, apps, problems, commitOf }: Case): Judged {
    const { record, removeDelayMs, leaveDelayMs, now } = this.#options;
    const { members } = record.memory;
    const at = now();
    const approvals = this.approvals();
    this.#heed(at);
    const news = union(touched, this.#told(problems, resolution));
    const due = at - this.#wholeAt >= wholeEveryMs ? "all" : union(union(this.#due, news), this.#woken(at));
    this.#due = new Set(); // what is touched from now on is for the next turn
    if (due === "all") this.#wholeAt = at;
    const admission = this.#admitter.admit({
      resolution: handed(resolution, this.#acts, this.#heldSince, at),
      clusters: (due === "all" ? [...members.values()] : [...due].flatMap((name) => members.get(name) ?? [])).map(heldBy),
      ...(due !== "all" && { only: due, apps }),
      manifestOf: (release) => this.#manifestOf(release),
      approvals,
      delays: { removeMs: removeDelayMs, orphanMs: leaveDelayMs },
      now: at,
    });
    const spoken = this.#spokenOf(resolution.clusters);
    const judgedToo = admission.clusters.map(({ cluster }) => cluster);
    const names = due === "all" ? new Set([...spoken.keys(), ...members.keys()]) : new Set([...due, ...judgedToo]);
    const decideOne = this.#decider({ resolution, problems: [...problems, ...admission.problems], commitOf }, admission, at);
    const decided = [...names].flatMap((name) => decideOne(name, spoken.get(name)) ?? []);
    const listed = resolution.clusters === this.#accepted && due !== "all";
    const gone = listed ? [] : [...this.#clusters.keys()].filter((name) => !spoken.has(name) && !members.has(name));
    return { decided, gone, problems: admission.problems, clusters: resolution.clusters };
  }

  /** Takes a judgement over: it is on disk. */
  accept({ decided, gone, clusters }: Judged): void {
    this.#accepted = clusters;
    for (const each of decided) this.#clusters.set(each.cluster.name, each);
    for (const name of gone) this.#clusters.delete(name);
  }

  /** By name; the same map as long as the list is the same. */
  #spokenOf(clusters: Resolution["clusters"]): ReadonlyMap<ClusterName, ResolvedCluster> {
    if (clusters !== this.#spoken.clusters)
      this.#spoken = { clusters, byName: new Map(clusters.map((cluster) => [cluster.name, cluster])) };
    return this.#spoken.byName;
  }

  /** Takes up what people do by hand. */
  #heed(at: number): void {
    this.#acts = actsOf(this.#options.record.memory.acts.values());
    this.#actsWakeAt = wakeAt(this.#acts, at) ?? Number.POSITIVE_INFINITY;
    this.#due = union(this.#due, this.#actsSeen.news(this.#acts, at));
  }

  /** When what is released of an App to a cluster was released. */
  readonly #heldSince = (cluster: ClusterName, app: AppKey): number | undefined =>
    this.#options.record.memory.members.get(cluster)?.released.get(app)?.since;

  /** Clusters for which something is wrong that was not, or was otherwise: what they wait for has another reason now. */
  #told(problems: readonly Problem[], { placements }: Resolution): ReadonlySet<ClusterName> {
    const clusters = new Set<ClusterName>();
    for (const problem of problems) {
      const { subject = "", cluster, severity } = problem;
      if (this.#problems.has(problem) || severity !== "error" || !subject.startsWith("App ")) continue;
      if (cluster !== undefined) clusters.add(cluster);
      else for (const placement of placements.of(subject.slice("App ".length) as AppKey)) clusters.add(placement.cluster);
    }
    this.#problems = new Set(problems);
    return clusters;
  }

  #woken(at: number): ReadonlySet<ClusterName> {
    const names = new Set<ClusterName>();
    for (const [name, wake] of this.#wakes) if (wake <= at) names.add(name);
    return names;
  }

  #decider({ resolution, problems, commitOf }: Pick<Case, "resolution" | "problems" | "commitOf">, admission: Admission, now: number) {
    const { members } = this.#options.record.memory;
    const verdicts = new Map(admission.clusters.map((verdict) => [verdict.cluster, verdict]));
    const pauses = this.#acts.filter((act) => act.kind === "pause");
    return (name: ClusterName, cluster: ResolvedCluster | undefined): Decided | undefined => {
      const member = members.get(name);
      const verdict = verdicts.get(name);
      if (verdict?.wakeAt == null) this.#wakes.delete(name);
      else this.#wakes.set(name, verdict.wakeAt);
      if (cluster === undefined) return member === undefined ? undefined : undecidedCluster(name, member);
      const placements = resolution.placements.at(name);
      const before = this.#clusters.get(name);
      return decide({ cluster, member, placements, verdict, problems, commitOf, approvals: this.#approvals, pauses, before, now });
    };
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
