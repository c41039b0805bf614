// Inputs for this room's tests: small trees written in place, and the folders below testdata/.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { readYaml } from "../yaml/yaml.ts";
import { Instance } from "./instance.ts";
import { findModule } from "./module-path.ts";
import { normalise, type RenderedDocument } from "./normalise.ts";
import type { HelmInput, Rendered, RenderInput, RenderKind } from "./render.ts";
import type { ModuleRequest } from "./request.ts";

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
  return filesBelow(join(testdataDir, folder));
}

/** The files below a folder, by their path inside it. */
export async function filesBelow(root: string): Promise<Map<string, Uint8Array>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(paths.map(async (path) => [relative(root, path), await readFile(path)] as const)));
}

/** Writes path -> text below a folder. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

/** What a program of `.tools/bin` prints, run in this folder and with a home of its own. Rejects when it fails. */
export async function runNative(name: string, args: readonly string[], folder: string): Promise<string> {
  const program = join(import.meta.dirname, "../../../.tools/bin", name);
  const env = { ...process.env, HOME: folder, PATH: `${dirname(program)}:${process.env["PATH"] ?? ""}` };
  const { stdout } = await promisify(execFile)(program, [...args], { cwd: folder, env, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

let module: Promise<WebAssembly.Module> | undefined;

/** An instance of the module on this thread. */
export async function startedInstance(): Promise<Instance> {
  module ??= findModule(undefined, process.env["MUSTER_RENDER_MODULE"]).then(async (path) => WebAssembly.compile(await readFile(path)));
  return new Instance(await module, Date.UTC(2026, 0, 1) / 1000);
}

/** The one text that a request for printing gives. */
export async function printedBy(instance: Instance, request: ModuleRequest, seed: string): Promise<string> {
  const answer = request.call(instance, seed, 64 * 1024 * 1024);
  assert.ok(answer.kind === "done", JSON.stringify(answer));
  return Buffer.from(answer.documents[0]?.bytes ?? "").toString("utf8");
}

/** The objects of a render, or of what a native program printed, read and normalised in the same way. */
export function objectsOf(given: Rendered | string): unknown {
  const { objects } = typeof given === "string" ? normalise(documentsOf(given), { namespace: "demo" }) : given;
  return objects.map(({ identity, object }) => ({ identity, object }));
}

function documentsOf(text: string): readonly RenderedDocument[] {
  const { documents, faults } = readYaml(text);
  assert.deepEqual(faults, []);
  return documents.map(({ value, index, line }) => ({ value, index, source: { path: "native", line } }));
}
