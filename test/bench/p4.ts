// P4: resolving a whole fleet from nothing, an App-of-Apps over selectors. The renders are answered already; reading YAML is shown apart.

import { resolve, type RenderAnswer } from "@muster/hub/resolve/resolve";
import type { Digest } from "@muster/proto/model/digest";
import { buildFleet, type BuiltFleet, type FleetShape } from "./fleet-files.ts";
import type { Figure, Measurement, Size } from "./measurement.ts";
import { modelOf, resolveAll } from "./models.ts";
import { cpuMs, median, settle, type Pace } from "./samples.ts";

const shapes: Readonly<Record<Size, FleetShape>> = {
  full: { clusters: 10_000, apps: 100, clustersPerApp: "all", filesPerApp: 0, appOfApps: true },
  small: { clusters: 50, apps: 5, clustersPerApp: "all", filesPerApp: 0, appOfApps: true },
};
const paces: Readonly<Record<Size, Pace>> = {
  full: { warm: 1, min: 3, max: 7, timeMs: 15_000 },
  small: { warm: 1, min: 2, max: 2, timeMs: 1_000 },
};
const goals = { perSecond: 70_000, wholeMs: 15_000, largeMb: 4_096 } as const;
const largeFactor = 10;

export const p4: Measurement = {
  id: "P4",
  what: "cold resolve, App-of-Apps over selectors",
  heapMb: 4_096,
  async measure(size) {
    const fleet = buildFleet(shapes[size]);
    const began = cpuMs();
    const model = modelOf(fleet, true);
    const parseMs = cpuMs() - began;
    const answers = new Map<Digest, RenderAnswer>();
    const count = resolveAll(model, fleet, answers).placements.count;
    const samples = await settle(() => {
      const before = cpuMs();
      resolve(model, answers);
      return cpuMs() - before;
    }, paces[size]);
    const took = median(samples);
    const what = `${fleet.clusterNames.length} clusters x ${fleet.appNames.length} Apps`;
    const rate = (ms: number): number => (count * 1000) / ms;
    const placed = { what: "the bare Placements written down", value: rate(await bareMs(fleet, paces[size])) };
    return [
      {
        what,
        value: rate(took),
        unit: "Placements/s",
        better: "more",
        goal: goals.perSecond,
        ceiling: placed,
        cpuMs: took,
        samples: samples.map(rate),
      },
      {
        what: `${what}, with reading its YAML`,
        value: took + parseMs,
        unit: "ms CPU",
        better: "less",
        goal: goals.wholeMs,
        ceiling: null,
        cpuMs: took + parseMs,
        samples: samples.map((ms) => ms + parseMs),
      },
      large(shapes[size]),
    ];
  },
};

/** Matching labels and keeping an object for each pair: no resolver can do less. */
async function bareMs(fleet: BuiltFleet, pace: Pace): Promise<number> {
  const labels = fleet.clusterNames.map((name, index) => ({ name, slot: `s${index % fleet.slots}` }));
  const samples = await settle(() => {
    const before = cpuMs();
    const kept: object[] = [];
    for (const [index, app] of fleet.appNames.entries())
      for (const cluster of labels)
        if (cluster.slot === `s${index % fleet.slots}`) kept.push({ app, cluster: cluster.name, release: index });
    return kept.length === 0 ? 0 : cpuMs() - before;
  }, pace);
  return Math.max(median(samples), 0.001);
}

/** Ten times the clusters, once: does it fit into the memory of a small machine? The heap of this process is limited to it. */
function large(shape: FleetShape): Figure {
  const fleet = buildFleet({ ...shape, clusters: shape.clusters * largeFactor });
  const model = modelOf(fleet, true);
  const began = cpuMs();
  const count = resolveAll(model, fleet, new Map()).placements.count;
  const took = cpuMs() - began;
  const value = process.resourceUsage().maxRSS / 1024;
  const what = `${fleet.clusterNames.length} clusters x ${fleet.appNames.length} Apps, ${count} Placements: most memory of the process`;
  return { what, value, unit: "MB", better: "less", goal: goals.largeMb, ceiling: null, cpuMs: took, samples: [value] };
}
