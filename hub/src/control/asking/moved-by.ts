// Which input moves a field of an object: found by rendering again with one input changed at a time, likely ones first. What moves the
// field is an answer; what was not tried is said.

import type { ObjectIdentity } from "@muster/proto/model/identity";
import { identityKey } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { mergeLayers } from "../../fleet/fleet.ts";
import type { RenderRequest } from "../../resolve/resolve.ts";
import { readYaml, writeYaml } from "../../yaml/yaml.ts";
import type { Trial } from "../renders/renders.ts";
import { leavesOf, valueAt, withValue, type Leaf, type Path } from "./field-path.ts";
import { probeOf } from "./probe.ts";

/** Renders for one question. */
export const rendersMax = 48;

export type Field = { readonly identity: ObjectIdentity; readonly path: Path; readonly value: JsonValue };

/** An input, and the same input changed. `setting`: its path among the settings; `file`: where it stands, for what no setting gives. */
export type Input = {
  readonly setting: Path | null;
  readonly file: { readonly path: string; readonly line: number; readonly at: Path } | null;
  readonly value: JsonValue;
  readonly request: RenderRequest;
  readonly files: ReadonlyMap<string, Uint8Array> | null;
};

export type Moved = { readonly inputs: readonly Input[]; readonly tried: { readonly count: number; readonly of: number } };

/** For each field the inputs that move it. `values`: all values that the chart sees, merged. */
export async function movedBy(
  fields: readonly Field[],
  base: { readonly trial: Trial; readonly request: RenderRequest; readonly values: JsonObject },
  signal: AbortSignal,
): Promise<readonly Moved[]> {
  const inputs = inOrder(inputsOf(base, fields), fields);
  const found = fields.map((): Input[] => []);
  let count = 0;
  for (const input of inputs.slice(0, rendersMax)) {
    signal.throwIfAborted();
    count += 1;
    const result = await base.trial.render(input.request, signal, input.files === null ? {} : { files: input.files });
    if (result.kind === "failed") continue;
    const objects = new Map(result.objects.map(({ identity, object }) => [identityKey(identity), object]));
    fields.forEach(({ identity, path, value }, i) => {
      const object = objects.get(identityKey(identity));
      // An object that goes, or changes its name, says nothing about one of its fields unless the field is its name.
      if (object === undefined ? path.at(-1) === "name" || path.at(-1) === "namespace" : !same(valueAt(object, path), value))
        found[i]?.push(input);
    });
  }
  return found.map((each) => ({ inputs: each, tried: { count, of: inputs.length } }));
}

const same = (a: JsonValue | undefined, b: JsonValue): boolean => JSON.stringify(a) === JSON.stringify(b);

type Base = { readonly trial: Trial; readonly request: RenderRequest; readonly values: JsonObject };

function inputsOf(base: Base, fields: readonly Field[]): readonly Input[] {
  const { request, trial } = base;
  const whole = (setting: Path, value: JsonValue, change: Partial<RenderRequest>): Input => ({
    setting,
    file: null,
    value,
    request: { ...request, ...change },
    files: null,
  });
  const namespace = whole(["namespace"], request.namespace, { namespace: String(probeOf(request.namespace ?? "probe")) });
  switch (trial.inputs.kind) {
    case "helm": {
      const { helm } = request;
      const release = whole(["helm", "releaseName"], helm.releaseName, {
        helm: { ...helm, releaseName: String(probeOf(helm.releaseName)) },
      });
      return [...helmInputs(base), release, namespace];
    }
    case "kustomize":
      return [...kustomizeInputs(base), ...fileInputs(base, fields), namespace];
    case "yaml":
      return [namespace];
  }
}

/** Each leaf of the values, also inside of lists. */
function helmInputs({ request, values }: Base): readonly Input[] {
  return leavesOf(values, true).map(({ path, value }) => {
    const changed = withValue(values, path, probeOf(value)) as JsonObject;
    return {
      setting: ["helm", "values", ...path],
      file: null,
      value,
      request: { ...request, helm: { ...request.helm, values: changed } },
      files: null,
    };
  });
}

/** Each thing that the App lays over the kustomization, taken away. */
function kustomizeInputs({ request }: Base): readonly Input[] {
  const settings = request.kustomize as unknown as JsonObject;
  return Object.entries(settings).flatMap(([block, value]) => {
    const parts: readonly Leaf[] = Array.isArray(value)
      ? (value as readonly JsonValue[]).map((item, i) => ({ path: [block, i], value: item }))
      : leavesOf(value, false, [block]).filter(
          (leaf) => leaf.value !== "" && !(isJsonObject(leaf.value) && Object.keys(leaf.value).length === 0),
        );
    return parts.map((part): Input => {
      const without = withValue(
        settings,
        part.path,
        typeof part.value === "string" && !Array.isArray(value) && part.path.length === 1 ? "" : undefined,
      );
      return {
        setting: ["kustomize", ...part.path],
        file: null,
        value: part.value,
        request: { ...request, kustomize: without as unknown as RenderRequest["kustomize"] },
        files: null,
      };
    });
  });
}

/** Leaves of the files in which a field's value stands: each file is written again with that leaf changed. */
function fileInputs({ request, trial }: Base, fields: readonly Field[]): readonly Input[] {
  const wanted = fields.map(({ value }) => value).filter((value) => typeof value !== "object" && value !== "");
  const found: Input[] = [];
  for (const [path, bytes] of trial.files) {
    if (!/\.ya?ml$|(?:^|\/)Kustomization$/.test(path)) continue;
    const { documents, faults } = readYaml(new TextDecoder().decode(bytes));
    if (faults.length > 0) continue;
    documents.forEach(({ value, line }, i) => {
      for (const leaf of leavesOf(value, true)) {
        const next = changedLeaf(leaf.value, wanted);
        if (next === undefined) continue;
        const texts = documents.map((document, j) => writeYaml(j === i ? withValue(document.value, leaf.path, next) : document.value));
        const files = new Map(trial.files).set(path, new TextEncoder().encode(texts.join("---\n")));
        found.push({ setting: null, file: { path, line, at: leaf.path }, value: leaf.value, request, files });
      }
    });
  }
  return found;
}

/** The leaf with the value changed in it; undefined when the value is not in it. */
function changedLeaf(leaf: JsonValue, wanted: readonly JsonValue[]): JsonValue | undefined {
  for (const value of wanted) {
    if (leaf === value) return probeOf(leaf);
    const [text, part] = [String(leaf), String(value)];
    if (typeof leaf !== "string") continue;
    if (part.length >= 3 && text.includes(part)) return text.replace(part, String(probeOf(value)));
    // The other way round: the tag of an image, the prefix of a name.
    if (text.length >= 2 && typeof value === "string" && value.includes(text)) return probeOf(leaf);
  }
  return undefined;
}

/** Those whose value occurs in a field come first, the longest of them before the others: chance is less likely there. */
function inOrder(inputs: readonly Input[], fields: readonly Field[]): readonly Input[] {
  const texts = fields.map(({ value }) => (typeof value === "object" ? JSON.stringify(value) : String(value)));
  const score = ({ value }: Input): number => {
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    if (texts.includes(text)) return 1_000;
    return text !== "" && texts.some((each) => each.includes(text)) ? text.length : 0;
  };
  return inputs
    .map((input, i) => ({ input, i, score: score(input) }))
    .toSorted((a, b) => b.score - a.score || a.i - b.i)
    .map(({ input }) => input);
}

/** The values that a chart sees: its own, those of files, those of the App. */
export function valuesOf(layers: readonly { readonly says: JsonObject }[], request: RenderRequest): JsonObject {
  const merged = mergeLayers([...layers.map(({ says }) => says), { helm: { values: request.helm.values } }]);
  const values = valueAt(merged, ["helm", "values"]);
  return isJsonObject(values) ? values : {};
}
