// What a new bundle moves on its cluster: kept with it, so that people can ask why later.

import { samePin } from "@muster/proto/model/bundle";
import { byCodeUnits } from "@muster/proto/model/canonical";
import type { MoveRow } from "../../store/store.ts";
import type { Decided } from "../fleet-state.ts";
import type { Member } from "../memory.ts";

type Head = Pick<MoveRow, "cluster" | "generation" | "at" | "sources">;

/** Pins that differ, by App. An App under a new tombstone moved to nothing. */
export function movesOf(
  head: Head,
  member: Pick<Member, "released" | "bundles" | "approvals">,
  decided: Pick<Decided, "released" | "approvals">,
): readonly MoveRow[] {
  const first = member.bundles.length === 0;
  const approved = decided.approvals.some((digest) => !member.approvals.includes(digest));
  const commit = Object.values(head.sources)[0] ?? null;
  const apps = [...new Set([...member.released.keys(), ...decided.released.keys()])].toSorted(byCodeUnits);
  return apps.flatMap((app): MoveRow[] => {
    const [from, to] = [member.released.get(app), decided.released.get(app)];
    if (from !== undefined && to !== undefined && samePin(from, to)) return [];
    return [
      {
        ...head,
        app,
        from: { release: from?.release ?? null, commit: from?.commit ?? null },
        to: { release: to?.release ?? null, commit: to?.commit ?? commit },
        first,
        approved,
      },
    ];
  });
}
