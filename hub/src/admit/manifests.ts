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

export class Manifests {
  readonly #manifestOf: ManifestOf;
  readonly #known = new Map<Digest, ReadManifest>();

  constructor(manifestOf: ManifestOf) {
    this.#manifestOf = manifestOf;
  }

  /** Undefined when the Release is not known. */
  find(release: Digest): ReadManifest | undefined {
    const known = this.#known.get(release);
    if (known !== undefined) return known;
    const lines = this.#manifestOf(release);
    if (lines === undefined) return undefined;
    const identities = lines.map(({ identity }) => identity);
    const read = { lines, keys: identities.map(identityKey), guarded: identities.filter(isProtected) };
    this.#known.set(release, read);
    return read;
  }

  /** For Releases of changes that are judged: these are known. */
  of(release: Digest): ReadManifest {
    return this.find(release) ?? none;
  }
}
