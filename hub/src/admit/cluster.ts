// One cluster: which Apps may change, which wait for a person, which stay as they are, and what goes.

import type { Tombstone } from "@muster/proto/model/bundle";
import { byCodeUnits } from "@muster/proto/model/canonical";
import type { Digest } from "@muster/proto/model/digest";
import type { AppKey } from "@muster/proto/model/identity";
import type { Problem } from "../fleet/fleet.ts";
import type { Placement } from "../resolve/resolve.ts";
import type { Departure, Departures, RemovalDelays } from "./departures.ts";
import { Holdings, judge, movesToWaiting, waitsForHand, type Change, type Judged } from "./judging.ts";
import type { Manifests } from "./manifests.ts";
import type { Conflicts } from "./conflicts.ts";
import { showSome, type Conflict } from "./ownership.ts";
import { noApis, vanishedBelow, vanishedFrom } from "./vanished.ts";
import type { AppVerdict, ClusterVerdict, HeldApp, HeldCluster } from "./verdict.ts";

export type ClusterInput = {
  readonly held: HeldCluster;
  /** Placements on this cluster. */
  readonly wanted: readonly Placement[];
  /** True when nothing here may change. */
  readonly undecided: boolean;
  readonly departures: Departures;
  readonly conflicts: Conflicts;
  readonly manifests: Manifests;
  readonly approvals: ReadonlySet<Digest>;
  readonly delays: RemovalDelays;
  /** Milliseconds since 1970. */
  readonly now: number;
};

/** Decides one cluster. */
export class Court {
  readonly #input: ClusterInput;
  readonly #held: ReadonlyMap<AppKey, HeldApp>;
  readonly #holdings: Holdings;
  readonly #wanted: ReadonlyMap<AppKey, Placement>;
  readonly #buried: ReadonlyMap<AppKey, Tombstone>;
  readonly #verdicts = new Map<AppKey, AppVerdict>();
  readonly #tombstones = new Map<AppKey, Tombstone>();
  readonly #approvals = new Set<Digest>();
  readonly #problems: Problem[] = [];
  #wakeAt: number | null = null;
  #deletes = false;
  #lacks = false;

  constructor(input: ClusterInput) {
    this.#input = input;
    this.#held = new Map(input.held.apps.toSorted((a, b) => byCodeUnits(a.app, b.app)).map((each) => [each.app, each]));
    this.#holdings = new Holdings(this.#held, input.manifests);
    this.#wanted = new Map(input.wanted.map((each) => [each.app, each]));
    this.#buried = new Map(input.held.tombstones.map((each) => [each.app, each]));
  }

  decide(): ClusterVerdict {
    const { held, undecided } = this.#input;
    if (!held.settled) for (const digest of held.approvals) this.#approvals.add(digest);
    const apps = [...new Set([...this.#held.keys(), ...this.#wanted.keys()])].toSorted(byCodeUnits);
    const changes = apps.flatMap((app) => (undecided ? this.#keep(app, "ResolveFailed") : this.#changeOf(app)));
    for (const judged of this.#judge(changes)) this.#accept(judged);
    this.#keepTombstones();
    this.#tellConflicts();
    return {
      cluster: held.cluster,
      apps: [...this.#verdicts.values()].toSorted((a, b) => byCodeUnits(a.app, b.app)),
      tombstones: [...this.#tombstones.values()].toSorted((a, b) => byCodeUnits(a.app, b.app)),
      approvals: [...this.#approvals].toSorted(byCodeUnits),
      problems: this.#problems,
      wakeAt: this.#wakeAt,
    };
  }

  /** True when an approval more or less would change the verdict. */
  get dependsOnApprovals(): boolean {
    return this.#deletes;
  }

  /** True when a Release could not be looked at that may be known the next time. */
  get lacksManifest(): boolean {
    return this.#lacks;
  }

  #changeOf(app: AppKey): readonly Change[] {
    const held = this.#held.get(app) ?? null;
    const placement = this.#wanted.get(app);
    if (placement === undefined) {
      const departs = held === null ? undefined : this.#input.departures.of(this.#input.held.cluster, held);
      return departs === undefined ? this.#keep(app, "ResolveFailed") : [{ app, held, placement: null, departs }];
    }
    const { release } = placement;
    const manifest = release === null ? undefined : this.#input.manifests.find(release);
    if (release === null || manifest === undefined) {
      this.#lacks ||= release !== null;
      return this.#keep(app, "RenderFailed");
    }
    // Without the old manifest nobody can say what would be deleted.
    if (held !== null && this.#input.manifests.find(held.release) === undefined) {
      this.#lacks = true;
      return this.#keep(app, "ResolveFailed");
    }
    const own = manifest.guarded;
    if (own.length === 0) return [{ app, held, placement: { ...placement, release }, departs: null }];
    this.#say("E_PROTECTED", app, `declares objects of Muster's own agent: ${showSome(own)}`, "take them out of the App");
    return this.#keep(app, "OwnershipConflict");
  }

  #keep(app: AppKey, reason: "ResolveFailed" | "RenderFailed" | "OwnershipConflict"): readonly Change[] {
    const gone = this.#buried.has(app) && !this.#wanted.has(app);
    if (!gone) this.#verdicts.set(app, { kind: "keep", app, reason, held: this.#held.get(app) ?? null });
    return [];
  }

  /** Judges all changes together: what one holds back, another may not delete. Ends, for the set of those held back only grows. */
  #judge(changes: readonly Change[]): readonly Judged[] {
    const waiting = new Set<Change>();
    const byHand = changes.filter(waitsForHand);
    for (;;) {
      const judged = judge(
        changes.filter((change) => !waiting.has(change)),
        this.#holdings,
      );
      const back = judged.filter((each) => this.#needsApproval(each) || movesToWaiting(each, [...waiting, ...byHand], this.#holdings));
      if (back.length === 0) return judged;
      for (const each of back) {
        this.#hold(each);
        waiting.add(each.change);
      }
    }
  }

  #needsApproval(judged: Judged): boolean {
    const { change, deletes, guards, digest } = judged;
    const { app, departs } = change;
    this.#deletes ||= deletes.length > 0;
    if (deletes.length === 0 || this.#input.approvals.has(digest)) return false;
    if (departs !== null && this.#buried.get(app)?.mode === departs.mode) return false; // decided when it was buried
    return guards.length > 0 || (departs !== null && departs.cause !== null) || this.#vanished(change).length > 0;
  }

  #vanished({ held, placement }: Change): readonly string[] {
    if (placement !== null) return vanishedFrom(held, placement);
    return vanishedBelow(held, this.#input.held, (parent) => this.#input.departures.isDeclared(parent));
  }

  #hold({ change, deletes, guards, digest }: Judged): void {
    const { app, held, departs } = change;
    if (held === null) return;
    const vanished = deletes.length === 0 ? noApis : this.#vanished(change);
    const reason = vanished.length > 0 ? "CapabilityShrunk" : "GuardHeld";
    const cause = departs?.cause ?? null;
    this.#verdicts.set(app, { kind: "hold", app, reason, vanished, guards, cause, deletes, digest, removal: departs !== null, held });
  }

  #accept({ change, deletes, digest }: Judged): void {
    const { app, placement, departs } = change;
    if (deletes.length > 0 && this.#input.approvals.has(digest)) this.#approvals.add(digest);
    if (placement !== null) this.#verdicts.set(app, { kind: "admit", app, placement, release: placement.release, deletes });
    else if (departs !== null) this.#bury(app, departs);
  }

  /** A tombstone of the same mode stays as it was; another mode is another decision. */
  #bury(app: AppKey, { mode, delayMs }: Departure): void {
    const known = this.#buried.get(app);
    this.#tombstones.set(app, known?.mode === mode ? known : { app, mode, notBefore: time(this.#input.now + delayMs) });
  }

  /** Tombstones of Apps that are in no bundle any more; an App that is wanted again, or held back, has none. */
  #keepTombstones(): void {
    for (const tombstone of this.#buried.values()) {
      const { app } = tombstone;
      if (!this.#tombstones.has(app) && !this.#verdicts.has(app)) this.#tombstones.set(app, this.#postponed(tombstone));
    }
  }

  /** While an App that is gone may only be unreadable, its end is put off; in steps, so that few bundles change for it. */
  #postponed(tombstone: Tombstone): Tombstone {
    const { now, departures, held, delays } = this.#input;
    const left = Date.parse(tombstone.notBefore) - now;
    const delay = tombstone.mode === "delete" ? delays.removeMs : delays.orphanMs;
    if (left <= 0 || departures.isSure(held.cluster, tombstone.app)) return tombstone;
    const stays = left >= delay / 2;
    this.#wake((stays ? now + left : now + delay) - delay / 2);
    return stays ? tombstone : { ...tombstone, notBefore: time(now + delay) };
  }

  /** Just after `at`, for what is exactly at half of its time is not near its end yet. */
  #wake(at: number): void {
    this.#wakeAt = Math.min(this.#wakeAt ?? Infinity, Math.floor(at) + 1);
  }

  #tellConflicts(): void {
    const after = [...this.#verdicts.values()].flatMap((verdict) => {
      const release = verdict.kind === "admit" ? verdict.release : verdict.held?.release;
      return release === undefined ? [] : [{ app: verdict.app, release }];
    });
    const conflicts = this.#input.conflicts.of([...this.#held.values()], after, this.#holdings);
    for (const [, group] of Map.groupBy(conflicts, ({ app, owner }: Conflict) => `${app} ${owner}`)) {
      const [first] = group;
      if (first === undefined) continue;
      const ids = showSome(group.map(({ identity }) => identity));
      this.#say(
        "E_OWNERSHIP_CONFLICT",
        first.app,
        `declares ${ids}, which App ${first.owner} declares differently and keeps`,
        "declare it in one App only",
      );
    }
  }

  #say(code: string, app: AppKey, what: string, remedy: string): void {
    const { cluster } = this.#input.held;
    const place = this.#wanted.get(app)?.layers[0]?.place;
    const message = `App ${app} on cluster ${cluster} ${what}`;
    this.#problems.push({
      code,
      severity: "error",
      message,
      remedy,
      ...(place !== undefined && { place }),
      subject: `App ${app}`,
      cluster,
    });
  }
}

const time = (ms: number): string => new Date(ms).toISOString();
