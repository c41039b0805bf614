// Brings Releases from the hub to our disk, and decides what a failure means: for the bundle that names them, or for the session.

import { decodeTransfer } from "@muster/proto/codec/transfer";
import type { Digest } from "@muster/proto/model/digest";
import { messageOf, OperationError, type FailureCode } from "@muster/proto/model/failure";
import type { AppKey } from "@muster/proto/model/identity";
import type { RefusalCode } from "@muster/proto/model/status";
import type { Cache } from "../cache/cache.ts";
import type { HubLink } from "../link/link.ts";
import type { AgentLog } from "./log.ts";

export const fetchTimes = { firstFetchRetryMs: 500, fetchRetryMaxMs: 60_000 } as const;

/** What becomes of a bundle when a Release of it cannot be had. */
const afterFailedFetch = {
  unavailable: "again",
  corrupt: "E_DIGEST",
  limit: "E_LIMIT",
  notFound: "nextOffer",
  unauthenticated: "end",
  forbidden: "end",
  invalid: "end",
  conflict: "end",
  cancelled: "end",
} as const satisfies Record<FailureCode, RefusalCode | "again" | "nextOffer" | "end">;

export type Fetched =
  | { readonly kind: "held"; readonly some: boolean }
  | { readonly kind: "refused"; readonly code: RefusalCode; readonly message: string }
  | { readonly kind: "left" };

export type FetchOptions = {
  readonly cache: Cache;
  readonly link: HubLink;
  /** What is held of the same Apps. */
  readonly bases: ReadonlyMap<AppKey, Digest>;
  /** Waits so long; true when a newer bundle has come by then. */
  readonly newer: (ms: number) => Promise<boolean>;
  readonly times: { readonly [Name in keyof typeof fetchTimes]: number };
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: AgentLog;
};

/**
 * Brings all of these Releases to our disk. What passes (a busy hub, a full disk) is waited for, until a newer bundle comes. Throws what
 * a session cannot go on after.
 */
export async function fetchReleases(releases: ReadonlyMap<AppKey, Digest>, options: FetchOptions, signal: AbortSignal): Promise<Fetched> {
  const { log, newer, random, times } = options;
  for (let waitMs = times.firstFetchRetryMs; !signal.aborted; waitMs = Math.min(waitMs * 2, times.fetchRetryMaxMs)) {
    try {
      return { kind: "held", some: await fetchMissing(releases, options, signal) };
    } catch (error) {
      if (signal.aborted) break;
      const code = error instanceof OperationError ? error.code : "unavailable";
      const then = afterFailedFetch[code];
      if (then === "end") throw error;
      log.warn({ code, reason: messageOf(error) }, "could not fetch a Release");
      if (then === "nextOffer") break;
      if (then !== "again") return { kind: "refused", code: then, message: messageOf(error) };
    }
    if (await newer((waitMs * (1 + random())) / 2)) break;
  }
  return { kind: "left" };
}

async function fetchMissing(
  releases: ReadonlyMap<AppKey, Digest>,
  { cache, link, bases }: FetchOptions,
  signal: AbortSignal,
): Promise<boolean> {
  let fetched = false;
  for (const [app, release] of releases) {
    if (await cache.hasRelease(release)) continue;
    const base = bases.get(app);
    const held = base !== undefined && base !== release && (await cache.hasRelease(base)) ? base : null;
    const manifest = held === null ? null : await cache.readManifest(held);
    const bytes = await link.fetchRelease(release, manifest === null ? null : held, signal);
    const received = decodeTransfer(bytes, release, manifest);
    await cache.saveRelease(received.manifest, received.objects);
    fetched = true;
  }
  return fetched;
}
