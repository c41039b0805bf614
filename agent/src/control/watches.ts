// One watch for each kind of which something is ours, limited to objects with our label; metadata only where health needs no body.
// Says what was seen; decides nothing.

import { identityKey, appLabel } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject } from "@muster/proto/model/json";
import { pause } from "@muster/proto/waiting/waiting";

import { needsBody } from "../health/health.ts";
import type { WatchEvent } from "../kube/kube.ts";
import type { Entry } from "../plan/plan.ts";
import { failureText, type Site } from "./site.ts";

export type Eyes = {
  /** An object of ours changed (or is there). `whole` is false when only its metadata was sent. */
  readonly seen: (key: string, object: JsonObject, whole: boolean) => void;
  /** Surely gone. */
  readonly gone: (key: string) => void;
  /** Not among what is labelled: it has to be read. */
  readonly unsure: (key: string) => void;
  readonly kindMissing: (keys: readonly string[]) => void;
  readonly rewound: (keys: readonly string[]) => void;
};

type Watch = { readonly stop: AbortController; readonly done: Promise<void>; synced: boolean };

const startRetryMs = 5_000;

export class Watches {
  readonly #site: () => Site;
  readonly #eyes: Eyes;
  readonly #watches = new Map<string, Watch>();
  /** How many entries are of each kind. */
  readonly #counts = new Map<string, number>();
  #signal: AbortSignal | null = null;

  constructor(site: () => Site, eyes: Eyes) {
    this.#site = site;
    this.#eyes = eyes;
  }

  /** Follows the inventory: a kind is watched while something of it is ours. */
  follow(entry: Entry | null, before: Entry | null): void {
    const [next, last] = [entry === null ? "" : kindOf(entry), before === null ? "" : kindOf(before)];
    if (next === last) return;
    if (next !== "") this.#count(next, 1);
    if (last !== "") this.#count(last, -1);
  }

  #count(kind: string, by: number): void {
    const count = (this.#counts.get(kind) ?? 0) + by;
    this.#counts.set(kind, count);
    if (this.#signal === null || this.#signal.aborted) return;
    if (count > 0 && !this.#watches.has(kind)) this.#start(kind, this.#signal);
    if (count === 0) this.#watches.get(kind)?.stop.abort();
  }

  /** Watches until aborted and all watches have ended. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    for (const [kind, count] of this.#counts) if (count > 0 && !this.#watches.has(kind)) this.#start(kind, signal);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.all([...this.#watches.values()].map((watch) => watch.done));
  }

  /** True when everything that is ours was seen at least once, as far as its kind can be watched. */
  get synced(): boolean {
    return [...this.#watches.values()].every((watch) => watch.synced);
  }

  #start(kind: string, signal: AbortSignal): void {
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const watch: Watch = { stop, synced: false, done: this.#watch(kind, both, () => (watch.synced = true)) };
    this.#watches.set(kind, watch);
    void watch.done.then(() => {
      this.#watches.delete(kind);
      if (!signal.aborted && (this.#counts.get(kind) ?? 0) > 0) this.#start(kind, signal);
    });
  }

  async #watch(kind: string, signal: AbortSignal, onSynced: () => void): Promise<void> {
    const { kube, log } = this.#site();
    const [group = "", version = "", name = ""] = kind.split("|");
    while (!signal.aborted) {
      try {
        const mapping = kube.mapping(group, name, version);
        if (mapping !== undefined) {
          const metadataOnly = !needsBody(group, name);
          const onEvent = (event: WatchEvent): void => this.#take(kind, event, !metadataOnly, onSynced);
          await kube.watch(mapping, { labelSelector: appLabel, metadataOnly }, onEvent, signal);
          continue;
        }
        await kube.discover(true);
        if (kube.mapping(group, name, version) !== undefined) continue;
        this.#eyes.kindMissing(this.#keys(kind));
        onSynced();
      } catch (error) {
        log.warn({ kind: name, reason: failureText(error) }, "cannot watch a kind; trying again");
      }
      await pause(startRetryMs, signal);
    }
  }

  #take(kind: string, event: WatchEvent, whole: boolean, onSynced: () => void): void {
    switch (event.kind) {
      case "synced": {
        const there = new Set(event.items.map(keyOfObject));
        for (const item of event.items) this.#eyes.seen(keyOfObject(item), item, whole);
        for (const key of this.#keys(kind)) if (!there.has(key)) this.#eyes.unsure(key);
        return onSynced();
      }
      case "changed":
        return this.#eyes.seen(keyOfObject(event.object), event.object, whole);
      case "deleted":
        return this.#eyes.gone(keyOfObject(event.object));
      case "kindMissing":
        this.#eyes.kindMissing(this.#keys(kind));
        return onSynced();
      case "rewound":
        return this.#eyes.rewound(this.#keys(kind));
      case "interrupted":
        return onSynced(); // nothing waits for a kind that cannot be watched
      case "resumed":
        return;
    }
  }

  #keys(kind: string): readonly string[] {
    return [...this.#site().ledger.all].filter(([, entry]) => kindOf(entry) === kind).map(([key]) => key);
  }
}

/** Watched at the version that was applied: fields belong to a version. Empty before the first apply. */
function kindOf(entry: Entry): string {
  const { apiVersion, identity } = entry;
  if (apiVersion === "") return "";
  return `${identity.group}|${apiVersion.slice(apiVersion.indexOf("/") + 1)}|${identity.kind}`;
}

function keyOfObject(object: JsonObject): string {
  const metadata = isJsonObject(object["metadata"]) ? object["metadata"] : {};
  const apiVersion = String(object["apiVersion"] ?? "");
  const text = (name: string): string => (typeof metadata[name] === "string" ? metadata[name] : "");
  return identityKey({
    group: apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "",
    kind: String(object["kind"] ?? ""),
    namespace: text("namespace"),
    name: text("name"),
  });
}
