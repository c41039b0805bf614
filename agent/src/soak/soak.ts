// For how long an App has been well with the pin that a rollout watches, and whether its pods crash: what was seen comes in, what can be
// proven comes out. Time is monotonic, in milliseconds; only time that was watched counts.

import type { ObservedApp } from "@muster/proto/model/session";
import type { Soak } from "@muster/proto/model/status";
import { crashingPod, podsOf, tallied, type Tally, type WorkloadSample } from "./tally.ts";

export { podSight, type ContainerSight, type PodSight } from "./pods.ts";
export { crashLoopRestarts, type WorkloadSample } from "./tally.ts";
export { isOwnedBy, newestPods, readingOf, type NewestPods } from "./workload.ts";

export const soakTimes = {
  /** How often pods are looked at. */
  everyMs: 15_000,
  /** Of a longer time between two looks only so much counts: nobody saw the rest. */
  unwatchedMaxMs: 60_000,
  /** An App that crashed is sound again when its pods were quiet for so long: then a kubelet forgets a back-off too. */
  quietMs: 600_000,
} as const;

export const soakBounds = {
  /** Of each workload. */
  podsMax: 500,
  /** More restarts than this part of the pods: the App was not well. */
  restartsPart: 0.01,
  oomKillsMax: 1,
} as const;

/** Why an App counts as crashing; what was counted at the last look, and for how much watched time that has not grown. */
export type Crash = { readonly message: string; readonly restarted: number; readonly oomKills: number; readonly quietMs: number };

export type Track = {
  readonly observed: ObservedApp;
  /** When the unbroken time began; moved on by what was not watched. Null: the App is not well. */
  readonly wellSinceMs: number | null;
  /** Until when what is known is true. */
  readonly seenMs: number;
  /** Null: not looked at yet. */
  readonly tally: Tally | null;
  /** What was counted before the unbroken time began. */
  readonly restartsBefore: number;
  readonly crash: Crash | null;
  /** Kills that a crash which is over was about. */
  readonly oomKillsBefore: number;
};

export function begunTrack(observed: ObservedApp, nowMs: number): Track {
  return { observed, wellSinceMs: null, seenMs: nowMs, tally: null, restartsBefore: 0, crash: null, oomKillsBefore: 0 };
}

/** Its pods were looked at before the observed pin was there: what they did until then is not its doing. */
export function prepared({ observed }: Track, samples: readonly WorkloadSample[], nowMs: number): Track {
  return { ...begunTrack(observed, nowMs), tally: tallied(new Map(), samples) };
}

/** The App was looked at: `isWell` when it is written, done and healthy with the observed pin. */
export function judged(track: Track, isWell: boolean, nowMs: number): Track {
  if (!isWell || track.crash !== null) return track.wellSinceMs === null ? track : { ...track, wellSinceMs: null };
  return track.wellSinceMs === null ? spanFrom(track, nowMs) : track;
}

/** All its pods were looked at, at `nowMs` or later. A look that failed is no look: what it would have shown is unknown. */
export function looked(track: Track, samples: readonly WorkloadSample[], nowMs: number): Track {
  const watchedMs = Math.min(nowMs - track.seenMs, soakTimes.unwatchedMaxMs);
  const unwatchedMs = nowMs - track.seenMs - watchedMs;
  const tally = tallied(track.tally ?? new Map(), samples);
  const next: Track = {
    ...track,
    tally,
    seenMs: nowMs,
    wellSinceMs: track.wellSinceMs === null ? null : track.wellSinceMs + unwatchedMs,
    restartsBefore: Math.min(track.restartsBefore, podsOf(tally).restarted),
  };
  return crashJudged(restartsJudged(next, tally, nowMs), tally, watchedMs);
}

/** What can be said of it now. */
export function soakOf({ tally, wellSinceMs, seenMs }: Track): Soak {
  return {
    healthyForMs: wellSinceMs === null ? 0 : Math.floor(seenMs - wellSinceMs),
    pods: tally === null || tally.size === 0 ? null : podsOf(tally),
  };
}

/** True when the App was well for as long as is asked for. */
export function isProven({ observed, wellSinceMs, seenMs }: Track): boolean {
  return wellSinceMs !== null && seenMs - wellSinceMs >= observed.healthyForMs;
}

/** When its pods are to be looked at next: at its pace, and at the moment that completes the time that is asked for. */
export function dueMs(track: Track): number {
  const { observed, tally, wellSinceMs, seenMs } = track;
  if (tally === null) return seenMs;
  const provenMs = wellSinceMs === null || isProven(track) ? Infinity : wellSinceMs + observed.healthyForMs;
  return Math.min(seenMs + soakTimes.everyMs, provenMs);
}

/** More restarts than are usual begin the unbroken time anew. */
function restartsJudged(track: Track, tally: Tally, nowMs: number): Track {
  if (track.wellSinceMs === null) return track;
  const { restarted, sampled } = podsOf(tally);
  return restarted - track.restartsBefore > sampled * soakBounds.restartsPart ? spanFrom(track, nowMs) : track;
}

/** An App crashes from the first sign until its pods were quiet for long. */
function crashJudged(track: Track, tally: Tally, watchedMs: number): Track {
  const { crash, oomKillsBefore } = track;
  const { restarted, oomKills, sampled } = podsOf(tally);
  const loop = crashingPod(tally);
  const kills = oomKills - oomKillsBefore;
  if (crash === null) {
    const isShort = kills > Math.max(soakBounds.oomKillsMax, sampled * soakBounds.restartsPart);
    const message = loop ?? (isShort ? `its containers were killed ${kills} times for want of memory` : null);
    return message === null ? track : { ...track, wellSinceMs: null, crash: { message, restarted, oomKills, quietMs: 0 } };
  }
  const isQuiet = loop === undefined && restarted <= crash.restarted && oomKills <= crash.oomKills;
  const quietMs = isQuiet ? crash.quietMs + watchedMs : 0;
  if (quietMs >= soakTimes.quietMs) return { ...track, crash: null, oomKillsBefore: oomKills };
  return { ...track, crash: { message: loop ?? crash.message, restarted, oomKills, quietMs } };
}

function spanFrom(track: Track, nowMs: number): Track {
  return { ...track, wellSinceMs: nowMs, seenMs: nowMs, restartsBefore: track.tally === null ? 0 : podsOf(track.tally).restarted };
}
