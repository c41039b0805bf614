// Drift as people see it: what others changed, newest first, a bounded number for each App; and, for each object, how often we wrote
// against others.

import { identityKey, type AppKey, type ObjectIdentity } from "@muster/proto/model/identity";
import type { DriftRecord } from "@muster/proto/model/status";

import {
  freshBucket,
  noContest,
  noteHeal,
  strippedNow,
  takeHeal,
  type Attribution,
  type Bucket,
  type Contest,
  type FieldPath,
} from "../drift/drift.ts";

export const driftShownMax = 20;

type Pace = { readonly bucket: Bucket; readonly contest: Contest };

export class DriftLog {
  readonly #records = new Map<AppKey, readonly DriftRecord[]>();
  readonly #paces = new Map<string, Pace>();
  readonly #onChange: (app: AppKey) => void;

  constructor(onChange: (app: AppKey) => void) {
    this.#onChange = onChange;
  }

  of(app: AppKey): readonly DriftRecord[] {
    return this.#records.get(app) ?? [];
  }

  /** Starts with what was reported before a restart. */
  restore(app: AppKey, records: readonly DriftRecord[]): void {
    this.#records.set(app, records);
  }

  /** Adds a record; one about the same unhealed change replaces the older one. */
  add(app: AppKey, record: DriftRecord): void {
    const key = identityKey(record.identity);
    const others = this.of(app).filter((old) => !(identityKey(old.identity) === key && old.healedAt === null));
    this.#records.set(app, [record, ...others].slice(0, driftShownMax));
    this.#onChange(app);
  }

  /** Drops records of changes that are not there any more, though nobody of us healed them. */
  settle(app: AppKey, id: ObjectIdentity): void {
    const key = identityKey(id);
    const kept = this.of(app).filter((old) => identityKey(old.identity) !== key || old.healedAt !== null);
    if (kept.length === this.of(app).length) return;
    this.#records.set(app, kept);
    this.#onChange(app);
  }

  forget(app: AppKey): void {
    this.#records.delete(app);
  }

  /** Takes one heal from the object's bucket: 0 when it may happen now, else the wait in milliseconds. */
  takeHeal(key: string, nowMs: number): number {
    const pace = this.#paceOf(key, nowMs);
    const { bucket, waitMs } = takeHeal(pace.bucket, nowMs);
    this.#paces.set(key, { ...pace, bucket });
    return waitMs;
  }

  /** Notes who is being written against; returns the fields that are given up for now. */
  note(key: string, heal: { paths: readonly FieldPath[]; manager: string; byPerson: boolean }, nowMs: number): readonly FieldPath[] {
    const pace = this.#paceOf(key, nowMs);
    const { contest, contested } = noteHeal(pace.contest, heal, nowMs);
    this.#paces.set(key, { ...pace, contest });
    return contested;
  }

  /** The fields of an object that are left to another manager now. */
  yielded(key: string, nowMs: number): ReturnType<typeof strippedNow> {
    return strippedNow(this.#paces.get(key)?.contest ?? noContest, nowMs);
  }

  #paceOf(key: string, nowMs: number): Pace {
    return this.#paces.get(key) ?? { bucket: freshBucket(nowMs), contest: noContest };
  }
}

type Told = { readonly seenAt: number; readonly healedAt: number | null; readonly contested: boolean };

/** The record of one change; times in milliseconds since 1970. */
export function driftRecord(identity: ObjectIdentity, kind: DriftRecord["kind"], who: Attribution, told: Told): DriftRecord {
  return {
    identity,
    kind,
    fields: who.fields,
    manager: who.manager,
    operation: who.operation,
    changedAt: who.changedAt,
    seenAt: new Date(told.seenAt).toISOString(),
    healedAt: told.healedAt === null ? null : new Date(told.healedAt).toISOString(),
    contested: told.contested,
  };
}

/** The rule that would leave these fields to others. */
export function ignoreRule({ group, kind, name }: ObjectIdentity, who: Attribution): string {
  return JSON.stringify({ group, kind, name, fields: who.fields });
}
