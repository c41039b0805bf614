import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { ClusterName } from "@muster/proto/model/identity";
import { allocate, type GroupId, type Want } from "./rollout.ts";
import { count, Fleet, healthyFor, hours, minutes, percent, pin, policy, wave } from "./testdata/fleet.ts";

const want = (group: string, cluster: string, startedAt = 0, urgent = false): Want => ({
  group: group as GroupId,
  cluster: cluster as ClusterName,
  startedAt,
  urgent,
});
const names = (wants: readonly Want[]): readonly string[] => wants.map(({ group, cluster }) => `${group}:${cluster}`);

describe("allocate", () => {
  it("T44 R1 twenty Apps share ten clusters at a time, and none starves", () => {
    const groups = Array.from({ length: 20 }, (_, index) => `app${index}`);
    const open = new Map(groups.map((group) => [group, Array.from({ length: 10 }, (_, index) => `${group}-c${index}`)]));
    const served = new Map<string, number>();
    for (let round = 0; round < 40; round += 1) {
      const wants = groups.flatMap((group, index) => (open.get(group) ?? []).map((cluster) => want(group, cluster, index)));
      const granted = allocate(wants, new Set(), { maxDisrupted: 10, releases: 1000 });
      assert.ok(new Set(granted.map(({ cluster }) => cluster)).size <= 10);
      for (const { group, cluster } of granted) {
        served.set(group, (served.get(group) ?? 0) + 1);
        open.set(
          group,
          (open.get(group) ?? []).filter((each) => each !== cluster),
        );
      }
    }
    assert.equal(served.size, 20);
    assert.ok([...open.values()].every((left) => left.length === 0));
  });

  it("a cluster that is disrupted already costs nothing more", () => {
    const granted = allocate([want("a", "c1"), want("b", "c1"), want("c", "c2")], new Set(["c1" as ClusterName]), {
      maxDisrupted: 1,
      releases: 9,
    });
    assert.deepEqual(names(granted), ["a:c1", "b:c1"]);
  });

  it("gives one of each group in turn, the oldest first, until the releases of the minute are used up", () => {
    const wants = [want("young", "y1", 2), want("young", "y2", 2), want("old", "o1", 1), want("old", "o2", 1)];
    assert.deepEqual(names(allocate(wants, new Set(), { maxDisrupted: 9, releases: 3 })), ["old:o1", "young:y1", "old:o2"]);
  });

  it("R1 emergencies and ways back go first, within the same limits", () => {
    const wants = [want("a", "c1"), want("b", "c2", 1, true), want("b", "c3", 1, true)];
    assert.deepEqual(names(allocate(wants, new Set(), { maxDisrupted: 2, releases: 9 })), ["b:c2", "b:c3"]);
    assert.deepEqual(names(allocate(wants, new Set(["c9" as ClusterName]), { maxDisrupted: 1, releases: 9 })), []);
  });
});

describe("budgets of one rollout", () => {
  it("R1 never disrupts more clusters of a wave, or of a site, than it may", () => {
    const labels = (index: number) => ({ site: `s${index % 4}` });
    const fleet = new Fleet(24, {
      labels,
      policy: policy({
        waves: [wave(percent(100), { maxUnavailable: count(6) })],
        perSite: { label: "site", maxUnavailable: count(1) },
        gates: [healthyFor(minutes)],
      }),
    });
    fleet.settleAt("v1");
    fleet.commit("v2");
    let most = 0;
    fleet.run(2 * hours, () => {
      const busy = [...fleet.group.queues.disrupted].map((cluster) => fleet.sites.get(cluster)?.labels["site"]);
      most = Math.max(most, busy.length);
      assert.equal(new Set(busy).size, busy.length, "one of each site");
      return fleet.phase === "ended completed";
    });
    assert.equal(most, 4);
    assert.equal(fleet.on(pin("v2")), 24);
  });

  it("spreadBy takes sites in turn", () => {
    const labels = (index: number) => ({ site: `s${Math.floor(index / 8)}` });
    const fleet = new Fleet(24, { labels, policy: policy({ waves: [wave(count(3), { spreadBy: "site" }), wave(percent(100))] }) });
    fleet.settleAt("v1");
    fleet.commit("v2");
    fleet.grant();
    const sites = [...fleet.group.members.values()].filter(({ wave: index }) => index === 0).map((member) => member.labels["site"]);
    assert.deepEqual(new Set(sites), new Set(["s0", "s1", "s2"]));
  });
});
