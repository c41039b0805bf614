// `explain`: why a setting, or a field of an object, is what it is for one App on one cluster.

import { OperationError } from "@muster/proto/model/failure";
import { showIdentity, type ObjectIdentity } from "@muster/proto/model/identity";
import type { JsonObject, JsonValue } from "@muster/proto/model/json";
import { maskObject, type Spell } from "@muster/proto/model/mask";
import { showPath } from "../../fleet/fleet.ts";
import type { RenderRequest } from "../../resolve/resolve.ts";
import type { ExplainAnswer, FieldRow, SettingRow } from "../../view/questions.ts";
import { fieldPlace } from "../places.ts";
import type { Trial } from "../renders/renders.ts";
import { explainSettings, nameOf, type SettingsQuery } from "./explain-settings.ts";
import { leavesOf, readPath, valueAt, type Path } from "./field-path.ts";
import { appNamed, clusterNamed, placementOf, type Ground } from "./ground.ts";
import { layersOf } from "./layers.ts";
import { movedBy, valuesOf, type Input } from "./moved-by.ts";

export type ExplainQuery = {
  readonly app: string;
  readonly cluster: string;
  /** A setting (`helm.values.replicas`), a field of an object (`spec.replicas`), or both: `Deployment/web spec.replicas`. */
  readonly path?: string | undefined;
  /** `Deployment/web`, `Deployment.apps/shop/web`. */
  readonly object?: string | undefined;
  readonly all?: boolean | undefined;
};

/** Fields that one question is about. */
const fieldsMax = 8;
const settingNames: ReadonlySet<string> = new Set(["helm", "kustomize", "namespace", "sync", "rollout", "revision", "source"]);

/** Throws E_NOT_FOUND for what is not there, and what the render of the App failed with. */
export async function explain(ground: Ground, query: ExplainQuery, spell: Spell, signal: AbortSignal): Promise<ExplainAnswer> {
  const app = appNamed(
    query.app,
    ground.resolution.apps.map(({ key }) => key),
  );
  const cluster = clusterNamed(query.cluster, ground.resolution.clusters);
  const placement = placementOf(ground, app, cluster.name);
  const request = ground.resolution.requests.get(placement.request);
  const trial = request === undefined ? undefined : await ground.trial(request, signal);
  const files = trial?.kind === "trial" ? trial : null;
  const settings = { placement, cluster, files };
  const answer = { app, cluster: cluster.name, commit: ground.commit, kind: files?.inputs.kind ?? null };
  const [object, path] = parts(query);
  if (object === undefined && (path === undefined || settingNames.has(String(path[0])))) {
    const paths = path === undefined ? null : [path[0] === "source" ? path.slice(1) : path];
    const rows = await explainSettings(ground, { ...settings, paths, all: query.all === true }, spell);
    if (path !== undefined && rows.length === 0) throw nothing(`App ${app} has no setting ${showPath(path)} on cluster ${cluster.name}`);
    return { ...answer, settings: rows, fields: [] };
  }
  if (request === undefined || trial === undefined) throw nothing(`App ${app} is not rendered for cluster ${cluster.name}`);
  if (trial.kind === "failed") throw failed(trial.code, trial.message);
  const fields = await explainFields(ground, settings, { request, trial, object, path: path ?? [] }, spell, signal);
  return { ...answer, settings: [], fields };
}

/** `Deployment/web spec.replicas` is an object and a path. */
function parts({ object, path }: ExplainQuery): readonly [string | undefined, Path | undefined] {
  const [, first, rest] = /^(\S+\/\S+)(?:\s+(.*))?$/.exec(path ?? "") ?? [];
  if (first !== undefined) return [first, rest === undefined || rest === "" ? undefined : readPath(rest)];
  return [object, path === undefined || path === "" ? undefined : readPath(path)];
}

type FieldsQuery = { readonly request: RenderRequest; readonly trial: Trial; readonly object: string | undefined; readonly path: Path };

async function explainFields(
  ground: Ground,
  settings: Pick<SettingsQuery, "placement" | "cluster" | "files">,
  { request, trial, object, path }: FieldsQuery,
  spell: Spell,
  signal: AbortSignal,
): Promise<readonly FieldRow[]> {
  const result = await trial.render(request, signal, { trace: true });
  if (result.kind === "failed") throw failed(result.code, result.message);
  const mine = result.objects.filter(({ identity }) => object === undefined || isCalled(identity, object));
  if (mine.length === 0)
    throw nothing(`there is no object ${object ?? ""}`, result.objects.map(({ identity }) => showIdentity(identity)).slice(0, 12));
  const having = mine.flatMap((each) => {
    const value = valueAt(each.object, path);
    return value === undefined ? [] : [{ ...each, path, value }];
  });
  if (having.length === 0) throw nothing(`no object has the field ${showPath(path)}`, fieldsNear(mine[0]?.object));
  const fields = having.slice(0, fieldsMax);
  const values = valuesOf(layersOf(ground, settings.placement, settings.files), request);
  const moved = await movedBy(fields, { trial, request, values }, signal);
  const rows = fields.map(async (field, i): Promise<FieldRow> => {
    const { path: file, line } = field.trace?.origin ?? field.source;
    const own = { source: request.source, path: file, ...(line !== undefined && { line }) };
    // Only of plain YAML does the file say the field as the cluster gets it.
    const place = trial.inputs.kind === "yaml" ? await fieldPlace({ ...own, line: line ?? 1 }, path, trial.tree) : own;
    const told = valueAt(maskObject(field.object, spell), path) ?? null;
    const { inputs, tried } = moved[i] ?? { inputs: [], tried: { count: 0, of: 0 } };
    return {
      identity: field.identity,
      path: showPath(path),
      value: told,
      place,
      transformers: (field.trace?.transformers ?? []).map(({ kind, at }) => ({ kind, place: { source: request.source, ...at } })),
      movedBy: hidden(
        JSON.stringify(told) !== JSON.stringify(field.value),
        spell,
        await settingsOf(ground, settings, inputs, { source: request.source, tree: trial.tree }, spell),
      ),
      tried,
    };
  });
  return Promise.all(rows);
}

/** The inputs that move a field as settings with their layers; lines of files as settings of their own. */
async function settingsOf(
  ground: Ground,
  settings: Pick<SettingsQuery, "placement" | "cluster" | "files">,
  inputs: readonly Input[],
  { source, tree }: { readonly source: string; readonly tree: Trial["tree"] },
  spell: Spell,
): Promise<readonly SettingRow[]> {
  const paths = inputs.flatMap(({ setting }) => (setting === null ? [] : [setting]));
  const rows = paths.length === 0 ? [] : await explainSettings(ground, { ...settings, paths, all: true }, spell);
  const lines = inputs.flatMap(({ file, value }) => (file === null ? [] : [{ file, value }]));
  const ofFiles = lines.map(async ({ file, value }): Promise<SettingRow> => {
    const place = await fieldPlace({ source, path: file.path, line: file.line }, file.at, tree);
    return { path: `${file.path} ${nameOf(file.at)}`, value, said: [{ layer: "file", value, place, changed: null, taken: [] }] };
  });
  return [...rows, ...(await Promise.all(ofFiles))];
}

/** What moves a secret is one itself, under whatever name. */
function hidden(secret: boolean, spell: Spell, rows: readonly SettingRow[]): readonly SettingRow[] {
  if (!secret) return rows;
  const spelled = (value: JsonValue): JsonValue =>
    value === null ? null : spell(typeof value === "string" ? value : JSON.stringify(value));
  return rows.map((row) => ({
    ...row,
    value: spelled(row.value),
    said: row.said.map((each) => ({
      ...each,
      value: spelled(each.value),
      taken: each.taken.map((one) => ({ ...one, value: spelled(one.value) })),
    })),
  }));
}

/** `Deployment/web`, `deployment.apps/web`, `Deployment/shop/web`. */
function isCalled({ group, kind, namespace, name }: ObjectIdentity, called: string): boolean {
  const steps = called.split("/");
  const [first = "", ...rest] = steps;
  const [wantedKind = "", ...wantedGroup] = first.split(".");
  const wantedNamespace = rest.length > 1 ? rest[0] : undefined;
  return (
    kind.toLowerCase() === wantedKind.toLowerCase() &&
    (wantedGroup.length === 0 || group === wantedGroup.join(".")) &&
    (wantedNamespace === undefined || namespace === wantedNamespace) &&
    name === rest.at(-1)
  );
}

const fieldsNear = (object: JsonObject | undefined): readonly string[] =>
  object === undefined
    ? []
    : leavesOf(object, false)
        .slice(0, 12)
        .map(({ path }) => showPath(path));

function nothing(message: string, names: readonly string[] = []): OperationError {
  const remedy = names.length === 0 ? "see muster render, or explain without --path" : `there are: ${names.join(", ")}`;
  return new OperationError("notFound", "fleet", message, undefined, { code: "E_NOT_FOUND", remedy });
}

const failed = (code: string, message: string): OperationError =>
  new OperationError("conflict", "render", `the App cannot be rendered: ${message}`, undefined, { code, remedy: "see muster status" });
