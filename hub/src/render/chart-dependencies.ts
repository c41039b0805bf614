// The dependencies of a chart that do not lie in its charts/: folders beside it (file://) and charts of a repository. Says where each
// goes, as `helm dependency build` would put it. Works on the texts of Chart.yaml and its lock. Pure but for hashing.

import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { createHash } from "node:crypto";
import { readYaml } from "../yaml/yaml.ts";
import { below, joinPath, resolvePath } from "./paths.ts";
import { chartNeed, remoteFolder } from "./remotes.ts";
import { RenderFault, type SnapshotPath, type RemoteNeed } from "./rendered.ts";
import { lineOf } from "./text.ts";

/** A chart that the module adds to its parent. */
export type PlacedChart = {
  readonly parent: SnapshotPath;
  /** Its folder among the files of the render. */
  readonly at: SnapshotPath;
  /** What that folder is called in places. */
  readonly told: SnapshotPath;
  /** Its name in the parent, and its alias. */
  readonly names: readonly string[];
};

export type ChartPlan = {
  readonly placed: readonly PlacedChart[];
  readonly needs: readonly RemoteNeed[];
  /** Folders that `file://` names. */
  readonly folders: readonly SnapshotPath[];
};

type Dependency = { readonly name: string; readonly version: string; readonly repository: string; readonly alias: string };

/** The plan for the chart in `root`. Throws E_CHART, E_CYCLE and E_PATH_ESCAPE with the place in Chart.yaml. */
export function planCharts(
  root: SnapshotPath,
  paths: readonly SnapshotPath[],
  textOf: (path: SnapshotPath) => string | undefined,
): ChartPlan {
  const placed: PlacedChart[] = [];
  const needs: RemoteNeed[] = [];
  const folders = new Set<string>();
  const walk = (parent: SnapshotPath, trail: readonly string[]): void => {
    const file = joinPath(parent, "Chart.yaml");
    const text = textOf(file);
    if (text === undefined) return;
    const declared = declaredIn(parent, text, textOf);
    if (declared.length === 0) return;
    const vendored = vendoredIn(parent, paths, textOf);
    const locked = lockedVersions(parent, declared, textOf);
    for (const [index, value] of declared.entries()) {
      const dependency = dependencyOf(value);
      if (vendored.has(dependency.name)) continue;
      const { name, repository, alias } = dependency;
      const place = { path: file, line: lineOf(text, new RegExp(`name["']?:\\s*["']?${RegExp.escape(name)}`)) };
      const names = alias === "" ? [name] : [name, alias];
      const told = joinPath(parent, `charts/${name}`);
      if (repository.startsWith("file://")) {
        const folder = resolvePath(parent, repository.slice("file://".length));
        if (folder === undefined) throw new RenderFault("E_PATH_ESCAPE", `dependency ${name} leads out of the repository`, place);
        if (folder === root || trail.includes(folder))
          throw new RenderFault("E_CYCLE", `dependency ${name} leads back to its own chart`, place);
        folders.add(folder);
        placed.push({ parent, at: folder, told: folder, names });
        walk(folder, [...trail, folder]);
      } else if (/^(?:https?|oci):\/\//.test(repository)) {
        const need = chartNeed(repository.replace(/\/+$/, ""), name, locked.get(index) ?? (dependency.version || null), place);
        needs.push(need);
        placed.push({ parent, at: remoteFolder(need.key), told, names });
      } else {
        throw new RenderFault("E_CHART", `dependency ${name} is not in charts/ and ${whyNot(repository)}`, place);
      }
    }
  };
  walk(root, [root]);
  return { placed, needs, folders: [...folders] };
}

/** The files whose texts `planCharts` may ask for. */
export function isChartMetadata(path: SnapshotPath): boolean {
  return /(?:^|\/)(?:Chart\.yaml|Chart\.lock|requirements\.yaml|requirements\.lock)$/.test(path);
}

function whyNot(repository: string): string {
  if (repository === "") return "names no repository: commit it there";
  return "its repository is an alias of somebody's own configuration: write the repository's address";
}

// As a list of maps, in order: requirements.yaml of the older form comes in place of what Chart.yaml says.
function declaredIn(parent: string, chart: string, textOf: (path: string) => string | undefined): readonly JsonObject[] {
  const older = textOf(joinPath(parent, "requirements.yaml"));
  if (older === undefined && !chart.includes("dependencies")) return [];
  return listIn(older ?? chart, "dependencies");
}

function listIn(text: string, field: string): readonly JsonObject[] {
  const value = readYaml(text).documents[0]?.value;
  const list = isJsonObject(value) ? value[field] : undefined;
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
}

function dependencyOf(value: JsonObject): Dependency {
  const text = (field: string): string => (typeof value[field] === "string" ? value[field] : "");
  return { name: text("name"), version: text("version"), repository: text("repository"), alias: text("alias") };
}

// A packed chart says its name in its file's name, an unpacked one in its Chart.yaml.
function vendoredIn(parent: string, paths: readonly string[], textOf: (path: string) => string | undefined): ReadonlySet<string> {
  const charts = joinPath(parent, "charts");
  const names = new Set<string>();
  for (const path of paths) {
    const inside = below(charts, path);
    if (inside === undefined) continue;
    const packed = /^([^/]+?)-v?\d+(?:\.\d+)*[^/]*\.tgz$/.exec(inside);
    if (packed !== null) names.add(packed[1] ?? "");
    if (!/^[^/]+\/Chart\.yaml$/.test(inside)) continue;
    const named = /^name:\s*["']?([^\s"'#]+)/m.exec(textOf(path) ?? "");
    names.add(named?.[1] ?? inside.slice(0, inside.indexOf("/")));
  }
  return names;
}

// The lock counts while its digest fits what Chart.yaml says now; else the range is resolved anew.
function lockedVersions(
  parent: string,
  declared: readonly JsonObject[],
  textOf: (path: string) => string | undefined,
): ReadonlyMap<number, string> {
  const text = textOf(joinPath(parent, "Chart.lock")) ?? textOf(joinPath(parent, "requirements.lock"));
  const versions = new Map<number, string>();
  if (text === undefined) return versions;
  const locked = listIn(text, "dependencies");
  const digest = /^digest:\s*["']?(sha256:[0-9a-f]{64})/m.exec(text)?.[1];
  if (digest !== lockDigest(declared, locked)) return versions;
  for (const [index, entry] of locked.entries()) {
    if (entry["name"] === declared[index]?.["name"] && typeof entry["version"] === "string") versions.set(index, entry["version"]);
  }
  return versions;
}

/** The digest that Helm writes into a lock: over the declared and the locked dependencies, as Go writes them in JSON. */
export function lockDigest(declared: readonly JsonObject[], locked: readonly JsonObject[]): string {
  const text = JSON.stringify([declared.map(asGo), locked.map(asGo)]);
  const escaped = text.replaceAll(/[<>&\u2028\u2029]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return `sha256:${createHash("sha256").update(escaped).digest("hex")}`;
}

function asGo(dependency: JsonObject): JsonObject {
  const { name = "", version, repository = "", condition, tags, enabled, alias } = dependency;
  const imports = dependency["import-values"];
  return {
    name,
    ...(version !== undefined && version !== "" && { version }),
    repository,
    ...(condition !== undefined && condition !== "" && { condition }),
    ...(Array.isArray(tags) && tags.length > 0 && { tags }),
    ...(enabled === true && { enabled }),
    ...(Array.isArray(imports) && imports.length > 0 && { "import-values": imports.map(sortedKeys) }),
    ...(alias !== undefined && alias !== "" && { alias }),
  };
}

function sortedKeys(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sortedKeys);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sortedKeys(item as JsonValue)]),
  );
}
