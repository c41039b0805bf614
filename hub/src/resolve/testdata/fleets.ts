// Fleets for tests: files as text, and renders that hold what a table says.

import { digestOf, type Digest } from "@muster/proto/model/digest";
import type { ClusterName } from "@muster/proto/model/identity";
import { isJsonObject } from "@muster/proto/model/json";
import { assembleFleet, parseFleetFile, type FleetDocument } from "../../fleet/fleet.ts";
import { readYaml } from "../../yaml/yaml.ts";
import { resolve, type Enrolled, type FleetModel, type Placement, type RenderAnswer, type RenderRequest, type Resolution } from "../resolve.ts";

export type Files = Readonly<Record<string, string>>;

const head = (kind: string): string => `apiVersion: muster.dev/v1alpha1\nkind: ${kind}\n`;

/** An App in YAML; `spec` is flow style, without braces: `source: {path: x}`. */
export function app(name: string, spec: string, metadata = ""): string {
  return `${head("App")}metadata: {name: ${name}${metadata}}\nspec: {${spec}}\n`;
}

export function cluster(name: string, labels = "", spec = ""): string {
  return `${head("Cluster")}metadata: {name: ${name}, labels: {${labels}}}\nspec: {${spec}}\n`;
}

export function group(name: string, spec: string): string {
  return `${head("ClusterGroup")}metadata: {name: ${name}}\nspec: {${spec}}\n`;
}

/** `---` between documents. */
export const many = (...documents: readonly string[]): string => documents.join("---\n");

/** Targets every cluster. */
export const everywhere = "targets: [{clusters: {matchAll: true}}]";

/** The documents of files; throws when one has a fault that the test did not mean. */
export function documentsOf(files: Files): readonly FleetDocument[] {
  const parsed = Object.entries(files).map(([path, text]) => parseFleetFile({ source: "root", path, text }));
  const { documents, problems } = assembleFleet(parsed, []);
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join("\n"));
  return documents;
}

export function modelOf(files: Files, more: Partial<FleetModel> = {}): FleetModel {
  return { documents: documentsOf(files), enrolled: [], incumbents: new Map(), ...more };
}

export function enrolled(name: string, labels: Readonly<Record<string, string>> = {}, kubernetesVersion?: string): Enrolled {
  const facts = kubernetesVersion === undefined ? null : { kubernetesVersion, apiVersions: [], agentVersion: "0" };
  return { name: name as ClusterName, uid: `uid-${name}`, labels, facts };
}

/** What lies in a folder: `failed`, `empty`, or Apps as YAML, with or without objects beside them. */
export type Folder = "failed" | "empty" | { readonly apps: string; readonly objects?: number };

/** Renders as a table says, by path (and by release name's values, where a function is given). Folders not named hold two objects. */
export type Folders = Readonly<Record<string, Folder | ((request: RenderRequest) => Folder)>>;

export function answerOf(request: RenderRequest, folders: Folders): RenderAnswer {
  const row = folders[request.path];
  const folder = typeof row === "function" ? row(request) : row;
  const release = digestOf(`release of ${request.key}`);
  if (folder === undefined) return { kind: "rendered", release, apps: [], objectCount: 2 };
  if (folder === "failed") return { kind: "failed", code: "E_RENDER", message: "the chart is broken" };
  if (folder === "empty") return { kind: "rendered", release, apps: [], objectCount: 0 };
  const apps = readYaml(folder.apps).documents.flatMap(({ value, line }) => {
    return isJsonObject(value) ? [{ value, place: { source: request.source, path: `${request.path}/apps.yaml`, line } }] : [];
  });
  return { kind: "rendered", release, apps, objectCount: folder.objects ?? 0 };
}

/** Resolves until nothing is needed any more. `renders` may be given, to look at them. */
export function resolveAll(model: FleetModel, folders: Folders = {}, renders = new Map<Digest, RenderAnswer>()): Resolution {
  for (let rounds = 0; rounds < 20; rounds += 1) {
    const resolution = resolve(model, renders);
    if (resolution.needs.length === 0) return resolution;
    for (const request of resolution.needs) renders.set(request.key, answerOf(request, folders));
  }
  throw new Error("resolving needs no end");
}

/** Every Placement, by App, then cluster. */
export const list = ({ placements }: Resolution): readonly Placement[] => [...placements.all()];

/** `app@cluster` of every Placement. */
export const placed = (resolution: Resolution): string[] =>
  list(resolution).map(({ app: key, cluster: name }) => `${key.split("/").at(-1)}@${name}`);

export const codes = ({ problems }: Resolution): string[] =>
  problems.map(({ code, subject, cluster: name }) => [code, subject, name].filter(Boolean).join(" "));
