// Fleets of any size as files of a repository: clusters, Apps of plain YAML, and who runs what, all told by numbers.

export type FleetShape = {
  readonly clusters: number;
  readonly apps: number;
  /** On how many clusters each App is; "all" is all of them. */
  readonly clustersPerApp: number | "all";
  /** Files in the folder of each App. */
  readonly filesPerApp: number;
  /** An App that renders all others, or each App a document that the hub reads itself. */
  readonly appOfApps: boolean;
};

export type BuiltFleet = {
  /** Path -> text. */
  readonly files: Readonly<Record<string, string>>;
  readonly clusterNames: readonly string[];
  readonly appNames: readonly string[];
  /** Clusters that an App is on. */
  clustersOf(app: number): readonly string[];
  /** The file of a cluster, for this slot: which Apps it runs. Slots count from 0. */
  clusterFile(cluster: number, slot?: number): readonly [path: string, text: string];
  readonly slots: number;
  /** A file in an App's folder, with this text in it. */
  appFile(app: number, text: string): readonly [path: string, text: string];
};

const head = (kind: string, name: string): string => `apiVersion: muster.dev/v1alpha1\nkind: ${kind}\nmetadata:\n  name: ${name}\n`;
const padded = (prefix: string, index: number): string => `${prefix}-${String(index).padStart(5, "0")}`;
const clusterName = (index: number): string => padded("c", index);
const appName = (index: number): string => padded("app", index);
export const appsFolder = "fleet/apps";
export const soloApp = "solo";

/** The App `solo` is on the first cluster alone. */
export function buildFleet(shape: FleetShape): BuiltFleet {
  const { clusters, apps } = shape;
  const slots = shape.clustersPerApp === "all" ? 1 : Math.max(1, Math.round(clusters / shape.clustersPerApp));
  const clusterNames = Array.from({ length: clusters }, (_, index) => clusterName(index));
  const appNames = Array.from({ length: apps }, (_, index) => appName(index));
  const clusterFile = (cluster: number, slot = cluster % slots) =>
    [`fleet/clusters/${clusterName(cluster)}.yaml`, clusterText(cluster, slot)] as const;
  const appFile = (app: number, text: string) => [`apps/${appName(app)}/settings-0.yaml`, settings(app, 0, text)] as const;
  const files = new Map<string, string>([
    [`${appsFolder}/${soloApp}.yaml`, appText(soloApp, `    - cluster: ${clusterName(0)}\n`)],
    [`apps/${soloApp}/settings.yaml`, soloFile("first")[1]],
    ...(shape.appOfApps ? [["fleet/all.yaml", `${head("App", "all")}spec:\n  source:\n    path: ${appsFolder}\n`] as const] : []),
    ...clusterNames.map((_, cluster) => clusterFile(cluster)),
  ]);
  for (const [app, name] of appNames.entries()) {
    files.set(`${appsFolder}/${name}.yaml`, appText(name, selectorOf(app % slots)));
    for (let file = 0; file < shape.filesPerApp; file += 1) files.set(`apps/${name}/settings-${file}.yaml`, settings(app, file, "first"));
  }
  return {
    files: Object.fromEntries(files),
    clusterNames,
    appNames,
    clustersOf: (app) => clusterNames.filter((_, cluster) => cluster % slots === app % slots),
    clusterFile,
    slots,
    appFile,
  };
}

/** The one file of the App `solo`, with this text in it. */
export function soloFile(text: string): readonly [path: string, text: string] {
  return [`apps/${soloApp}/settings.yaml`, `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: solo\ndata:\n  text: ${text}\n`];
}

function clusterText(cluster: number, slot: number): string {
  const env = cluster % 3 === 0 ? "prod" : "test";
  return `${head("Cluster", clusterName(cluster))}  labels:\n    slot: s${slot}\n    env: ${env}\n    region: r${cluster % 7}\n`;
}

/** Two layers, as fleets have them: for everybody of the slot, and something more in production. */
function selectorOf(slot: number): string {
  const prod = `        matchLabels:\n          slot: s${slot}\n          env: prod\n      sync:\n        heal: true\n`;
  return `    - clusters:\n        matchLabels:\n          slot: s${slot}\n    - clusters:\n${prod}`;
}

function appText(name: string, targets: string): string {
  return `${head("App", name)}spec:\n  source:\n    path: apps/${name}\n  namespace: ${name}\n  targets:\n${targets}`;
}

function settings(app: number, file: number, text: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings-${file}\ndata:\n  app: ${appName(app)}\n  text: ${text}\n`;
}
