// What the cluster itself says about objects: its Events, of either API, newest first.

import { byCodeUnits } from "@muster/proto/model/canonical";
import { messageOf } from "@muster/proto/model/failure";
import { inspectionLimits, type ClusterEvent } from "@muster/proto/model/inspection";
import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";

import type { KubeActions } from "../kube/kube.ts";

/** Looked at in one namespace. */
const listedMax = 20_000;
const messageChars = 1_024;

export type FoundEvents = { readonly events: readonly ClusterEvent[]; readonly notes: readonly string[] };

/** Events about the objects with these uids. `namespaces` are those of the objects; of cluster-scoped ones they lie in `default`. */
export async function findEvents(
  kube: KubeActions,
  uids: ReadonlySet<string>,
  namespaces: Iterable<string>,
  signal: AbortSignal,
): Promise<FoundEvents> {
  const mapping = kube.mapping("events.k8s.io", "Event") ?? kube.mapping("", "Event");
  if (mapping === undefined) return { events: [], notes: ["the cluster serves no Events"] };
  const events: ClusterEvent[] = [];
  const notes: string[] = [];
  for (const namespace of new Set([...namespaces].map((name) => (name === "" ? "default" : name)))) {
    try {
      const { items, isCut } = await kube.list(mapping, { namespace, itemsMax: listedMax }, signal);
      if (isCut) notes.push(`only the first ${items.length} events of namespace ${namespace} were looked at`);
      for (const item of items) events.push(...eventAbout(item, uids));
    } catch (error) {
      if (signal.aborted) throw error;
      notes.push(`events of namespace ${namespace} could not be listed: ${messageOf(error)}`);
    }
  }
  const newest = events.toSorted((a, b) => byCodeUnits(b.lastSeen, a.lastSeen)).slice(0, inspectionLimits.events);
  if (newest.length < events.length) notes.push(`only the newest ${newest.length} of ${events.length} events are shown`);
  return { events: newest, notes };
}

/** None when it is about something else. The fields have other names in the older API. */
export function eventAbout(item: JsonObject, uids: ReadonlySet<string>): readonly ClusterEvent[] {
  const about = objectIn(item, "regarding") ?? objectIn(item, "involvedObject");
  if (about === undefined || !uids.has(text(about, "uid"))) return [];
  const series = objectIn(item, "series") ?? {};
  const first = time(item, "deprecatedFirstTimestamp", "firstTimestamp", "eventTime");
  const last = time(series, "lastObservedTime") ?? time(item, "deprecatedLastTimestamp", "lastTimestamp", "eventTime") ?? created(item);
  const apiVersion = text(about, "apiVersion");
  return [
    {
      object: {
        group: apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "",
        kind: text(about, "kind"),
        namespace: text(about, "namespace"),
        name: text(about, "name"),
      },
      type: text(item, "type"),
      reason: text(item, "reason"),
      message: (text(item, "note") || text(item, "message")).slice(0, messageChars),
      by:
        text(item, "reportingController") ||
        text(item, "reportingComponent") ||
        text(objectIn(item, "source") ?? objectIn(item, "deprecatedSource") ?? {}, "component"),
      count: number(series, "count") ?? number(item, "deprecatedCount") ?? number(item, "count") ?? 1,
      firstSeen: first ?? null,
      lastSeen: last ?? new Date(0).toISOString(),
    },
  ];
}

const objectIn = (object: JsonObject, member: string): JsonObject | undefined => {
  const value = object[member];
  return isJsonObject(value) ? value : undefined;
};

const text = (object: JsonObject, member: string): string => {
  const value: JsonValue | undefined = object[member];
  return typeof value === "string" ? value : "";
};

const number = (object: JsonObject, member: string): number | undefined => {
  const value = object[member];
  return typeof value === "number" && value > 0 ? value : undefined;
};

/** The first of these times that is there, in one spelling. */
function time(object: JsonObject, ...members: readonly string[]): string | undefined {
  for (const member of members) {
    const at = Date.parse(text(object, member));
    if (!Number.isNaN(at)) return new Date(at).toISOString();
  }
  return undefined;
}

const created = (item: JsonObject): string | undefined => time(objectIn(item, "metadata") ?? {}, "creationTimestamp");
