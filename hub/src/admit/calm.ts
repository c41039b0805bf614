// Clusters where nothing goes: nearly all, nearly always. Their verdicts are told from the last ones in one walk, App by App, without
// judging what stayed as it was. Whatever may delete, wait or be told is left to the Court of cluster.ts.

import type { Digest } from "@muster/proto/model/digest";
import { byCodeUnits } from "@muster/proto/model/canonical";
import type { Placement } from "../resolve/resolve.ts";
import type { Conflicts } from "./conflicts.ts";
import type { Manifests } from "./manifests.ts";
import type { AppVerdict, ClusterVerdict, HeldApp, HeldCluster } from "./verdict.ts";

type Admit = Extract<AppVerdict, { kind: "admit" }>;

/** A verdict that only admits, with the Releases that were held then: what the next one may be told from. */
export type Calm = { readonly rows: readonly Admit[]; readonly releases: readonly (Digest | null)[] };

export type CalmInput = {
  readonly held: HeldCluster;
  /** Sorted by App. */
  readonly wanted: readonly Placement[];
  readonly before: Calm | undefined;
  readonly manifests: Manifests;
  readonly conflicts: Conflicts;
};

/** The verdict of a cluster that deletes nothing and where nothing is to be told; undefined: it has to be judged. */
export function calmVerdict(input: CalmInput): { readonly verdict: ClusterVerdict; readonly calm: Calm } | undefined {
  const { held, conflicts } = input;
  if (held.tombstones.length > 0) return undefined;
  const calm = walk(input);
  if (calm === undefined || inEachOthersWay(calm.rows, conflicts)) return undefined;
  const approvals = held.settled ? [] : [...new Set(held.approvals)].toSorted(byCodeUnits);
  return { calm, verdict: { cluster: held.cluster, apps: calm.rows, tombstones: [], approvals, problems: [], wakeAt: null } };
}

/** Both lists are sorted by App: an App that is held and not wanted, or a list that is not sorted, ends the walk. */
function walk({ held, wanted, before, manifests, conflicts }: CalmInput): Calm | undefined {
  const rows: Admit[] = [];
  const releases: (Digest | null)[] = [];
  let [h, b] = [0, 0];
  for (const placement of wanted) {
    const next = held.apps[h];
    const own = next?.app === placement.app ? next : undefined;
    if (own !== undefined) h += 1;
    else if (next !== undefined && next.app < placement.app) return undefined;
    const was = own?.release ?? null;
    while (b < (before?.rows.length ?? 0) && (before?.rows[b]?.app ?? "") < placement.app) b += 1;
    const known = before?.rows[b];
    const row = known?.placement === placement && before?.releases[b] === was ? known : admitted(placement, own, manifests, conflicts);
    if (row === undefined) return undefined;
    rows.push(row);
    releases.push(was);
  }
  return h < held.apps.length ? undefined : { rows, releases };
}

/** Undefined: not rendered, not known, or something goes. */
function admitted(placement: Placement, held: HeldApp | undefined, manifests: Manifests, conflicts: Conflicts): Admit | undefined {
  const { app, release } = placement;
  const manifest = release === null ? undefined : manifests.find(release);
  if (release === null || manifest === undefined || manifest.guarded.length > 0) return undefined;
  if (held !== undefined) {
    if (manifests.find(held.release) === undefined) return undefined;
    if (placement.policy.prune && manifests.loses(held.release, release)) return undefined;
  }
  conflicts.show(app, release);
  // As the Court says it: the Placement itself, with a Release that is there.
  return { kind: "admit", app, placement, release, deletes: [] };
}

function inEachOthersWay(rows: readonly Admit[], conflicts: Conflicts): boolean {
  if (conflicts.contested === 0) return false;
  let found = 0;
  for (const { app } of rows) if (!conflicts.isAlone(app)) found += 1;
  return found > 1;
}
