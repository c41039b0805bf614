// Watching the objects of a kind: a complete list first, then each change, for as long as wanted. A gap is answered with a new complete
// list, never with a guess; what a DELETED says is read again before it is believed, for it also means "no longer selected".

import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, OperationError } from "@muster/proto/model/failure";
import type { JsonObject } from "@muster/proto/model/json";
import { metadataAs, metadataOf, named, type Caller } from "./caller.ts";
import type { Mapping } from "./discovered.ts";
import { readFailure, readStatus } from "./kube-answer.ts";
import { collectionPath, query } from "./paths.ts";
import { get, list } from "./read.ts";
import { watchLines, type WatchLine } from "./watch-lines.ts";

export type WatchEvent =
  /** All objects that are selected now. One that is missing may have lost its label: get it before believing that it is gone. */
  | { readonly kind: "synced"; readonly items: readonly JsonObject[] }
  /** Created or changed; also when it is no longer selected but still there. */
  | { readonly kind: "changed"; readonly object: JsonObject }
  /** Gone: the server said so and a GET confirmed it. The object as it was last. */
  | { readonly kind: "deleted"; readonly object: JsonObject }
  /** The cluster does not serve the kind (now). Said once; "synced" follows when it does again. */
  | { readonly kind: "kindMissing" }
  /** The store went back in time: every resourceVersion recorded before means nothing. "synced" follows. */
  | { readonly kind: "rewound" }
  /** Nothing is seen until "resumed" or "synced". Said once. */
  | { readonly kind: "interrupted"; readonly error: OperationError }
  | { readonly kind: "resumed" };

export type WatchOptions = { readonly labelSelector?: string; readonly namespace?: string; readonly metadataOnly?: boolean };

/** How one connection ended. `gap`: what happened since is lost. `silent`: the server says nothing, which may mean a restored store. */
type End =
  | { readonly kind: "ended"; readonly heard: boolean }
  | { readonly kind: "gap" }
  | { readonly kind: "silent" }
  | { readonly kind: "kindMissing" }
  | { readonly kind: "failed"; readonly error: OperationError };

/** Runs until `signal` is aborted, whatever the server does. Events come in order, one at a time. */
export async function watch(
  caller: Caller,
  mapping: Mapping,
  options: WatchOptions,
  onEvent: (event: WatchEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const run = new WatchRun(caller, mapping, options, onEvent, signal);
  while (!signal.aborted) {
    const end = await run.once();
    await pause(run.pauseAfter(end), signal);
  }
}

class WatchRun {
  readonly #caller: Caller;
  readonly #mapping: Mapping;
  readonly #options: WatchOptions;
  readonly #emit: (event: WatchEvent) => void;
  readonly #signal: AbortSignal;
  /** Where to go on; undefined: with a new list. */
  #resumeAt: string | undefined;
  /** The newest resourceVersion ever seen here. */
  #newest: string | undefined;
  #told: "interrupted" | "kindMissing" | undefined;
  #failures = 0;

  constructor(caller: Caller, mapping: Mapping, options: WatchOptions, emit: (event: WatchEvent) => void, signal: AbortSignal) {
    this.#caller = caller;
    this.#mapping = mapping;
    this.#options = options;
    this.#emit = emit;
    this.#signal = signal;
  }

  /** One list, when needed, and one connection. */
  async once(): Promise<End> {
    try {
      this.#resumeAt ??= await this.#list();
      return await this.#follow(this.#resumeAt);
    } catch (error) {
      if (error instanceof OperationError && error.code === "notFound") return { kind: "kindMissing" };
      const failure =
        error instanceof OperationError
          ? error
          : new OperationError("unavailable", this.#subject, `${this.#subject}: ${messageOf(error)}`, error);
      return { kind: "failed", error: failure };
    }
  }

  /** What an end means for the next connection, and how long to wait for it, in milliseconds. */
  pauseAfter(end: End): number {
    if (this.#signal.aborted) return 0;
    const { limits } = this.#caller;
    switch (end.kind) {
      case "ended":
        this.#failures = end.heard ? 0 : this.#failures + 1;
        return end.heard ? 0 : this.#backoffMs();
      case "gap":
        this.#resumeAt = undefined;
        return between(limits.relistJitterMinMs, limits.relistJitterMaxMs);
      case "silent":
        this.#resumeAt = undefined;
        return 0;
      case "kindMissing":
        this.#resumeAt = undefined;
        if (this.#told !== "kindMissing") this.#emit({ kind: "kindMissing" });
        this.#told = "kindMissing";
        return limits.kindMissingRetryMs;
      case "failed":
        this.#failures += 1;
        if (this.#told !== "interrupted") this.#interrupted(end.error);
        return this.#backoffMs();
    }
  }

  get #subject(): string {
    return `watch of ${this.#mapping.plural}`;
  }

  #interrupted(error: OperationError): void {
    this.#told = "interrupted";
    this.#caller.log.warn({ kind: this.#mapping.kind, group: this.#mapping.group, error: error.message }, "watch interrupted");
    this.#emit({ kind: "interrupted", error });
  }

  #backoffMs(): number {
    const { watchBackoffMinMs, watchBackoffMaxMs } = this.#caller.limits;
    const ceiling = Math.min(watchBackoffMaxMs, watchBackoffMinMs * 2 ** Math.min(this.#failures, 20));
    return between(ceiling / 2, ceiling);
  }

  async #list(): Promise<string> {
    const listed = await list(this.#caller, this.#mapping, this.#options, this.#signal);
    if (this.#newest !== undefined && isOlder(listed.resourceVersion, this.#newest)) {
      this.#caller.log.warn({ kind: this.#mapping.kind, group: this.#mapping.group }, "the cluster's store went back in time");
      this.#emit({ kind: "rewound" });
    }
    this.#newest = listed.resourceVersion;
    this.#told = undefined;
    this.#emit({ kind: "synced", items: listed.items });
    return listed.resourceVersion;
  }

  async #follow(from: string): Promise<End> {
    const { limits } = this.#caller;
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(), limits.watchSilenceMs);
    try {
      const answer = await this.#open(from, AbortSignal.any([this.#signal, silence.signal]));
      if (answer.status === 410) return { kind: "gap" };
      const heard = heardOf(answer.body, () => timer.refresh());
      if (answer.status !== 200) throw await this.#refused(answer.status, heard.chunks);
      this.#resumed();
      for await (const line of watchLines(heard.chunks, limits.watchEventMaxBytes)) {
        const end = await this.#take(line);
        if (end !== undefined) return end;
        this.#failures = 0;
      }
      return { kind: "ended", heard: heard.any() };
    } catch (error) {
      if (silence.signal.aborted && !this.#signal.aborted) return { kind: "silent" };
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #open(from: string, signal: AbortSignal): ReturnType<Caller["transport"]["stream"]> {
    const { impersonation, limits, transport } = this.#caller;
    const parameters = {
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: from,
      labelSelector: this.#options.labelSelector,
      timeoutSeconds: Math.round(between(limits.watchTimeoutMinSeconds, limits.watchTimeoutMaxSeconds)),
    };
    const path = collectionPath(this.#mapping, this.#options.namespace ?? "") + query(parameters);
    const accept = this.#options.metadataOnly ? metadataAs("PartialObjectMetadata") : "application/json";
    const headers = { ...impersonation, accept };
    return transport.stream(
      { method: "GET", path, headers, subject: this.#subject, write: false, timeoutMs: limits.readTimeoutMs },
      signal,
    );
  }

  async #refused(code: number, chunks: AsyncIterable<Buffer>): Promise<OperationError> {
    const read: Buffer[] = [];
    for await (const chunk of chunks) read.push(chunk);
    if (code === 404) return new OperationError("notFound", this.#subject, `${this.#subject}: the cluster does not serve the kind`);
    return readFailure(readStatus(code, Buffer.concat(read).toString("utf8")), {
      subject: this.#subject,
      group: this.#mapping.group,
      kind: this.#mapping.kind,
    });
  }

  #resumed(): void {
    if (this.#told === "interrupted") this.#emit({ kind: "resumed" });
    this.#told = undefined;
  }

  /** Handles one line, and only then remembers its version: a line that could not be handled comes again. */
  async #take(line: WatchLine): Promise<End | undefined> {
    if (line.type === "ERROR") return this.#errorEvent(line.object);
    const version = metadataOf(line.object)["resourceVersion"];
    if (line.type === "DELETED") await this.#deleted(named(line.object, this.#mapping));
    else if (line.type !== "BOOKMARK") this.#emit({ kind: "changed", object: named(line.object, this.#mapping) });
    if (typeof version === "string") {
      this.#resumeAt = version;
      this.#newest = version;
    }
    return undefined;
  }

  #errorEvent(object: JsonObject): End {
    const status = readStatus(Number(object["code"] ?? 500), JSON.stringify(object));
    if (status.code === 410) return { kind: "gap" };
    return { kind: "failed", error: readFailure(status, { subject: this.#subject, group: this.#mapping.group, kind: this.#mapping.kind }) };
  }

  async #deleted(object: JsonObject): Promise<void> {
    const { name, namespace } = metadataOf(object);
    const { group, kind, version } = this.#mapping;
    const identity = { group, kind, namespace: typeof namespace === "string" ? namespace : "", name: typeof name === "string" ? name : "" };
    const now = await get(this.#caller, identity, {
      version,
      ...(this.#options.metadataOnly === undefined ? {} : { metadataOnly: this.#options.metadataOnly }),
    });
    if (now.kind === "unknownKind") throw new OperationError("notFound", this.#subject, `${this.#subject}: the kind is gone`);
    if (now.kind === "found") this.#emit({ kind: "changed", object: now.object });
    else this.#emit({ kind: "deleted", object });
  }
}

/** Tells of every chunk before it passes it on. */
function heardOf(
  chunks: AsyncIterable<Buffer>,
  onChunk: () => void,
): { readonly chunks: AsyncIterable<Buffer>; readonly any: () => boolean } {
  let any = false;
  const passed = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      any = true;
      onChunk();
      yield chunk;
    }
  };
  return { chunks: passed(), any: () => any };
}

/** Versions compare as integers; where they are none, only equality is known, and nothing is called older. */
function isOlder(version: string, than: string): boolean {
  return /^\d+$/.test(version) && /^\d+$/.test(than) && BigInt(version) < BigInt(than);
}

function between(min: number, max: number): number {
  return min + Math.random() * (max - min);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => undefined);
}
