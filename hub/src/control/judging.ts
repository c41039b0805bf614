// Which clusters have to be judged again, and what is decided for them: admission says what may be deleted, decide what is released.

import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { Manifest } from "@muster/proto/model/release";
import { actsOf, type Pause } from "../acts/acts.ts";
import { admit, type Admission } from "../admit/admit.ts";
import type { Problem } from "../fleet/fleet.ts";
import type { Placement, ResolvedCluster, Resolution } from "../resolve/resolve.ts";
import { ActsSeen, handed } from "./acts-seen.ts";
import { decide, heldBy, undecidedCluster } from "./decide.ts";
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
  /** Of the whole fleet. */
  readonly problems: readonly Problem[];
};

/** What a judgement needs to know of the turn. */
export type Case = {
  readonly resolution: Resolution;
  /** By resolving, since the last judgement that was taken over. */
  readonly touched: Touched;
  /** Of reading and resolving. */
  readonly problems: readonly Problem[];
  readonly commitOf: (placement: Placement) => string;
};

const manifestsKept = 20_000;
/** An approval is an answer to a question of today: asked again later, it is another question. */
const approvalMs = 86_400_000;
/** Everything is judged again so often, whatever was heard: messages only make things faster. */
const wholeEveryMs = 600_000;

export class Judging {
  readonly #options: JudgingOptions;
  readonly #manifests = new Map<Digest, Manifest>();
  readonly #clusters = new Map<ClusterName, Decided>();
  #due: Touched = "all";
  #wholeAt = 0;
  #approvals: ReadonlySet<Digest> = new Set();
  readonly #acts = new ActsSeen();

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

  /** Approvals that count today; the same object while they are the same. */
  approvals(): ReadonlySet<Digest> {
    const { record, now } = this.#options;
    const since = now() - approvalMs;
    const digests = [...record.memory.approvals.values()].filter(({ at }) => at > since).map(({ digest }) => digest);
    if (digests.length === this.#approvals.size && digests.every((digest) => this.#approvals.has(digest))) return this.#approvals;
    this.#due = "all";
    return (this.#approvals = new Set(digests));
  }

  /** Decides what is due, and changes nothing yet. What is not accepted in the end has to be judged `again`. */
  judge({ resolution: plain, touched, problems, commitOf }: Case): Judged {
    const { record, removeDelayMs, leaveDelayMs, now } = this.#options;
    const at = now();
    const approvals = this.approvals();
    const acts = actsOf(record.memory.acts.values());
    const news = this.#acts.news(acts, at);
    const due = at - this.#wholeAt >= wholeEveryMs ? "all" : union(union(this.#due, touched), news);
    const heldSince = (cluster: ClusterName, app: AppKey): number | undefined =>
      record.memory.members.get(cluster)?.released.get(app)?.since;
    const resolution = handed(plain, acts, heldSince, at);
    const pauses = acts.filter((act) => act.kind === "pause");
    this.#due = new Set(); // what is touched from now on is for the next turn
    const members = [...record.memory.members.values()];
    const admission = admit({
      resolution,
      clusters: members.map(heldBy),
      manifestOf: (release) => this.#manifestOf(release),
      approvals,
      delays: { removeMs: removeDelayMs, orphanMs: leaveDelayMs },
      now: at,
    });
    const spoken = new Map(resolution.clusters.map((cluster) => [cluster.name, cluster]));
    const decideOne = this.#decider(
      { resolution, touched, problems: [...problems, ...admission.problems], commitOf, pauses },
      admission,
      at,
    );
    const names = due === "all" ? new Set([...spoken.keys(), ...record.memory.members.keys()]) : due;
    const decided = [...names].flatMap((name) => decideOne(name, spoken.get(name)) ?? []);
    if (due === "all") this.#wholeAt = at;
    const gone = [...this.#clusters.keys()].filter((name) => !spoken.has(name) && !record.memory.members.has(name));
    return { decided, gone, problems: admission.problems };
  }

  /** Takes a judgement over: it is on disk. */
  accept({ decided, gone }: Judged): void {
    for (const each of decided) this.#clusters.set(each.cluster.name, each);
    for (const name of gone) this.#clusters.delete(name);
  }

  /** What was judged could not be kept or acted on: all of it is judged anew. */
  again(): void {
    this.#due = "all";
  }

  #decider({ resolution, problems, commitOf, pauses }: Case & { readonly pauses: readonly Pause[] }, admission: Admission, now: number) {
    const { members } = this.#options.record.memory;
    const verdicts = new Map(admission.clusters.map((verdict) => [verdict.cluster, verdict]));
    return (name: ClusterName, cluster: ResolvedCluster | undefined): Decided | undefined => {
      const member = members.get(name);
      if (cluster === undefined) return member === undefined ? undefined : undecidedCluster(name, member);
      const placements = resolution.placements.at(name);
      const before = this.#clusters.get(name);
      const verdict = verdicts.get(name);
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
