// `diff --between`: two environments side by side, as Git wants them: Apps that only one has, and what differs in those that both have.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { JsonObject, JsonValue } from "@muster/proto/model/json";
import { maskValue, type Spell } from "@muster/proto/model/mask";
import { selects } from "../../fleet/fleet.ts";
import type { Placement, RenderRequest, ResolvedCluster, Settled } from "../../resolve/resolve.ts";
import { fieldChanges } from "../../view/difference.ts";
import type { FieldChange, ParityAnswer, ParityRow } from "../../view/questions.ts";
import type { Ground } from "./ground.ts";
import { imagesByPlace } from "./images.ts";
import type { Pairs } from "./pairs.ts";

/** Labels whose values people use as names of environments. */
const environmentLabels = ["env", "environment", "stage", "tier"];

/** The clusters that a word means: a cluster, a group, `key=value,...`, or the value of a label such as `env`. Throws E_NOT_FOUND. */
export function clustersMeant(word: string, { resolution, documents }: Ground): readonly ResolvedCluster[] {
  const { clusters } = resolution;
  const own = clusters.filter(({ name }) => name === word);
  if (own.length > 0) return own;
  const group = documents.find((document) => document.kind === "ClusterGroup" && document.value.name === word);
  if (group?.kind === "ClusterGroup") {
    const members = new Set<string>(group.value.members);
    return clusters.filter(({ name, labels }) => members.has(name) || selects(group.value.selector, labels));
  }
  const pairs = word.split(",").map((pair) => /^([^=]+)=([^=]*)$/.exec(pair));
  const found = pairs.every((pair) => pair !== null)
    ? clusters.filter(({ labels }) => pairs.every((pair) => labels[pair?.[1] ?? ""] === pair?.[2]))
    : clusters.filter(({ labels }) => environmentLabels.some((key) => labels[key] === word));
  if (found.length > 0) return found;
  throw new OperationError("notFound", word, `no cluster, group or environment is called ${word}`, undefined, {
    code: "E_NOT_FOUND",
    remedy: "give a cluster, a ClusterGroup, or labels as env=prod,region=eu",
  });
}

/** Compares, for each App, what most clusters of the one side have with what most of the other have. Rows by App. */
export function between(
  ground: Ground,
  left: string,
  right: string,
  only: (app: AppKey) => boolean,
  pairs: Pairs,
  spell: Spell,
): ParityAnswer {
  const sides = [left, right].map((word) => new Set(clustersMeant(word, ground).map(({ name }) => name)));
  const [here = new Set<ClusterName>(), there = new Set<ClusterName>()] = sides;
  const byApp = Map.groupBy(ground.resolution.placements.all(), ({ app }) => app);
  const items = [...byApp]
    .filter(([app]) => only(app))
    .flatMap(([app, placements]) => rowOf(ground, app, { left: mostOf(placements, here), right: mostOf(placements, there) }, pairs, spell));
  return {
    commit: ground.commit,
    left: { name: left, clusters: [...here].toSorted(byCodeUnits) },
    right: { name: right, clusters: [...there].toSorted(byCodeUnits) },
    items: items.toSorted((a, b) => byCodeUnits(a.app, b.app)),
  };
}

type Side = { readonly placement: Placement; readonly clusters: readonly ClusterName[] } | null;

/** The Release that most of the clusters have; of equally common ones that of the first cluster. */
function mostOf(placements: readonly Placement[], clusters: ReadonlySet<ClusterName>): Side {
  const groups = Map.groupBy(
    placements.filter(({ cluster }) => clusters.has(cluster)),
    ({ release, request }) => `${release} ${request}`,
  );
  const [most] = [...groups.values()].toSorted((a, b) => b.length - a.length || byCodeUnits(a[0]?.cluster ?? "", b[0]?.cluster ?? ""));
  const [placement] = most ?? [];
  return placement === undefined || most === undefined ? null : { placement, clusters: most.map(({ cluster }) => cluster) };
}

function rowOf(
  ground: Ground,
  app: AppKey,
  { left, right }: { readonly left: Side; readonly right: Side },
  pairs: Pairs,
  spell: Spell,
): ParityRow[] {
  const row = { app, left: left?.clusters ?? [], right: right?.clusters ?? [], images: [], settings: [], objects: [] };
  if (left === null && right === null) return [];
  if (left === null || right === null) return [{ ...row, side: left === null ? "right" : "left" }];
  const [from, to] = [left.placement, right.placement];
  const images = fieldChanges(imagesOf(ground, from.release), imagesOf(ground, to.release));
  const settings = settingsBetween(ground.resolution, from, ground.resolution, to, spell);
  const objects = from.release === null || to.release === null ? [] : pairs.objects(from.release, to.release);
  const equal = images.length + settings.length + objects.length === 0 && from.release === to.release;
  return [{ ...row, side: equal ? "equal" : "differs", images, settings, objects }];
}

function imagesOf({ objectsOf }: Ground, release: Digest | null): JsonObject {
  return release === null ? {} : imagesByPlace(objectsOf(release) ?? []);
}

/** How the settings of two Placements differ, masked. */
export function settingsBetween(here: Settled, from: Placement, there: Settled, to: Placement, spell: Spell): readonly FieldChange[] {
  const seen = (resolution: Settled, { request, policy }: Placement): JsonValue => {
    const found = resolution.requests.get(request);
    return maskValue("", { ...(found === undefined ? {} : inputsOf(found)), sync: policy } as unknown as JsonValue, spell);
  };
  return fieldChanges(seen(here, from), seen(there, to));
}

function inputsOf({ path, revision, namespace, helm, kustomize }: RenderRequest): object {
  return { source: { path }, revision, namespace, helm, kustomize };
}
