// The bounds of fetching from elsewhere. Reaching one is an error that says so.

export type RemoteLimits = {
  /** Silence on a connection. */
  readonly idleMs: number;
  /** One request with its answer. */
  readonly requestMs: number;
  readonly redirects: number;
  /** The packed bytes of a chart or artifact. */
  readonly archiveBytes: number;
  readonly indexBytes: number;
  /** A manifest, a page of tags, a token. */
  readonly documentBytes: number;
  /** A single file of a Kustomize base. */
  readonly fileBytes: number;
  readonly tags: number;
  readonly chartVersions: number;
  /** All bytes of an unpacked archive. */
  readonly inflatedBytes: number;
  /** How many times its packed size an archive may unpack to, above `inflatedFreeBytes`. */
  readonly inflatedRatio: number;
  readonly inflatedFreeBytes: number;
  readonly files: number;
  readonly pathBytes: number;
  /** What the cache keeps on disk. */
  readonly cacheBytes: number;
};

export const defaultLimits: RemoteLimits = {
  idleMs: 30_000,
  requestMs: 300_000,
  redirects: 5,
  archiveBytes: 64 << 20,
  indexBytes: 64 << 20,
  documentBytes: 4 << 20,
  fileBytes: 16 << 20,
  tags: 100_000,
  chartVersions: 20_000,
  inflatedBytes: 128 << 20,
  inflatedRatio: 100,
  inflatedFreeBytes: 4 << 20,
  files: 10_000,
  pathBytes: 1024,
  cacheBytes: 2 * 1024 ** 3,
};
