// A Resolver that was called before answers what a fresh one answers, and tells exactly what differs. fast-check prints the seed of a
// story that fails.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Digest } from "@muster/proto/model/digest";
import { resolve, Resolver, type FleetModel, type Placement, type Resolution } from "./resolve.ts";
import { list } from "./testdata/fleets.ts";
import { Story, stories } from "./testdata/stories.ts";

const runs = 400;

/** All that a Resolution says, but for what differs from the call before. */
function said({ touched: _, touchedApps: __, placements, ...rest }: Resolution) {
  return { ...rest, placements: [...placements.all()] };
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

type Call = (resolution: Resolution, model: FleetModel, story: Story, before: Resolution | null) => void;

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
      look(resolution, model, story, last);
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
