// Inputs for this room's tests: small trees written in place, and the folders below testdata/.

import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { HelmInput, RenderInput, RenderKind } from "./render.ts";

export type Files = ReadonlyMap<string, Uint8Array>;

/** Path -> text becomes path -> bytes. */
export function filesOf(texts: Readonly<Record<string, string>>): Files {
  return new Map(Object.entries(texts).map(([path, text]) => [path, Buffer.from(text)]));
}

export const noHelm: HelmInput = { releaseName: "demo", values: {}, valuesFiles: [], skipCrds: false, kubeVersion: "", apiVersions: null };

/** A render of the folder `root` of these files. */
export function inputOf(kind: RenderKind, root: string, files: Files, more: Partial<RenderInput> = {}): RenderInput {
  return { kind, root, files, namespace: "demo", seed: "00112233", ...(kind === "helm" && { helm: noHelm }), ...more };
}

/** A chart in the folder `chart` with these templates (name -> text) and further files. */
export function chartOf(templates: Readonly<Record<string, string>>, more: Readonly<Record<string, string>> = {}): Files {
  const named = Object.entries(templates).map(([name, text]) => [`chart/templates/${name}`, text]);
  const rest = Object.entries(more).map(([name, text]) => [`chart/${name}`, text]);
  return filesOf({ "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n", ...Object.fromEntries([...named, ...rest]) });
}

/** A ConfigMap whose `data` is this text, each line of it one entry. */
export function configMap(name: string, data: string): string {
  const lines = data.split("\n").map((line) => `  ${line}`);
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n${lines.join("\n")}\n`;
}

export const testdataDir = join(import.meta.dirname, "testdata");

/** The files below a folder of testdata, by their path inside it. */
export async function filesIn(folder: string): Promise<Files> {
  const root = join(testdataDir, folder);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(paths.map(async (path) => [relative(root, path), await readFile(path)] as const)));
}
