// What is worth a word about rollouts before they begin, for lint: nothing of it is wrong.

import type { AppKey } from "@muster/proto/model/identity";
import {
  appDocument,
  canaryLabel,
  policyFor,
  waveMembership,
  wavesFrom,
  type Problem,
  type WavePolicy,
  type WavesPolicy,
} from "../fleet/fleet.ts";
import type { ResolvedCluster } from "./clusters.ts";
import type { Resolution, ResolvedApp } from "./resolution.ts";
import { showClusters } from "./verdict.ts";

/** Warnings of all Apps, in their order; the one about canaries comes last, once for all. */
export function rolloutWarnings(resolution: Resolution): readonly Problem[] {
  const byName = new Map(resolution.clusters.map((cluster) => [cluster.name, cluster]));
  const byHash: ResolvedApp[] = [];
  const found = resolution.apps.flatMap((app) => {
    const placements = resolution.placements.of(app.key);
    const clusters = placements.flatMap((placement) => byName.get(placement.cluster) ?? []);
    const policies = Map.groupBy(placements, ({ rollout }) => policyFor(rollout, placements.length));
    return [...policies].flatMap(([policy, placed]): readonly Problem[] => {
      const names = new Set(placed.map(({ cluster }) => cluster));
      const mine = clusters.filter(({ name }) => names.has(name));
      if (policy.kind === "immediate") return mine.length < wavesFrom ? [] : [immediately(app, mine.length)];
      if (!byHash.includes(app) && choosesByHash(policy, mine)) byHash.push(app);
      return [...emptyWaves(app, policy, mine, resolution), ...rest(app, policy, mine, resolution)];
    });
  });
  return [...found, ...chosenByHash(byHash)];
}

const warning = (code: string, app: ResolvedApp, says: string, remedy: string): Problem => {
  const subject = appDocument(app.key);
  return { code, severity: "warning", message: `${subject}: ${says}`, remedy, place: app.place, subject };
};

const immediately = (app: ResolvedApp, count: number): Problem =>
  warning(
    "W_ROLLOUT_IMMEDIATE",
    app,
    `releases to ${count} clusters at once: no canary sees a bad change first`,
    "leave rollout out, and a canary goes first",
  );

type Members = readonly ResolvedCluster[];

const isCanary = ({ labels }: ResolvedCluster): boolean => labels[canaryLabel.key] === canaryLabel.value;

/** True for a wave of the one canary that the label chooses. */
const asksForCanary = ({ clusters }: WavePolicy): boolean => clusters?.requirements[0]?.key === canaryLabel.key;

function choosesByHash({ waves }: WavesPolicy, members: Members): boolean {
  return waves.some(asksForCanary) && members.length >= wavesFrom && !members.some(isCanary);
}

function emptyWaves(app: ResolvedApp, { waves }: WavesPolicy, members: Members, { groups }: Resolution): readonly Problem[] {
  return waves.flatMap((wave, i) => {
    if (asksForCanary(wave) || members.some(waveMembership(wave, groups))) return [];
    const says = `spec.rollout.waves[${i}] matches none of its clusters, and is skipped`;
    return [warning("W_NO_CLUSTERS", app, says, "check its selector, or take it out")];
  });
}

/** Clusters that no wave is for as a whole. */
function rest(app: ResolvedApp, { waves }: WavesPolicy, members: Members, { groups }: Resolution): readonly Problem[] {
  const whole = waves.filter(({ size }) => size.kind === "percent" && size.percent === 100).map((wave) => waveMembership(wave, groups));
  const left = members.filter((cluster) => !whole.some((holds) => holds(cluster))).map(({ name }) => name);
  if (left.length === 0) return [];
  const says = `no wave takes ${showClusters(left)} in full: what is left forms a last wave`;
  return [warning("W_ROLLOUT_REST", app, says, "end with a wave of percent: 100")];
}

const namesMax = 3;

function chosenByHash(apps: readonly ResolvedApp[]): readonly Problem[] {
  const [first] = apps;
  if (first === undefined) return [];
  const keys = apps.slice(0, namesMax).map(({ key }): AppKey => key);
  const more = apps.length > namesMax ? ` and ${apps.length - namesMax} more` : "";
  const which = `${apps.length === 1 ? "1 App" : `${apps.length} Apps`} (${keys.join(", ")}${more})`;
  const label = `${canaryLabel.key}: "${canaryLabel.value}"`;
  const message = `the first cluster is chosen by hash for ${which}: none of their clusters has the label ${label}`;
  const remedy = "give the label to a cluster that may be the first to fail";
  return [{ code: "W_ROLLOUT_CANARY", severity: "warning", message, remedy, place: first.place }];
}
