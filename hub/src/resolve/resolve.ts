// From documents to Placements: who runs what, with which settings, and what has to be rendered for it. Pure, and independent of the
// order of documents. What a cluster may lose is for admit/.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { documentKey, type FleetDocument, type Place, type Problem } from "../fleet/fleet.ts";
import { ClusterIndex, joinClusters, sharedServers, type ResolvedCluster } from "./clusters.ts";
import { wrongDependencies } from "./depend.ts";
import type { Claim } from "./claim.ts";
import { growFamily, type Family, type Member } from "./family.ts";
import { placementsOf, type Placed, type Placement } from "./placements.ts";
import type { RenderAnswer, RenderRequest } from "./request.ts";
import { settleKeys } from "./keys.ts";
import type { FleetModel } from "./model.ts";
import { incompleteApps, mayExist, nextIncumbents } from "./unsure.ts";

export type { Enrolled, ResolvedCluster } from "./clusters.ts";
export type { FleetModel } from "./model.ts";
export { resolveLimits } from "./limits.ts";
export type { Placement } from "./placements.ts";
export type { RenderAnswer, RenderRequest } from "./request.ts";
export type { LayerOrigin } from "./variants.ts";

export type ResolvedApp = {
  readonly key: AppKey;
  readonly place: Place;
  readonly parent: AppKey | null;
  readonly ancestors: readonly AppKey[];
  /** Sorted. */
  readonly children: readonly AppKey[];
  readonly source: string;
  /** False: an App that only renders other Apps. */
  readonly targeted: boolean;
  /** The App's own word; a Placement may have another. */
  readonly onLeave: "orphan" | "delete";
};

export type Resolution = {
  /** Sorted by App, then cluster. */
  readonly placements: readonly Placement[];
  /** Requests without an answer: render them, and call again. */
  readonly needs: readonly RenderRequest[];
  readonly requests: ReadonlyMap<Digest, RenderRequest>;
  /** Sorted by name. */
  readonly clusters: readonly ResolvedCluster[];
  /** Sorted by key. */
  readonly apps: readonly ResolvedApp[];
  readonly problems: readonly Problem[];
  /** Apps whose children are not all known, whose Placements could not all be resolved, or that are there and cannot be read: nothing of theirs may be taken away. */
  readonly incomplete: ReadonlySet<AppKey>;
  /** Clusters whose document is in dispute or cannot be read: nothing there may change. */
  readonly undecided: ReadonlySet<ClusterName>;
  /** Sources that may hold more than is known: Apps of theirs that are not declared may not be taken away. */
  readonly unreadable: ReadonlySet<string>;
  /** To be kept, and given to the next run. */
  readonly incumbents: ReadonlyMap<string, string>;
};

/** Resolves the fleet. Call it again with the answers to `needs` until there are none. */
export function resolve(model: FleetModel, renders: ReadonlyMap<Digest, RenderAnswer>): Resolution {
  const keys = settleKeys(model.documents, model.incumbents);
  const broken = model.broken ?? new Set<string>();
  const undecided = undecidedClusters(keys.disputed, broken);
  const clusters = joinClusters(keys.of("Cluster"), model.enrolled, undecided);
  const groups = new Map([...keys.of("ClusterGroup")].map(({ value }) => [value.name, value]));
  const index = new ClusterIndex(clusters, model.enrolled, groups);
  const roots = model.documents.flatMap((document) => (document.kind === "App" ? [rootClaim(document)] : []));
  const family = growFamily({ roots: inOrder(roots), incumbents: model.incumbents, broken, index, renders });
  const wrong = wrongDependencies(dependents(family), (key) => mayExist(model, family, key));
  const placed = place(family, wrong, index, renders);
  const requests = requestsOf(family);
  const incomplete = incompleteApps(model, family, broken, wrong, placed);
  return {
    placements: [...placed.values()].flatMap(({ placements }) => placements),
    needs: [...requests.values()].filter(({ key }) => !renders.has(key)).toSorted((a, b) => byCodeUnits(a.key, b.key)),
    requests,
    clusters,
    apps: resolvedApps(family),
    problems: sortProblems([
      ...keys.problems,
      ...sharedServers(clusters),
      ...familyProblems(family),
      ...wrong.values(),
      ...[...placed.values()].flatMap(({ problems }) => problems),
    ]),
    incomplete,
    undecided,
    unreadable: model.unreadable ?? new Set(),
    incumbents: nextIncumbents(model, keys.accepted, family, incomplete, broken),
  };
}

function undecidedClusters(...keys: readonly ReadonlySet<string>[]): ReadonlySet<ClusterName> {
  const prefix = documentKey("Cluster", "");
  return new Set(
    keys.flatMap((set) => [...set].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length) as ClusterName)),
  );
}

function rootClaim(document: Extract<FleetDocument, { kind: "App" }>): Claim {
  const { value: app, place } = document;
  const part = { app, place, scope: null, source: place.source, revision: null };
  return { key: app.key, placeId: placeId(place), place, parts: [part], ancestors: [], parentSays: "delete" };
}

const placeId = (place: Place): string => `${place.source}:${place.path}`;

function inOrder(claims: readonly Claim[]): readonly Claim[] {
  return claims.toSorted((a, b) => byCodeUnits(a.key, b.key) || byCodeUnits(a.placeId, b.placeId) || a.place.line - b.place.line);
}

function dependents(family: Family) {
  return new Map(
    [...family.members].map(([key, { claim }]) => {
      const dependsOn = [...new Set(claim.parts.flatMap(({ app }) => app.dependsOn))].toSorted(byCodeUnits);
      return [key, { key, place: claim.place, dependsOn }];
    }),
  );
}

function place(
  family: Family,
  wrong: ReadonlyMap<AppKey, Problem>,
  index: ClusterIndex,
  renders: ReadonlyMap<Digest, RenderAnswer>,
): Map<AppKey, Placed> {
  const sites = new Map<AppKey, ReadonlySet<number>>();
  const elsewhere = (app: AppKey, position: number): boolean => {
    const member = family.members.get(app);
    if (member === undefined || !member.variants.complete) return false;
    const known = sites.get(app) ?? new Set(member.variants.groups.flatMap(({ members }) => members));
    sites.set(app, known);
    return !known.has(position);
  };
  return new Map(
    [...family.members].filter(([key]) => !wrong.has(key)).map(([key, member]) => [key, placementsOf(member, index, renders, elsewhere)]),
  );
}

function requestsOf(family: Family): ReadonlyMap<Digest, RenderRequest> {
  const requests = new Map<Digest, RenderRequest>();
  for (const { variants } of family.members.values()) for (const { request } of variants.groups) requests.set(request.key, request);
  return requests;
}

function resolvedApps(family: Family): ResolvedApp[] {
  const children = new Map<AppKey, AppKey[]>();
  for (const [key, { claim }] of family.members) {
    const parent = claim.ancestors.at(-1);
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), key]);
  }
  return [...family.members].map(([key, { claim, variants }]) => ({
    key,
    place: claim.place,
    parent: claim.ancestors.at(-1) ?? null,
    ancestors: claim.ancestors,
    children: children.get(key) ?? [],
    source: claim.parts[0]?.source ?? claim.place.source,
    targeted: variants.targeted,
    onLeave: claim.parts[0]?.app.onLeave ?? "orphan",
  }));
}

function familyProblems(family: Family): Problem[] {
  return [
    ...family.problems,
    ...[...family.members.values()].flatMap(({ variants, birth }: Member) => [...variants.problems, ...birth.problems]),
  ];
}

function sortProblems(problems: readonly Problem[]): Problem[] {
  const text = (problem: Problem): string => {
    const { place } = problem;
    return `${place?.source ?? ""}\0${place?.path ?? ""}\0${String(place?.line ?? 0).padStart(9, "0")}\0${problem.code}\0${problem.cluster ?? ""}\0${problem.message}`;
  };
  return problems
    .map((problem) => ({ problem, text: text(problem) }))
    .toSorted((a, b) => byCodeUnits(a.text, b.text))
    .map(({ problem }) => problem);
}
