// One render from its input to its result, on the thread that runs the module.

import type { JsonValue } from "@muster/proto/model/json";
import { createHash } from "node:crypto";
import { readYaml } from "../yaml/yaml.ts";
import { NodeBudget, nodesInJson } from "./budget.ts";
import type { Instance, ModuleAnswer, ModuleDocument } from "./instance.ts";
import { isKustomization, referencesOf } from "./kustomization.ts";
import { normalise, type RenderedDocument } from "./normalise.ts";
import { overlayText } from "./overlay.ts";
import { plainDocuments } from "./plain.ts";
import { isRenderCode, RenderFault, type RenderFailed, type RenderInput, type RenderResult } from "./rendered.ts";
import { decodeFile, decodeUtf8, refusePointer } from "./text.ts";

/** Renders one input. `outputMaxBytes` bounds the text that Helm or Kustomize give back. Throws only when the instance died. */
export function perform(input: RenderInput, instance: () => Instance, outputMaxBytes: number): RenderResult {
  try {
    const budget = new NodeBudget();
    if (input.kind === "yaml") return normalise(plainDocuments(input, budget), { namespace: input.namespace });
    const { documents, warnings } = built(input, instance(), outputMaxBytes, budget);
    return normalise(documents, { namespace: input.namespace, warnings });
  } catch (error) {
    if (error instanceof RenderFault) return failed(error);
    throw error;
  }
}

function failed({ code, message, place }: RenderFault): RenderFailed {
  const where = place === undefined ? {} : { path: place.path, ...(place.line !== undefined && { line: place.line }) };
  return { kind: "failed", code, message, ...where };
}

type Built = { readonly documents: readonly RenderedDocument[]; readonly warnings: readonly string[] };

function built(input: RenderInput, instance: Instance, outputMaxBytes: number, budget: NodeBudget): Built {
  for (const [path, bytes] of input.files) {
    if (templated.test(path)) refusePointer(path, bytes);
  }
  if (input.kind === "kustomize") refuseRemote(input);
  const files = [...input.files].map(([path, bytes]) => ({ path, bytes }));
  const answer = instance.call(requestOf(input), files, input.seed, outputMaxBytes);
  const { documents, warnings } = accepted(input, answer, outputMaxBytes);
  return { documents: documents.flatMap((document, at) => parsed(document, at, budget)), warnings };
}

// Files that Helm and Kustomize read as text; a picture that only a template might copy can stay with Git LFS.
const templated = /(?:\.(?:ya?ml|json|tpl|tgz|env|properties)|\/NOTES\.txt|\/Kustomization)$/i;

function requestOf(input: RenderInput): Readonly<Record<string, unknown>> {
  const head = { root: input.root, random: numberFrom(input.seed) };
  if (input.kind === "kustomize") return { ...head, do: "kustomize", kustomize: { overlay: overlayText(input.root, input.kustomize) } };
  const { releaseName, values, valuesFiles, skipCrds, kubeVersion, apiVersions } = input.helm ?? {
    releaseName: "release-name",
    values: {},
    valuesFiles: [],
    skipCrds: false,
    kubeVersion: "",
    apiVersions: [],
  };
  const helm = {
    releaseName,
    namespace: input.namespace ?? "default",
    values: JSON.stringify(values),
    valuesFiles,
    skipCrds,
    kubeVersion,
    apiVersions,
  };
  return { ...head, do: "helm", helm };
}

// For the generators that take a number as their seed (randInt, shuffle). 48 bits: exact in a JavaScript number.
function numberFrom(seed: string): number {
  return createHash("sha256").update("numbers").update(Buffer.from(seed, "hex")).digest().readUIntBE(0, 6);
}

function refuseRemote(input: RenderInput): void {
  for (const [path, bytes] of input.files) {
    if (!isKustomization(path)) continue;
    const { forbidden } = referencesOf(decodeFile(path, bytes));
    if (forbidden !== undefined) throw new RenderFault(forbidden.code, forbidden.message, { path });
  }
}

type Done = Extract<ModuleAnswer, { kind: "done" }>;

function accepted(input: RenderInput, answer: ModuleAnswer, outputMaxBytes: number): Done {
  if (answer.kind === "done") return answer;
  if (answer.kind === "tooLarge") {
    throw new RenderFault("E_LIMIT", `rendered to more than ${Math.floor(outputMaxBytes / 1024 / 1024)} MiB`, { path: input.root });
  }
  const { code, message, path, line } = answer.failure;
  const known = isRenderCode(code) ? code : "E_RENDER";
  if (input.kind === "kustomize") explainYaml(input);
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
