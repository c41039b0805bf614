// From what should be there and what is: the steps of one round, App by App. Decides only; the loops carry it out, and look at the
// live object before each write that could hurt somebody.

import type { AgentPolicy, IgnoreRule, Tombstone } from "@muster/proto/model/bundle";
import { byCodeUnits } from "@muster/proto/model/canonical";
import { digestOfJson, type Digest } from "@muster/proto/model/digest";
import { identityKey, type AppKey, type ObjectIdentity } from "@muster/proto/model/identity";
import type { JsonValue } from "@muster/proto/model/json";
import type { Manifest, ManifestLine } from "@muster/proto/model/release";

import { settleClaims } from "./claims.ts";
import type { Inventory } from "./inventory.ts";
import { planPrunes, type PrunePlan, type TombstonePlan } from "./prune.ts";
import { compareWrites, stageOf, type Phase, type Stage } from "./stages.ts";
import { plainTraits, type Traits } from "./traits.ts";

export { judgeExisting, differingFields, type Adoption } from "./adoption.ts";
export { settleConflicts, wayTo, without, type FieldConflict, type Way } from "./conflict.ts";
export { byApp, entryRecord, parseEntry, pendingEntry, type Entry, type Inventory } from "./inventory.ts";
export { ownerOf, withMarks, type Owner } from "./marks.ts";
export { type Held, type PrunePlan, type TombstonePlan } from "./prune.ts";
export { annotationsOf, isKept, plainTraits, traitsOf, type Traits } from "./traits.ts";
export { pruneRound, stageOf, stagesInOrder, type Stage } from "./stages.ts";

/** What an App should be now: the accepted Release, or the one that it is held at. */
export type Target = {
  readonly app: AppKey;
  readonly release: Digest;
  readonly manifest: Manifest;
  readonly policy: AgentPolicy;
  readonly dependsOn: readonly AppKey[];
};

export type PlanInput = {
  readonly targets: readonly Target[];
  /** Identities that the accepted Releases declare, also of Apps that are held at another: they are on their way, and not pruned. */
  readonly alsoDeclared: ReadonlySet<string>;
  /** False when a manifest could not be read: what nobody seems to declare may be in it, so nothing is pruned. */
  readonly complete: boolean;
  readonly tombstones: readonly Tombstone[];
  readonly approvals: ReadonlySet<Digest>;
  readonly inventory: Inventory;
  readonly baseline: ReadonlyMap<AppKey, number>;
  /** What objects say of themselves, by digest. Objects that are applied and equal need none. */
  readonly traits: ReadonlyMap<Digest, Traits>;
  /** Apps that are healthy for their Release. */
  readonly healthy: ReadonlySet<AppKey>;
  /** The agent's own namespace: nothing in it is pruned. */
  readonly ownNamespace: string | null;
  readonly now: number;
};

export type ApplyStep = {
  readonly app: AppKey;
  readonly identity: ObjectIdentity;
  readonly digest: Digest;
  /** What the inventory will remember as applied: the object, the fields that are ignored, and for whom. */
  readonly desired: string;
  readonly traits: Traits;
  readonly phase: Phase;
  readonly wave: number;
  readonly stage: Stage;
  /** Identities that have to be ready first: the definition of its kind, its namespace. */
  readonly needs: readonly string[];
};

export type Note = { readonly identity: ObjectIdentity; readonly message: string };

export type AppPlan = {
  readonly app: AppKey;
  readonly release: Digest;
  readonly policy: AgentPolicy;
  /** In order of writing. */
  readonly applies: readonly ApplyStep[];
  /** Every object that has to be there for the App to be applied, also those that another App writes for it. */
  readonly expected: readonly { readonly identity: ObjectIdentity; readonly digest: Digest }[];
  readonly skipped: readonly Note[];
  /** Declared, and another App's. */
  readonly refused: readonly Note[];
  readonly prune: PrunePlan;
  /** Apps that have to become healthy before anything of this one is written. */
  readonly waitsFor: readonly AppKey[];
};

export type Plan = {
  readonly apps: readonly AppPlan[];
  readonly tombstones: readonly TombstonePlan[];
  /** Apps that have objects here, and are neither in the bundle nor under a tombstone. */
  readonly kept: readonly AppKey[];
  /** Objects that an autoscaler resizes. */
  readonly scaled: ReadonlySet<string>;
};

const emptyPrune: PrunePlan = { rounds: [], approval: null, held: null };

/** Plans a round. The same input gives the same plan. */
export function makePlan(input: PlanInput): Plan {
  const claims = settleClaims(input.targets, input.inventory);
  const writers = writersOf(input);
  const inBundle = new Set(input.targets.map((target) => target.app));
  const tombstones = input.complete ? input.tombstones.filter((tombstone) => !inBundle.has(tombstone.app)) : [];
  const prunes = planPrunes({
    inventory: input.inventory,
    declared: new Set([...input.alsoDeclared, ...claims.owner.keys()]),
    pruning: new Set(input.complete ? input.targets.filter((target) => target.policy.prune).map((target) => target.app) : []),
    tombstones,
    approvals: input.approvals,
    baseline: input.baseline,
    isProtected: (id) => isProtected(id, input.ownNamespace),
    now: input.now,
  });
  const marked = new Set(input.tombstones.map((tombstone) => tombstone.app));
  const holding = new Set([...input.inventory.values()].map((entry) => entry.app));
  return {
    apps: input.targets.map((target) =>
      planApp(target, input, writers, {
        owner: claims.owner,
        refused: claims.refused.get(target.app) ?? [],
        prune: prunes.apps.get(target.app) ?? emptyPrune,
      }),
    ),
    tombstones: prunes.tombstones,
    scaled: writers.scaled,
    kept: [...holding].filter((app) => !inBundle.has(app) && !marked.has(app)).toSorted(byCodeUnits),
  };
}

type Share = { readonly owner: ReadonlyMap<string, AppKey>; readonly refused: readonly Note[]; readonly prune: PrunePlan };

function planApp(target: Target, input: PlanInput, writers: Writers, { owner, refused, prune }: Share): AppPlan {
  const applies: ApplyStep[] = [];
  const expected: { identity: ObjectIdentity; digest: Digest }[] = [];
  const skipped: Note[] = [];
  for (const line of target.manifest) {
    const key = identityKey(line.identity);
    const traits = input.traits.get(line.digest) ?? plainTraits;
    const note = skipNote(traits);
    if (note !== null) skipped.push({ identity: line.identity, message: note });
    else if (!refused.some((other) => identityKey(other.identity) === key)) {
      expected.push({ identity: line.identity, digest: line.digest });
      if (owner.get(key) !== target.app) continue; // shared: its owner writes it
      const desired = desiredKey(line, target, writers.scaled.has(key));
      if (!isApplied(key, desired, target.app, input)) applies.push(applyStep(line, target, desired, traits, writers));
    }
  }
  const waitsFor = applies.length === 0 ? [] : target.dependsOn.filter((other) => !input.healthy.has(other));
  const { app, release, policy } = target;
  return { app, release, policy, applies: applies.toSorted(compareWrites), expected, skipped, refused, prune, waitsFor };
}

function isApplied(key: string, desired: string, app: AppKey, input: PlanInput): boolean {
  const entry = input.inventory.get(key);
  return entry?.state === "applied" && entry.app === app && entry.desired === desired;
}

function applyStep(line: ManifestLine, target: Target, desired: string, traits: Traits, writers: Writers): ApplyStep {
  const { identity, digest } = line;
  const needs = [writers.definitions.get(`${identity.group}/${identity.kind}`), writers.namespaces.get(identity.namespace)];
  return {
    app: target.app,
    identity,
    digest,
    desired,
    traits,
    phase: "sync",
    wave: 0,
    stage: stageOf(identity),
    needs: needs.filter((need) => need !== undefined),
  };
}

function skipNote(traits: Traits): string | null {
  if (traits.hook !== null) return `it is a hook (${traits.hook}), and this agent does not run hooks yet`;
  return traits.writing === "never" ? "its annotation says that it is not to be written" : null;
}

/** What others stand on in this round: definitions by kind, namespaces by name; and what an autoscaler resizes. */
type Writers = {
  readonly definitions: ReadonlyMap<string, string>;
  readonly namespaces: ReadonlyMap<string, string>;
  readonly scaled: ReadonlySet<string>;
};

function writersOf(input: PlanInput): Writers {
  const definitions = new Map<string, string>();
  const namespaces = new Map<string, string>();
  const scaled = new Set<string>();
  for (const { manifest } of input.targets) {
    for (const { identity, digest } of manifest) {
      const { defines, scales } = input.traits.get(digest) ?? plainTraits;
      if (defines !== null) definitions.set(`${defines.group}/${defines.kind}`, identityKey(identity));
      if (scales !== null) scaled.add(identityKey(scales));
      if (identity.group === "" && identity.kind === "Namespace") namespaces.set(identity.name, identityKey(identity));
    }
  }
  return { definitions, namespaces, scaled };
}

/** The rules of a policy that change what is written of an object are part of what is desired. */
export function desiredKey(line: ManifestLine, target: Pick<Target, "policy">, scaled: boolean): string {
  const rules = target.policy.ignore.filter((rule) => speaksOf(rule, line.identity));
  if (rules.length === 0 && !scaled) return line.digest;
  return `${line.digest}+${digestOfJson([rules as unknown as JsonValue, scaled]).slice(0, 16)}`;
}

function speaksOf(rule: IgnoreRule, id: ObjectIdentity): boolean {
  const meant = (word: string, actual: string): boolean => word === "*" || word === actual;
  return meant(rule.group, id.group) && meant(rule.kind, id.kind) && meant(rule.name, id.name);
}

/** The agent, its namespace, its rights and its inventory are never pruned. */
export function isProtected(id: ObjectIdentity, ownNamespace: string | null): boolean {
  if (ownNamespace === null) return false;
  if (id.namespace === ownNamespace || (id.kind === "Namespace" && id.group === "" && id.name === ownNamespace)) return true;
  return id.group === "rbac.authorization.k8s.io" && id.namespace === "" && id.name.startsWith("muster-agent");
}
