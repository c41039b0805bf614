// How much a Git server may cost us. Reaching a bound is E_LIMIT or E_SOURCE_TIMEOUT, never a hub that stands still.

export type GitLimits = {
  /** The server says nothing for this long. */
  readonly idleMs: number;
  /** One request and its answer. */
  readonly requestMs: number;
  readonly refsBytes: number;
  readonly packBytes: number;
  readonly objects: number;
  /** One file, or one folder's listing, inflated. */
  readonly objectBytes: number;
  /** All objects of one pack, inflated. */
  readonly inflatedBytes: number;
  readonly deltaDepth: number;
  /** Files and folders of one Snapshot. */
  readonly files: number;
  /** Each fetch adds a pack; with more than these the repository is fetched again as one. */
  readonly packs: number;
};

export const defaultLimits: GitLimits = {
  idleMs: 30_000,
  requestMs: 600_000,
  refsBytes: 32 << 20,
  packBytes: 512 << 20,
  objects: 1_000_000,
  objectBytes: 64 << 20,
  inflatedBytes: 4 * 1024 ** 3,
  deltaDepth: 4_096,
  files: 500_000,
  packs: 64,
};
