// All that the hub reads: the root Source, the Sources that Git names, and what Apps take from elsewhere. Each is watched on its own, so
// that one that fails stops nobody else.

import { messageOf, OperationError } from "@muster/proto/model/failure";
import { isSameRepository, maskUrl, type Snapshot } from "../../git/git.ts";
import type { HubLog } from "../log.ts";
import { contentAddress, contentKey, sourceAddress, type ContentAddress, type ContentRef, type SourceSpec } from "./content.ts";
import { SourceLoop, type SourceView } from "./source-loop.ts";
import { Watch, type Seen, type Watched } from "./watch.ts";

export type FleetSourcesOptions = {
  readonly root: SourceSpec;
  /** `held`: the commit that was acted on last. */
  readonly open: (address: ContentAddress, held: string | null) => Promise<Watched>;
  /** Throws away what was fetched of a content that nobody names any more. */
  readonly discard: (key: string) => Promise<void>;
  /** The commit that was acted on last, by content key. */
  readonly lastCommit: (key: string) => string | null;
  /** Files of a Source that held documents in the commit that was acted on last. */
  readonly heldPaths: (source: string) => ReadonlySet<string>;
  readonly now: () => number;
  readonly random: () => number;
  readonly log: HubLog;
  readonly onChange: () => void;
};

/** What a content is now. Pending: it was never there, and nothing went wrong yet. */
export type ContentState =
  | { readonly kind: "there"; readonly key: string; readonly snapshot: Snapshot }
  | { readonly kind: "pending"; readonly key: string }
  | { readonly kind: "failed"; readonly key: string; readonly code: string; readonly message: string };

/** A moment's state of all contents: it does not change while a turn works on it. */
export type Contents = { of(ref: ContentRef): ContentState };

/** `url` without credentials. */
export type ContentView = Seen & { readonly name: string; readonly url: string; readonly revision: string | null };

type Running = { readonly key: string; readonly stop: AbortController; readonly done: Promise<void> };
type RunningSource = Running & { readonly text: string; readonly spec: SourceSpec; readonly loop: SourceLoop | null };
type RunningContent = Running & { readonly address: ContentAddress; readonly watch: Watch; unusedSince: number | null };

/** A content that no App names any more is looked at for this long: a revert has it at hand. */
const unusedMs = 3_600_000;

export class FleetSources {
  readonly #options: FleetSourcesOptions;
  readonly #sources = new Map<string, RunningSource>();
  readonly #contents = new Map<string, RunningContent>();
  readonly #ending = new Map<string, Promise<unknown>>();
  #signal: AbortSignal | undefined;

  constructor(options: FleetSourcesOptions) {
    this.#options = options;
  }

  /** Looks at everything until the signal; returns when all have ended. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    this.#startSource(this.#options.root);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.all([...this.#ending.values(), ...[...this.#sources.values(), ...this.#contents.values()].map(({ done }) => done)]);
  }

  /** Sources that have documents, the root first, then by name. */
  views(): readonly SourceView[] {
    const { root } = this.#options;
    const rest = [...this.#sources.values()]
      .filter(({ spec }) => spec.name !== root.name)
      .toSorted((a, b) => (a.spec.name < b.spec.name ? -1 : 1));
    const first = this.#sources.get(root.name)?.loop?.view ?? emptyView(root);
    return [first, ...rest.flatMap(({ loop }) => loop?.view ?? [])];
  }

  /** What is looked at beside the Sources themselves, by key. */
  contentViews(): readonly ContentView[] {
    return [...this.#contents.values()]
      .toSorted((a, b) => (a.address.key < b.address.key ? -1 : 1))
      .map(({ address: { key, url, revision }, watch }) => ({ name: key, url: maskUrl(url), revision, ...watch.seen }));
  }

  /** The Sources that Git names now: new ones are begun, changed ones begun anew, those that are gone ended. */
  follow(specs: readonly SourceSpec[]): void {
    const { onChange } = this.#options;
    const wanted = new Map(specs.map((spec) => [spec.name, spec]));
    for (const [name, running] of this.#sources) {
      if (name === this.#options.root.name) continue;
      const spec = wanted.get(name);
      if (spec !== undefined && JSON.stringify(spec) === running.text) continue;
      this.#end(running, spec === undefined);
      this.#sources.delete(name);
      onChange(); // what it held is judged without it
      for (const [key, content] of this.#contents)
        if (key === name || key.startsWith(`${name}@`) || key.startsWith(`${name} `)) this.#drop(key, content);
    }
    for (const spec of wanted.values()) if (!this.#sources.has(spec.name)) this.#startSource(spec);
  }

  /** Begins to look at what is not looked at yet; ends what nobody has named for a while. */
  want(refs: Iterable<ContentRef>): void {
    const specs = this.#specs();
    const keys = new Set<string>();
    for (const ref of refs) {
      const key = contentKey(ref);
      if (keys.has(key) || this.#sources.has(key)) continue;
      keys.add(key);
      const known = this.#contents.get(key);
      if (known !== undefined) known.unusedSince = null;
      else {
        const address = contentAddress(ref, specs);
        if (!("code" in address)) this.#startContent(address);
      }
    }
    const now = this.#options.now();
    for (const [key, content] of this.#contents) {
      if (keys.has(key)) continue;
      content.unusedSince ??= now;
      if (now - content.unusedSince > unusedMs) this.#drop(key, content);
    }
  }

  /** What everything is at this moment. */
  freeze(): Contents {
    const specs = this.#specs();
    const seen = new Map<string, Seen>();
    for (const [name, { loop }] of this.#sources) if (loop !== null) seen.set(name, loop.view);
    for (const [key, { watch }] of this.#contents) seen.set(key, watch.seen);
    return { of: (ref) => stateOf(ref, seen, specs) };
  }

  /**
   * A Source at any revision, fetched now: for a look, not to be followed. Throws OperationErrors when there is no such Source or revision.
   */
  async treeAt(source: string, revision: string, signal: AbortSignal): Promise<Snapshot> {
    const address = contentAddress({ source, revision, remote: null }, this.#specs());
    if ("code" in address)
      throw new OperationError("notFound", source, address.message, undefined, {
        code: address.code,
        remedy: "muster status lists the Sources",
      });
    const watched = await this.#options.open({ ...address, key: `${source} (look)` }, null); // one folder for all looks at a Source
    const fetched = await watched.fetch(signal);
    return fetched.kind === "snapshot" ? fetched.snapshot : watched.snapshot(fetched.commit);
  }

  /** A commit of the history of a content, or an earlier version of an archive, as far as it is at hand. `key`: a Source's name or a content key. */
  async commitOf(key: string, commit: string): Promise<Snapshot | undefined> {
    return (this.#sources.get(key)?.loop ?? this.#contents.get(key)?.watch)?.snapshotOf(commit);
  }

  /** Keys of all contents that have commits: the root first, then other Sources, then repositories that Apps name. */
  histories(): readonly string[] {
    const sources = [...this.#sources].flatMap(([name, { spec }]) => (spec.kind === "git" ? [name] : []));
    return [...sources, ...[...this.#contents].flatMap(([key, { address }]) => (address.kind === "git" ? [key] : []))];
  }

  /** The folder of a Source that counts; "" is its root. */
  pathOf(source: string): string {
    const path = this.#specs().get(source)?.path ?? "";
    return path === "." ? "" : path;
  }

  /** Fetches as soon as possible: somebody said that something was pushed to the repository with these URLs. */
  hint(urls: readonly string[]): void {
    const concerns = (url: string): boolean => isSameRepository(urls, url);
    const hinted = [
      ...[...this.#sources.values()].filter(({ spec }) => [spec.url, ...spec.mirrors].some(concerns)).flatMap(({ loop }) => loop ?? []),
      ...[...this.#contents.values()].filter(({ address }) => concerns(address.url)).map(({ watch }) => watch),
    ];
    for (const each of hinted) each.hint();
    // A server may call itself by another name than the one that we know it by: better one look too many.
    if (hinted.length === 0) for (const { loop } of this.#sources.values()) loop?.hint();
  }

  #specs(): ReadonlyMap<string, SourceSpec> {
    return new Map([[this.#options.root.name, this.#options.root], ...[...this.#sources].map(([name, { spec }]) => [name, spec] as const)]);
  }

  #startSource(spec: SourceSpec): void {
    const { root, open, lastCommit, heldPaths, now, random, log, onChange } = this.#options;
    const { name, url, revision, pollMs } = spec;
    const address = sourceAddress(spec);
    const loop =
      spec.kind === "helm"
        ? null
        : new SourceLoop({
            name,
            url: maskUrl(url),
            revision,
            pollMs,
            path: spec.path === "." ? "" : spec.path,
            open: () => open(address, lastCommit(address.key)),
            reopens: address.kind === "git",
            heldPaths: () => heldPaths(name),
            lastCommit: lastCommit(name),
            now,
            random,
            log,
            onSnapshot: onChange,
            onFault: onChange,
          });
    if (name !== root.name) log.info({ source: name }, "following a source");
    this.#sources.set(name, {
      ...this.#begin(name, (signal) => loop?.run(signal) ?? Promise.resolve()),
      text: JSON.stringify(spec),
      spec,
      loop,
    });
  }

  #startContent(address: ContentAddress): void {
    const { open, lastCommit, now, random, log, onChange } = this.#options;
    const { key, pollMs } = address;
    const watch = new Watch({
      name: key,
      pollMs,
      open: () => open(address, lastCommit(address.key)),
      reopens: address.kind === "git",
      lastCommit: lastCommit(key),
      accept: async (snapshot) => log.info({ source: key, commit: snapshot.commit }, "fetched what an App takes from elsewhere"),
      now,
      random,
      log,
      onSnapshot: onChange,
      onFault: onChange,
    });
    this.#contents.set(key, { ...this.#begin(key, (signal) => watch.run(signal)), address, watch, unusedSince: null });
  }

  /** Begins when whoever had the same folder before has ended. */
  #begin(key: string, run: (signal: AbortSignal) => Promise<void>): Running {
    const stop = new AbortController();
    if (this.#signal === undefined) throw new TypeError("a source before run()");
    const signal = AbortSignal.any([stop.signal, this.#signal]);
    const before = this.#ending.get(key) ?? Promise.resolve();
    return { key, stop, done: before.then(() => run(signal)) };
  }

  #drop(key: string, content: RunningContent): void {
    this.#contents.delete(key);
    this.#end(content, true);
  }

  /** Ends it; `forGood`: what it kept on disk goes too. */
  #end({ key, stop, done }: Running, forGood: boolean): void {
    stop.abort();
    const { discard, log } = this.#options;
    const ended = done
      .then(() => (forGood ? discard(key) : undefined))
      .catch((error: unknown) => log.warn({ source: key, reason: messageOf(error) }, "could not remove what was fetched"))
      .finally(() => this.#ending.get(key) === ended && this.#ending.delete(key));
    this.#ending.set(key, ended);
  }
}

const emptyView = ({ name, url, revision }: SourceSpec): SourceView => ({
  name,
  url: maskUrl(url),
  revision,
  snapshot: null,
  files: new Map(),
  fetchedAt: null,
  fault: null,
});

function stateOf(ref: ContentRef, seen: ReadonlyMap<string, Seen>, specs: ReadonlyMap<string, SourceSpec>): ContentState {
  const key = contentKey(ref);
  const address = contentAddress(ref, specs);
  if ("code" in address) return { kind: "failed", key, ...address }; // what was allowed once and is not any more is not read any more
  const { snapshot, fault } = seen.get(key) ?? { snapshot: null, fault: null };
  if (snapshot !== null) return { kind: "there", key, snapshot };
  if (fault !== null) return { kind: "failed", key, code: fault.code, message: fault.message };
  return { kind: "pending", key };
}
