// What questions are answered from: a fleet as it was resolved and rendered, with its files at hand. The hub's last decision is one, a
// repository without a hub another, a branch that nobody released a third.

import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import { isCalled, showApp, type AppKey, type ClusterName } from "@muster/proto/model/identity";
import type { FleetDocument, Problem } from "../../fleet/fleet.ts";
import type { Snapshot } from "../../git/git.ts";
import type { Enrolled, Placement, RenderAnswer, ResolvedCluster, Settled } from "../../resolve/resolve.ts";
import type { Declared } from "../../view/difference.ts";
import type { ContentRef } from "../sources/content.ts";
import type { Renders } from "../renders/renders.ts";

export type Ground = {
  /** Of the root Source; null: files that are in no commit. */
  readonly commit: string | null;
  readonly documents: readonly FleetDocument[];
  readonly enrolled: readonly Enrolled[];
  readonly resolution: Settled;
  /** Of renders that hold Apps, at least. */
  readonly answers: ReadonlyMap<Digest, RenderAnswer>;
  readonly problems: readonly Problem[];
  /** The Snapshot of a Source that was resolved; undefined for a Source that is not known. */
  readonly snapshotOf: (source: string) => Snapshot | undefined;
  /** What a request's files are of; undefined where it is not there. */
  readonly contentOf: (ref: ContentRef) => { readonly key: string; readonly snapshot: Snapshot } | undefined;
  /** A commit of a Source's history, as far as it is at hand. */
  readonly commitOf: (source: string, commit: string) => Promise<Snapshot | undefined>;
  readonly trial: Renders["trial"];
  /** Sorted by identity; undefined where the Release is not at hand. */
  readonly objectsOf: (release: Digest) => readonly Declared[] | undefined;
};

const namesMax = 12;

/** An App by its key, `tenant/name` or its name. Throws E_NOT_FOUND, or E_USAGE where several are called so. */
export function appNamed(name: string, keys: readonly AppKey[]): AppKey {
  const found = keys.filter((key) => isCalled(key, name));
  const [only] = found;
  if (only === undefined)
    throw absent(
      `there is no App ${name}`,
      keys.map((key) => showApp(key, keys)),
    );
  if (found.length > 1)
    throw new OperationError("invalid", name, `several Apps are called ${name}`, undefined, {
      code: "E_AMBIGUOUS",
      remedy: `say which: ${found.join(", ")}`,
    });
  return only;
}

/** Throws E_NOT_FOUND with the names that there are. */
export function clusterNamed(name: string, clusters: readonly ResolvedCluster[]): ResolvedCluster {
  const found = clusters.find((cluster) => cluster.name === name);
  if (found !== undefined) return found;
  throw absent(
    `there is no cluster ${name}`,
    clusters.map((cluster) => cluster.name),
  );
}

/** Throws E_NOT_FOUND where the App is not on the cluster. */
export function placementOf({ resolution }: Ground, app: AppKey, cluster: ClusterName): Placement {
  const found = resolution.placements.get(app, cluster);
  if (found !== undefined) return found;
  const own = resolution.placements.of(app);
  throw absent(
    `App ${app} is not on cluster ${cluster}`,
    own.map((placement) => placement.cluster),
    "it is on",
  );
}

function absent(message: string, names: readonly string[], before = "there are"): OperationError {
  const shown = names.slice(0, namesMax).join(", ") + (names.length > namesMax ? ", ..." : "");
  const remedy = names.length === 0 ? "there are none" : `${before}: ${shown}`;
  return new OperationError("notFound", "fleet", message, undefined, { code: "E_NOT_FOUND", remedy });
}
