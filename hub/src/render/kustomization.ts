// What a kustomization file points at: local paths that it may read, and remote ones that are refused.

import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { readYaml } from "../yaml/yaml.ts";
import { baseOf } from "./paths.ts";

export const kustomizationNames = ["kustomization.yaml", "kustomization.yml", "Kustomization"] as const;

export function isKustomization(path: string): boolean {
  return (kustomizationNames as readonly string[]).includes(baseOf(path));
}

/** What is wrong with a kustomization before anything is built. */
export type Forbidden = { readonly code: "E_REMOTE_FORBIDDEN"; readonly message: string };

export type References = {
  /** Every string that may name a file or folder, as it stands there. */
  readonly strings: readonly string[];
  /** Those that Kustomize itself takes as paths: leading out of the Snapshot is an error for them. */
  readonly paths: readonly string[];
  readonly forbidden: Forbidden | undefined;
};

// Fields whose items are files, folders or addresses. A text with line breaks in them is inline content.
const pathFields = ["resources", "bases", "components", "crds", "configurations", "generators", "transformers", "validators"] as const;
const remote =
  /^(?:[a-z][a-z0-9+.-]*:\/\/|git::|git@|[\w.-]+@[\w.-]+:|(?:www\.)?(?:github\.com|gitlab\.com|bitbucket\.org|dev\.azure\.com)[/:])|[?&](?:ref|version|timeout|submodules)=|\.git(?:\/\/|$)/i;

/** The references of a kustomization file. One that cannot be read as YAML has none: Kustomize will say so. */
export function referencesOf(text: string): References {
  const [first] = readYaml(text).documents;
  if (first === undefined || !isJsonObject(first.value)) return { strings: [], paths: [], forbidden: undefined };
  const paths = pathsOf(first.value);
  return { strings: [...new Set(stringsIn(first.value))], paths, forbidden: forbiddenIn(first.value, paths) };
}

function pathsOf(kustomization: JsonObject): readonly string[] {
  const listed = pathFields.flatMap((field) => (Array.isArray(kustomization[field]) ? (kustomization[field] as readonly JsonValue[]) : []));
  return listed.filter((path): path is string => typeof path === "string" && !path.includes("\n"));
}

function forbiddenIn(kustomization: JsonObject, paths: readonly string[]): Forbidden | undefined {
  const forbid = (message: string): Forbidden => ({ code: "E_REMOTE_FORBIDDEN", message });
  if (paths.some((path) => remote.test(path))) return forbid("remote resources are not fetched: commit them, or name them as a Source");
  for (const field of ["helmCharts", "helmChartInflationGenerator"]) {
    if (kustomization[field] !== undefined) return forbid(`${field} is not inflated: declare the chart as an App of its own`);
  }
  return undefined;
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
