// Between a group in memory and its rows. A row for each cluster: what changes is written, and nothing else.

import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { JsonValue } from "@muster/proto/model/json";
import { LiveGroup, type Change, type GroupHead, type GroupId, type Head, type Member, type Passed } from "../../rollout/rollout.ts";
import type { RolloutRow, Write } from "../../store/store.ts";

const json = (value: unknown): JsonValue => value as JsonValue;

export function writeOf(group: GroupId, change: Change): Extract<Write, { kind: "rollout" }> {
  const { head, rollout, ended, fresh, members, passed } = change;
  return {
    kind: "rollout",
    group,
    fresh,
    put: [
      ...(head === null ? [] : [{ part: "group", key: "", body: json(head) } as const]),
      ...(rollout == null ? [] : [{ part: "live", key: "", body: json(rollout) } as const]),
      ...members.map((member) => ({ part: "member", key: member.cluster, body: json(member) }) as const),
      ...passed.map(([cluster, each]) => ({ part: "passed", key: cluster, body: json([...each]) }) as const),
      ...ended.map((each) => ({ part: "ended", key: String(each.number), body: json(each) }) as const),
    ],
    drop: rollout === null ? [{ part: "live", key: "" }] : [],
  };
}

/** Groups as they were kept; a group without its head is none. */
export function groupsOf(rows: readonly RolloutRow[]): ReadonlyMap<GroupId, LiveGroup> {
  const found = new Map<GroupId, LiveGroup>();
  for (const [name, own] of Map.groupBy(rows, ({ group }) => group as GroupId)) {
    const bodies = <Body>(part: RolloutRow["part"]): readonly Body[] =>
      own.filter((row) => row.part === part).map(({ body }) => body as unknown as Body);
    const [head] = bodies<GroupHead>("group");
    if (head === undefined) continue;
    const passed = own
      .filter(({ part }) => part === "passed")
      .map(({ key, body }) => [key as ClusterName, new Map(body as unknown as [AppKey, never][]) as Passed] as const);
    found.set(name, new LiveGroup(head, bodies<Head>("live")[0] ?? null, bodies<Member>("member"), passed));
  }
  return found;
}
