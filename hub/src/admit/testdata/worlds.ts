// Clusters that hold Apps, and fleets that want others: told as tables of object names.

import type { AgentPolicy, Tombstone } from "@muster/proto/model/bundle";
import { digestOf, type Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName, ObjectIdentity } from "@muster/proto/model/identity";
import { releaseDigest, type Manifest } from "@muster/proto/model/release";
import { compareIdentity } from "@muster/proto/model/identity";
import type { Placement, Resolution } from "../../resolve/resolve.ts";
import { bookOf } from "../../resolve/testdata/books.ts";
import { admit, type Admission, type AppVerdict, type HeldApp, type HeldCluster } from "../admit.ts";

/** `a b c=2`: ConfigMaps; `=` gives another content, `Kind/name` another kind, `name@namespace` another namespace. */
export type Objects = string;

const known = new Map<Digest, Manifest>();
const groups: Readonly<Record<string, string>> = {
  Deployment: "apps",
  CustomResourceDefinition: "apiextensions.k8s.io",
  StorageClass: "storage.k8s.io",
};
const clusterScoped = ["Namespace", "CustomResourceDefinition", "PersistentVolume", "StorageClass"];

export function id(text: string): ObjectIdentity {
  const [, kind = "ConfigMap", name = "", namespace = "shop"] = /^(?:(\w+)\/)?([^@=]+)(?:@([^=]+))?/.exec(text) ?? [];
  return { group: groups[kind] ?? "", kind, namespace: clusterScoped.includes(kind) ? "" : namespace, name };
}

export function release(objects: Objects): Digest {
  const lines = objects
    .split(" ")
    .filter((text) => text !== "")
    .map((text) => ({ identity: id(text), digest: digestOf(text), size: 1 }));
  const manifest = lines.toSorted((a, b) => compareIdentity(a.identity, b.identity));
  const digest = releaseDigest(manifest);
  known.set(digest, manifest);
  return digest;
}

/** `a1 a2 ... an`. */
export const some = (count: number, prefix = "a"): Objects => Array.from({ length: count }, (_, i) => `${prefix}${i}`).join(" ");

export const key = (name: string): AppKey => (name.includes("/") ? name : `default//${name}`) as AppKey;

export const policy: AgentPolicy = {
  namespace: "shop",
  createNamespace: true,
  prune: true,
  heal: true,
  adopt: "never",
  serviceAccount: null,
  timeoutMs: 600_000,
  ignore: [],
};

export type World = {
  /** What berlin holds: App -> objects. */
  readonly held?: Readonly<Record<string, Objects>>;
  readonly holding?: Readonly<Record<string, Partial<HeldApp>>>;
  /** What is declared for berlin: App -> objects; null: declared, and not rendered. */
  readonly wanted?: Readonly<Record<string, Objects | null>>;
  /** Wanted Apps with sync.auto: false. */
  readonly byHand?: readonly string[];
  readonly policies?: Readonly<Record<string, Partial<AgentPolicy>>>;
  /** Declared Apps that are not for berlin. */
  readonly elsewhere?: Readonly<Record<string, "orphan" | "delete">>;
  /** Other clusters that the Apps of `elsewhere` are on (["oslo"]). */
  readonly on?: readonly string[];
  readonly resolution?: Partial<Resolution>;
  readonly tombstones?: readonly Tombstone[];
  readonly bundleApprovals?: readonly Digest[];
  readonly settled?: boolean;
  readonly approvals?: readonly Digest[];
  readonly others?: readonly HeldCluster[];
  /** App -> what its chart was told of berlin's APIs: `asked: has`. */
  readonly told?: Readonly<Record<string, string>>;
  /** What berlin's agent reports. */
  readonly apis?: string | null;
  readonly now?: number;
};

export const now = Date.UTC(2026, 0, 1);

export function placement(app: string, objects: Objects | null, cluster = "berlin", more: Partial<AgentPolicy> = {}): Placement {
  return {
    app: key(app),
    cluster: cluster as ClusterName,
    request: digestOf(app),
    release: objects === null ? null : release(objects),
    policy: { ...policy, ...more },
    dependsOn: [],
    layers: [],
    auto: true,
    parent: null,
    ancestors: [],
    source: "root",
    onLeave: "orphan",
    withParent: "delete",
    rollout: null,
  };
}

export function holds(app: string, objects: Objects, more: Partial<HeldApp> = {}): HeldApp {
  return { app: key(app), release: release(objects), policy, dependsOn: [], parent: null, onLeave: "orphan", ...more };
}

function declared(name: string, onLeave: "orphan" | "delete" = "orphan"): Resolution["apps"][number] {
  return {
    key: key(name),
    place: { source: "root", path: "a.yaml", line: 1 },
    parent: null,
    ancestors: [],
    children: [],
    source: "root",
    targeted: true,
    onLeave,
  };
}

const words = (text: string): readonly string[] => text.split(" ").filter((word) => word !== "");

function toldIn(text: string | undefined): Placement["told"] {
  if (text === undefined) return null;
  const [asks = "", has = ""] = text.split(":");
  return { known: true, asks: asks === "all" ? "all" : words(asks), has: words(has) };
}

export function judge(world: World): Admission {
  const { held = {}, holding = {}, wanted = {}, policies = {}, elsewhere = {}, on = ["oslo"], others = [] } = world;
  const placements = [
    ...Object.entries(wanted).map(([app, objects]) => ({
      ...placement(app, objects, "berlin", policies[app]),
      auto: world.byHand?.includes(app) !== true,
      told: toldIn(world.told?.[app]) ?? null,
    })),
    ...Object.keys(elsewhere).flatMap((app) => on.map((cluster) => placement(app, "x", cluster))),
  ];
  const resolution: Resolution = {
    touched: "all",
    touchedApps: "all",
    placements: bookOf(placements),
    needs: [],
    requests: new Map(),
    clusters: [],
    groups: new Map(),
    apps: [
      ...Object.keys(wanted).map((app) => declared(app)),
      ...Object.entries(elsewhere).map(([app, onLeave]) => declared(app, onLeave)),
    ],
    problems: [],
    incomplete: new Set(),
    undecided: new Set(),
    unreadable: new Set(),
    incumbents: new Map(Object.keys(held).map((app) => [`App ${key(app)}`, "root:a.yaml"])),
    ...world.resolution,
  };
  const berlin: HeldCluster = {
    cluster: "berlin" as ClusterName,
    apps: Object.entries(held).map(([app, objects]) => holds(app, objects, holding[app])),
    tombstones: world.tombstones ?? [],
    approvals: world.bundleApprovals ?? [],
    settled: world.settled ?? true,
    ...(world.apis !== undefined && { apis: world.apis === null ? null : words(world.apis) }),
  };
  return admit({
    resolution,
    clusters: [berlin, ...others],
    manifestOf: (digest) => known.get(digest),
    approvals: new Set(world.approvals),
    now: world.now ?? now,
  });
}

export const manifestOf = (digest: Digest): Manifest | undefined => known.get(digest);

/** What is said of berlin, one line a word: `admit web`, `hold web appShare`, `keep web RenderFailed`, `delete web 12:30`. */
export function said(admission: Admission, cluster = "berlin"): string[] {
  const verdict = admission.clusters.find((each) => each.cluster === cluster);
  const lines = (verdict?.apps ?? []).map(showVerdict);
  const graves = (verdict?.tombstones ?? []).map(
    ({ app, mode, notBefore }) => `${mode} ${short(app)} in ${(Date.parse(notBefore) - now) / 60_000}m`,
  );
  return [...lines, ...graves];
}

function showVerdict(verdict: AppVerdict): string {
  if (verdict.kind === "admit") return `admit ${short(verdict.app)}${verdict.deletes.length > 0 ? ` -${verdict.deletes.length}` : ""}`;
  if (verdict.kind === "keep") return `keep ${short(verdict.app)} ${verdict.reason}`;
  const why = verdict.vanished.length === 0 ? [] : [`${verdict.reason} ${verdict.vanished.join(",")}`];
  return ["hold", short(verdict.app), ...why, ...verdict.guards, ...(verdict.cause === null ? [] : [verdict.cause])].join(" ");
}

const short = (app: AppKey): string => app.replace("default//", "");
