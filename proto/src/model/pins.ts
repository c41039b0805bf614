// Pins, and the canonical text of a Bundle's list of them. Most clusters have most pins in common, and many pins share one policy: each is
// spelled once and not for every cluster again. What comes out is what canonicalJson would give.

import { canonicalJson } from "./canonical.ts";
import { digestOf, type Digest } from "./digest.ts";
import type { JsonValue } from "./json.ts";

type Pin<Policy extends object> = { readonly release: Digest; readonly policy: Policy };
type Row<Policy extends object> = Pin<Policy> & { readonly app: string; readonly dependsOn: readonly string[] };

/** `row`: the last App that was spelled with it. `pins`: of the last Releases. */
type Spelled = { readonly text: string; readonly pins: Map<Digest, Digest>; row: (Row<object> & { readonly text: string }) | null };

/** Policies are plain data that never changes; what is known of one goes with it. */
const spelled = new WeakMap<object, Spelled>();
const pinsMax = 8;

function spell(policy: object): Spelled {
  const known = spelled.get(policy);
  if (known !== undefined) return known;
  const fresh: Spelled = { text: textOf(policy), pins: new Map(), row: null };
  spelled.set(policy, fresh);
  return fresh;
}

const textOf = (value: unknown): string => canonicalJson(value as JsonValue);

/** The digest of a pin: what moves when an App moves. */
export function pinDigest<Policy extends object>({ release, policy }: Pin<Policy>): Digest {
  const { text, pins } = spell(policy);
  const known = pins.get(release);
  if (known !== undefined) return known;
  const digest = digestOf(`{"policy":${text},"release":${textOf(release)}}`);
  if (pins.size >= pinsMax) pins.clear();
  pins.set(release, digest);
  return digest;
}

/** Whether two pins have one digest. */
export function samePin<Policy extends object>(a: Pin<Policy>, b: Pin<Policy>): boolean {
  return a.release === b.release && (a.policy === b.policy || spell(a.policy).text === spell(b.policy).text);
}

/** The canonical text of a Bundle's list of Apps: the greatest part of it, and the same in its content and in the whole. */
export function appsText<Policy extends object>(apps: readonly Row<Policy>[]): string {
  return `[${apps.map(rowText).join(",")}]`;
}

function rowText({ app, release, policy, dependsOn }: Row<object>): string {
  const own = spell(policy);
  const last = own.row;
  if (last !== null && last.app === app && last.release === release && sameNames(last.dependsOn, dependsOn)) return last.text;
  const head = `{"app":${textOf(app)},"dependsOn":${textOf(dependsOn)}`;
  const text = `${head},"policy":${own.text},"release":${textOf(release)}}`;
  own.row = { app, release, policy, dependsOn, text };
  return text;
}

const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((name, index) => name === b[index]));
