// Live objects for the tests of this room, by what matters of them.

import type { JsonObject, JsonValue } from "@muster/proto/model/json";
import type { Health } from "@muster/proto/model/status";

export const now = Date.parse("2026-06-01T12:00:00Z");

/** The time that was so long ago, as the API server writes it. */
export function ago(ms: number): string {
  return new Date(now - ms).toISOString();
}

export type Parts = { readonly metadata?: JsonObject; readonly spec?: JsonObject; readonly status?: JsonObject; readonly [more: string]: JsonValue | undefined };

/** An object of `group/version/Kind` or `version/Kind` that is an hour old, at generation 2. */
export function live(type: string, parts: Parts = {}): JsonObject {
  const slash = type.lastIndexOf("/");
  const metadata = { name: "x", namespace: "default", generation: 2, creationTimestamp: ago(3_600_000), ...parts.metadata };
  return { ...(parts as JsonObject), apiVersion: type.slice(0, slash), kind: type.slice(slash + 1), metadata };
}

export function condition(type: string, status: "True" | "False" | "Unknown", more: { readonly reason?: string; readonly message?: string; readonly forMs?: number; readonly observedGeneration?: number } = {}): JsonObject {
  const { forMs, ...rest } = more;
  return { type, status, lastTransitionTime: ago(forMs ?? 0), ...rest };
}

/** A sentence, the object, what its health is, and what else has to be so. */
export type Case = readonly [sentence: string, object: JsonObject | undefined, health: Health, more?: { readonly sinceMs?: number; readonly reason?: string; readonly message?: RegExp; readonly recheckInMs?: number; readonly terminal?: true }];
