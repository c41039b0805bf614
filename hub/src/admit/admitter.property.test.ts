// An Admitter that is told what changed says of every cluster what a fresh one says of it. fast-check prints the seed of a story that
// fails.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { deletionDigest } from "@muster/proto/model/evidence";
import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { Placement, Resolution } from "../resolve/resolve.ts";
import { bookOf } from "../resolve/testdata/books.ts";
import { admit, Admitter, type AdmitInput, type Admission, type ClusterVerdict, type HeldCluster } from "./admit.ts";
import { holds, id, key, manifestOf, now, placement, some } from "./testdata/worlds.ts";

const apps = ["web", "db", "shop", "apps"] as const;
const names = ["k1", "k2", "k3"] as const;
const oneOf = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const objects = oneOf("a b c", "a b", "a=2 b", "s a", "s=2 b", some(5, "d"), some(2, "d"), "Namespace/x a", "a@muster-system");

type Edit =
  | {
      readonly kind: "want";
      readonly app: string;
      readonly cluster: string;
      readonly objects: string | null | undefined;
      readonly prune: boolean;
      readonly auto: boolean;
    }
  | { readonly kind: "declare"; readonly app: string; readonly onLeave: "orphan" | "delete" | null }
  | {
      readonly kind: "hold";
      readonly app: string;
      readonly cluster: string;
      readonly objects: string | undefined;
      readonly parent: boolean;
    }
  | { readonly kind: "bury"; readonly app: string; readonly cluster: string; readonly minutes: number }
  | { readonly kind: "settle"; readonly cluster: string; readonly settled: boolean; readonly approvals: number }
  | { readonly kind: "act"; readonly cluster: string }
  | { readonly kind: "leave"; readonly cluster: string }
  | { readonly kind: "unsure"; readonly app: string; readonly member: boolean }
  | { readonly kind: "unread"; readonly member: boolean }
  | { readonly kind: "undecided"; readonly cluster: string; readonly member: boolean }
  | { readonly kind: "approve"; readonly which: number; readonly member: boolean }
  | { readonly kind: "wait"; readonly minutes: number };

const at = { app: oneOf(...apps), cluster: oneOf(...names) };
const where = { cluster: at.cluster };
const kind = <K extends string>(name: K) => fc.constant(name);
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
const edit: fc.Arbitrary<Edit> = fc.oneof(
  {
    weight: 6,
    arbitrary: record({
      kind: kind("want"),
      ...at,
      objects: fc.oneof(objects, oneOf(null, undefined)),
      prune: fc.boolean(),
      auto: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: record({ kind: kind("declare"), app: at.app, onLeave: oneOf("orphan", "delete", null) }) },
  { weight: 3, arbitrary: record({ kind: kind("hold"), ...at, objects: fc.option(objects, { nil: undefined }), parent: fc.boolean() }) },
  { weight: 2, arbitrary: record({ kind: kind("bury"), ...at, minutes: oneOf(-1, 12, 20, 29) }) },
  { weight: 1, arbitrary: record({ kind: kind("settle"), ...where, settled: fc.boolean(), approvals: fc.nat(2) }) },
  { weight: 4, arbitrary: record({ kind: kind("act"), ...where }) },
  { weight: 1, arbitrary: record({ kind: kind("leave"), ...where }) },
  { weight: 2, arbitrary: record({ kind: kind("unsure"), app: at.app, member: fc.boolean() }) },
  { weight: 1, arbitrary: record({ kind: kind("unread"), member: fc.boolean() }) },
  { weight: 1, arbitrary: record({ kind: kind("undecided"), ...where, member: fc.boolean() }) },
  { weight: 2, arbitrary: record({ kind: kind("approve"), which: fc.nat(2), member: fc.boolean() }) },
  { weight: 2, arbitrary: record({ kind: kind("wait"), minutes: oneOf(5, 16) }) },
) as fc.Arbitrary<Edit>;
const stories = fc.array(fc.array(edit, { minLength: 1, maxLength: 3 }), { minLength: 3, maxLength: 20 });

const deletions: readonly Digest[] = ["a b c", "c", "b c"].map((text) => deletionDigest(key("web"), text.split(" ").map(id)));
const empty = (cluster: string): HeldCluster => ({
  cluster: cluster as ClusterName,
  apps: [],
  tombstones: [],
  approvals: [],
  settled: true,
});

/** A fleet that edits change, and what changed since the last turn. */
class World {
  readonly #wanted = new Map<string, Placement>();
  readonly #declared = new Map<AppKey, "orphan" | "delete">();
  readonly #held = new Map<string, HeldCluster>(names.map((name) => [name, empty(name)]));
  readonly #undecided = new Set<ClusterName>();
  readonly #incomplete = new Set<AppKey>();
  #unread = false;
  #approvals: ReadonlySet<Digest> = new Set();
  #now = now;
  readonly only = new Set<ClusterName>();
  readonly apps = new Set<AppKey>();

  change(each: Edit, verdicts: ReadonlyMap<ClusterName, ClusterVerdict>): void {
    if ("app" in each) this.apps.add(key(each.app));
    switch (each.kind) {
      case "want": {
        const pair = `${each.cluster} ${each.app}`;
        this.only.add(each.cluster as ClusterName);
        if (each.objects === undefined) this.#wanted.delete(pair);
        else this.#wanted.set(pair, { ...placement(each.app, each.objects, each.cluster, { prune: each.prune }), auto: each.auto });
        if (each.objects !== undefined && !this.#declared.has(key(each.app))) this.#declared.set(key(each.app), "orphan");
        return;
      }
      case "declare":
        if (each.onLeave !== null) this.#declared.set(key(each.app), each.onLeave);
        else {
          this.#declared.delete(key(each.app));
          for (const [pair, { app, cluster }] of this.#wanted) {
            if (app !== key(each.app)) continue;
            this.#wanted.delete(pair);
            this.only.add(cluster);
          }
        }
        return;
      case "hold": {
        const more = each.parent ? { parent: key("apps") } : {};
        this.#hold(each.cluster, ({ apps: rows }) => {
          const others = rows.filter(({ app }) => app !== key(each.app));
          const all = each.objects === undefined ? others : [...others, holds(each.app, each.objects, more)];
          return { apps: all.toSorted((a, b) => (a.app < b.app ? -1 : 1)) };
        });
        return;
      }
      case "bury": {
        const notBefore = new Date(this.#now + each.minutes * 60_000).toISOString();
        const grave = { app: key(each.app), mode: "delete" as const, notBefore };
        this.#hold(each.cluster, ({ tombstones }) => ({ tombstones: [...tombstones.filter(({ app }) => app !== grave.app), grave] }));
        return;
      }
      case "settle":
        return this.#hold(each.cluster, () => ({ settled: each.settled, approvals: deletions.slice(0, each.approvals) }));
      case "act":
        return this.#act(verdicts.get(each.cluster as ClusterName));
      case "leave":
        this.#held.delete(each.cluster);
        this.only.add(each.cluster as ClusterName);
        return;
      case "unsure":
        if (each.member) this.#incomplete.add(key(each.app));
        else this.#incomplete.delete(key(each.app));
        return;
      case "unread":
        this.#unread = each.member;
        return;
      case "undecided":
        this.only.add(each.cluster as ClusterName);
        if (each.member) this.#undecided.add(each.cluster as ClusterName);
        else this.#undecided.delete(each.cluster as ClusterName);
        return;
      case "approve": {
        const digest = deletions[each.which] as Digest;
        const rest = [...this.#approvals].filter((other) => other !== digest);
        this.#approvals = new Set(each.member ? [...rest, digest] : rest);
        return;
      }
      case "wait":
        this.#now += each.minutes * 60_000;
    }
  }

  /** Tombstones go into bundles at once. */
  bury(verdicts: readonly ClusterVerdict[]): void {
    for (const verdict of verdicts) {
      const held = this.#held.get(verdict.cluster);
      if (timeless(verdict, held).wakeAt === "later") this.#act(verdict);
    }
  }

  /** What was decided is in the cluster's bundle now. */
  #act(verdict: ClusterVerdict | undefined): void {
    if (verdict === undefined) return;
    this.#hold(verdict.cluster, () => ({
      apps: verdict.apps.flatMap((each) => {
        if (each.kind !== "admit") return each.held ?? [];
        const {
          app,
          release,
          placement: { policy, dependsOn, parent, onLeave },
        } = each;
        return [{ app, release, policy, dependsOn, parent, onLeave }];
      }),
      tombstones: verdict.tombstones,
      approvals: verdict.approvals,
    }));
  }

  #hold(cluster: string, change: (held: HeldCluster) => Partial<HeldCluster>): void {
    const held = this.#held.get(cluster) ?? empty(cluster);
    this.#held.set(cluster, { ...held, ...change(held) });
    this.only.add(cluster as ClusterName);
  }

  input(): AdmitInput {
    const placements = bookOf([...this.#wanted.values()]);
    const place = { source: "root", path: "a.yaml", line: 1 };
    const resolution: Resolution = {
      placements,
      needs: [],
      requests: new Map(),
      clusters: [],
      groups: new Map(),
      apps: [...this.#declared].map(([app, onLeave]) => ({
        key: app,
        place,
        parent: null,
        ancestors: [],
        children: [],
        source: "root",
        targeted: true,
        onLeave,
      })),
      problems: [],
      incomplete: new Set(this.#incomplete),
      undecided: new Set(this.#undecided),
      unreadable: new Set(this.#unread ? ["root"] : []),
      incumbents: new Map(),
      touched: "all",
      touchedApps: "all",
    };
    return { resolution, clusters: [...this.#held.values()], manifestOf, approvals: this.#approvals, now: this.#now };
  }
}

/** A tombstone that is in no bundle yet begins when it is decided on: asked later, it is a later one. */
function timeless(verdict: ClusterVerdict, held: HeldCluster | undefined) {
  const known = (each: ClusterVerdict["tombstones"][number]): boolean =>
    held?.tombstones.some(({ app, mode, notBefore }) => app === each.app && mode === each.mode && notBefore === each.notBefore) === true;
  const tombstones = verdict.tombstones.map((each) => (known(each) ? each : { ...each, notBefore: "decided now" }));
  return { ...verdict, tombstones, wakeAt: verdict.tombstones.every(known) ? verdict.wakeAt : "later" };
}

test("P13 clusters that are not said to have changed are judged as if all were judged, and left alone where nothing changed", () => {
  let [judged, all] = [0, 0];
  fc.assert(
    fc.property(stories, (steps) => {
      const world = new World();
      const admitter = new Admitter();
      const verdicts = new Map<ClusterName, ClusterVerdict>();
      for (const edits of steps) {
        for (const each of edits) world.change(each, verdicts);
        const input = world.input();
        const only = new Set(world.only);
        const told: Admission = admitter.admit({
          ...input,
          only,
          apps: new Set(world.apps),
          clusters: input.clusters.filter(({ cluster }) => only.has(cluster) || verdicts.size === 0),
        });
        for (const name of only) verdicts.delete(name);
        for (const verdict of told.clusters) verdicts.set(verdict.cluster, verdict);
        world.only.clear();
        world.apps.clear();
        world.bury(told.clusters);
        const fresh = admit(input);
        const held = new Map(input.clusters.map((each) => [each.cluster, each]));
        const compared = (all: Iterable<ClusterVerdict>) =>
          [...all].toSorted((a, b) => (a.cluster < b.cluster ? -1 : 1)).map((verdict) => timeless(verdict, held.get(verdict.cluster)));
        assert.deepEqual(compared(verdicts.values()), compared(fresh.clusters));
        assert.deepEqual(told.problems, fresh.problems);
        judged += told.clusters.length;
        all += fresh.clusters.length;
      }
    }),
    { numRuns: 600 },
  );
  assert.ok(judged < all * 0.8, `${judged} of ${all} verdicts were judged again`);
});
