// What is remembered of webhooks: which calls there were, so that a recorded one does nothing, and how many, so that a flood costs little.
// Polling stays the truth: what is dropped here comes with the next poll.

/** Remembers the last `max` deliveries. */
export function webhookReplays(max = 10_000): { isNew(delivery: string): boolean } {
  const seen = new Set<string>();
  return {
    isNew(delivery) {
      if (seen.has(delivery)) return false;
      const oldest = seen.size >= max ? seen.values().next() : undefined;
      if (oldest && !oldest.done) seen.delete(oldest.value);
      seen.add(delivery);
      return true;
    },
  };
}

export type Pace = { readonly burst: number; readonly perSecond: number };

const usualPace: Pace = { burst: 100, perSecond: 20 };

/** How many calls of a forge are acted on: `burst` at once, `perSecond` in the long run. Answer 429 to the others. */
export function webhookPace({ burst, perSecond }: Pace = usualPace): { admits(forge: string, nowMs: number): boolean } {
  const buckets = new Map<string, { left: number; at: number }>();
  return {
    admits(forge, nowMs) {
      const bucket = buckets.get(forge) ?? { left: burst, at: nowMs };
      buckets.set(forge, bucket);
      bucket.left = Math.min(burst, bucket.left + (Math.max(0, nowMs - bucket.at) / 1_000) * perSecond);
      bucket.at = Math.max(bucket.at, nowMs);
      if (bucket.left < 1) return false;
      bucket.left -= 1;
      return true;
    },
  };
}
