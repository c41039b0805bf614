// What a kustomization file points at: paths that it may read, addresses outside, and charts that it inflates.

import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { readYaml } from "../yaml/yaml.ts";
import { baseOf } from "./paths.ts";
import { lineOf } from "./text.ts";

export const kustomizationNames = ["kustomization.yaml", "kustomization.yml", "Kustomization"] as const;

export function isKustomization(path: string): boolean {
  return (kustomizationNames as readonly string[]).includes(baseOf(path));
}

export type RemoteText = { readonly url: string; readonly line: number };

/** A chart that Kustomize would inflate with the helm program. */
export type ChartUse = {
  readonly name: string;
  readonly version: string;
  readonly repo: string;
  /** The folder of charts, relative to the kustomization. */
  readonly home: string;
  readonly line: number;
};

export type References = {
  /** Every string that may name a file or folder, as it stands there. */
  readonly strings: readonly string[];
  /** Those that Kustomize itself takes as paths: leading out of the Snapshot is an error for them. */
  readonly paths: readonly string[];
  /** Files whose own texts name files, relative to the kustomization: generators, transformers, validators. */
  readonly plugins: readonly string[];
  readonly remotes: readonly RemoteText[];
  readonly charts: readonly ChartUse[];
};

// Fields whose items are files, folders or addresses. A text with line breaks in them is inline content.
const pluginFields = ["generators", "transformers", "validators"] as const;
const pathFields = ["resources", "bases", "components", "crds", "configurations", ...pluginFields] as const;
const remote =
  /^(?:[a-z][a-z0-9+.-]*:\/\/|git::|git@|[\w.-]+@[\w.-]+:|(?:www\.)?(?:github\.com|gitlab\.com|bitbucket\.org|dev\.azure\.com)[/:])|[?&](?:ref|version|timeout|submodules)=|\.git(?:\/\/|$)/i;
const defaultHome = "charts";
const nothing: References = { strings: [], paths: [], plugins: [], remotes: [], charts: [] };

/** The references of a kustomization file. One that cannot be read as YAML has none: Kustomize will say so. */
export function referencesOf(text: string): References {
  const value = readYaml(text).documents[0]?.value;
  if (!isJsonObject(value)) return nothing;
  const paths = textsIn(value, pathFields);
  const plugins = textsIn(value, pluginFields);
  const inline = plugins.filter((item) => item.includes("\n"));
  return {
    strings: [...new Set([...stringsIn(value), ...inline.flatMap((item) => pluginReferences(item).strings)])],
    paths: paths.filter((path) => !isRemote(path) && !path.includes("\n")),
    plugins: plugins.filter((path) => !isRemote(path) && !path.includes("\n")),
    remotes: paths.filter(isRemote).map((url) => ({ url, line: lineOf(text, url) })),
    charts: [...chartsIn(value, text), ...inline.flatMap((item) => pluginReferences(item).charts)],
  };
}

/** What the documents of a generator, transformer or validator file name. */
export function pluginReferences(text: string): Pick<References, "strings" | "charts"> {
  const values = readYaml(text).documents.map(({ value }) => value);
  const generators = values.filter(
    (value) => isJsonObject(value) && value["kind"] === "HelmChartInflationGenerator",
  ) as readonly JsonObject[];
  return { strings: values.flatMap(stringsIn), charts: generators.map((value) => chartUse(value, value, text)) };
}

/** True where a text cannot hold what is fetched or inflated: then the file need not be read again to render. */
export function isSelfContained(text: string): boolean {
  return !/:\/\/|git::|@|\.(?:com|org)\b|[?&](?:ref|version|timeout|submodules)=|\.git\b|helmChart|HelmChart/i.test(text);
}

/** The same kustomization with other texts in the place of addresses; as JSON, which Kustomize reads as well. */
export function withPaths(text: string, localOf: (url: string) => string): string {
  const value = readYaml(text).documents[0]?.value;
  if (!isJsonObject(value)) return text;
  const local = (item: JsonValue): JsonValue => (typeof item === "string" && isRemote(item) ? localOf(item) : item);
  const changed = pathFields.flatMap((field) => (Array.isArray(value[field]) ? [[field, value[field].map(local)] as const] : []));
  return JSON.stringify({ ...value, ...Object.fromEntries(changed) });
}

function isRemote(text: string): boolean {
  return !text.includes("\n") && remote.test(text);
}

function textsIn(kustomization: JsonObject, fields: readonly string[]): readonly string[] {
  const listed = fields.flatMap((field) => (Array.isArray(kustomization[field]) ? (kustomization[field] as readonly JsonValue[]) : []));
  return listed.filter((path): path is string => typeof path === "string");
}

// The older list `helmChartInflationGenerator` spells the same settings in another way.
function chartsIn(kustomization: JsonObject, text: string): readonly ChartUse[] {
  const { helmCharts, helmGlobals, helmChartInflationGenerator: older } = kustomization;
  const globals = isJsonObject(helmGlobals) ? helmGlobals : {};
  const listed = Array.isArray(helmCharts) ? helmCharts.filter(isJsonObject) : [];
  const others = Array.isArray(older) ? older.filter(isJsonObject) : [];
  const home = others.findLast((each) => textOf(each, "chartHome") !== "") ?? globals;
  const renamed = others.map(
    (each) => ({ name: each["chartName"], version: each["chartVersion"], repo: each["chartRepoUrl"] }) as JsonObject,
  );
  return [...listed, ...renamed].map((each) => chartUse(each, home, text));
}

function chartUse(chart: JsonObject, globals: JsonObject, text: string): ChartUse {
  const name = textOf(chart, "name");
  const line = lineOf(text, new RegExp(`[nN]ame["']?:\\s*["']?${RegExp.escape(name)}`));
  return { name, version: textOf(chart, "version"), repo: textOf(chart, "repo"), home: textOf(globals, "chartHome") || defaultHome, line };
}

function textOf(value: JsonObject, field: string): string {
  return typeof value[field] === "string" ? value[field] : "";
}

function stringsIn(value: JsonValue): readonly string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap((item: JsonValue) => stringsIn(item));
  return isJsonObject(value) ? Object.values(value).flatMap(stringsIn) : [];
}

/** The paths that one string may mean: itself, and what stands behind `key=` in generators. */
export function pathsMeant(text: string): readonly string[] {
  if (text === "" || text.includes("\n") || text.length > 4096) return [];
  const equals = text.indexOf("=");
  return equals === -1 ? [text] : [text, text.slice(equals + 1)];
}
