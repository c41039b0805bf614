// What kinds the cluster has, over time: a stale, partial or failed discovery keeps what was known, and a kind is gone only after two
// complete answers without it, some seconds apart. Pure: the caller says what was answered and when.

import type { DiscoveredVersion, Mapping } from "./discovered.ts";

type Known = {
  readonly mapping: Mapping;
  /** Position in the server's order of preference. */ readonly rank: number;
  readonly missingSince: number | undefined;
};

export type Catalog = {
  /** By group, version and kind. */
  readonly known: ReadonlyMap<string, Known>;
  /** `group/version` that the newest answer could not describe. */
  readonly stale: readonly string[];
  /** When the first and the newest complete answer came: neither had what `known` lacks. */
  readonly complete: { readonly first: number; readonly newest: number } | undefined;
};

export const emptyCatalog: Catalog = { known: new Map(), stale: [], complete: undefined };

/** The catalog after an answer. `now` and `goneAfterMs` in milliseconds. */
export function learn(catalog: Catalog, versions: readonly DiscoveredVersion[], now: number, goneAfterMs: number): Catalog {
  const stale = new Set(versions.filter((version) => !version.known).map(({ group, version }) => `${group}/${version}`));
  const known = new Map<string, Known>();
  let rank = 0;
  for (const mapping of versions.flatMap((version) => version.kinds)) {
    const key = keyOf(mapping.group, mapping.version, mapping.kind);
    if (mapping.kind !== "" && !known.has(key)) known.set(key, { mapping, rank: rank++, missingSince: undefined });
  }
  for (const [key, old] of catalog.known) {
    if (known.has(key)) continue;
    const missingSince = stale.has(`${old.mapping.group}/${old.mapping.version}`) ? undefined : (old.missingSince ?? now);
    if (missingSince === undefined || now - missingSince < goneAfterMs) known.set(key, { ...old, rank: rank++, missingSince });
  }
  const complete = stale.size > 0 ? catalog.complete : { first: catalog.complete?.first ?? now, newest: now };
  return { known, stale: [...stale], complete };
}

/** The kind at a version, or at the server's preferred one. */
export function find(catalog: Catalog, group: string, kind: string, version?: string): Mapping | undefined {
  if (version !== undefined) return catalog.known.get(keyOf(group, version, kind))?.mapping;
  let best: Known | undefined;
  for (const it of catalog.known.values()) {
    if (it.mapping.group === group && it.mapping.kind === kind && (best === undefined || it.rank < best.rank)) best = it;
  }
  return best?.mapping;
}

/** Is it sure that the cluster has no such kind? A group that could not be described leaves it open. */
export function surelyUnknown(catalog: Catalog, group: string, kind: string, goneAfterMs: number): boolean {
  if (find(catalog, group, kind) !== undefined || catalog.stale.some((it) => it.startsWith(`${group}/`))) return false;
  return catalog.complete !== undefined && catalog.complete.newest - catalog.complete.first >= goneAfterMs;
}

function keyOf(group: string, version: string, kind: string): string {
  return `${group}/${version}/${kind}`;
}
