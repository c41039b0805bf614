// One parsed YAML document of Muster's group becomes a FleetDocument, or says everything that is wrong with it.

import { appKey, type AppKey, type ClusterName } from "@muster/proto/model/identity";
import { byCodeUnits } from "@muster/proto/model/canonical";
import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { check, type Fault } from "./check.ts";
import { fill } from "./fill.ts";
import {
  documentKey,
  type App,
  type Cluster,
  type ClusterGroup,
  type FleetDocument,
  type ObjectFiles,
  type Origin,
  type Remote,
  type Source,
  type Target,
} from "./kinds.ts";
import { hasForm, labelName, normalPath } from "./names.ts";
import { nearest } from "./nearest.ts";
import type { Place } from "./problem.ts";
import { rolloutPolicyOf } from "./rollout-reading.ts";
import { rolloutFaults } from "./rollout-rules.ts";
import { selectorOf } from "./selector.ts";
import { mergeLayers } from "./settings.ts";
import { apiVersion, documentShape, fleetKinds, laterKinds, rootSourceName, type FleetKind } from "./tables.ts";
import { isTimeZone } from "./zone.ts";

export type DocumentResult =
  | { readonly document: FleetDocument }
  /** `key` where kind and name could be read: that document's last good form stays. `subject` is for messages. */
  | { readonly faults: readonly Fault[]; readonly key: string | null; readonly subject: string };

/** True when an object claims to be of Muster's group, whatever its version. */
export function isMusterObject(value: unknown): value is JsonObject {
  return isJsonObject(value) && typeof value["apiVersion"] === "string" && value["apiVersion"].startsWith("muster.dev/");
}

const shapes = Object.fromEntries(fleetKinds.map((kind) => [kind, documentShape(kind)])) as Readonly<
  Record<FleetKind, ReturnType<typeof documentShape>>
>;

/** Reads one object of Muster's group. */
export function readDocument(raw: JsonObject, place: Place): DocumentResult {
  const kind = fleetKinds.find((each) => each === raw["kind"]);
  if (kind === undefined || raw["apiVersion"] !== apiVersion) return unknownKind(raw);
  const key = keyOf(kind, raw);
  const faults = [...check(shapes[kind], raw), ...extraFaults(kind, raw)];
  if (faults.length > 0 || key === null) return { faults, key, subject: key ?? `${kind} without a readable name` };
  const filled = fill(shapes[kind], raw) as JsonObject;
  return { document: { key, place, ...build[kind](filled, raw) } };
}

function unknownKind(raw: JsonObject): DocumentResult {
  const says = (path: string, text: string, remedy?: string): Fault => ({
    code: "E_UNKNOWN_KIND",
    path: [path],
    says: text,
    ...(remedy !== undefined && { remedy }),
  });
  const kind = typeof raw["kind"] === "string" ? raw["kind"] : "";
  const fault: Fault =
    raw["apiVersion"] !== apiVersion
      ? says("apiVersion", `must be ${apiVersion}`)
      : laterKinds.includes(kind)
        ? { code: "E_NOT_SUPPORTED_YET", path: ["kind"], says: `${kind} is not supported yet` }
        : says("kind", "is no kind of Muster", `did you mean ${nearest(kind, fleetKinds) ?? fleetKinds.join(", ")}?`);
  return { faults: [fault], key: null, subject: `a document of ${apiVersion}` };
}

function keyOf(kind: FleetKind, raw: JsonObject): string | null {
  const metadata = raw["metadata"];
  if (!isJsonObject(metadata) || typeof metadata["name"] !== "string" || !hasForm(labelName, metadata["name"])) return null;
  if (kind !== "App") return documentKey(kind, metadata["name"]);
  const tenant = metadata["tenant"] ?? "default";
  return typeof tenant === "string" && hasForm(labelName, tenant) ? documentKey(kind, appKey(tenant, "", metadata["name"])) : null;
}

/** What the tables cannot say. */
function extraFaults(kind: FleetKind, raw: JsonObject): Fault[] {
  const spec = raw["spec"];
  if (!isJsonObject(spec)) return [];
  const faults: Fault[] = [];
  const { timezone } = spec;
  if (kind === "Cluster" && typeof timezone === "string" && !isTimeZone(timezone))
    faults.push({ code: "E_FIELD", path: ["spec", "timezone"], says: "is no IANA time zone, such as Europe/Berlin" });
  const source = spec["source"];
  if (kind === "App" && isJsonObject(source))
    faults.push(...escapes(source["path"], ["spec", "source", "path"]), ...withoutRepository(source));
  if (kind === "App") faults.push(...layeredRollouts(spec));
  if (kind === "Source") {
    faults.push(...escapes(spec["path"], ["spec", "path"]), ...reservedName(raw), ...strangeMirrors(spec));
    faults.push(...rolloutFaults(spec["defaultRollout"], ["spec", "defaultRollout"]));
  }
  return faults;
}

/** A target's rollout counts over the App's: judged is what the two mean together. */
function layeredRollouts({ rollout = null, targets }: JsonObject): Fault[] {
  const own = rolloutFaults(rollout, ["spec", "rollout"]);
  if (own.length > 0 || !Array.isArray(targets)) return own;
  return (targets as readonly JsonValue[]).flatMap((target, i) => {
    const said = isJsonObject(target) ? target["rollout"] : undefined;
    if (said === undefined || said === null) return [];
    return rolloutFaults(mergeLayers([{ rollout }, { rollout: said }])["rollout"], ["spec", "targets", i, "rollout"]);
  });
}

/** Which mirrors each kind of Source can have. */
const mirrorForms = {
  git: { form: /^(?!oci:)/i, says: "is no Git repository" },
  oci: { form: /^oci:/i, says: "is no oci://host/path, as the Source is" },
  helm: { form: /^(?:https?|oci):/i, says: "is no Helm repository: https://host/path or oci://host/path" },
} as const;

function strangeMirrors(spec: JsonObject): Fault[] {
  const kind = sourceKinds.find((each) => typeof spec[each] === "string");
  const mirrors = spec["mirrors"];
  if (kind === undefined || !Array.isArray(mirrors)) return [];
  const { form, says } = mirrorForms[kind];
  return mirrors.flatMap((mirror, i) =>
    typeof mirror === "string" && !form.test(mirror) ? [{ code: "E_FIELD" as const, path: ["spec", "mirrors", i], says }] : [],
  );
}

/** A chart's repository is named by the chart or by the Source. */
function withoutRepository({ source, helm }: JsonObject): Fault[] {
  if (!isJsonObject(helm)) return [];
  const own = typeof helm["repo"] === "string" || typeof helm["oci"] === "string";
  if (own !== (typeof source === "string")) return [];
  const says = own ? "names a repository, and source names another" : "needs repo, oci, or a Source that is a Helm repository";
  return [{ code: "E_FIELD", path: ["spec", "source", "helm"], says }];
}

/** The root Source is in the hub's configuration. */
function reservedName({ metadata }: JsonObject): Fault[] {
  if (!isJsonObject(metadata) || metadata["name"] !== rootSourceName) return [];
  return [
    {
      code: "E_NAME_INVALID",
      path: ["metadata", "name"],
      says: `must not be ${rootSourceName}: that is the Source in the hub's configuration`,
    },
  ];
}

function escapes(path: JsonValue | undefined, at: readonly string[]): Fault[] {
  if (typeof path !== "string" || path.includes("${") || normalPath(path) !== null || path.startsWith("/") || path.includes("\\"))
    return [];
  return [{ code: "E_PATH_ESCAPE", path: at, says: "leads out of the repository" }];
}

type Built<K extends FleetKind> = { readonly kind: K; readonly value: Extract<FleetDocument, { kind: K }>["value"] };

const build: { readonly [K in FleetKind]: (filled: JsonObject, raw: JsonObject) => Built<K> } = {
  App: (filled, raw) => ({ kind: "App", value: buildApp(filled, raw) }),
  Cluster: (filled) => ({ kind: "Cluster", value: buildCluster(filled) }),
  ClusterGroup: (filled) => ({ kind: "ClusterGroup", value: buildGroup(filled) }),
  Source: (filled) => ({ kind: "Source", value: buildSource(filled) }),
};

type Metadata = {
  readonly name: string;
  readonly tenant: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};

const metadataOf = (filled: JsonObject): Metadata => filled["metadata"] as unknown as Metadata;
const part = (value: JsonObject, key: string): JsonObject => (isJsonObject(value[key]) ? value[key] : {});
const layerKeys = ["revision", "namespace", "helm", "kustomize", "sync", "rollout"];

/** Only the fields of a layer, and of those only what is written: null means removed and is kept. */
function layerOf(value: JsonObject): JsonObject {
  return Object.fromEntries(layerKeys.filter((key) => Object.hasOwn(value, key)).map((key) => [key, value[key] ?? null]));
}

function buildApp(filled: JsonObject, raw: JsonObject): App {
  const { name, tenant, labels, annotations } = metadataOf(filled);
  const [spec, written] = [part(filled, "spec"), part(raw, "spec")];
  const source = part(written, "source");
  const rawTargets = (written["targets"] ?? []) as unknown as readonly JsonObject[];
  const filledTargets = spec["targets"] as unknown as readonly JsonObject[];
  return {
    key: appKey(tenant, "", name),
    tenant,
    name,
    labels,
    annotations,
    origin: originOf(source),
    layer: { path: source["path"] ?? ".", ...(source["revision"] !== undefined && { revision: source["revision"] }), ...layerOf(written) },
    objects: spec["objects"] as unknown as ObjectFiles,
    targets: rawTargets.map((each, i) => buildTarget(each, filledTargets[i] ?? {})),
    dependsOn: dependencies(tenant, spec["dependsOn"] as unknown as readonly string[]),
    onLeave: part(spec, "sync")["onLeave"] as App["onLeave"],
    children: spec["children"] as App["children"],
  };
}

/** A chart is a folder of its own. */
function originOf(source: JsonObject): Origin {
  const [name, git, helm] = [source["source"], source["git"], source["helm"]];
  return { source: typeof name === "string" ? name : null, remote: remoteOf(git, helm) };
}

function remoteOf(git: JsonValue | undefined, helm: JsonValue | undefined): Remote | null {
  if (typeof git === "string") return { kind: "git", url: git };
  if (!isJsonObject(helm)) return null;
  const { repo = null, oci = null, chart, version = null } = helm as unknown as Partial<Record<string, string | null>>;
  return { kind: "chart", repo: repo ?? oci, chart: chart ?? "", version };
}

function dependencies(tenant: string, names: readonly string[]): AppKey[] {
  return [...new Set(names)].toSorted(byCodeUnits).map((each) => appKey(tenant, "", each));
}

function buildTarget(written: JsonObject, filled: JsonObject): Target {
  const { group, cluster } = filled;
  const select: Target["select"] =
    typeof group === "string"
      ? { by: "group", group }
      : typeof cluster === "string"
        ? { by: "cluster", cluster: cluster as ClusterName }
        : { by: "selector", selector: selectorOf(part(filled, "clusters")) };
  return { select, deploy: typeof written["deploy"] === "boolean" ? written["deploy"] : null, layer: layerOf(written) };
}

function buildCluster(filled: JsonObject): Cluster {
  const { name, labels, annotations } = metadataOf(filled);
  const { values, server, timezone, paused } = part(filled, "spec") as unknown as Omit<Cluster, "server"> & {
    readonly server: string | null;
  };
  return { name: name as ClusterName, labels, annotations, values, server: server ?? `muster://${name}`, timezone, paused };
}

function buildGroup(filled: JsonObject): ClusterGroup {
  const spec = part(filled, "spec");
  return {
    name: metadataOf(filled).name,
    selector: selectorOf(part(spec, "clusters")),
    members: spec["members"] as unknown as readonly ClusterName[],
  };
}

function buildSource(filled: JsonObject): Source {
  const { name, tenant } = metadataOf(filled);
  const spec = part(filled, "spec") as unknown as FilledSource;
  const kind = sourceKinds.find((each) => spec[each] !== null) ?? "git";
  const { revision, path, secretRef, poll: pollMs, submodules, mirrors, remotes } = spec;
  const defaultRollout = rolloutPolicyOf(part(filled, "spec")["defaultRollout"]);
  const rest = { revision, path: normalPath(path) ?? ".", secretRef, pollMs, submodules, mirrors, remotes };
  return { name, tenant, kind, url: spec[kind] ?? "", ...rest, ...(defaultRollout !== null && { defaultRollout }) };
}

const sourceKinds = ["git", "oci", "helm"] as const;
type FilledSource = Omit<Source, "name" | "tenant" | "kind" | "url" | "pollMs" | "defaultRollout"> &
  Readonly<Record<(typeof sourceKinds)[number], string | null>> & { readonly poll: number };
