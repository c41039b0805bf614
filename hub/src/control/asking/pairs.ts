// Differences between Releases: each pair is compared once, however many clusters have it.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { AgentPolicy } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { ClusterName } from "@muster/proto/model/identity";
import type { JsonValue } from "@muster/proto/model/json";
import type { Spell } from "@muster/proto/model/mask";
import { differenceOf, fieldChanges, type Declared } from "../../view/difference.ts";
import type { FieldChange, ObjectChange } from "../../view/questions.ts";

export type ObjectsOf = (release: Digest) => readonly Declared[] | undefined;

/** What is compared: null where the App is not there. */
export type Pinned = { readonly release: Digest; readonly policy: AgentPolicy } | null;

export type Difference = { readonly objects: readonly ObjectChange[]; readonly policy: readonly FieldChange[] };

export class Pairs {
  readonly #before: ObjectsOf;
  readonly #after: ObjectsOf;
  readonly #spell: Spell;
  readonly #known = new Map<string, readonly ObjectChange[]>();

  constructor(before: ObjectsOf, after: ObjectsOf, spell: Spell) {
    this.#before = before;
    this.#after = after;
    this.#spell = spell;
  }

  /** Throws E_RELEASE_GONE when a Release is not kept any more: nothing is said about what nobody can see. */
  between(from: Pinned, to: Pinned): Difference {
    const policy = from === null || to === null ? [] : fieldChanges(from.policy as unknown as JsonValue, to.policy as unknown as JsonValue);
    return { objects: this.objects(from?.release ?? null, to?.release ?? null), policy };
  }

  objects(from: Digest | null, to: Digest | null): readonly ObjectChange[] {
    if (from === to) return [];
    const key = `${from} ${to}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const changes = differenceOf(read(this.#before, from), read(this.#after, to), this.#spell);
    this.#known.set(key, changes);
    return changes;
  }
}

function read(objectsOf: ObjectsOf, release: Digest | null): readonly Declared[] {
  if (release === null) return [];
  const objects = objectsOf(release);
  if (objects === undefined)
    throw new OperationError("notFound", release, `Release ${release.slice(0, 12)} is not kept any more`, undefined, {
      code: "E_RELEASE_GONE",
      remedy: "ask again in a minute; render the commit with muster render",
    });
  return objects;
}

/** One of equal things for all the clusters that have it. Clusters are sorted, things stay in order. */
export function joinClusters<T extends object>(
  all: readonly (T & { readonly cluster: ClusterName })[],
  keyOf: (one: T) => string,
): readonly (Omit<T, "cluster"> & { readonly clusters: readonly ClusterName[] })[] {
  return [...Map.groupBy(all, keyOf).values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { cluster: _, ...rest } = first;
    return [{ ...rest, clusters: group.map(({ cluster }) => cluster).toSorted(byCodeUnits) }];
  });
}
