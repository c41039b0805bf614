// What justifies a delete, counted alike by the hub before it signs and by the agent before it acts.

import { digestOf, type Digest } from "./digest.ts";
import { identityKey, type AppKey, type ObjectIdentity } from "./identity.ts";

/** Kinds whose deletion takes much with it: never without a person's approval. */
const precious: ReadonlySet<string> = new Set([
  "/Namespace",
  "apiextensions.k8s.io/CustomResourceDefinition",
  "/PersistentVolume",
  "/PersistentVolumeClaim",
  "storage.k8s.io/StorageClass",
]);

export type GuardName = "preciousKind" | "clusterShare" | "appShare" | "appToZero";

/** One App's deletes on one cluster: what goes, how many the App had, and whether a tombstone says that the whole App goes. */
export type AppShrink = { readonly deletes: readonly ObjectIdentity[]; readonly before: number; readonly tombstone: boolean };

export const guardLimits = { clusterMin: 10, clusterShare: 0.1, appMin: 4, appShare: 0.5 } as const;

/** True for kinds that are deleted only with an approval. */
export function isPrecious(id: ObjectIdentity): boolean {
  return precious.has(`${id.group}/${id.kind}`);
}

/**
 * The guards that one App's deletes cross. `clusterDeletes` counts the deletes of all Apps of this cluster in the same change,
 * `inventory` the objects that the cluster holds now.
 */
export function crossedGuards(shrink: AppShrink, clusterDeletes: number, inventory: number): readonly GuardName[] {
  const count = shrink.deletes.length;
  if (count === 0) return [];
  const crossed: GuardName[] = [];
  if (shrink.deletes.some(isPrecious)) crossed.push("preciousKind");
  if (clusterDeletes > Math.max(guardLimits.clusterMin, guardLimits.clusterShare * inventory)) crossed.push("clusterShare");
  if (!shrink.tombstone && shrink.before >= guardLimits.appMin && count > guardLimits.appShare * shrink.before) crossed.push("appShare");
  if (!shrink.tombstone && count >= shrink.before) crossed.push("appToZero");
  return crossed;
}

/**
 * What an approval names: the SHA-256 of the App's key and the sorted identities that are to be deleted. Equal clusters share one; another
 * App that would delete the same objects needs its own.
 */
export function deletionDigest(app: AppKey, deletes: readonly ObjectIdentity[]): Digest {
  return digestOf([app, ...deletes.map(identityKey).toSorted()].join("\n"));
}
