// Manifests as admitting reads them: most clusters hold the same Releases, so what is worked out of one is kept for the others.

import type { Digest } from "@muster/proto/model/digest";
import { identityKey, type ObjectIdentity } from "@muster/proto/model/identity";
import type { Manifest } from "@muster/proto/model/release";
import { isProtected } from "./ownership.ts";
import type { ManifestOf } from "./verdict.ts";

export type ReadManifest = {
  readonly lines: Manifest;
  /** identityKey of each line. */
  readonly keys: readonly string[];
  /** Objects that no App may declare. */
  readonly guarded: readonly ObjectIdentity[];
};

const none: ReadManifest = { lines: [], keys: [], guarded: [] };
const keptMax = 20_000;
const pairsMax = 200_000;

export class Manifests {
  /** Asked for what is not kept: the one of this turn. */
  source: ManifestOf;
  readonly #known = new Map<Digest, ReadManifest>();
  readonly #loses = new Map<Digest, Map<Digest, boolean>>();
  #pairs = 0;

  constructor(manifestOf: ManifestOf) {
    this.source = manifestOf;
  }

  /** Undefined when the Release is not known. */
  find(release: Digest): ReadManifest | undefined {
    const known = this.#known.get(release);
    if (known !== undefined) return known;
    const lines = this.source(release);
    if (lines === undefined) return undefined;
    const identities = lines.map(({ identity }) => identity);
    const read = { lines, keys: identities.map(identityKey), guarded: identities.filter(isProtected) };
    if (this.#known.size >= keptMax) this.#known.clear();
    this.#known.set(release, read);
    return read;
  }

  /** For Releases of changes that are judged: these are known. */
  of(release: Digest): ReadManifest {
    return this.find(release) ?? none;
  }

  /** True when some object of the old Release is not in the new one. Both are known; each pair is compared once. */
  loses(old: Digest, now: Digest): boolean {
    if (old === now) return false;
    let row = this.#loses.get(old);
    const known = row?.get(now);
    if (known !== undefined) return known;
    if (this.#pairs >= pairsMax) {
      this.#loses.clear();
      this.#pairs = 0;
      row = undefined;
    }
    const left = new Set(this.of(now).keys);
    const loses = this.of(old).keys.some((key) => !left.has(key));
    if (row === undefined) this.#loses.set(old, (row = new Map()));
    row.set(now, loses);
    this.#pairs += 1;
    return loses;
  }
}
