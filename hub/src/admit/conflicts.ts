// Conflicts of whole clusters: most hold the same and want the same, so answers are kept.

import type { Digest } from "@muster/proto/model/digest";
import type { AppKey } from "@muster/proto/model/identity";
import type { Holdings } from "./judging.ts";
import { findConflicts, type Conflict } from "./ownership.ts";

export class Conflicts {
  readonly #known = new Map<string, readonly Conflict[]>();

  of(held: readonly Pin[], after: readonly Pin[], holdings: Holdings): readonly Conflict[] {
    const key = `${signOf(held)}|${signOf(after)}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const declares = after.map(({ app, release }) => ({ app, manifest: holdings.manifests.of(release).lines }));
    const found = findConflicts(declares, (identity) => holdings.owners.get(identity));
    this.#known.set(key, found);
    return found;
  }
}

type Pin = { readonly app: AppKey; readonly release: Digest };

function signOf(pins: readonly Pin[]): string {
  let sign = "";
  for (const { app, release } of pins) sign += `${app} ${release}\n`;
  return sign;
}
