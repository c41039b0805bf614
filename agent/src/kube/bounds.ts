// Every number that this room waits for or stops at. Tests shorten some; the agent runs with these.

export type Bounds = typeof bounds;

export const bounds = {
  /** A session carries 100 streams; request 101 would wait in silence. */
  requestsInFlightMax: 90,
  watchesPerSessionMax: 80,
  connectTimeoutMs: 10_000,
  /** A GET, or one page of a LIST. */
  readTimeoutMs: 60_000,
  /** The server gives a PATCH 34 s; after ours the write's outcome is unknown. */
  writeTimeoutMs: 35_000,
  pingEveryMs: 30_000,
  pingAnswerMs: 15_000,
  tokenMaxAgeMs: 60_000,
  /** How often a request that was surely not executed is sent again. */
  replaysMax: 3,
  retryAfterDefaultMs: 1_000,
  retryAfterMaxMs: 60_000,
  bodyMaxBytes: 256 * 1024 * 1024,
  watchEventMaxBytes: 16 * 1024 * 1024,
  messageMaxChars: 1_024,
  pageSize: 500,
  /** How often a LIST starts over after its continue token expired. */
  listRestartsMax: 3,
  discoveryMaxAgeMs: 600_000,
  /** A kind is gone after two complete answers without it, this far apart. */
  kindGoneAfterMs: 10_000,
  /** No second discovery sooner than this for kinds that it did not know. */
  discoveryPauseMs: 1_000,
  watchTimeoutMinSeconds: 300,
  watchTimeoutMaxSeconds: 600,
  /** Bookmarks come each minute; a watch that says nothing for longer may be looking into a restored store. */
  watchSilenceMs: 90_000,
  relistJitterMinMs: 1_000,
  relistJitterMaxMs: 30_000,
  watchBackoffMinMs: 500,
  watchBackoffMaxMs: 60_000,
  kindMissingRetryMs: 30_000,
} as const satisfies Record<string, number>;

/** The bounds with some replaced. */
export type SomeBounds = { readonly [name in keyof Bounds]?: number };
export type AllBounds = { readonly [name in keyof Bounds]: number };
