// What the pods of an App's newest templates did since the App is observed: restarts, crash loops, ends for want of memory. What a pod did
// before, and what pods of older templates do, is not the Release's doing.

import type { SoakPods } from "@muster/proto/model/status";
import type { ContainerSight, PodSight } from "./pods.ts";

/** A pod crashes again and again when it waits to be started once more after so many restarts. */
export const crashLoopRestarts = 3;

/** The pods of one workload's newest template at one moment. */
export type WorkloadSample = {
  /** Names the workload. */
  readonly key: string;
  /** What tells one template from another; null: the workload is not there. */
  readonly template: string | null;
  readonly pods: readonly PodSight[];
  /** How many there are; more than `pods` when only some were looked at. */
  readonly total: number;
};

type Counts = { readonly restarts: number; readonly oomKills: number };
type Container = Counts & { readonly before: number; readonly lastKills: readonly string[] };

type WorkloadTally = {
  readonly template: string | null;
  readonly sampled: number;
  readonly total: number;
  /** By pod and container. */
  readonly containers: ReadonlyMap<string, Container>;
  /** Of pods that are gone, or no longer among those that are looked at. */
  readonly past: Counts;
  /** Pods that crash again and again, in words. */
  readonly crashing: readonly string[];
};

/** By workload. */
export type Tally = ReadonlyMap<string, WorkloadTally>;

/** Takes in one look at all workloads of the App. */
export function tallied(before: Tally, samples: readonly WorkloadSample[]): Tally {
  return new Map(samples.map((sample) => [sample.key, workloadTally(before.get(sample.key), sample)]));
}

function workloadTally(last: WorkloadTally | undefined, { template, pods, total }: WorkloadSample): WorkloadTally {
  const same = last?.template === template ? last : undefined;
  // Whether a pod that was not seen before came after the last look, so that all that it did counts.
  const isNew = last !== undefined && (same === undefined || same.sampled >= same.total);
  const containers = new Map<string, Container>();
  const crashing: string[] = [];
  for (const pod of pods) {
    const loops = pod.containers.filter((sight) => {
      const key = `${pod.uid}/${sight.name}`;
      const counted = countedOf(same?.containers.get(key), sight, isNew);
      containers.set(key, counted);
      return sight.backsOff && counted.restarts >= crashLoopRestarts;
    });
    if (loops[0] !== undefined) crashing.push(`pod ${pod.name}: container ${loops[0].name} is started again and again`);
  }
  const gone = [...(same?.containers ?? [])].filter(([key]) => !containers.has(key)).map(([, container]) => container);
  return {
    template,
    sampled: pods.length,
    total,
    containers,
    past: countsOf([...gone, ...(same === undefined ? [] : [same.past])]),
    crashing,
  };
}

function countedOf(last: Container | undefined, { restarts, oomKills }: ContainerSight, isNew: boolean): Container {
  if (last === undefined && !isNew) return { before: restarts, restarts: 0, oomKills: 0, lastKills: oomKills };
  const before = last?.before ?? 0;
  const fresh = oomKills.filter((kill) => last?.lastKills.includes(kill) !== true).length;
  return { before, restarts: Math.max(0, restarts - before), oomKills: (last?.oomKills ?? 0) + fresh, lastKills: oomKills };
}

/** What is told of it. */
export function podsOf(tally: Tally): SoakPods {
  const workloads = [...tally.values()];
  const { restarts, oomKills } = countsOf(workloads.flatMap(({ containers, past }) => [...containers.values(), past]));
  return {
    sampled: workloads.reduce((sum, { sampled }) => sum + sampled, 0),
    total: workloads.reduce((sum, { total }) => sum + total, 0),
    restarted: restarts,
    crashLoops: workloads.reduce((sum, { crashing }) => sum + crashing.length, 0),
    oomKills,
  };
}

/** One of the pods that crash again and again; undefined when there is none. */
export function crashingPod(tally: Tally): string | undefined {
  return [...tally.values()].flatMap(({ crashing }) => crashing)[0];
}

function countsOf(all: readonly Counts[]): Counts {
  return {
    restarts: all.reduce((sum, { restarts }) => sum + restarts, 0),
    oomKills: all.reduce((sum, { oomKills }) => sum + oomKills, 0),
  };
}
