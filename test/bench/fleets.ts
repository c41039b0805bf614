// Fleets of any size for measurements: Clusters and Apps as documents, and answers to their renders, without files or a renderer.

import { digestOf, type Digest } from "@muster/proto/model/digest";
import { parseFleetFile, type FleetDocument } from "../../hub/src/fleet/fleet.ts";
import type { FleetModel, RenderAnswer, RenderRequest } from "../../hub/src/resolve/resolve.ts";

/**
 * `all`: every App on every cluster. `tenth`: on a tenth of them, by a label. `one`: on one cluster, by its name. `parent`: as `tenth`,
 * all Apps the children of one.
 */
export type FleetShape = "all" | "tenth" | "one" | "parent";

export type FleetSize = { readonly clusters: number; readonly apps: number; readonly shape: FleetShape };

export type BuiltFleet = {
  readonly model: FleetModel;
  /** The documents of one App, with other values: a commit. */
  app(index: number, edition: number): FleetDocument;
  /** The document of one cluster under other labels. */
  cluster(index: number, tenth: number): FleetDocument;
  /** What a render of this request answers. */
  answer(request: RenderRequest, edition?: number): RenderAnswer;
};

const head = (kind: string): string => `apiVersion: muster.dev/v1alpha1\nkind: ${kind}\n`;

function document(path: string, text: string): FleetDocument {
  const { documents, problems } = parseFleetFile({ source: "root", path, text });
  const [only] = documents;
  if (only === undefined || problems.length > 0) throw new Error(`${path}: ${problems.map(({ message }) => message).join("; ")}`);
  return only;
}

const clusterName = (index: number): string => `c${String(index).padStart(6, "0")}`;

function clusterDocument(index: number, tenth: number): FleetDocument {
  const labels = `{env: ${index % 3 === 0 ? "staging" : "prod"}, region: r${index % 4}, tenth: "${tenth}"}`;
  return document(`clusters/${index}.yaml`, `${head("Cluster")}metadata: {name: ${clusterName(index)}, labels: ${labels}}\n`);
}

function targets({ shape, clusters }: FleetSize, index: number): string {
  switch (shape) {
    case "all":
      return "[{clusters: {matchAll: true}}, {clusters: {matchLabels: {env: staging}}, helm: {values: {replicas: 1}}}]";
    case "tenth":
    case "parent":
      return `[{clusters: {matchLabels: {tenth: "${index % 10}"}}}]`;
    case "one":
      return `[{cluster: ${clusterName((index * 7919) % clusters)}}]`;
  }
}

function appText(size: FleetSize, index: number, edition: number): string {
  const values = `{replicas: 3, edition: ${edition}, region: "\${cluster.labels.region}"}`;
  return `${head("App")}metadata: {name: app-${String(index).padStart(5, "0")}}\nspec: {source: {path: apps/${index}}, namespace: n${index}, helm: {values: ${values}}, targets: ${targets(size, index)}}\n`;
}

export function buildFleet(size: FleetSize): BuiltFleet {
  const cluster = clusterDocument;
  const app = (index: number, edition: number) => document(`apps/${index}.yaml`, appText(size, index, edition));
  const clusters = Array.from({ length: size.clusters }, (_, i) => cluster(i, i % 10));
  const apps = Array.from({ length: size.apps }, (_, i) => app(i, 0));
  const children = size.shape === "parent" ? apps.map((_, i) => childOf(i)) : [];
  const parent = document("parent.yaml", `${head("App")}metadata: {name: parent}\nspec: {source: {path: parent}}\n`);
  const documents = size.shape === "parent" ? [...clusters, parent] : [...clusters, ...apps];
  return {
    model: { documents, enrolled: [], incumbents: new Map() },
    app,
    cluster,
    answer(request, edition = 0) {
      const release: Digest = digestOf(`${request.key} ${edition}`);
      return request.path === "parent"
        ? { kind: "rendered", release, apps: children, objectCount: 0 }
        : { kind: "rendered", release, apps: [], objectCount: 4 };
    },
  };
}

function childOf(index: number) {
  const place = { source: "root", path: "parent/apps.yaml", line: index + 1 };
  const name = `app-${String(index).padStart(5, "0")}`;
  const target = { clusters: { matchLabels: { tenth: String(index % 10) } } };
  const spec = { source: { path: `apps/${index}` }, namespace: `n${index}`, targets: [target] };
  return { value: { apiVersion: "muster.dev/v1alpha1", kind: "App", metadata: { name }, spec }, place };
}
