// App statuses: model <-> wire. What comes over the wire is checked here once: closed vocabularies, bounds, times.

import type { Digest } from "../model/digest.ts";
import { isDigest } from "../model/digest.ts";
import type { AppKey, ObjectIdentity } from "../model/identity.ts";
import { isReasonCode, type ReasonCode } from "../model/reasons.ts";
import type { AppStatus, ClusterFacts, DriftRecord, Health, ObjectProblem, Soak } from "../model/status.ts";
import * as wire from "../gen/muster/v1/link.ts";

export const statusLimits = { problems: 50, drift: 20, fields: 20, messageChars: 2_000, nameChars: 600, apiVersions: 2_000 } as const;

export function toWireStatus(status: AppStatus): wire.AppStatus {
  return {
    app: status.app,
    pin: status.pin,
    release: status.release,
    generation: BigInt(status.generation),
    reason: status.reason,
    message: status.message,
    since: status.since,
    health: status.health,
    counts: { ...status.counts },
    problems: status.problems.map((p) => ({ ...p, identity: { ...p.identity } })),
    drift: status.drift.map(toWireDrift),
    inventoryEmpty: status.inventoryEmpty,
    held: status.held ?? "",
    soak: status.soak === null ? undefined : toWireSoak(status.soak),
  };
}

function toWireSoak({ healthyForMs, pods }: Soak): wire.Soak {
  return { healthyForMs: BigInt(healthyForMs), pods: pods === null ? undefined : { ...pods } };
}

/** How many bytes a status takes in a message. */
export function statusBytes(status: AppStatus): number {
  return wire.AppStatus.encode(toWireStatus(status)).finish().length;
}

function toWireDrift(drift: DriftRecord): wire.DriftRecord {
  const { changedAt, healedAt, identity, fields, ...rest } = drift;
  return { ...rest, identity: { ...identity }, fields: [...fields], changedAt: changedAt ?? undefined, healedAt: healedAt ?? undefined };
}

/** Throws a TypeError that names the first thing that is not as it must be. */
export function fromWireStatus(status: wire.AppStatus): AppStatus {
  const counts = status.counts ?? { total: 0, applied: 0, failed: 0, healthy: 0 };
  return {
    app: text(status.app, "app", statusLimits.nameChars) as AppKey,
    pin: digest(status.pin, "pin"),
    release: digest(status.release, "release"),
    generation: count(status.generation, "generation"),
    reason: reason(status.reason),
    message: clip(status.message),
    since: time(status.since, "since"),
    health: health(status.health),
    counts: { ...counts },
    problems: status.problems.slice(0, statusLimits.problems).map(fromWireProblem),
    drift: status.drift.slice(0, statusLimits.drift).map(fromWireDrift),
    inventoryEmpty: status.inventoryEmpty,
    held: status.held === "" ? null : digest(status.held, "held"),
    soak: status.soak === undefined ? null : fromWireSoak(status.soak),
  };
}

function fromWireSoak({ healthyForMs, pods }: wire.Soak): Soak {
  return { healthyForMs: count(healthyForMs, "soak.healthyForMs"), pods: pods === undefined ? null : { ...pods } };
}

function fromWireProblem(problem: wire.ObjectProblem): ObjectProblem {
  return {
    identity: fromWireIdentity(problem.identity),
    reason: reason(problem.reason),
    health: health(problem.health),
    message: clip(problem.message),
    since: time(problem.since, "since"),
  };
}

function fromWireDrift(drift: wire.DriftRecord): DriftRecord {
  if (drift.kind !== "changed" && drift.kind !== "deleted") throw new TypeError("unknown kind of drift");
  return {
    identity: fromWireIdentity(drift.identity),
    kind: drift.kind,
    fields: drift.fields.slice(0, statusLimits.fields).map((field) => clip(field)),
    manager: clip(drift.manager),
    operation: clip(drift.operation),
    changedAt: drift.changedAt === undefined ? null : time(drift.changedAt, "changedAt"),
    seenAt: time(drift.seenAt, "seenAt"),
    healedAt: drift.healedAt === undefined ? null : time(drift.healedAt, "healedAt"),
    contested: drift.contested,
  };
}

export function fromWireIdentity(id: wire.ObjectIdentity | undefined): ObjectIdentity {
  if (id === undefined) throw new TypeError("an object without identity");
  const limit = statusLimits.nameChars;
  return {
    group: text(id.group, "group", limit),
    kind: text(id.kind, "kind", limit),
    namespace: text(id.namespace, "namespace", limit),
    name: text(id.name, "name", limit),
  };
}

export function fromWireFacts(facts: wire.Facts): ClusterFacts {
  return {
    kubernetesVersion: text(facts.kubernetesVersion, "kubernetesVersion", 100),
    apiVersions: facts.apiVersions.slice(0, statusLimits.apiVersions).map((name) => text(name, "apiVersions", 300)),
    agentVersion: text(facts.agentVersion, "agentVersion", 100),
  };
}

export function toWireFacts(facts: ClusterFacts): wire.Facts {
  return { kubernetesVersion: facts.kubernetesVersion, apiVersions: [...facts.apiVersions], agentVersion: facts.agentVersion };
}

/** A count of the wire as a number. Throws a TypeError when it is not exact. */
export function count(value: bigint, field: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new TypeError(`${field} is out of range`);
  return number;
}

function text(value: string, field: string, limit: number): string {
  if (value.length > limit) throw new TypeError(`${field} is longer than ${limit} characters`);
  return value;
}

function clip(value: string): string {
  return value.length <= statusLimits.messageChars ? value : `${value.slice(0, statusLimits.messageChars - 1)}…`;
}

function digest(value: string, field: string): Digest {
  if (!isDigest(value)) throw new TypeError(`${field} is no digest`);
  return value;
}

function reason(value: string): ReasonCode {
  if (!isReasonCode(value)) throw new TypeError("unknown reason code");
  return value;
}

const healths: ReadonlySet<string> = new Set<Health>(["healthy", "progressing", "degraded", "suspended", "missing", "unknown"]);

function health(value: string): Health {
  if (!healths.has(value)) throw new TypeError("unknown health");
  return value as Health;
}

/** Times a machine in our century could mean; a clock that is off by a thousand years is no time. */
function time(value: string, field: string): string {
  const ms = Date.parse(value);
  if (Number.isNaN(ms) || ms < Date.UTC(2020) || ms > Date.UTC(2200)) throw new TypeError(`${field} is no plausible time`);
  return value;
}
