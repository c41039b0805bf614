// Why a setting of an App is what it is on a cluster: every layer that says something about it, low to high, with the line of the very
// field, who changed that file last, and what its expressions read.

import { byCodeUnits } from "@muster/proto/model/canonical";
import { appKeyParts } from "@muster/proto/model/identity";
import type { JsonObject, JsonValue } from "@muster/proto/model/json";
import type { Spell } from "@muster/proto/model/mask";
import { lookUp, mergeLayers, refsIn, settingsOf, showPath, type Place, type Ref, type Scope } from "../../fleet/fleet.ts";
import type { Placement, ResolvedCluster } from "../../resolve/resolve.ts";
import type { ChangedBy, SaidRow, SettingRow, TakenRow } from "../../view/questions.ts";
import { fieldPlace } from "../places.ts";
import { leavesOf, meet, shown, valueAt, type Path } from "./field-path.ts";
import type { Ground } from "./ground.ts";
import { lastChanges } from "./history.ts";
import { layersOf, scopeOf, type Files, type LayerText } from "./layers.ts";

export type SettingsQuery = {
  readonly placement: Placement;
  readonly cluster: ResolvedCluster;
  readonly files: Files | null;
  /** Settings that meet one of these; null: those that App, targets or values files speak of. */
  readonly paths: readonly Path[] | null;
  /** Also what only the chart, the kustomization or the language says. */
  readonly all: boolean;
};

/** Settings beyond which the rest is left out: a chart may have thousands. */
export const settingsMax = 500;

/** Sorted by path. */
export async function explainSettings(ground: Ground, query: SettingsQuery, spell: Spell): Promise<readonly SettingRow[]> {
  const { placement, cluster, files, paths, all } = query;
  const layers = layersOf(ground, placement, files);
  const scope = scopeOf(ground, cluster, placement);
  const merged = mergeLayers(layers.map(({ says }) => says));
  const effective = effectiveOf(layers, merged, scope, placement);
  const leaves = leavesOf(merged, false)
    .map(({ path }) => path)
    .filter((path) => (paths === null ? all || layers.some((layer) => isSpoken(layer, path)) : paths.some((each) => meet(path, each))))
    .toSorted((a, b) => byCodeUnits(showPath(a), showPath(b)))
    .slice(0, settingsMax);
  const rows = await Promise.all(leaves.map((path) => settingRow(ground, { layers, scope, cluster, effective }, path, spell)));
  return withChanges(ground, rows);
}

const isSpoken = ({ name, says }: LayerText, path: Path): boolean =>
  name !== "default" && name !== "chart" && name !== "kustomization" && !name.startsWith("subchart ") && saidAt(says, path) !== undefined;

/** What counts in the end: expressions replaced. Where that fails, what is written. */
function effectiveOf(layers: readonly LayerText[], merged: JsonObject, scope: Scope, { app }: Placement): (path: Path) => JsonValue {
  const own = mergeLayers(layers.filter(({ expressions }) => expressions).map(({ says }) => says));
  const result = settingsOf(own, scope, appKeyParts(app).name);
  const settings = "settings" in result ? (result.settings as unknown as JsonObject) : {};
  return (path) => {
    const written = saidAt(own, path) === undefined ? undefined : valueAt(settings, path);
    return written ?? valueAt(merged, path) ?? null;
  };
}

/** What a layer says about a path: the value there, or the one above it that leaves no room for it. */
function saidAt(says: JsonValue, path: Path): { readonly path: Path; readonly value: JsonValue } | undefined {
  for (let depth = 1; depth <= path.length; depth += 1) {
    const at = path.slice(0, depth);
    const value = valueAt(says, at);
    if (value === undefined) return undefined;
    const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
    if (depth === path.length || !isMap) return { path: at, value };
  }
  return undefined;
}

type Context = {
  readonly layers: readonly LayerText[];
  readonly scope: Scope;
  readonly cluster: ResolvedCluster;
  readonly effective: (path: Path) => JsonValue;
};

async function settingRow(ground: Ground, context: Context, path: Path, spell: Spell): Promise<SettingRow> {
  const { layers, effective } = context;
  const said: SaidRow[] = [];
  for (const layer of layers) {
    const found = saidAt(layer.says, path);
    if (found === undefined) continue;
    const taken = layer.expressions ? await takenOf(ground, found, context, spell) : [];
    const place = layer.place === null ? null : await placeOf(ground, layer.place, layer.at(found.path));
    said.push({ layer: layer.name, value: shown(found.path, found.value, spell), place, changed: null, taken });
  }
  return { path: nameOf(path), value: shown(path, effective(path), spell), said };
}

/** As people write it: `source.path`, where a layer keeps it as `path`. */
export const nameOf = (path: Path): string => showPath(path[0] === "path" ? ["source", ...path] : path);

async function placeOf(ground: Ground, place: Place, at: Path): Promise<Place> {
  return fieldPlace(place, at, ground.snapshotOf(place.source)?.tree);
}

async function takenOf(
  ground: Ground,
  { path, value }: { readonly path: Path; readonly value: JsonValue },
  { scope, cluster: { place } }: Context,
  spell: Spell,
): Promise<readonly TakenRow[]> {
  // What goes into a secret is one itself.
  const secret = shown(path, "-", spell) !== "-";
  const rows = refsIn({ value }).map(async (ref): Promise<TakenRow> => {
    const { name, at } = refPlace(ref);
    const found = lookUp(ref, scope) ?? null;
    const told = secret && found !== null ? spell(JSON.stringify(found)) : shown(at ?? [], found, spell);
    return { ref: name, value: told, place: at === null || place === null ? null : await placeOf(ground, place, at) };
  });
  return Promise.all(rows);
}

/** How a reference is written, and where in the Cluster's document it leads. */
function refPlace(ref: Ref): { readonly name: string; readonly at: Path | null } {
  switch (ref.of) {
    case "clusterName":
      return { name: "cluster.name", at: ["metadata", "name"] };
    case "label":
      return { name: showPath(["cluster", "labels", ref.key]), at: ["metadata", "labels", ref.key] };
    case "annotation":
      return { name: showPath(["cluster", "annotations", ref.key]), at: ["metadata", "annotations", ref.key] };
    case "value":
      return { name: showPath(["cluster", "values", ...ref.path]), at: ["spec", "values", ...ref.path] };
    case "kubeVersion":
      return { name: "facts.kubeVersion", at: null };
    case "appName":
      return { name: "app.name", at: null };
  }
}

/** Adds who changed each file last: one walk through the history for all of them. */
async function withChanges(ground: Ground, rows: readonly SettingRow[]): Promise<readonly SettingRow[]> {
  const places = rows.flatMap(({ said }) => said.flatMap(({ place }) => place ?? []));
  const changes = new Map<string, ReadonlyMap<string, ChangedBy | null>>();
  for (const [source, own] of Map.groupBy(places, (place) => place.source)) {
    const head = ground.snapshotOf(source);
    if (head === undefined || ground.commit === null) continue;
    changes.set(
      source,
      await lastChanges(
        head,
        own.map(({ path }) => path),
        (commit) => ground.commitOf(source, commit),
      ),
    );
  }
  const changed = ({ place }: SaidRow): ChangedBy | null => (place === null ? null : (changes.get(place.source)?.get(place.path) ?? null));
  return rows.map((row) => ({ ...row, said: row.said.map((each) => ({ ...each, changed: changed(each) })) }));
}
