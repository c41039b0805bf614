// The kinds that people write, field by field. LANGUAGE: docs/language.md.

import { labelKey } from "./names.ts";
import { pathShape, revisionShape, secretName, sharedFields } from "./layer-table.ts";
import { rolloutShape } from "./rollout-table.ts";
import { groupSelectorShape, labelsShape, selectorShape } from "./selector.ts";
import { atMostOne, exactlyOne, flag, listOf, name, object, text, type Field, type Fields, type Shape } from "./shape.ts";
import { sourceRule } from "./source-rule.ts";

export const apiVersion = "muster.dev/v1alpha1";
export const fleetKinds = ["App", "Cluster", "ClusterGroup", "Source"] as const;
export type FleetKind = (typeof fleetKinds)[number];
/** The name of the Source that is in the hub's own configuration. */
export const rootSourceName = "root";
/** Kinds of the language that a later version reads. */
export const laterKinds: readonly string[] = ["Tenant", "Admission", "FleetPolicy", "Promotion"];

export type KindTable = {
  readonly description: string;
  readonly metadata: Fields;
  readonly spec: Fields;
  readonly specRequired: boolean;
};

const named = (description: string): Field => ({ shape: name, required: true, description });
const tenant: Field = { shape: name, default: "default", description: "The Tenant that it belongs to." };
const labels: Field = { shape: labelsShape, default: {}, description: "Labels." };
const annotations: Field = {
  shape: { is: "map", of: text, keyPattern: labelKey, code: "E_LABEL" },
  default: {},
  description: "Annotations: free text, usable in expressions.",
};

const target = object(
  {
    clusters: { shape: selectorShape, description: "Selects clusters by their labels." },
    group: { shape: name, description: "The name of a ClusterGroup." },
    cluster: { shape: name, description: "The name of one cluster." },
    deploy: { shape: flag, default: true, description: "false: these clusters are taken out again." },
    revision: { shape: revisionShape, description: "Overrides source.revision, or the version of a chart." },
    ...sharedFields,
  },
  exactlyOne("E_SELECTOR", "needs exactly one of clusters, group and cluster", "clusters", "group", "cluster"),
);

const remoteUrl: Shape = {
  is: "text",
  pattern: "(?:https?|oci)://[^\\s?#@]+|ssh://[^\\s?#:@]+@[^\\s?#@]+|ssh://[^\\s?#@]+|[-\\w.]+@[-\\w.]+:[^\\s?#@]+",
  max: 2048,
  secret: true,
  says: "must be a URL (http, https, ssh, oci, or user@host:path) without password, query and fragment",
};

const chart = object(
  {
    repo: { shape: remoteUrl, description: "URL of a Helm repository." },
    oci: { shape: remoteUrl, description: "The registry's folder that holds the chart: oci://host/path." },
    chart: {
      shape: { is: "text", pattern: "[a-zA-Z0-9][-a-zA-Z0-9_.]*", says: "must be a chart's name" },
      required: true,
      description: "The chart's name.",
    },
    version: { shape: text, description: "Its version, or a range such as ^1.4. Default: the newest that is no prerelease." },
  },
  atMostOne("E_FIELD", "takes one of repo and oci", "repo", "oci"),
);

const source = object(
  {
    path: { shape: pathShape, description: "Folder, relative to the repository's root. Holds a chart, a kustomization or YAML files." },
    revision: {
      shape: revisionShape,
      description: "Branch, tag, semver range or commit. Default: the commit of the Source that is in force.",
    },
    source: { shape: name, description: "The name of another Source. Default: the one that the App's document lies in." },
    git: { shape: remoteUrl, description: "The URL of another repository; its Source's remotes have to allow it." },
    helm: { shape: chart, description: "A chart in a Helm repository or registry; its Source's remotes have to allow it." },
  },
  sourceRule,
);

const globs = (fallback: readonly string[], description: string): Field => ({ shape: listOf(text), default: fallback, description });

const app: KindTable = {
  description: "One deployable: what to render, with which inputs, for which clusters.",
  metadata: { name: named("Unique in its Tenant."), tenant, labels, annotations },
  specRequired: true,
  spec: {
    source: { shape: source, required: true, description: "Where it comes from." },
    ...sharedFields,
    objects: {
      shape: object({
        include: globs(["*"], "Globs of files to read."),
        exclude: globs([], "Globs of files to leave out; wins over include."),
        recurse: { shape: flag, default: true, description: "Also read folders below." },
      }),
      default: {},
      description: "Which files of a folder of plain YAML are read.",
    },
    targets: {
      shape: listOf(target, 10_000),
      default: [],
      description: "Where it goes. All matching targets merge in order. None: an App that only renders other Apps.",
    },
    dependsOn: { shape: listOf(name), default: [], description: "Apps of the same Tenant that have to be healthy first, on each cluster." },
    children: {
      shape: { is: "choice", of: ["delete", "orphan"] },
      default: "delete",
      description: "What happens to the Apps that it renders when it goes.",
    },
  },
};

const cluster: KindTable = {
  description: "A member of the fleet, with the labels that say what goes there.",
  metadata: { name: named("Unique in the fleet; the name that it enrols under."), labels, annotations },
  specRequired: false,
  spec: {
    values: { shape: { is: "data" }, default: {}, description: "Free data for ${cluster.values.x}." },
    server: { shape: text, description: "Unique URL, for dialects. Default: muster://NAME." },
    timezone: { shape: text, description: "IANA time zone, for windows." },
    paused: { shape: flag, default: false, description: "Stops upgrades; healing goes on." },
  },
};

const clusterGroup: KindTable = {
  description: "A named set of clusters: a selector and named members, united.",
  metadata: { name: named("Unique in the fleet."), labels, annotations },
  specRequired: true,
  spec: {
    clusters: { shape: groupSelectorShape, default: {}, description: "Selects clusters by their labels; empty selects none." },
    members: { shape: listOf(name, 100_000), default: [], description: "Names of clusters." },
  },
};

const dialect = "this version reads Muster's own kinds only";

export const remotesField: Field = {
  shape: listOf(
    object({
      url: { shape: remoteUrl, required: true, description: "What is at this URL or below it may be fetched." },
      secretRef: { shape: secretName, description: "Name in the hub's secrets folder." },
    }),
    100,
  ),
  default: [],
  description: "What Apps of this Source may fetch from elsewhere: repositories, charts, bases of kustomizations.",
};

const sourceKind: KindTable = {
  description: "A further repository. The first one, the root Source, is in the hub's own configuration.",
  metadata: { name: named("Unique in the fleet; root is taken."), tenant, labels, annotations },
  specRequired: true,
  spec: {
    git: { shape: remoteUrl, description: "URL of a Git repository: http, https, ssh, or user@host:path." },
    oci: { shape: remoteUrl, description: "An OCI artifact that holds files: oci://host/path." },
    helm: { shape: remoteUrl, description: "A Helm repository, by its URL: Apps name its charts." },
    revision: { shape: revisionShape, description: "Branch, tag, semver range or commit. Default: the remote's HEAD branch." },
    path: { shape: pathShape, default: ".", description: "Only this folder is read for documents." },
    secretRef: { shape: secretName, description: "Name in the hub's secrets folder." },
    poll: { shape: { is: "duration", minMs: 5000, maxMs: 86_400_000 }, default: "60s", description: "How often to look, jittered." },
    submodules: { shape: flag, default: false, description: "Also read submodules." },
    mirrors: { shape: listOf(remoteUrl, 10), default: [], description: "Tried in order when the first fails." },
    remotes: remotesField,
    read: {
      shape: listOf({ is: "choice", of: ["muster"], notYet: ["argocd", "flux", "fleet"] }),
      default: ["muster"],
      description: "Dialects: muster, argocd, flux, fleet.",
    },
    argocd: { shape: { is: "data" }, notYet: dialect, description: "Settings that Argo CD keeps outside Git." },
    flux: { shape: { is: "data" }, notYet: dialect, description: "Settings that Flux keeps outside Git." },
    fleet: { shape: { is: "data" }, notYet: dialect, description: "Settings that Rancher Fleet keeps outside Git." },
    defaultRollout: { shape: rolloutShape, description: "For Apps of this Source that say nothing of their own." },
  },
};

export const kindTables: Readonly<Record<FleetKind, KindTable>> = {
  App: app,
  Cluster: cluster,
  ClusterGroup: clusterGroup,
  Source: sourceKind,
};

/** The whole document as one shape. */
export function documentShape(kind: FleetKind): Shape {
  const table = kindTables[kind];
  const constant = (value: string): Field => ({ shape: { is: "choice", of: [value] }, required: true, description: `Always ${value}.` });
  const spec: Field = { shape: specShape(kind), default: {}, description: "What it says." };
  return object({
    apiVersion: constant(apiVersion),
    kind: constant(kind),
    metadata: { shape: object(table.metadata), required: true, description: "Its name." },
    spec: table.specRequired ? { ...spec, required: true } : spec,
  });
}

function specShape(kind: FleetKind): Shape {
  const { spec } = kindTables[kind];
  return kind === "Source"
    ? object(spec, exactlyOne("E_FIELD", "needs exactly one of git, oci and helm", "git", "oci", "helm"))
    : object(spec);
}

/** The merged settings of one App on one cluster, with their expressions replaced. */
export const settingsShape: Shape = object({
  path: { shape: pathShape, required: true, description: "source.path" },
  revision: { shape: revisionShape, description: "source.revision" },
  ...sharedFields,
});
