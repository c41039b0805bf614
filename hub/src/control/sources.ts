// Watches the root Source: fetches at its pace and at a webhook's hint, reads what changed, and hands the fleet's files on. A Source that
// cannot be read keeps its last Snapshot; that is shown, and nothing else happens (I2).

import { messageOf, OperationError } from "@muster/proto/model/failure";
import { Bell } from "@muster/proto/waiting/waiting";
import { isFleetFile, mentionsMuster, parseFleetFile, type ParsedFile } from "../fleet/fleet.ts";
import { changes, type GitSource, type Snapshot } from "../git/git.ts";
import type { HubLog } from "./log.ts";

export type SourceFault = { readonly code: string; readonly message: string; readonly remedy: string; readonly since: number };

/** What is known of a Source now. */
export type SourceView = {
  readonly name: string;
  /** Without credentials. */
  readonly url: string;
  readonly revision: string | null;
  readonly snapshot: Snapshot | null;
  readonly files: ReadonlyMap<string, ParsedFile>;
  readonly fetchedAt: number | null;
  readonly fault: SourceFault | null;
};

export type SourceLoopOptions = {
  readonly name: string;
  readonly url: string;
  readonly revision: string | null;
  /** Only documents below it count; "" is the root. */
  readonly path: string;
  readonly pollMs: number;
  readonly open: () => Promise<GitSource>;
  /** The commit of the last run: what the fleet was when we went. */
  readonly lastCommit: string | null;
  /** Files that held documents in the commit that was acted on last: they are looked into whatever they look like now. */
  readonly heldPaths: () => ReadonlySet<string>;
  readonly now: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: HubLog;
  readonly onSnapshot: () => void;
  /** Called when the view changed in another way: a fault came or went. */
  readonly onFault: () => void;
};

const retryMs = { first: 1_000, max: 60_000 } as const;
const textBytesMax = 4 * 1024 * 1024;

/** Faults of one path: links that lead out, submodules, names that are refused. */
const ofThePath: ReadonlySet<string> = new Set([
  "E_SYMLINK",
  "E_SUBMODULE",
  "E_NAME_UNSAFE",
  "E_NAME_COLLISION",
  "E_PATH_ESCAPE",
  "E_PATH_MISSING",
]);

/** A file of which nothing is known now: what it held before stays. */
function unreadable(source: string, path: string, code: string, why: string): ParsedFile {
  const message = `cannot read ${path}: ${why}`;
  return {
    source,
    path,
    documents: [],
    brokenKeys: [],
    broken: true,
    problems: [{ code, severity: "error", message, place: { source, path, line: 1 } }],
  };
}

export class SourceLoop {
  readonly #options: SourceLoopOptions;
  readonly #bell = new Bell();
  #view: SourceView;
  #source: GitSource | undefined;

  constructor(options: SourceLoopOptions) {
    this.#options = options;
    const { name, url, revision } = options;
    this.#view = { name, url, revision, snapshot: null, files: new Map(), fetchedAt: null, fault: null };
  }

  get view(): SourceView {
    return this.#view;
  }

  /** A commit of the history that is at hand; undefined beyond it. */
  async snapshotOf(commit: string): Promise<Snapshot | undefined> {
    if (commit === this.#view.snapshot?.commit) return this.#view.snapshot;
    return this.#source?.snapshot(commit).catch((error: unknown) => {
      if (error instanceof OperationError && error.fault?.code === "E_COMMIT_MISSING") return undefined;
      throw error;
    });
  }

  /** Fetches as soon as possible: a webhook said that something was pushed. */
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

  /** After a restart the last Snapshot is at hand before Git is: the fleet is known although Git may be gone. */
  async #resume(): Promise<void> {
    const { lastCommit, name, log } = this.#options;
    if (lastCommit === null) return;
    try {
      this.#source = await this.#options.open();
      await this.#take(await this.#source.snapshot(lastCommit), null);
    } catch (error) {
      log.warn({ source: name, commit: lastCommit, reason: messageOf(error) }, "the last snapshot is not on disk any more");
    }
  }

  async #look(signal: AbortSignal): Promise<boolean> {
    const { name, log, now } = this.#options;
    try {
      this.#source ??= await this.#options.open();
      const fetched = await this.#source.fetch(signal);
      const known = this.#view.snapshot;
      if (fetched.kind === "snapshot" || known?.commit !== fetched.commit) {
        const snapshot = fetched.kind === "snapshot" ? fetched.snapshot : await this.#source.snapshot(fetched.commit);
        if (fetched.kind === "snapshot" && fetched.forced)
          log.warn({ source: name, commit: snapshot.commit }, "the history was rewritten; following it");
        await this.#take(snapshot, now());
      } else this.#settle({ fetchedAt: now(), fault: null });
      return true;
    } catch (error) {
      if (signal.aborted) return true;
      this.#fail(error);
      return false;
    }
  }

  async #take(snapshot: Snapshot, fetchedAt: number | null): Promise<void> {
    const { name, path, log } = this.#options;
    const files = new Map(this.#view.files);
    if ((await snapshot.tree.entry(path))?.kind !== "tree") {
      throw new OperationError("notFound", name, `commit ${snapshot.commit.slice(0, 12)} has no folder ${path || "."}`, undefined, {
        code: "E_PATH_MISSING",
        remedy: "bring the folder back, or correct root.path in the hub's configuration",
      });
    }
    let count = 0;
    for await (const { path: file, after } of changes(this.#view.snapshot, snapshot, path)) {
      if (!isFleetFile(file)) continue;
      count += 1;
      const parsed = after === null ? undefined : await this.#parse(snapshot, file, files.get(file));
      if (parsed === undefined) files.delete(file);
      else files.set(file, parsed);
    }
    this.#view = { ...this.#view, snapshot, files };
    this.#settle({ fetchedAt: fetchedAt ?? this.#view.fetchedAt, fault: null });
    log.info({ source: name, commit: snapshot.commit, count }, "read a commit");
    this.#options.onSnapshot();
  }

  async #parse(snapshot: Snapshot, path: string, before: ParsedFile | undefined): Promise<ParsedFile | undefined> {
    const { name, heldPaths } = this.#options;
    const held = (before?.documents.length ?? 0) > 0 || before?.broken === true || heldPaths().has(path);
    let text: string;
    try {
      const entry = await snapshot.tree.entry(path);
      if (entry?.kind !== "blob") return undefined;
      const bytes = await snapshot.tree.read(entry.oid);
      if (bytes.length > textBytesMax)
        return held ? unreadable(name, path, "E_LIMIT", `it is larger than ${textBytesMax} bytes`) : undefined;
      text = new TextDecoder().decode(bytes);
    } catch (error) {
      // What is wrong with this path alone stops this file alone; everything else is Git that cannot be read, and never an empty file (I2).
      const code = error instanceof OperationError ? (error.fault?.code ?? "") : "";
      if (!ofThePath.has(code)) throw error;
      return unreadable(name, path, code, messageOf(error));
    }
    return held || mentionsMuster(text) ? parseFleetFile({ source: name, path, text }) : undefined;
  }

  #fail(error: unknown): void {
    const { name, log, now } = this.#options;
    const known = error instanceof OperationError ? error : undefined;
    const code = known?.fault?.code ?? known?.code ?? "E_SOURCE";
    const since = this.#view.fault?.code === code ? this.#view.fault.since : now();
    const fault: SourceFault = { code, message: messageOf(error), remedy: known?.fault?.remedy ?? "", since };
    if (this.#view.fault?.code !== code)
      log.warn({ source: name, code, reason: fault.message }, "cannot read the source; its last commit stays");
    this.#settle({ fault });
  }

  #settle(change: Partial<Pick<SourceView, "fetchedAt" | "fault">>): void {
    const was = this.#view.fault;
    this.#view = { ...this.#view, ...change };
    if (was?.code !== this.#view.fault?.code) this.#options.onFault();
  }
}
