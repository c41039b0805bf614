// Conflicts of whole clusters. Objects that only one App of the fleet declares, which is nearly all, are in nobody's way: only Apps that
// have one in common with another App are looked at, and equal clusters once.

import type { Digest } from "@muster/proto/model/digest";
import type { AppKey } from "@muster/proto/model/identity";
import type { Holdings } from "./judging.ts";
import type { Manifests } from "./manifests.ts";
import { findConflicts, type Conflict } from "./ownership.ts";

const none: readonly Conflict[] = [];
const pinsMax = 1_000_000;

export class Conflicts {
  readonly #manifests: Manifests;
  readonly #known = new Map<string, readonly Conflict[]>();
  /** App and Release, seen already. */
  readonly #seen = new Map<AppKey, Set<Digest>>();
  /** Object -> the Apps that were ever seen to declare it; one App as it is. */
  readonly #declarers = new Map<string, AppKey | Set<AppKey>>();
  readonly #contested = new Set<AppKey>();
  #pins = 0;

  constructor(manifests: Manifests) {
    this.#manifests = manifests;
  }

  /** True when more was seen than is worth keeping: whoever holds this makes a new one, and shows everything again. */
  get isFull(): boolean {
    return this.#pins > pinsMax;
  }

  /** True when nobody else was ever seen to declare an object of this App. Ask again when more was shown. */
  isAlone(app: AppKey): boolean {
    return !this.#contested.has(app);
  }

  get contested(): number {
    return this.#contested.size;
  }

  /** Takes note of what an App declares, before anybody asks about it. */
  show(app: AppKey, release: Digest): void {
    let releases = this.#seen.get(app);
    if (releases === undefined) this.#seen.set(app, (releases = new Set()));
    if (releases.has(release)) return;
    const keys = this.#manifests.find(release)?.keys;
    if (keys === undefined) return;
    releases.add(release);
    this.#pins += 1;
    for (const key of keys) this.#declare(key, app);
  }

  /** Ends a turn. */
  turn(): void {
    this.#known.clear();
  }

  /** `held` and `after`: all Apps that a cluster holds, and will. */
  of(held: readonly Pin[], after: readonly Pin[], holdings: Holdings): readonly Conflict[] {
    for (const { app, release } of after) this.show(app, release);
    const common = after.filter(({ app }) => this.#contested.has(app));
    if (common.length < 2) return none;
    const key = `${signOf(held.filter(({ app }) => this.#contested.has(app)))}|${signOf(common)}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const declares = common.map(({ app, release }) => ({ app, manifest: this.#manifests.of(release).lines }));
    const found = findConflicts(declares, (identity) => holdings.owners.get(identity));
    this.#known.set(key, found);
    return found;
  }

  #declare(key: string, app: AppKey): void {
    const declarers = this.#declarers.get(key);
    if (declarers === undefined) this.#declarers.set(key, app);
    else if (typeof declarers === "string") {
      if (declarers === app) return;
      this.#declarers.set(key, new Set([declarers, app]));
      this.#contested.add(declarers).add(app);
    } else {
      declarers.add(app);
      this.#contested.add(app);
    }
  }
}

type Pin = { readonly app: AppKey; readonly release: Digest };

function signOf(pins: readonly Pin[]): string {
  let sign = "";
  for (const { app, release } of pins) sign += `${app} ${release}\n`;
  return sign;
}
