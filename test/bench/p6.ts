// P6, the part that is about Placements: what a million of them hold of the hub's memory.

import { setTimeout as pause } from "node:timers/promises";

import type { RenderAnswer } from "@muster/hub/resolve/resolve";
import type { Digest } from "@muster/proto/model/digest";
import { buildFleet, type FleetShape } from "./fleet-files.ts";
import type { Measurement, Size } from "./measurement.ts";
import { modelOf, resolveAll } from "./models.ts";

const shapes: Readonly<Record<Size, FleetShape>> = {
  full: { clusters: 10_000, apps: 100, clustersPerApp: "all", filesPerApp: 0, appOfApps: false },
  small: { clusters: 100, apps: 10, clustersPerApp: "all", filesPerApp: 0, appOfApps: false },
};
const million = 1_000_000;
const goalMb = 300;
const megabyte = 1_000_000;

export const p6: Measurement = {
  id: "P6",
  what: "hub memory of Placements",
  heapMb: 4_096,
  async measure(size) {
    const fleet = buildFleet(shapes[size]);
    const model = modelOf(fleet, false);
    const empty = await heapMb();
    const answers = new Map<Digest, RenderAnswer>();
    const resolution = resolveAll(model, fleet, answers);
    const full = await heapMb();
    const { count } = resolution.placements;
    const bare = fleet.appNames.flatMap((app) => fleet.clusterNames.map((cluster) => [app, cluster] as const));
    const pairs = (await heapMb()) - full;
    const perMillion = million / count;
    const value = (full - empty) * perMillion;
    const ceiling = { what: "bare pairs of App and cluster", value: (pairs * perMillion * count) / bare.length };
    const what = `${fleet.clusterNames.length} clusters x ${fleet.appNames.length} Apps, for a million Placements`;
    return [{ what, value, unit: "MB heap", better: "less", goal: goalMb, ceiling, cpuMs: null, samples: [value] }];
  },
};

/** What is held after everything that can go has gone. */
async function heapMb(): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc?.();
    await pause(10);
  }
  return process.memoryUsage().heapUsed / megabyte;
}
