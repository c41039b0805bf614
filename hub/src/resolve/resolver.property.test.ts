// A Resolver that was called before answers what a fresh one answers, and tells exactly what differs. fast-check prints the seed of a
// story that fails.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Digest } from "@muster/proto/model/digest";
import { resolve, Resolver, type FleetModel, type Placement, type Resolution, type Settled } from "./resolve.ts";
import { list } from "./testdata/fleets.ts";
import { Story, stories } from "./testdata/stories.ts";

const runs = 200;

/** All that a Resolution says, but for what differs from the call before. */
function said({ placements, ...rest }: Resolution) {
  return { ...rest, touched: null, touchedApps: null, placements: [...placements.all()] };
}

/** What must be seen to tell what differs: Resolutions change in place. */
type Seen = {
  readonly placements: ReadonlyMap<string, Placement>;
  readonly byCluster: ReadonlyMap<string, unknown>;
  readonly byApp: ReadonlyMap<string, unknown>;
};

function see(resolution: Resolution): Seen {
  const all = list(resolution);
  const { clusters, apps, undecided, incomplete } = resolution;
  const names = [...new Set([...clusters.map(({ name }) => name), ...undecided])];
  const keys = [...new Set([...apps.map(({ key }) => key), ...incomplete])];
  const at = (name: string) => [
    clusters.find((each) => each.name === name),
    undecided.has(name as never),
    all.filter((each) => each.cluster === name),
  ];
  const of = (key: string) => [apps.find((each) => each.key === key), incomplete.has(key as never), all.filter(({ app }) => app === key)];
  return {
    placements: new Map(all.map((each) => [`${each.app} ${each.cluster}`, each])),
    byCluster: new Map(names.map((name) => [name, at(name)])),
    byApp: new Map(keys.map((key) => [key, of(key)])),
  };
}

const equal = (a: unknown, b: unknown): boolean => {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
};

const differing = (before: ReadonlyMap<string, unknown>, now: ReadonlyMap<string, unknown>): readonly string[] =>
  [...new Set([...before.keys(), ...now.keys()])].filter((key) => !equal(before.get(key), now.get(key))).toSorted();

type Call = (resolution: Resolution, model: FleetModel, story: Story, resolver: Resolver) => void;

/** Tells a story to one Resolver, rendering what it needs. `look` sees every answer. */
function tell(steps: Parameters<Parameters<typeof fc.property<[unknown[]]>>[1]>[0], hints: boolean, look: Call): void {
  const story = new Story();
  const resolver = new Resolver();
  let last: Resolution | null = null;
  for (const edits of steps as Parameters<Story["change"]>[0][]) {
    let changed: ReadonlySet<Digest> = story.change(edits, last?.requests ?? new Map());
    const model = story.model();
    for (let round = 0; round < 20; round += 1) {
      const resolution: Resolution = resolver.resolve(model, story.renders, hints ? changed : undefined);
      look(resolution, model, story, resolver);
      last = resolution;
      if (resolution.needs.length === 0) break;
      changed = new Set(resolution.needs.map(({ key }) => key));
      for (const request of resolution.needs) story.renders.set(request.key, story.answer(request));
    }
    story.incumbents = last?.incumbents ?? new Map();
  }
}

test("P5 after any edits a Resolver answers what a fresh one answers", () => {
  fc.assert(
    fc.property(stories, fc.boolean(), (steps, hints) =>
      tell(steps, hints, (resolution, model, story) => {
        const fresh = resolve(model, story.renders);
        assert.deepEqual(said(resolution), said(fresh));
        for (const { name } of resolution.clusters) assert.deepEqual(resolution.placements.at(name), fresh.placements.at(name));
        for (const { key } of resolution.apps) assert.deepEqual(resolution.placements.of(key), fresh.placements.of(key));
        assert.equal(resolution.placements.count, list(resolution).length);
      }),
    ),
    { numRuns: runs },
  );
});

test("P5 what is touched is exactly what differs, and what does not differ stays the same object", () => {
  fc.assert(
    fc.property(stories, fc.boolean(), (steps, hints) => {
      let before: Seen | null = null;
      tell(steps, hints, (resolution) => {
        const now = see(resolution);
        const { touched, touchedApps } = resolution;
        if (before === null) assert.deepEqual([touched, touchedApps], ["all", "all"]);
        else {
          assert.ok(touched !== "all" && touchedApps !== "all");
          assert.deepEqual([...touched].toSorted(), differing(before.byCluster, now.byCluster));
          assert.deepEqual([...touchedApps].toSorted(), differing(before.byApp, now.byApp));
          for (const [id, placement] of now.placements) {
            const was = before.placements.get(id);
            if (was !== undefined && equal(was, placement)) assert.equal(was, placement, `${id} is another object`);
          }
        }
        before = now;
      });
    }),
    { numRuns: runs },
  );
});

test("what was settled is told the same after every later edit, also where clusters went and others took their places", () => {
  fc.assert(
    fc.property(stories, fc.boolean(), (steps, hints) => {
      const moments: { readonly settled: Settled; readonly all: readonly Placement[]; readonly requests: Resolution["requests"] }[] = [];
      tell(steps, hints, (resolution, _model, _story, resolver) => {
        moments.push({ settled: resolver.settled(), all: list(resolution), requests: new Map(resolution.requests) });
        if (moments.length % 3 === 0) moments.shift(); // most are not held for long
      });
      for (const { settled, all, requests } of moments) {
        const { placements, clusters, apps } = settled;
        assert.deepEqual([...placements.all()], all);
        assert.equal(placements.count, all.length);
        for (const { name } of clusters)
          assert.deepEqual(
            placements.at(name),
            all.filter((each) => each.cluster === name),
          );
        for (const { key } of apps)
          assert.deepEqual(
            placements.of(key),
            all.filter((each) => each.app === key),
          );
        for (const each of all) assert.equal(placements.get(each.app, each.cluster), each);
        for (const [key, request] of requests) assert.equal(settled.requests.get(key), request);
      }
    }),
    { numRuns: runs },
  );
});
