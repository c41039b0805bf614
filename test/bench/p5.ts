// P5: what one commit costs a hub that knows a large fleet, from the fetch to the signed bundles. Beside it what nobody can do without:
// the document or object read, and as many bundles hashed and signed.

import { decodeEnvelope } from "@muster/proto/codec/envelope";
import { bundlePayloadType } from "@muster/proto/model/bundle";
import { digestOf } from "@muster/proto/model/digest";
import type { ClusterName } from "@muster/proto/model/identity";
import { appsFolder, buildFleet, soloApp, type BuiltFleet, type FleetShape } from "./fleet-files.ts";
import { openHubWorld, type HubWorld } from "./hub-world.ts";
import type { Figure, Measurement, Size } from "./measurement.ts";
import { cpuOf, median, settle, type Pace } from "./samples.ts";

const shapes: Readonly<Record<Size, FleetShape>> = {
  full: { clusters: 1_000, apps: 1_000, clustersPerApp: 100, filesPerApp: 8, appOfApps: false },
  small: { clusters: 6, apps: 6, clustersPerApp: 3, filesPerApp: 2, appOfApps: false },
};
const paces: Readonly<Record<Size, Pace>> = {
  full: { warm: 3, min: 9, max: 40, timeMs: 25_000 },
  small: { warm: 1, min: 2, max: 2, timeMs: 1_000 },
};
const goals = { commitMs: 60, clusterMs: 0.02, labelMs: 20 } as const;

export const p5: Measurement = {
  id: "P5",
  what: "incremental: hub CPU from fetch to signed bundles",
  heapMb: 6_144,
  async measure(size) {
    const fleet = buildFleet(shapes[size]);
    await using hub = await openHubWorld(fleet);
    return [await fileChange(fleet, hub, size), await labelChange(fleet, hub, size), await documentChange(fleet, hub, size)];
  },
};

async function fileChange(fleet: BuiltFleet, hub: HubWorld, size: Size): Promise<Figure> {
  const app = 1;
  const clusters = fleet.clustersOf(app);
  const change = (index: number) => Object.fromEntries([fleet.appFile(app, `file-${index}`)]);
  const what = `one object's file, ${load(fleet)}: ${clusters.length} clusters affected`;
  return figure(what, hub, clusters, change, goals.commitMs + goals.clusterMs * clusters.length, paces[size]);
}

/** One cluster leaves the Apps of its slot for those of another, and comes back with the next commit. */
async function labelChange(fleet: BuiltFleet, hub: HubWorld, size: Size): Promise<Figure> {
  const cluster = 2;
  const change = (index: number) => Object.fromEntries([fleet.clusterFile(cluster, (cluster + (index % 2 === 0 ? 1 : 0)) % fleet.slots)]);
  return figure(`one cluster's label, ${load(fleet)}`, hub, namesAt(fleet, cluster), change, goals.labelMs, paces[size]);
}

/** One setting in the document of an App that is on one cluster. */
async function documentChange(fleet: BuiltFleet, hub: HubWorld, size: Size): Promise<Figure> {
  const path = `${appsFolder}/${soloApp}.yaml`;
  const change = (index: number) => ({ [path]: `${fleet.files[path] ?? ""}  sync:\n    timeout: ${index + 1}m\n` });
  return figure(`one App document, ${load(fleet)}: 1 cluster affected`, hub, namesAt(fleet, 0), change, goals.commitMs, paces[size]);
}

const namesAt = ({ clusterNames }: BuiltFleet, index: number): readonly string[] => clusterNames.slice(index, index + 1);
const load = ({ files, appNames, clusterNames }: BuiltFleet): string =>
  `${Object.keys(files).length} files, ${appNames.length} Apps, ${clusterNames.length} clusters`;

async function figure(
  what: string,
  hub: HubWorld,
  affected: readonly string[],
  change: (index: number) => Readonly<Record<string, string>>,
  goal: number,
  pace: Pace,
): Promise<Figure> {
  const samples = await settle((index) => commitCpu(hub, affected, change(index)), pace);
  const value = median(samples);
  return { what, value, unit: "ms CPU", better: "less", goal, ceiling: await floor(hub, affected), cpuMs: value, samples };
}

/** The hub's CPU for one commit, until the bundles of these clusters are out and it rests again. */
export async function commitCpu(hub: HubWorld, affected: readonly string[], files: Readonly<Record<string, string>>): Promise<number> {
  await hub.commit(files);
  return cpuOf(() => hub.delivered(affected));
}

/** Hashing and signing the same bundles again, and nothing else. */
async function floor(hub: HubWorld, clusters: readonly string[]): Promise<Figure["ceiling"]> {
  const payloads = clusters.flatMap((name) => {
    const bundle = hub.record.memory.members.get(name as ClusterName)?.bundles[0];
    return bundle === undefined ? [] : [Buffer.from(decodeEnvelope(bundle.envelope).payload).toString()];
  });
  const sign = () =>
    payloads.forEach((text) => {
      digestOf(text);
      hub.keys.signer.sign(bundlePayloadType, text);
    });
  const times = 5;
  sign();
  const took = await cpuOf(() => {
    for (let time = 0; time < times; time += 1) sign();
  });
  return { what: "their bundles hashed and signed", value: took / times };
}
