// Which clusters a wave takes, and in which order. Drawn when the wave opens, and frozen then.

import { digestOf } from "@muster/proto/model/digest";
import { byCodeUnits } from "@muster/proto/model/canonical";
import { canaryLabel } from "../fleet/fleet.ts";
import { atLeast } from "./amounts.ts";
import type { GroupId, Head, TargetId, Wave } from "./head.ts";
import type { Member } from "./member.ts";

/** Those of a wave, in the order in which they get their slots. */
export function draw(head: Pick<Head, "group" | "target" | "waves" | "current">, members: Iterable<Member>): readonly Member[] {
  const wave = head.waves[head.current];
  if (wave === undefined) return [];
  const matching = [...members].filter((member) => !isOut(member) && takes(wave, member));
  const free = matching.filter((member) => member.wave === null && member.state === "waiting" && !member.straggler);
  const take = takeOf(wave, matching.length, matching.length - free.length);
  if (take <= 0) return [];
  const first = head.waves.every(({ state }, index) => index === head.current || state === "skipped" || state === "planned");
  const ranked = ranking(free, head.group, head.target, first);
  return (wave.spreadBy === null ? ranked : inTurns(ranked, wave.spreadBy)).slice(0, take);
}

/** Who is gone, follows by itself, or is kept back is no part of any share. */
const isOut = ({ state, straggler }: Member): boolean => state === "gone" || state === "heldBack" || straggler;

/** A wave without a policy's wave behind it takes anybody who is left. */
const takes = (wave: Wave, member: Member): boolean => wave.policy === null || member.matches.includes(wave.policy);

/** A percentage is cumulative: what earlier waves drew of the same clusters counts. */
function takeOf({ size }: Wave, matching: number, drawn: number): number {
  return size.kind === "count" ? size.count : atLeast(size, matching) - drawn;
}

/**
 * Those that failed with what was there before come first of all, then eligible ones, then by a hash over group, target and cluster: the
 * same after a restart and for a retry, another canary for each target. Where no wave came before, clusters that are labelled as canaries
 * go first.
 */
function ranking(members: readonly Member[], group: GroupId, target: TargetId, first: boolean): readonly Member[] {
  const keys = new Map(members.map((member) => [member, rankOf(member, group, target, first)]));
  return members.toSorted((a, b) => byCodeUnits(keys.get(a) ?? "", keys.get(b) ?? ""));
}

function rankOf(member: Member, group: GroupId, target: TargetId, first: boolean): string {
  const hindered = member.hindered.length > 0 || member.silent ? 1 : 0;
  const canary = first && member.labels[canaryLabel.key] === canaryLabel.value ? 0 : 1;
  return `${member.first ? 0 : 1}${canary}${hindered}${digestOf(`${group}\n${target}\n${member.uid}`)}`;
}

/** One of each value of the label, then the next of each. */
function inTurns(ranked: readonly Member[], label: string): readonly Member[] {
  const groups = [...Map.groupBy(ranked, (member) => member.labels[label] ?? "").values()];
  const longest = Math.max(0, ...groups.map((group) => group.length));
  return Array.from({ length: longest }, (_, turn) => groups.flatMap((group) => group[turn] ?? [])).flat();
}
