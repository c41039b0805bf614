// Watches the Apps that a rollout observes: for how long they are well, and whether their pods crash. Looks at their pods at its pace, and
// says at once when an App was well for as long as is asked for. What is seen means what agent/src/soak says.

import { identityKey, type AppKey } from "@muster/proto/model/identity";
import type { Digest } from "@muster/proto/model/digest";
import type { ReasonCode } from "@muster/proto/model/reasons";
import type { ObservedApp } from "@muster/proto/model/session";
import type { Soak } from "@muster/proto/model/status";
import { Bell } from "@muster/proto/waiting/waiting";

import { begunTrack, dueMs, isProven, judged, looked, prepared, soakOf, type Track } from "../soak/soak.ts";
import type { AppState, AppStates } from "./app-state.ts";
import { Lanes } from "./lanes.ts";
import { PodLooks } from "./pod-looks.ts";
import { failureText, type Site } from "./site.ts";
import type { StatusNow } from "./status.ts";

/** Everything is written, and it is healthy. That others own a field beside us says nothing about the Release. */
const wellReasons: ReadonlySet<ReasonCode> = new Set(["Synced", "Contested"]);

const looksInFlight = 4;

export type SoakingOptions = {
  readonly site: Site;
  readonly states: AppStates;
  /** Milliseconds that only rise, whatever the wall clock does. */
  readonly monotonicMs: () => number;
  /** How often pods are looked at. */
  readonly everyMs: number;
  /** The App is observed from now on, or it crashes, or no longer does: to be judged now. */
  readonly onNews: (app: AppKey) => void;
  /** The App was well for as long as is asked for: to be reported at once. */
  readonly onProven: (app: AppKey) => void;
};

type Watched = { track: Track; nextMs: number; isTold: boolean; isLooking: boolean; failure: string };

export class Soaking {
  readonly #options: SoakingOptions;
  readonly #looks: PodLooks;
  readonly #watched = new Map<AppKey, Watched>();
  readonly #lanes = new Lanes(looksInFlight);
  readonly #bell = new Bell();

  constructor(options: SoakingOptions) {
    this.#options = options;
    this.#looks = new PodLooks(options.site);
  }

  /** Replaces what is observed. `again`: the hub may not know what was told before. */
  observe(apps: readonly ObservedApp[], again: boolean): void {
    const { onProven, monotonicMs } = this.#options;
    const named = new Map(apps.map((each) => [each.app, each]));
    for (const [app, { track }] of this.#watched) {
      if (named.get(app)?.pin === track.observed.pin) continue;
      this.#watched.delete(app);
      if (this.#options.site.crashes.delete(app)) this.#news(app);
    }
    for (const observed of named.values()) {
      const watched = this.#watched.get(observed.app);
      if (watched === undefined) {
        const now = monotonicMs();
        const track = begunTrack(observed, now);
        this.#watched.set(observed.app, { track, nextMs: now, isTold: false, isLooking: false, failure: "" });
        this.#news(observed.app);
        continue;
      }
      const isSame = watched.track.observed.healthyForMs === observed.healthyForMs;
      watched.track = { ...watched.track, observed };
      watched.isTold = isSame && !again && watched.isTold;
      watched.nextMs = Math.min(watched.nextMs, dueMs(watched.track));
      if (this.#tell(watched)) onProven(observed.app);
    }
    const keys = [...named.keys()].flatMap((app) => this.#expected(app).map(({ identity }) => identityKey(identity)));
    this.#looks.keepOnly(new Set(keys));
    this.#bell.ring();
  }

  /** The reporter's judgement of an App. */
  judged(state: AppState, { status, applied }: StatusNow): void {
    const watched = this.#watched.get(state.app);
    if (watched === undefined) return;
    const isWell =
      state.pin === watched.track.observed.pin &&
      applied &&
      state.phase.kind === "resting" &&
      status.health === "healthy" &&
      wellReasons.has(status.reason);
    const before = watched.track.wellSinceMs;
    watched.track = judged(watched.track, isWell, this.#options.monotonicMs());
    if (watched.track.wellSinceMs === before) return;
    watched.isTold = false;
    if (isWell) watched.nextMs = Math.min(watched.nextMs, dueMs(watched.track));
    if (this.#tell(watched)) this.#options.onProven(state.app);
    this.#bell.ring();
  }

  /** Null where this pin of the App is not observed. */
  soakOf(app: AppKey, pin: Digest): Soak | null {
    const track = this.#watched.get(app)?.track;
    return track?.observed.pin === pin && this.#options.states.get(app)?.pin === pin ? soakOf(track) : null;
  }

  /** Runs until aborted and no look is under way. */
  async run(signal: AbortSignal): Promise<void> {
    const looks = new Set<Promise<void>>();
    while (!signal.aborted) {
      await this.#bell.wait(this.#waitMs(), signal);
      if (signal.aborted) break;
      const now = this.#options.monotonicMs();
      for (const [app, watched] of this.#watched) {
        if (watched.isLooking || watched.nextMs > now) continue;
        watched.isLooking = true;
        const look = this.#lanes
          .run(() => this.#look(app, watched, signal))
          .finally(() => {
            watched.isLooking = false;
            looks.delete(look);
            this.#bell.ring();
          });
        looks.add(look);
      }
    }
    await Promise.all(looks);
  }

  #waitMs(): number {
    const due = [...this.#watched.values()].filter(({ isLooking }) => !isLooking).map(({ nextMs }) => nextMs);
    return Math.max(1, Math.ceil(Math.min(Infinity, ...due) - this.#options.monotonicMs()));
  }

  async #look(app: AppKey, watched: Watched, signal: AbortSignal): Promise<void> {
    const { everyMs, monotonicMs, site, states } = this.#options;
    const began = monotonicMs();
    const isThere = states.get(app)?.pin === watched.track.observed.pin;
    watched.nextMs = began + everyMs;
    try {
      const samples = await this.#looks.look(
        this.#expected(app).map(({ identity }) => identity),
        signal,
      );
      if (this.#watched.get(app) !== watched) return;
      const at = Math.max(began, watched.track.seenMs);
      this.#take(app, watched, isThere ? looked(watched.track, samples, at) : prepared(watched.track, samples, at), began);
      watched.failure = "";
    } catch (error) {
      const reason = failureText(error);
      if (!signal.aborted && reason !== watched.failure)
        site.log.warn({ app, reason }, "cannot look at the pods of an app that a rollout watches; its time stands still until it can");
      watched.failure = reason;
    }
  }

  #take(app: AppKey, watched: Watched, track: Track, beganMs: number): void {
    const { everyMs, onProven, site } = this.#options;
    const before = watched.track.crash?.message;
    watched.track = track;
    if (!isProven(track)) watched.isTold = false;
    watched.nextMs = Math.min(beganMs + everyMs, Math.max(dueMs(track), beganMs + 1));
    if (track.crash === null) site.crashes.delete(app);
    else site.crashes.set(app, { pin: track.observed.pin, message: track.crash.message });
    if (track.crash?.message !== before) this.#news(app);
    if (this.#tell(watched)) onProven(app);
  }

  /** True once for each time that the wanted time is complete. */
  #tell(watched: Watched): boolean {
    if (watched.isTold || !isProven(watched.track)) return false;
    watched.isTold = true;
    return true;
  }

  /** An App that no round has taken up yet has no status that could be another. */
  #news(app: AppKey): void {
    if (this.#options.states.get(app) !== undefined) this.#options.onNews(app);
  }

  #expected(app: AppKey): AppState["expected"] {
    return this.#options.states.get(app)?.expected ?? [];
  }
}
