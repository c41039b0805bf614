// Looks at one thing that lies elsewhere, at its pace and at a hint: a branch of a repository, a chart's newest version. What cannot be
// fetched keeps its last Snapshot; that is shown, and nothing else happens (I2).

import { messageOf, OperationError } from "@muster/proto/model/failure";
import { Bell } from "@muster/proto/waiting/waiting";
import type { GitSource, Snapshot } from "../../git/git.ts";
import type { HubLog } from "../log.ts";

export type SourceFault = { readonly code: string; readonly message: string; readonly remedy: string; readonly since: number };

/** What is looked at: gives out Snapshots that are complete, also from disk. */
export type Watched = Pick<GitSource, "fetch" | "snapshot">;

export type Seen = { readonly snapshot: Snapshot | null; readonly fetchedAt: number | null; readonly fault: SourceFault | null };

export type WatchOptions = {
  readonly name: string;
  readonly pollMs: number;
  readonly open: () => Promise<Watched>;
  /** The commit of the last run: what was there when we went. */
  readonly lastCommit: string | null;
  /** Opens anew after a failure: a secret may have been changed since. */
  readonly reopens?: boolean;
  /** Reads a new Snapshot before it counts; when it throws, the last one stays. */
  readonly accept: (snapshot: Snapshot, before: Snapshot | null) => Promise<void>;
  readonly now: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: HubLog;
  readonly onSnapshot: () => void;
  /** Called when a fault came or went. */
  readonly onFault: () => void;
};

const retryMs = { first: 1_000, max: 60_000 } as const;

export class Watch {
  readonly #options: WatchOptions;
  readonly #bell = new Bell();
  #seen: Seen = { snapshot: null, fetchedAt: null, fault: null };
  #watched: Watched | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  get seen(): Seen {
    return this.#seen;
  }

  /** A commit of the history that is at hand; undefined beyond it. */
  async snapshotOf(commit: string): Promise<Snapshot | undefined> {
    if (commit === this.#seen.snapshot?.commit) return this.#seen.snapshot;
    return this.#watched?.snapshot(commit).catch((error: unknown) => {
      if (error instanceof OperationError && error.fault?.code === "E_COMMIT_MISSING") return undefined;
      throw error;
    });
  }

  /** Fetches as soon as possible. */
  hint(): void {
    this.#bell.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#resume();
    let failures = 0;
    while (!signal.aborted) {
      const ok = await this.#look(signal);
      failures = ok ? 0 : failures + 1;
      const { pollMs, random } = this.#options;
      const waitMs = ok ? pollMs : Math.min(pollMs, retryMs.max, retryMs.first * 2 ** Math.min(failures, 10));
      await this.#bell.wait(waitMs * (0.9 + 0.2 * random()), signal);
    }
  }

  /** After a restart the last Snapshot is at hand before the server is: the fleet is known although Git may be gone. */
  async #resume(): Promise<void> {
    const { lastCommit, name, log } = this.#options;
    if (lastCommit === null) return;
    try {
      this.#watched = await this.#options.open();
      await this.#take(await this.#watched.snapshot(lastCommit), null);
    } catch (error) {
      log.warn({ source: name, commit: lastCommit, reason: messageOf(error) }, "the last snapshot is not on disk any more");
    }
  }

  async #look(signal: AbortSignal): Promise<boolean> {
    const { name, log, now } = this.#options;
    try {
      this.#watched ??= await this.#options.open();
      const fetched = await this.#watched.fetch(signal);
      const known = this.#seen.snapshot;
      if (fetched.kind === "snapshot" || known?.commit !== fetched.commit) {
        const snapshot = fetched.kind === "snapshot" ? fetched.snapshot : await this.#watched.snapshot(fetched.commit);
        if (fetched.kind === "snapshot" && fetched.forced)
          log.warn({ source: name, commit: snapshot.commit }, "the history was rewritten; following it");
        await this.#take(snapshot, now());
      } else this.#settle({ fetchedAt: now(), fault: null });
      return true;
    } catch (error) {
      if (signal.aborted) return true;
      if (this.#options.reopens === true) this.#watched = undefined;
      this.#fail(error);
      return false;
    }
  }

  async #take(snapshot: Snapshot, fetchedAt: number | null): Promise<void> {
    const { accept, onSnapshot } = this.#options;
    await accept(snapshot, this.#seen.snapshot);
    this.#seen = { ...this.#seen, snapshot };
    this.#settle({ fetchedAt: fetchedAt ?? this.#seen.fetchedAt, fault: null });
    onSnapshot();
  }

  #fail(error: unknown): void {
    const { name, log, now } = this.#options;
    const known = error instanceof OperationError ? error : undefined;
    const code = known?.fault?.code ?? known?.code ?? "E_SOURCE";
    const since = this.#seen.fault?.code === code ? this.#seen.fault.since : now();
    const fault: SourceFault = { code, message: messageOf(error), remedy: known?.fault?.remedy ?? "", since };
    if (this.#seen.fault?.code !== code)
      log.warn({ source: name, code, reason: fault.message }, "cannot read the source; its last commit stays");
    this.#settle({ fault });
  }

  #settle(change: Partial<Pick<Seen, "fetchedAt" | "fault">>): void {
    const was = this.#seen.fault;
    this.#seen = { ...this.#seen, ...change };
    if (was?.code !== this.#seen.fault?.code) this.#options.onFault();
  }
}
