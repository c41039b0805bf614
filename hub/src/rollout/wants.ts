// Whom a rollout would release to next, within its own budgets; and who of all of them gets a slot of the fleet's.

import type { ClusterName } from "@muster/proto/model/identity";
import { slotsOf } from "./amounts.ts";
import type { GroupId } from "./head.ts";
import type { LiveGroup } from "./group.ts";
import type { Member } from "./member.ts";

export type Want = { readonly group: GroupId; readonly cluster: ClusterName; readonly urgent: boolean; readonly startedAt: number };

/** At most so many of a group are looked at in one go: the next look follows at once. */
const lookMax = 500;

/** In the order of their turn. Clusters that are unwell already need no slot of the wave: they cannot be disrupted. */
export function wantsOf(group: LiveGroup): readonly Want[] {
  const { rollout, queues } = group;
  if (rollout === null) return [];
  const { phase, kind, emergency, policy, startedAt } = rollout;
  const want = (cluster: ClusterName): Want => ({
    group: group.head.id,
    cluster,
    urgent: emergency || kind === "rollback" || phase.kind === "rollingBack",
    startedAt: startedAt ?? rollout.createdAt,
  });
  const found: ClusterName[] = [];
  if (phase.kind === "rollingBack" || (phase.kind === "running" && policy.onClusterFailure === "rollback")) {
    found.push(...queues.recalledFailed);
    const total = rollout.back.recalled + rollout.back.returning;
    found.push(...firstOf(queues.recalled, slotsOf(policy.rollback.maxUnavailable, total) - rollout.back.returning));
  }
  if (phase.kind === "running") found.push(...ready(group));
  if (phase.kind === "running" || (phase.kind === "ended" && phase.end === "completed")) found.push(...stragglers(group));
  return found.slice(0, lookMax).map(want);
}

function ready(group: LiveGroup): readonly ClusterName[] {
  const wave = group.rollout?.waves[group.rollout.current];
  if (wave === undefined || (wave.state !== "open" && wave.state !== "verifying")) return [];
  const site = siteBudget(group);
  let free = slotsOf(wave.maxUnavailable, wave.drawn) - wave.slots;
  const found: ClusterName[] = [];
  let looked = 0;
  for (const cluster of group.queues.ready) {
    const member = group.members.get(cluster);
    if (member === undefined || !site(member)) continue;
    looked += 1;
    if (found.length >= lookMax || looked > lookMax) break;
    if (!member.unwell && free <= 0) continue;
    if (!member.unwell) free -= 1;
    found.push(cluster);
  }
  return found;
}

function stragglers(group: LiveGroup): readonly ClusterName[] {
  const { rollout, queues } = group;
  const last = rollout?.waves.at(-1);
  if (rollout === null || rollout.stragglersStopped || last === undefined) return [];
  const site = siteBudget(group);
  const next = firstOf(queues.stragglers, slotsOf(last.maxUnavailable, rollout.participants) - queues.stragglersMoving.size);
  return next.filter((cluster) => {
    const member = group.members.get(cluster);
    return member !== undefined && site(member);
  });
}

/** Takes a slot of the member's site where there is one. */
function siteBudget({ rollout, queues, members }: LiveGroup): (member: Member) => boolean {
  const perSite = rollout?.policy.perSite ?? null;
  if (perSite === null) return () => true;
  const used = new Map(queues.sites);
  const total = (site: string): number => [...members.values()].filter(({ labels }) => labels[perSite.label] === site).length;
  return ({ labels }) => {
    const site = labels[perSite.label];
    if (site === undefined) return true;
    const inUse = used.get(site) ?? 0;
    const most = perSite.maxUnavailable.kind === "count" ? perSite.maxUnavailable.count : slotsOf(perSite.maxUnavailable, total(site));
    if (inUse >= most) return false;
    used.set(site, inUse + 1);
    return true;
  };
}

const firstOf = (names: ReadonlySet<ClusterName>, count: number): readonly ClusterName[] => [...names].slice(0, Math.max(0, count));

export type Limits = {
  /** Distinct clusters of the fleet that may be disrupted for our sake at one time. */
  readonly maxDisrupted: number;
  /** Releases that may still be made now. */
  readonly releases: number;
};

/** Emergencies and ways back first, then the others, within the same limits: one of each group in turn, the oldest first. */
export function allocate(wants: readonly Want[], disrupted: ReadonlySet<ClusterName>, limits: Limits): readonly Want[] {
  const busy = new Set(disrupted);
  const granted: Want[] = [];
  for (const urgent of [true, false]) {
    const groups = [
      ...Map.groupBy(
        wants.filter((want) => want.urgent === urgent),
        ({ group }) => group,
      ).values(),
    ];
    const inTurn = groups.toSorted(([a], [b]) => (a?.startedAt ?? 0) - (b?.startedAt ?? 0));
    const longest = Math.max(0, ...inTurn.map((each) => each.length));
    for (let turn = 0; turn < longest && granted.length < limits.releases; turn += 1) {
      for (const each of inTurn) {
        const want = each[turn];
        if (want === undefined || granted.length >= limits.releases) continue;
        if (!busy.has(want.cluster) && busy.size >= limits.maxDisrupted) continue;
        busy.add(want.cluster);
        granted.push(want);
      }
    }
  }
  return granted;
}
