// Watches one Source and reads its documents: what changed is parsed, the rest stays as it was.

import type { Snapshot } from "../../git/git.ts";
import { nextFiles, type FleetFiles } from "./fleet-files.ts";
import { Watch, type Seen, type WatchOptions } from "./watch.ts";

/** What is known of a Source now. */
export type SourceView = Seen & {
  readonly name: string;
  /** Without credentials. */
  readonly url: string;
  readonly revision: string | null;
  readonly files: FleetFiles;
};

export type SourceLoopOptions = Omit<WatchOptions, "accept"> & {
  readonly url: string;
  readonly revision: string | null;
  /** Only documents below it count; "" is the root. */
  readonly path: string;
  /** Files that held documents in the commit that was acted on last. */
  readonly heldPaths: () => ReadonlySet<string>;
};

export class SourceLoop {
  readonly #options: SourceLoopOptions;
  readonly #watch: Watch;
  #files: FleetFiles = new Map();
  #view: SourceView | undefined;

  constructor(options: SourceLoopOptions) {
    this.#options = options;
    this.#watch = new Watch({ ...options, accept: (snapshot, before) => this.#accept(snapshot, before) });
  }

  /** The same object until something changes. */
  get view(): SourceView {
    const { name, url, revision } = this.#options;
    const { seen } = this.#watch;
    const known = this.#view;
    if (known?.snapshot === seen.snapshot && known.fetchedAt === seen.fetchedAt && known.fault === seen.fault) return known;
    return (this.#view = { name, url, revision, ...seen, files: this.#files });
  }

  /** A commit of the history that is at hand; undefined beyond it. */
  snapshotOf(commit: string): Promise<Snapshot | undefined> {
    return this.#watch.snapshotOf(commit);
  }

  /** Fetches as soon as possible: a webhook said that something was pushed. */
  hint(): void {
    this.#watch.hint();
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#watch.run(signal);
  }

  async #accept(snapshot: Snapshot, before: Snapshot | null): Promise<void> {
    const { name, path, heldPaths, log } = this.#options;
    const remedy = "bring the folder back, or correct the Source's path";
    const { files, count } = await nextFiles({ source: name, path, remedy, heldPaths }, this.#files, before, snapshot);
    this.#files = files;
    log.info({ source: name, commit: snapshot.commit, count }, "read a commit");
  }
}
