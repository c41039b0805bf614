// P13, the hub's part: does a commit for one cluster cost more in a large fleet than in a small one?

import { buildFleet, soloFile, type FleetShape } from "./fleet-files.ts";
import { openHubWorld } from "./hub-world.ts";
import type { Measurement, Size } from "./measurement.ts";
import { commitCpu } from "./p5.ts";
import { median, settle, type Pace } from "./samples.ts";

/** Each cluster runs ten Apps in both, so that only the fleet differs. */
const shapes: Readonly<Record<Size, { readonly few: FleetShape; readonly many: FleetShape }>> = {
  full: {
    few: { clusters: 100, apps: 100, clustersPerApp: 10, filesPerApp: 1, appOfApps: false },
    many: { clusters: 10_000, apps: 1_000, clustersPerApp: 100, filesPerApp: 1, appOfApps: false },
  },
  small: {
    few: { clusters: 4, apps: 4, clustersPerApp: 2, filesPerApp: 1, appOfApps: false },
    many: { clusters: 16, apps: 8, clustersPerApp: 4, filesPerApp: 1, appOfApps: false },
  },
};
const paces: Readonly<Record<Size, Pace>> = {
  full: { warm: 5, min: 15, max: 60, timeMs: 25_000 },
  small: { warm: 1, min: 2, max: 2, timeMs: 1_000 },
};
const goal = 1.3;

export const p13: Measurement = {
  id: "P13",
  what: "cost grows with the change: hub CPU for one affected cluster",
  heapMb: 8_192,
  async measure(size) {
    const { few, many } = shapes[size];
    const small = await soloCommits(few, paces[size]);
    const large = await soloCommits(many, paces[size]);
    const value = median(large) / median(small);
    const what = `${sizeOf(many)} against ${sizeOf(few)}`;
    return [
      { what, value, unit: "x", better: "less", goal, ceiling: { what: "no growth", value: 1 }, cpuMs: null, samples: [value] },
      figureOf(few, small),
      figureOf(many, large),
    ];
  },
};

const sizeOf = ({ clusters, apps }: FleetShape): string => `(${clusters} clusters, ${apps} Apps)`;

function figureOf(shape: FleetShape, samples: readonly number[]) {
  const value = median(samples);
  return { what: sizeOf(shape), value, unit: "ms CPU", better: "less", goal: null, ceiling: null, cpuMs: value, samples } as const;
}

async function soloCommits(shape: FleetShape, pace: Pace): Promise<readonly number[]> {
  const fleet = buildFleet(shape);
  await using hub = await openHubWorld(fleet);
  const clusters = fleet.clusterNames.slice(0, 1);
  return await settle((index) => commitCpu(hub, clusters, Object.fromEntries([soloFile(`solo-${index}`)])), pace);
}
