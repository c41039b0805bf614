// `muster tree`: the objects of an App on a cluster and what they own, as lines of a tree. What is well may be folded; what is ill never.

import { byCodeUnits } from "@muster/proto/model/canonical";
import { identityKey, showIdentity } from "@muster/proto/model/identity";
import type { InspectedObject } from "@muster/proto/model/inspection";
import { printable } from "@muster/proto/model/printable";
import type { Health } from "@muster/proto/model/status";

import type { HubClient } from "../client.ts";
import { exits, type Exit } from "../exits.ts";
import type { Io } from "../io.ts";
import { writeData, writeTable } from "../output.ts";
import { ago, paintFor, type Paint } from "../paint.ts";
import { look, tellNotes, type LookFlags } from "./look.ts";

/** Of the well ones among what one object owns. */
const wellShown = 5;

export async function tree(io: Io, client: HubClient, app: string, flags: LookFlags): Promise<Exit> {
  const answer = await look(client, "tree", app, flags);
  tellNotes(io, answer);
  if (await writeData(io, flags.output, answer)) return exits.ok.code;
  if (answer.objects.length === 0) io.stderr.write("no objects\n");
  else {
    const paint = paintFor(io.stdout, io.env);
    const now = Date.parse(answer.takenAt);
    const lines = treeLines(answer.objects, flags.output === "wide");
    const rows = lines.map((line) => {
      if (line.kind === "folded") return [`${line.branch}${line.count} more, all well`, "", "", ""];
      const { identity, health, message, since, declared, owner } = line.object;
      const note = !declared && owner === null ? "not in the Release" : "";
      return [
        `${line.branch}${printable(showIdentity(identity))}`,
        paintHealth(paint, health),
        since === null ? "-" : ago(now, since),
        [note, printable(message, 500)].filter((part) => part !== "").join("; "),
      ];
    });
    await writeTable(io, ["OBJECT", "HEALTH", "AGE", "WHY"], rows);
  }
  return exits.ok.code;
}

export type TreeLine =
  | { readonly kind: "object"; readonly branch: string; readonly object: InspectedObject }
  | { readonly kind: "folded"; readonly branch: string; readonly count: number };

const isWell = ({ health }: InspectedObject): boolean => health === "healthy" || health === "suspended";

/** Roots by identity; below each what it owns, the ill ones first. An owner that is not in the answer does not hide what it owns. */
export function treeLines(objects: readonly InspectedObject[], unfolded: boolean): readonly TreeLine[] {
  const uids = new Set(objects.flatMap(({ uid }) => uid ?? []));
  const below = Map.groupBy(objects, ({ owner }) => (owner !== null && uids.has(owner) ? owner : ""));
  const lines: TreeLine[] = [];
  const seen = new Set<string>();
  const folds = new Set<string>();
  const hasIll = (object: InspectedObject, above: readonly string[] = []): boolean => {
    if (!isWell(object)) return true;
    const { uid } = object;
    return uid !== null && !above.includes(uid) && ownedBy(object).some((child) => hasIll(child, [...above, uid]));
  };
  const ownedBy = ({ uid }: InspectedObject): readonly InspectedObject[] =>
    (uid === null ? [] : (below.get(uid) ?? [])).filter((child) => child.uid !== uid);
  const fold = (object: InspectedObject): void => {
    if (object.uid === null || folds.has(object.uid)) return;
    folds.add(object.uid);
    for (const child of ownedBy(object)) fold(child);
  };
  const add = (object: InspectedObject, branch: string, under: string): void => {
    // Objects that say to own each other are a lie of somebody's: each is shown once.
    if (object.uid !== null && seen.has(object.uid)) return;
    if (object.uid !== null) seen.add(object.uid);
    lines.push({ kind: "object", branch, object });
    const owned = ownedBy(object).toSorted((a, b) => Number(isWell(a)) - Number(isWell(b)) || byIdentity(a, b));
    const ill = owned.filter((child) => hasIll(child));
    const well = owned.filter((child) => !hasIll(child));
    const shown = unfolded || well.length <= wellShown + 1 ? well : well.slice(0, wellShown);
    const folded = well.length - shown.length;
    for (const child of well.slice(shown.length)) fold(child);
    const children = [...ill, ...shown];
    for (const [at, child] of children.entries()) {
      const isLast = at === children.length - 1 && folded === 0;
      add(child, `${under}${isLast ? "└─" : "├─"}`, `${under}${isLast ? "  " : "│ "}`);
    }
    if (folded > 0) lines.push({ kind: "folded", branch: `${under}└─`, count: folded });
  };
  for (const root of (below.get("") ?? []).toSorted(byIdentity)) add(root, "", "");
  for (const object of objects) if (object.uid !== null && !seen.has(object.uid) && !folds.has(object.uid)) add(object, "", "");
  return lines;
}

const byIdentity = (a: InspectedObject, b: InspectedObject): number => byCodeUnits(identityKey(a.identity), identityKey(b.identity));

const colours: { readonly [health in Health]: "green" | "cyan" | "red" | "yellow" | "magenta" } = {
  healthy: "green",
  progressing: "cyan",
  degraded: "red",
  suspended: "yellow",
  missing: "red",
  unknown: "magenta",
};

export function paintHealth(paint: Paint, health: Health): string {
  return Object.hasOwn(colours, health) ? paint[colours[health]](health) : printable(health);
}
