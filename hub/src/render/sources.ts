// Where a rendered object comes from: the file that Kustomize tells in annotations which are asked for and taken out again, and the line
// of a document in its template. Only for people; nothing is decided by it.

import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { posix } from "node:path";
import { readYaml } from "../yaml/yaml.ts";
import { insideRemote, remoteFolder } from "./remotes.ts";
import type { ObjectTrace, SourcePlace, RemoteNeed } from "./rendered.ts";

export const originMetadata = "originAnnotations";
export const transformerMetadata = "transformerAnnotations";
const originKey = "config.kubernetes.io/origin";
const transformersKey = "alpha.config.kubernetes.io/transformations";

/** What `withoutMarks` needs to know of a build: the folder that its paths start from, and what was fetched for it. */
export type BuildPlace = { readonly folder: string; readonly needs: Iterable<RemoteNeed>; readonly kept: boolean };

export type Unmarked = { readonly value: JsonValue; readonly source: SourcePlace | undefined; readonly trace: ObjectTrace | undefined };

/** The object without the marks that we asked for (`kept`: the kustomization asked for them itself), and what they say. */
export function withoutMarks(value: JsonValue, build: BuildPlace): Unmarked {
  const metadata = isJsonObject(value) ? value["metadata"] : undefined;
  const annotations = isJsonObject(metadata) ? metadata["annotations"] : undefined;
  if (!isJsonObject(value) || !isJsonObject(metadata) || !isJsonObject(annotations)) return { value, source: undefined, trace: undefined };
  const { [originKey]: origin, [transformersKey]: transformers, ...others } = annotations;
  if (typeof origin !== "string") return { value, source: undefined, trace: undefined };
  const source = placeOf(origin, build);
  const trace = source === undefined ? undefined : traceOf(origin, source, transformers, build);
  if (build.kept) return { value, source, trace };
  const { annotations: _marked, ...rest } = metadata;
  const clean: JsonObject = { ...value, metadata: Object.keys(others).length === 0 ? rest : { ...rest, annotations: others } };
  return { value: clean, source, trace };
}

function placeOf(origin: string, build: BuildPlace): SourcePlace | undefined {
  const written = /^(?:path|configuredIn): (.+)$/m.exec(origin)?.[1];
  const path = written !== undefined && /^['"]/.test(written) ? readYaml(written).documents[0]?.value : written;
  return typeof path === "string" ? placeAt(path, build) : undefined;
}

// What came from outside has its place where the address stands.
function placeAt(path: string, { folder, needs }: BuildPlace): SourcePlace | undefined {
  const inside = posix.relative("/snapshot", posix.join(folder, path));
  const remote = insideRemote(inside);
  if (remote === undefined) return inside.startsWith("../") ? undefined : { path: inside };
  for (const { key, at } of needs) if (remoteFolder(key) === remote.folder) return at;
  return undefined;
}

function traceOf(origin: string, source: SourcePlace, transformers: JsonValue | undefined, build: BuildPlace): ObjectTrace {
  const generator = /^ {2}kind: (.+)$/m.exec(origin)?.[1];
  const listed = typeof transformers === "string" ? readYaml(transformers).documents[0]?.value : [];
  const steps = Array.isArray(listed) ? listed.filter(isJsonObject) : [];
  return {
    origin: source,
    ...(generator !== undefined && { generator }),
    transformers: steps.flatMap((step) => transformerOf(step, build)),
  };
}

function transformerOf(step: JsonObject, build: BuildPlace): ObjectTrace["transformers"] {
  const { configuredIn, configuredBy, path } = step;
  const file = typeof configuredIn === "string" ? configuredIn : path;
  const at = typeof file === "string" ? placeAt(file, build) : undefined;
  const by = isJsonObject(configuredBy) ? configuredBy : {};
  return at === undefined ? [] : [{ kind: typeof by["kind"] === "string" ? by["kind"] : "", at }];
}

/**
 * The lines of a template's documents, when as many were printed as stand there: one `apiVersion:` at the start of a line each, and no
 * loop that could print one of them twice.
 */
export function documentLines(template: string, printed: number): readonly number[] | undefined {
  if (/\{\{-?\s*range\b/.test(template)) return undefined;
  const lines = template.split("\n").flatMap((line, index) => (line.startsWith("apiVersion:") ? [index + 1] : []));
  return lines.length === printed ? lines : undefined;
}
