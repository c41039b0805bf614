// P15: renders per core, warm, each with inputs that were never rendered before. Beside each what the native program needs as a process,
// and as a ceiling what any renderer must do here: read the objects as YAML once and hash them. A Variant that is kept is shown apart.

import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";

import { openRenders, type KeptRender } from "@muster/hub/control/renders/renders";
import { openLocalRepository, type Tree } from "@muster/hub/git/git";
import { Renderer, type RenderInput, type RenderResult } from "@muster/hub/render/render";
import { resolve, type RenderRequest } from "@muster/hub/resolve/resolve";
import { assembleFleet, parseFleetFile } from "@muster/hub/fleet/fleet";
import { readYaml } from "@muster/hub/yaml/yaml";
import { digestOfJson, type Digest } from "@muster/proto/model/digest";
import { makeRelease } from "@muster/proto/model/release";
import type { Figure, Measurement, Size } from "./measurement.ts";
import { nativeCpuMs } from "./native.ts";
import { cpuMs, cpuOf, median, settle, type Pace } from "./samples.ts";

const loads = join(import.meta.dirname, "loads");
const times: Readonly<Record<Size, { readonly batch: number; readonly native: number; readonly hits: number }>> = {
  full: { batch: 60, native: 10, hits: 2_000 },
  small: { batch: 2, native: 1, hits: 10 },
};
const paces: Readonly<Record<Size, Pace>> = {
  full: { warm: 3, min: 7, max: 30, timeMs: 8_000 },
  small: { warm: 1, min: 2, max: 2, timeMs: 1_000 },
};
const hitGoalUs = 50;

type Files = ReadonlyMap<string, Uint8Array>;
type Load = {
  readonly what: string;
  readonly folder: string;
  readonly goal: number;
  /** More renders to a sample where one is short. */
  readonly factor: number;
  readonly input: (files: Files, run: number) => RenderInput;
  /** The native program with its arguments, in the folder `loads`; null: there is none for this. */
  readonly native: readonly [string, ...string[]] | null;
};

const chart = (folder: string) => ({
  folder,
  input: (files: Files, run: number): RenderInput => ({
    ...common,
    kind: "helm",
    root: folder,
    files,
    helm: { releaseName: "demo", values: { run }, valuesFiles: [], skipCrds: false, kubeVersion: "", apiVersions: [] },
  }),
  native: ["helm", "template", "demo", folder] as const,
});

const common = { namespace: "demo", seed: "00112233" } as const;
const edited = (files: Files, path: string, from: string, to: string): Files => {
  const text = new TextDecoder().decode(files.get(path));
  return new Map([...files, [path, new TextEncoder().encode(text.replace(from, to))]]);
};

const table: readonly Load[] = [
  { what: "small Helm chart (3 objects)", goal: 500, factor: 4, ...chart("small") },
  { what: "Helm chart of a web service (13 templates, 6 objects)", goal: 80, factor: 1, ...chart("gauge") },
  {
    what: "Kustomize overlay (3 objects)",
    goal: 150,
    factor: 2,
    folder: "overlay",
    input: (files, run) => ({
      ...common,
      kind: "kustomize",
      root: "overlay/prod",
      files: edited(files, "overlay/prod/kustomization.yaml", "1.4.2", `1.4.${run}`),
    }),
    native: ["kustomize", "build", "overlay/prod"],
  },
  {
    what: "plain YAML (2 objects)",
    goal: 2_000,
    factor: 20,
    folder: "plain",
    input: (files, run) => ({
      ...common,
      kind: "yaml",
      root: "plain",
      files: edited(files, "plain/web.yaml", "run-0", `run-${run}`),
      objects: { include: ["*"], exclude: [], recurse: true },
    }),
    native: null,
  },
];

export const p15: Measurement = {
  id: "P15",
  what: "renders per core, warm, none twice",
  heapMb: 2_048,
  async measure(size) {
    await using renderer = await Renderer.open();
    const figures: Figure[] = [];
    for (const load of table) figures.push(await renderRate(renderer, load, size));
    figures.push(await variantHit(renderer, size));
    const [first, ...others] = figures;
    if (first === undefined) throw new RangeError("no load");
    return [first, ...others];
  },
};

async function renderRate(renderer: Renderer, load: Load, size: Size): Promise<Figure> {
  const files = await filesBelow(load.folder);
  const batch = times[size].batch * load.factor;
  let run = 0;
  const samples = await settle(async () => {
    const inputs = Array.from({ length: batch }, () => load.input(files, (run += 1)));
    const took = await cpuOf(async () => {
      for (const input of inputs) rendered(await renderer.render(input));
    });
    return took / batch;
  }, paces[size]);
  const objects = rendered(await renderer.render(load.input(files, 0)));
  const floor = await readAndHashMs(objects, batch);
  const native = load.native;
  const [name, ...args] = native ?? [];
  const nativeMs = name === undefined ? null : await nativeCpuMs(name, args, loads, times[size].native);
  const value = median(samples);
  return {
    what: load.what,
    value: 1000 / value,
    unit: "/s",
    better: "more",
    goal: load.goal,
    ceiling: { what: "its objects read as YAML and hashed", value: 1000 / floor },
    beside: nativeMs === null ? [] : [{ what: `${name} as a process`, value: 1000 / nativeMs }],
    cpuMs: value,
    samples: samples.map((each) => 1000 / each),
  };
}

function rendered(result: RenderResult): Extract<RenderResult, { kind: "rendered" }> {
  if (result.kind === "failed") throw new Error(`a load does not render: ${result.code} ${result.message}`);
  return result;
}

/** JSON is YAML: the objects are read as a renderer's output has to be read, made canonical and hashed. */
async function readAndHashMs({ objects }: Extract<RenderResult, { kind: "rendered" }>, batch: number): Promise<number> {
  const texts = objects.map(({ object }) => JSON.stringify(object, null, 1));
  const once = () => texts.forEach((text) => readYaml(text).documents.forEach(({ value }) => digestOfJson(value)));
  for (let warm = 0; warm < batch; warm += 1) once();
  const took = await cpuOf(() => {
    for (let round = 0; round < batch; round += 1) once();
  });
  makeRelease(objects);
  return Math.max(took, 0.001) / batch;
}

/** Asking again for what is kept: files looked up, their Variant named, the answer found. */
async function variantHit(renderer: Renderer, size: Size): Promise<Figure> {
  await using repository = await committedLoads();
  const { tree } = repository;
  const kept = new Map<Digest, KeptRender>();
  const cache = {
    get: (variant: Digest) => kept.get(variant),
    put: (variant: Digest, render: KeptRender) => void kept.set(variant, render),
  };
  const renders = openRenders({ renderer, cache, contentOf: () => ({ kind: "there", key: "loads", commit: "c1", tree }) });
  const { signal } = new AbortController();
  const request = requestFor("small");
  await renders.answer([request], signal);
  const hits = times[size].hits;
  const samples = await settle(async () => {
    const before = cpuMs();
    for (let hit = 0; hit < hits; hit += 1) {
      const [found] = (await renders.answer([request], signal)).values();
      if (found?.answered.cached !== true) throw new Error("a kept Variant was rendered again");
    }
    return ((cpuMs() - before) * 1000) / hits;
  }, paces[size]);
  const value = median(samples);
  return {
    what: "a Variant that is kept, small Helm chart, files in Git",
    value,
    unit: "us CPU",
    better: "less",
    goal: hitGoalUs,
    ceiling: null,
    cpuMs: value / 1000,
    samples,
  };
}

/** What resolve asks for when one cluster runs this folder. */
function requestFor(path: string): RenderRequest {
  const head = "apiVersion: muster.dev/v1alpha1\n";
  const cluster = `${head}kind: Cluster\nmetadata: {name: berlin}\n---\n`;
  const app = `${head}kind: App\nmetadata: {name: demo}\nspec: {source: {path: ${path}}, namespace: demo, targets: [{clusters: {matchAll: true}}]}\n`;
  const { documents } = assembleFleet([parseFleetFile({ source: "root", path: "fleet.yaml", text: cluster + app })], []);
  const [request] = resolve({ documents, enrolled: [], incumbents: new Map() }, new Map()).needs;
  if (request === undefined) throw new Error("resolve asks for nothing");
  return request;
}

/** The loads as a commit, as the hub reads them. */
async function committedLoads(): Promise<AsyncDisposable & { readonly tree: Tree }> {
  const dir = await mkdtemp(join(tmpdir(), "muster-bench-"));
  await cp(loads, dir, { recursive: true });
  const git = (...args: string[]) => promisify(execFile)("git", ["-C", dir, "-c", "user.name=a", "-c", "user.email=a@b", ...args]);
  await git("init", "--quiet");
  await git("add", "--all");
  await git("commit", "--quiet", "--message", "Loads");
  const repository = await openLocalRepository(dir);
  if (repository === undefined) throw new Error("the new repository cannot be read");
  const { tree } = await repository.snapshot("HEAD");
  return { tree, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
}

/** By their path from `loads`. */
async function filesBelow(folder: string): Promise<Files> {
  const entries = await readdir(join(loads, folder), { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(paths.map(async (path) => [relative(loads, path), await readFile(path)] as const)));
}
