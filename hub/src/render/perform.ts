// One render from its input to its result, on the thread that runs the module.

import type { JsonValue } from "@muster/proto/model/json";
import { readYaml } from "../yaml/yaml.ts";
import { NodeBudget, nodesInJson } from "./budget.ts";
import type { Instance, ModuleAnswer, ModuleDocument } from "./instance.ts";
import { isKustomization } from "./kustomization.ts";
import { normalise, type RenderedDocument } from "./normalise.ts";
import { originsOf } from "./origins.ts";
import { plainDocuments } from "./plain.ts";
import {
  isRenderCode,
  RenderFault,
  type Rendered,
  type RenderFailed,
  type RenderInput,
  type RenderResult,
  type SourcePlace,
} from "./rendered.ts";
import { diskOf, helmRequest, kustomizeRequest, type ModuleRequest } from "./request.ts";
import { documentLines, originMetadata, transformerMetadata, withoutMarks } from "./sources.ts";
import { decodeFile, decodeUtf8, lineOf, refusePointer } from "./text.ts";

/** `outputMaxBytes`: of the text that Helm or Kustomize give back; `nodesMax`: keys and values of all documents. */
export type RenderBounds = { readonly outputMaxBytes: number; readonly nodesMax: number };

/** Renders one input within these bounds. Rejects only when the instance died. */
export async function perform(input: RenderInput, instance: () => Instance, bounds: RenderBounds): Promise<RenderResult> {
  const { outputMaxBytes, nodesMax } = bounds;
  try {
    const budget = new NodeBudget(nodesMax);
    const { namespace } = input;
    if (input.kind === "yaml") return normalise(plainDocuments(input, budget), { namespace });
    refusePointers(input);
    const run = (request: ModuleRequest): Done => accepted(input, request.call(instance(), input.seed, outputMaxBytes), outputMaxBytes);
    if (input.kind === "helm") return helm(input, run(helmRequest(input)), budget);
    return await kustomize(input, run, budget);
  } catch (error) {
    if (error instanceof RenderFault) return failed(error);
    throw error;
  }
}

function failed({ code, message, place }: RenderFault): RenderFailed {
  const where = place === undefined ? {} : { path: place.path, ...(place.line !== undefined && { line: place.line }) };
  return { kind: "failed", code, message, ...where };
}

function helm(input: RenderInput, { documents, warnings }: Done, budget: NodeBudget): Rendered {
  const printed = Map.groupBy(documents, ({ path }) => path);
  const values = [...printed].flatMap(([path, ofPath]) => {
    const template = input.files.get(path);
    const lines = template === undefined ? undefined : documentLines(decodeFile(path, template), ofPath.length);
    return ofPath.flatMap((document, at) => {
      const line = lines?.[at];
      return parsed(document, at, budget).map((each) => (line === undefined ? each : { ...each, source: { path, line } }));
    });
  });
  return normalise(values, { namespace: input.namespace, warnings });
}

async function kustomize(input: RenderInput, run: (request: ModuleRequest) => Done, budget: NodeBudget): Promise<Rendered> {
  const disk = await diskOf(input);
  const marks = input.trace === true ? [originMetadata, transformerMetadata] : [];
  const { documents, warnings } = run(kustomizeRequest(input, disk.files, marks));
  const values = documents.flatMap((document, at) => parsed(document, at, budget));
  const unmarked = values.map((each) => {
    const { value, source, trace } = withoutMarks(each.value, disk);
    return { ...each, value, ...(source && { source }), ...(trace && input.trace === true && { trace }) };
  });
  const rendered = normalise(unmarked, { namespace: input.namespace, warnings });
  const originOf = originsOf(input);
  const objects = rendered.objects.map((each) =>
    each.trace ? each : { ...each, source: originOf(each.identity.kind, each.identity.name) ?? each.source },
  );
  return { ...rendered, objects };
}

function refusePointers(input: RenderInput): void {
  for (const [path, bytes] of input.files) {
    if (templated.test(path)) refusePointer(path, bytes);
  }
}

// Files that Helm and Kustomize read as text; a picture that only a template might copy can stay with Git LFS.
const templated = /(?:\.(?:ya?ml|json|tpl|tgz|env|properties)|\/NOTES\.txt|\/Kustomization)$/i;

type Done = Extract<ModuleAnswer, { kind: "done" }>;

function accepted(input: RenderInput, answer: ModuleAnswer, outputMaxBytes: number): Done {
  if (answer.kind === "done") return answer;
  if (answer.kind === "tooLarge") {
    throw new RenderFault("E_LIMIT", `rendered to more than ${Math.floor(outputMaxBytes / 1024 / 1024)} MiB`, { path: input.root });
  }
  const { code, message, path, line } = answer.failure;
  const known = isRenderCode(code) ? code : "E_RENDER";
  if (input.kind === "kustomize") {
    explainYaml(input);
    const field = /^unknown field ([\w.-]+)/.exec(message)?.[1];
    const place = field === undefined ? undefined : placeOfField(input, field);
    if (place !== undefined) throw new RenderFault(known, message, place);
  }
  throw new RenderFault(known, message, { path: path ?? input.root, ...(line !== undefined && line > 0 && { line }) });
}

// Kustomize's errors about unreadable YAML name neither the line of the file nor always the file: a second look does.
function explainYaml(input: RenderInput): void {
  for (const [path, bytes] of input.files) {
    if (!/\.ya?ml$/.test(path) && !isKustomization(path)) continue;
    const [fault] = readYaml(decodeFile(path, bytes)).faults;
    if (fault !== undefined) throw new RenderFault(fault.code, fault.message, { path, line: fault.line });
  }
}

// Kustomize names a field that it does not know, and not the file.
function placeOfField(input: RenderInput, field: string): SourcePlace | undefined {
  const key = new RegExp(`^[ \\t]*(?:- )?["']?${RegExp.escape(field)}["']?:`, "m");
  for (const [path, bytes] of input.files) {
    if (!isKustomization(path)) continue;
    const text = decodeFile(path, bytes);
    if (key.test(text)) return { path, line: lineOf(text, key) };
  }
  return undefined;
}

function parsed(document: ModuleDocument, at: number, budget: NodeBudget): readonly RenderedDocument[] {
  const source = { path: document.path };
  if (document.format === "json") budget.spend(nodesInJson(document.bytes), document.path);
  const text = decodeUtf8(document.path, document.bytes);
  if (document.format === "json" && !longNumber.test(text)) return [{ value: JSON.parse(text) as JsonValue, index: at, source }];
  const { documents, faults, nodes } = readYaml(text, { nodesMax: budget.left });
  budget.spend(nodes, document.path);
  const [fault] = faults;
  if (fault !== undefined) throw new RenderFault(fault.code, `rendered text, line ${fault.line}: ${fault.message}`, source);
  return documents.map(({ value, index }) => ({ value, index, source }));
}

// Digits that JSON.parse may round: the careful reader refuses or keeps them.
const longNumber = /[:[,]\s*-?\d{16}/;
