// The layers of one App on one cluster, low to high, in the form of its settings: what the language gives, what the chart or the
// kustomization says, what values files say, the App, each matching target. Each knows where its fields stand.

import { appKeyParts } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject } from "@muster/proto/model/json";
import { readChild, settingsOf, type App, type Place, type Scope } from "../../fleet/fleet.ts";
import type { Inputs } from "../../render/render.ts";
import type { LayerOrigin, Placement, ResolvedCluster } from "../../resolve/resolve.ts";
import { readYaml } from "../../yaml/yaml.ts";
import type { Ground } from "./ground.ts";
import type { Path } from "./field-path.ts";

export type LayerText = {
  readonly name: string;
  /** As written, under the names of settings: `{helm: {values: ...}}`. */
  readonly says: JsonObject;
  /** Of the document; null for what the language gives. */
  readonly place: Place | null;
  /** Where a setting stands within the document. */
  readonly at: (path: Path) => Path;
  /** True for App and targets: only there are expressions. */
  readonly expressions: boolean;
};

export type Files = { readonly inputs: Inputs; readonly files: ReadonlyMap<string, Uint8Array> };

/** What merged into a Placement. `files` is null where they cannot be read: then the layers below the App are missing. */
export function layersOf(ground: Ground, placement: Placement, files: Files | null): readonly LayerText[] {
  const app = appOf(ground, placement);
  const own = placement.layers.flatMap((layer) => (app === undefined ? [] : ownLayer(app, layer)));
  const below = files === null ? [] : files.inputs.kind === "helm" ? chartLayers(placement, files) : kustomization(placement, files);
  return [...defaults(placement, files), ...below, ...own];
}

/** The definition that a Placement came from: of a file, or of its parent's render. */
function appOf({ documents, answers }: Ground, { app, layers, parent }: Placement): App | undefined {
  const place = layers[0]?.place;
  if (parent === null) return documents.find((each) => each.kind === "App" && each.value.key === app)?.value as App | undefined;
  const same = (other: Place): boolean => other.source === place?.source && other.path === place.path && other.line === place.line;
  for (const answer of answers.values()) {
    if (answer.kind !== "rendered") continue;
    for (const child of answer.apps) {
      if (!same(child.place)) continue;
      const read = readChild(child.value, child.place, parent);
      if ("document" in read && read.document.value.key === app) return read.document.value;
    }
  }
  return undefined;
}

function ownLayer(app: App, { from, place }: LayerOrigin): LayerText[] {
  const target = /^targets\[(\d+)\]$/.exec(from)?.[1];
  if (target === undefined) return [{ name: "App", says: app.layer, place, at: inApp, expressions: true }];
  const i = Number(target);
  const says = app.targets[i]?.layer;
  return says === undefined ? [] : [{ name: from, says, place, at: (path) => ["spec", "targets", i, ...path], expressions: true }];
}

const inApp = (path: Path): Path => (path[0] === "path" || path[0] === "revision" ? ["spec", "source", ...path] : ["spec", ...path]);

function chartLayers({ source }: Placement, { inputs, files }: Files): readonly LayerText[] {
  const root = inputs.root === "" ? "" : `${inputs.root}/`;
  const layers: LayerText[] = [];
  for (const path of [...files.keys()].toSorted()) {
    const [, name] = new RegExp(`^${escaped(root)}charts/([^/]+)/values\\.yaml$`).exec(path) ?? [];
    if (name !== undefined) layers.push(...valuesLayer(`subchart ${name}`, source, path, files, [name]));
  }
  layers.push(...valuesLayer("chart", source, `${root}values.yaml`, files, []));
  for (const path of inputs.valuesFiles) layers.push(...valuesLayer(`values file ${path.split("/").at(-1)}`, source, path, files, []));
  return layers;
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");

function valuesLayer(name: string, source: string, path: string, files: Files["files"], under: readonly string[]): readonly LayerText[] {
  const values = firstDocument(files.get(path));
  if (values === undefined) return [];
  const nested = under.reduceRight<JsonObject>((inner, key) => ({ [key]: inner }), values);
  const depth = 2 + under.length;
  return [{ name, says: { helm: { values: nested } }, place: { source, path, line: 1 }, at: (at) => at.slice(depth), expressions: false }];
}

function firstDocument(bytes: Uint8Array | undefined): JsonObject | undefined {
  const [first] = bytes === undefined ? [] : readYaml(new TextDecoder().decode(bytes)).documents;
  return first !== undefined && isJsonObject(first.value) ? first.value : undefined;
}

/** Settings by the names that a kustomization has for them. */
const ofKustomization: { readonly [field: string]: readonly string[] } = {
  images: ["kustomize", "images"],
  patches: ["kustomize", "patches"],
  components: ["kustomize", "components"],
  namePrefix: ["kustomize", "namePrefix"],
  nameSuffix: ["kustomize", "nameSuffix"],
  commonLabels: ["kustomize", "labels"],
  commonAnnotations: ["kustomize", "annotations"],
  replicas: ["kustomize", "replicas"],
  namespace: ["namespace"],
};

function kustomization({ source }: Placement, { inputs, files }: Files): readonly LayerText[] {
  if (inputs.kind !== "kustomize") return [];
  const root = inputs.root === "" ? "" : `${inputs.root}/`;
  const path = ["kustomization.yaml", "kustomization.yml", "Kustomization"].map((name) => `${root}${name}`).find((each) => files.has(each));
  const read = path === undefined ? undefined : firstDocument(files.get(path));
  if (path === undefined || read === undefined) return [];
  let says: JsonObject = {};
  for (const [field, value] of Object.entries(read)) {
    const [block, name] = ofKustomization[field] ?? [];
    if (block === undefined) continue;
    says =
      name === undefined
        ? { ...says, [block]: value }
        : { ...says, [block]: { ...(says[block] as JsonObject | undefined), [name]: value } };
  }
  const fieldOf = (at: Path): Path => {
    const found = Object.entries(ofKustomization).find(
      ([field, to]) => Object.hasOwn(read, field) && to.every((each, i) => at[i] === each),
    );
    return found === undefined ? [] : [found[0], ...at.slice(found[1].length)];
  };
  return [{ name: "kustomization", says, place: { source, path, line: 1 }, at: fieldOf, expressions: false }];
}

/** What the language gives where nobody says anything. */
function defaults({ app }: Placement, files: Files | null): readonly LayerText[] {
  const { name } = appKeyParts(app);
  const result = settingsOf({ path: "." }, { app: name, cluster: null }, name);
  if (!("settings" in result)) return [];
  const { settings } = result;
  const { values: _, ...helm } = settings.helm;
  const blocks =
    files === null
      ? {}
      : files.inputs.kind === "helm"
        ? { helm }
        : files.inputs.kind === "kustomize"
          ? { kustomize: settings.kustomize }
          : {};
  const says = { namespace: settings.namespace, ...blocks, sync: spelled(settings.sync as unknown as JsonObject) } as unknown as JsonObject;
  return [{ name: "default", says, place: null, at: () => [], expressions: false }];
}

/** `timeout` is written as text and kept in milliseconds. */
function spelled({ timeoutMs, ...rest }: JsonObject): JsonObject {
  const seconds = Number(timeoutMs) / 1000;
  return { ...rest, timeout: seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s` };
}

/** What expressions see on a cluster. */
export function scopeOf({ enrolled }: Ground, cluster: ResolvedCluster, placement: Placement): Scope {
  const facts = enrolled.find(({ name }) => name === cluster.name)?.facts ?? null;
  return { app: appKeyParts(placement.app).name, cluster: { ...cluster, kubeVersion: facts?.kubernetesVersion ?? null } };
}
