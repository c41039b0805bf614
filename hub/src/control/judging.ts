// Which clusters have to be judged again, and what is decided for them: admission says what may be deleted, decide what is released.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { Digest } from "@muster/proto/model/digest";
import type { ClusterName } from "@muster/proto/model/identity";
import type { Manifest } from "@muster/proto/model/release";
import { admit, type Admission } from "../admit/admit.ts";
import type { Problem } from "../fleet/fleet.ts";
import type { Placement, Resolution } from "../resolve/resolve.ts";
import { decide, heldBy, undecidedCluster } from "./decide.ts";
import type { Decided } from "./fleet-state.ts";
import type { HubRecord } from "./record.ts";

export type JudgingOptions = {
  readonly record: HubRecord;
  readonly removeDelayMs: number;
  readonly leaveDelayMs: number;
  readonly now: () => number;
};

export type Judged = {
  /** Those that were judged now. */
  readonly decided: readonly Decided[];
  /** Of the whole fleet. */
  readonly problems: readonly Problem[];
};

const manifestsKept = 20_000;
/** An approval is an answer to a question of today: asked again later, it is another question. */
const approvalMs = 86_400_000;

export class Judging {
  readonly #options: JudgingOptions;
  readonly #manifests = new Map<Digest, Manifest>();
  readonly #clusters = new Map<ClusterName, Decided>();

  constructor(options: JudgingOptions) {
    this.#options = options;
  }

  /** What was decided last for each cluster; changes with `accept`. */
  get clusters(): ReadonlyMap<ClusterName, Decided> {
    return this.#clusters;
  }

  approvals(): ReadonlySet<Digest> {
    const { record, now } = this.#options;
    const since = now() - approvalMs;
    return new Set([...record.memory.approvals.values()].filter(({ at }) => at > since).map(({ digest }) => digest));
  }

  /** Decides, and changes nothing yet. `problems`: of reading and resolving. */
  judge(resolution: Resolution, problems: readonly Problem[], commitOf: (placement: Placement) => string): Judged {
    const { record, removeDelayMs, leaveDelayMs, now } = this.#options;
    const approvals = this.approvals();
    const members = [...record.memory.members.values()];
    const admission = admit({
      resolution,
      clusters: members.map(heldBy),
      manifestOf: (release) => this.#manifestOf(release),
      approvals,
      delays: { removeMs: removeDelayMs, orphanMs: leaveDelayMs },
      now: now(),
    });
    const all = [...problems, ...admission.problems];
    return { decided: this.#decide(resolution, admission, all, commitOf, approvals), problems: admission.problems };
  }

  /** Takes a judgement over: it is on disk. */
  accept({ decided }: Judged): void {
    for (const each of decided) this.#clusters.set(each.cluster.name, each);
    const known = new Set(decided.map(({ cluster }) => cluster.name));
    for (const name of this.#clusters.keys()) if (!known.has(name)) this.#clusters.delete(name);
  }

  #decide(
    resolution: Resolution,
    admission: Admission,
    problems: readonly Problem[],
    commitOf: (placement: Placement) => string,
    approvals: ReadonlySet<Digest>,
  ): readonly Decided[] {
    const { record, now } = this.#options;
    const { members } = record.memory;
    const verdicts = new Map(admission.clusters.map((verdict) => [verdict.cluster, verdict]));
    const placements = Map.groupBy(resolution.placements, ({ cluster }) => cluster);
    const decided = resolution.clusters.map((cluster) =>
      decide({
        cluster,
        member: members.get(cluster.name),
        placements: placements.get(cluster.name) ?? [],
        verdict: verdicts.get(cluster.name),
        problems,
        commitOf,
        approvals,
        before: this.#clusters.get(cluster.name),
        now: now(),
      }),
    );
    const known = new Set(decided.map(({ cluster }) => cluster.name));
    const unspoken = [...members].filter(([name]) => !known.has(name)).map(([name, member]) => undecidedCluster(name, member));
    return [...decided, ...unspoken].toSorted((a, b) => byCodeUnits(a.cluster.name, b.cluster.name));
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
