// What the module is asked, for a chart and for a kustomization: the head of the frame, and the files where they have to lie.

import { createHash } from "node:crypto";
import { isChartMetadata, planCharts, type PlacedChart } from "./chart-dependencies.ts";
import { Collector } from "./collector.ts";
import { collectKustomize, filesMaxOfOneApp } from "./inputs.ts";
import type { Instance, ModuleAnswer, Part } from "./instance.ts";
import { isKustomization, isSelfContained } from "./kustomization.ts";
import { overlayText } from "./overlay.ts";
import { joinPath } from "./paths.ts";
import { chartFiles, forbidden, noRemotes, remoteFolder } from "./remotes.ts";
import type { HelmInput, RenderInput, SnapshotPath, RemoteNeed } from "./rendered.ts";
import type { BuildPlace } from "./sources.ts";
import { decodeFile } from "./text.ts";
import { treeOf } from "./tree.ts";

export type ModuleRequest = { readonly call: (instance: Instance, seed: string, outputMaxBytes: number) => ModuleAnswer };

function request(input: RenderInput, head: Readonly<Record<string, unknown>>, files: readonly Part[]): ModuleRequest {
  const whole = { root: input.root, random: numberFrom(input.seed), ...head };
  return { call: (instance, seed, outputMaxBytes) => instance.call(whole, files, seed, outputMaxBytes) };
}

const helmAssumed: HelmInput = {
  releaseName: "release-name",
  values: {},
  valuesFiles: [],
  skipCrds: false,
  kubeVersion: "",
  apiVersions: null,
};

/** A chart with its dependencies in place; `print`: as the one text that `helm template` prints. Throws what `planCharts` throws, and E_REMOTE_FORBIDDEN for one that was not given. */
export function helmRequest(input: RenderInput, print = false): ModuleRequest {
  const { values, ...rest } = input.helm ?? helmAssumed;
  const { placed, files } = chartsInPlace(input);
  const helm = { ...rest, namespace: input.namespace ?? "default", values: JSON.stringify(values), placed, print };
  return request(input, { do: "helm", helm }, [...partsOf(input.files), ...files]);
}

function chartsInPlace(input: RenderInput): { readonly placed: readonly PlacedChart[]; readonly files: readonly Part[] } {
  const textOf = (path: SnapshotPath): string | undefined => {
    const bytes = input.files.get(path);
    return bytes === undefined || !isChartMetadata(path) ? undefined : decodeFile(path, bytes);
  };
  const { placed, needs } = planCharts(input.root, [...input.files.keys()], textOf);
  const files = new Map<string, Part>();
  for (const need of needs) {
    const content = input.remotes?.get(need.key);
    if (content === undefined) throw forbidden(need);
    for (const [inside, bytes] of chartFiles(content, need)) {
      const path = joinPath(remoteFolder(need.key), inside);
      files.set(path, { path, bytes });
    }
  }
  return { placed, files: [...files.values()] };
}

/** A kustomization's files as they lie in the module, and what tells its objects' places. */
export type KustomizeDisk = BuildPlace & { readonly files: readonly Part[] };

/** Puts in place what was fetched. Throws E_REMOTE_FORBIDDEN for what was not given, E_PATH_ESCAPE for a remote base that looks out. */
export async function diskOf(input: RenderInput): Promise<KustomizeDisk> {
  const collect = new Collector(treeOf(input.files), input.remotes ?? noRemotes, filesMaxOfOneApp);
  if (!isSelfContainedInput(input)) await collectKustomize(collect, input.root, input.kustomize);
  const needs: readonly RemoteNeed[] = [...collect.needs.values()];
  for (const need of needs) if (input.remotes?.has(need.key) !== true) throw forbidden(need);
  const files = new Map(input.files);
  for (const [path, bytes] of collect.placed) files.set(path, bytes);
  const overlaid = overlayText(input.root, input.kustomize) !== "";
  const own = kustomizationTexts(input).some((text) => text.includes("originAnnotations"));
  return { files: partsOf(files), needs, folder: overlaid ? "/overlay" : `/snapshot/${input.root}`, kept: own && !overlaid };
}

/** A build with these `buildMetadata`; `print`: as the one text that `kustomize build` prints; `forced`: also where they may change what a patch finds. */
export function kustomizeRequest(input: RenderInput, files: readonly Part[], metadata: readonly string[], print = false): ModuleRequest {
  return request(input, { do: "kustomize", kustomize: { overlay: overlayText(input.root, input.kustomize), metadata, print } }, files);
}

function isSelfContainedInput(input: RenderInput): boolean {
  if (!kustomizationTexts(input).every(isSelfContained)) return false;
  return ![...input.files.values()].some((bytes) =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(inflationGenerator),
  );
}

const inflationGenerator = "HelmChartInflationGenerator";

function kustomizationTexts(input: RenderInput): readonly string[] {
  return [...input.files].flatMap(([path, bytes]) => (isKustomization(path) ? [decodeFile(path, bytes)] : []));
}

function partsOf(files: ReadonlyMap<SnapshotPath, Uint8Array>): readonly Part[] {
  return [...files].map(([path, bytes]) => ({ path, bytes }));
}

// For the generators that take a number as their seed (randInt, shuffle). 48 bits: exact in a JavaScript number.
function numberFrom(seed: string): number {
  return createHash("sha256").update("numbers").update(Buffer.from(seed, "hex")).digest().readUIntBE(0, 6);
}
