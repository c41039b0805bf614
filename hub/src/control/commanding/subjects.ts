// Which App on which clusters a person means. Names are taken as they are shown: the key, `tenant/name`, or the name alone where it is
// unique.

import { byCodeUnits } from "@muster/proto/model/canonical";
import { OperationError } from "@muster/proto/model/failure";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { matches } from "../answers.ts";
import type { FleetState } from "../fleet-state.ts";
import type { Memory } from "../memory.ts";

export type World = { readonly memory: Memory; readonly state: () => FleetState };

/** A cluster that is enrolled or in Git. Throws OperationError "notFound". */
export function clusterOf({ memory, state }: World, name: string): ClusterName {
  const cluster = name as ClusterName;
  if (memory.members.has(cluster) || state().clusters.has(cluster)) return cluster;
  throw new OperationError("notFound", name, `there is no cluster ${name}`, undefined, {
    code: "E_NO_CLUSTER",
    remedy: "muster clusters lists them",
  });
}

/** The one App of that name, anywhere or on one cluster, and where it is. Throws OperationError "notFound", or "invalid" for two of a name. */
export function appOf(
  world: World,
  name: string,
  cluster?: ClusterName,
): { readonly app: AppKey; readonly clusters: readonly ClusterName[] } {
  const found = new Map<AppKey, ClusterName[]>();
  for (const [at, apps] of placesOf(world)) {
    if (cluster !== undefined && at !== cluster) continue;
    for (const app of apps) if (matches(name, app)) found.set(app, [...(found.get(app) ?? []), at]);
  }
  const [first, ...others] = [...found].toSorted(([a], [b]) => byCodeUnits(a, b));
  if (first === undefined)
    throw new OperationError(
      "notFound",
      name,
      `there is no App ${name}${cluster === undefined ? "" : ` on cluster ${cluster}`}`,
      undefined,
      {
        code: "E_NO_APP",
        remedy: "muster apps lists them",
      },
    );
  if (others.length > 0)
    throw new OperationError("invalid", name, `${name} may be ${[...found.keys()].toSorted(byCodeUnits).join(" or ")}`, undefined, {
      code: "E_AMBIGUOUS",
      remedy: "give the whole key",
    });
  const [app, clusters] = first;
  return { app, clusters: clusters.toSorted(byCodeUnits) };
}

/** All Apps of each cluster: wanted, released, or reported. */
function* placesOf({ memory, state }: World): Iterable<readonly [ClusterName, ReadonlySet<AppKey>]> {
  const decided = state().clusters;
  for (const cluster of new Set([...decided.keys(), ...memory.members.keys()])) {
    const member = memory.members.get(cluster);
    yield [
      cluster,
      new Set([
        ...(decided.get(cluster)?.placements.keys() ?? []),
        ...(member?.released.keys() ?? []),
        ...(member?.tombstones.keys() ?? []),
        ...(member?.statuses.keys() ?? []),
      ]),
    ];
  }
}
