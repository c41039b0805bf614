// What the hub has not been told yet, cut into reports that fit a message. A full report that needs several ends with the names of all
// Apps, so that the hub can forget the rest.

import { statusBytes } from "@muster/proto/codec/status";
import type { AppKey } from "@muster/proto/model/identity";
import type { StatusReport } from "@muster/proto/model/session";
import type { Digest } from "@muster/proto/model/digest";
import type { AppStatus, ClusterFacts, Soak } from "@muster/proto/model/status";

type SoakOf = (app: AppKey, pin: Digest) => Soak | null;

/** A message of the link holds 1 MiB. */
export const reportLimits = { appsBytes: 256 * 1024, forgotten: 500, unacked: 4 } as const;

export class Unreported {
  readonly #dirty = new Set<AppKey>();
  readonly #forgotten = new Set<AppKey>();
  #full: "asked" | "begun" | null = null;
  /** Of the cluster itself, when the hub does not know them yet. */
  #facts: ClusterFacts | null = null;
  #seq = 0;
  #unacked: number[] = [];

  /** How many reports the hub has not acknowledged in this session. */
  get unacked(): number {
    return this.#unacked.length;
  }

  /** A new session: what the old one did not acknowledge shows in the root. */
  begin(): void {
    this.#unacked = [];
    this.#facts = null; // they are in the hello
  }

  changed(app: AppKey): void {
    this.#forgotten.delete(app);
    this.#dirty.add(app);
  }

  forgotten(app: AppKey): void {
    this.#dirty.delete(app);
    this.#forgotten.add(app);
  }

  factsChanged(facts: ClusterFacts): void {
    this.#facts = facts;
  }

  /** The hub wants all there is. */
  everything(): void {
    this.#full = "asked";
  }

  acknowledged(upTo: number): void {
    this.#unacked = this.#unacked.filter((seq) => seq > upTo);
  }

  /** The next report, with what the soaks are now; undefined when there is none, or when the hub has enough to do with those before it. */
  next(statuses: ReadonlyMap<AppKey, AppStatus>, soakOf: SoakOf): StatusReport | undefined {
    if (this.#unacked.length >= reportLimits.unacked) return undefined;
    if (this.#dirty.size === 0 && this.#forgotten.size === 0 && this.#full === null && this.#facts === null) return undefined;
    const first = this.#full === "asked";
    if (first) for (const app of statuses.keys()) this.#dirty.add(app);
    const apps = this.#takeApps(statuses, soakOf);
    const last = this.#full !== null && this.#dirty.size === 0;
    const forgotten = this.#full === null ? this.#takeForgotten() : [];
    if (last) this.#forgotten.clear();
    if (this.#full !== null) this.#full = last ? null : "begun";
    const complete = first && last;
    const seq = (this.#seq += 1);
    this.#unacked.push(seq);
    const facts = this.#facts;
    this.#facts = null;
    return { kind: "status", seq, apps, forgotten, complete, all: last && !complete ? [...statuses.keys()] : null, facts };
  }

  /** As many as fit; one at least. */
  #takeApps(statuses: ReadonlyMap<AppKey, AppStatus>, soakOf: SoakOf): AppStatus[] {
    const taken: AppStatus[] = [];
    let bytes = 0;
    for (const app of this.#dirty) {
      const published = statuses.get(app);
      if (published !== undefined) {
        const status = { ...published, soak: soakOf(app, published.pin) };
        bytes += statusBytes(status);
        if (taken.length > 0 && bytes > reportLimits.appsBytes) break;
        taken.push(status);
      }
      this.#dirty.delete(app);
    }
    return taken;
  }

  #takeForgotten(): AppKey[] {
    const taken = [...this.#forgotten].slice(0, reportLimits.forgotten);
    for (const app of taken) this.#forgotten.delete(app);
    return taken;
  }
}
