// What a watch told, for a test to wait on.

import type { JsonObject } from "@muster/proto/model/json";
import type { Kube, KubeActions, Mapping, WatchEvent, WatchOptions } from "../kube.ts";

export type Seen = AsyncDisposable & {
  readonly events: readonly WatchEvent[];
  /** The first event since the last one that was waited for that fits; waits as long as the test runner lets it. */
  next(fits: (event: WatchEvent) => boolean): Promise<WatchEvent>;
};

export function startWatch(kube: KubeActions, mapping: Mapping, options: WatchOptions): Seen {
  const stop = new AbortController();
  const events: WatchEvent[] = [];
  let wake = (): void => undefined;
  let from = 0;
  const running = kube.watch(
    mapping,
    options,
    (event) => {
      events.push(event);
      wake();
    },
    stop.signal,
  );
  const next = async (fits: (event: WatchEvent) => boolean): Promise<WatchEvent> => {
    for (;;) {
      while (from < events.length) {
        const event = events[from++];
        if (event !== undefined && fits(event)) return event;
      }
      await new Promise<void>((resolve) => {
        const tick = setTimeout(resolve, 1_000); // keeps the process awake; the event itself wakes us earlier
        wake = () => {
          clearTimeout(tick);
          resolve();
        };
      });
    }
  };
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  return { events, next, [Symbol.asyncDispose]: end };
}

export const isKind =
  (kind: WatchEvent["kind"]) =>
  (event: WatchEvent): boolean =>
    event.kind === kind;

/** An event about the object of that name. */
export const tells =
  (kind: "changed" | "deleted", name: string, fits: (object: JsonObject) => boolean = () => true) =>
  (event: WatchEvent): boolean =>
    event.kind === kind && nameOf(event.object) === name && fits(event.object);

export function nameOf(object: JsonObject): string {
  return (object["metadata"] as { readonly name: string }).name;
}

export function namesOf(event: WatchEvent): readonly string[] {
  return event.kind === "synced" ? event.items.map(nameOf) : [];
}

export function mappingOf(kube: Kube, group: string, kind: string): Mapping {
  const mapping = kube.mapping(group, kind);
  if (mapping === undefined) throw new Error(`no kind ${kind}.${group}`);
  return mapping;
}
