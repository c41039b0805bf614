// One App on one Cluster: what every cluster should run, as far as renders are known.

import type { AgentPolicy } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { appDocument, type Problem, type Settings } from "../fleet/fleet.ts";
import type { ClusterIndex } from "./clusters.ts";
import type { Member } from "./family.ts";
import type { RenderAnswer } from "./request.ts";
import type { Group, LayerOrigin } from "./variants.ts";

export type Placement = {
  readonly app: AppKey;
  readonly cluster: ClusterName;
  /** RenderRequest.key. */
  readonly request: Digest;
  /** Null: not rendered yet, or the render failed or is empty. */
  readonly release: Digest | null;
  readonly policy: AgentPolicy;
  /** Sorted; only Apps that this cluster has or may have. */
  readonly dependsOn: readonly AppKey[];
  /** What merged into it, low to high. */
  readonly layers: readonly LayerOrigin[];
  readonly auto: boolean;
  readonly parent: AppKey | null;
  /** Root first; the last one is the parent. */
  readonly ancestors: readonly AppKey[];
  /** The Source that its document lies in. */
  readonly source: string;
  readonly onLeave: "orphan" | "delete";
  /** What becomes of it when its parent goes. */
  readonly withParent: "delete" | "orphan";
};

export type Placed = { readonly placements: readonly Placement[]; readonly problems: readonly Problem[]; readonly complete: boolean };

/** The Placements of one App, in the order of clusters. `elsewhere(app, position)`: true when that App is surely not there. */
export function placementsOf(
  member: Member,
  index: ClusterIndex,
  renders: ReadonlyMap<Digest, RenderAnswer>,
  elsewhere: (app: AppKey, position: number) => boolean,
): Placed {
  const at: (Shared | undefined)[] = [];
  const problems: Problem[] = [];
  let complete = true;
  for (const group of member.variants.groups) {
    const verdict = judge(member, group, renders.get(group.request.key), index);
    problems.push(...verdict.problems);
    complete &&= verdict.complete;
    if (!verdict.placed) continue;
    const shared = share(member, group, verdict.release);
    for (const position of group.members) at[position] = shared;
  }
  const waits = new Waits(member, elsewhere);
  const placements: Placement[] = [];
  at.forEach((shared, position) => {
    const cluster = index.clusters[position];
    if (shared === undefined || cluster === undefined) return;
    placements.push(placement(shared, cluster.name, waits.at(shared.group, position)));
  });
  return { placements, problems: [...problems, ...waits.problems(index)], complete };
}

type Shared = Omit<Placement, "cluster" | "dependsOn"> & { readonly group: Group };

function share(member: Member, group: Group, release: Digest | null): Shared {
  const { claim } = member;
  return {
    group,
    app: claim.key,
    request: group.request.key,
    release,
    policy: policyOf(group.settings),
    layers: group.layers,
    auto: group.settings.sync.auto,
    parent: claim.ancestors.at(-1) ?? null,
    ancestors: claim.ancestors,
    source: group.part.source,
    onLeave: group.settings.sync.onLeave,
    withParent: claim.parentSays,
  };
}

// Written out: this runs once per Placement, a million times in a large fleet.
function placement(shared: Shared, cluster: ClusterName, dependsOn: readonly AppKey[]): Placement {
  return {
    app: shared.app,
    cluster,
    request: shared.request,
    release: shared.release,
    policy: shared.policy,
    dependsOn,
    layers: shared.layers,
    auto: shared.auto,
    parent: shared.parent,
    ancestors: shared.ancestors,
    source: shared.source,
    onLeave: shared.onLeave,
    withParent: shared.withParent,
  };
}

function policyOf({ namespace, sync }: Settings): AgentPolicy {
  return {
    namespace,
    createNamespace: sync.createNamespace,
    prune: sync.prune,
    heal: sync.heal,
    adopt: sync.adopt,
    serviceAccount: sync.serviceAccount,
    timeoutMs: sync.timeoutMs,
    ignore: sync.ignore,
  };
}

type Verdict = {
  readonly release: Digest | null;
  readonly placed: boolean;
  readonly complete: boolean;
  readonly problems: readonly Problem[];
};

/** What a render's answer means for the clusters of one Variant. An App that only renders Apps is placed nowhere. */
function judge(member: Member, group: Group, answer: RenderAnswer | undefined, index: ClusterIndex): Verdict {
  const { claim, variants } = member;
  const say = (code: string, severity: Problem["severity"], message: string, place = group.part.place): Problem => {
    const only = group.members.length === 1 ? index.clusters[group.members[0] ?? 0]?.name : undefined;
    return { code, severity, message, place, subject: appDocument(claim.key), ...(only !== undefined && { cluster: only }) };
  };
  const open = { release: null, placed: variants.targeted, complete: false };
  if (answer === undefined) return { ...open, problems: [] };
  if (answer.kind === "failed") {
    const message = `cannot render App ${claim.key}${where(group, index)}: ${answer.message}`;
    return { ...open, problems: [say(answer.code, "error", message, answer.place)] };
  }
  const { release, apps, objectCount } = answer;
  if (!variants.targeted) {
    if (apps.length === 0)
      return {
        ...open,
        problems: [say("E_NO_TARGETS", "error", `cannot place App ${claim.key}: it has no targets, and what it renders holds no Apps`)],
      };
    const unsent = say(
      "W_NOT_SENT",
      "warning",
      `App ${claim.key}: ${objectCount} objects beside its Apps are sent nowhere, for it has no targets`,
    );
    return { release, placed: false, complete: true, problems: objectCount > 0 ? [unsent] : [] };
  }
  if (objectCount > 0) return { release, placed: true, complete: true, problems: [] };
  if (apps.length > 0) return { release, placed: false, complete: true, problems: [] };
  const empty = `cannot place App ${claim.key}${where(group, index)}: its render is empty; what runs there stays`;
  return { ...open, problems: [say("E_EMPTY_RENDER", "error", empty)] };
}

const namesMax = 3;

function where({ members }: Group, index: ClusterIndex): string {
  if (members.length === 0 || members.length === index.clusters.length) return "";
  return ` for ${showClusters(members, index)}`;
}

function showClusters(positions: readonly number[], index: ClusterIndex): string {
  const names = positions.slice(0, namesMax).map((position) => index.clusters[position]?.name ?? "");
  const more = positions.length - names.length;
  return `${positions.length === 1 ? "cluster" : "clusters"} ${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** dependsOn of each Placement: only Apps that may be on that cluster; equal lists are one list. */
class Waits {
  readonly #member: Member;
  readonly #elsewhere: (app: AppKey, position: number) => boolean;
  readonly #lists = new Map<string, readonly AppKey[]>();
  readonly #missing = new Map<AppKey, number[]>();

  constructor(member: Member, elsewhere: (app: AppKey, position: number) => boolean) {
    this.#member = member;
    this.#elsewhere = elsewhere;
  }

  at(group: Group, position: number): readonly AppKey[] {
    const all = group.part.app.dependsOn;
    if (all.length === 0) return all;
    const here = all.filter((app) => !this.#elsewhere(app, position));
    if (here.length === all.length) return all;
    for (const app of all) if (!here.includes(app)) this.#miss(app, position);
    const text = here.join(" ");
    const known = this.#lists.get(text) ?? here;
    this.#lists.set(text, known);
    return known;
  }

  #miss(app: AppKey, position: number): void {
    const positions = this.#missing.get(app);
    if (positions === undefined) this.#missing.set(app, [position]);
    else positions.push(position);
  }

  problems(index: ClusterIndex): Problem[] {
    const { key, place } = this.#member.claim;
    return [...this.#missing].map(([app, positions]) => ({
      code: "W_DEPENDENCY_ELSEWHERE",
      severity: "warning",
      message: `App ${key}: dependsOn names App ${app}, which is not on ${showClusters(positions, index)}; it is not waited for there`,
      place,
      subject: appDocument(key),
    }));
  }
}
