// YAML as Kubernetes reads it (sigs.k8s.io/yaml), with bounds, and as a person likes to see it written.
// Which documents mean what is for others; bytes are decoded by the caller.

import jsYaml from "js-yaml";
import type { JsonValue } from "@muster/proto/model/json";
import { Refusal, tellReason, type YamlFault } from "./fault.ts";
import { defaultLimits, type YamlLimits } from "./limits.ts";
import { locateInChunk } from "./locate.ts";
import { readingSchema } from "./schema.ts";
import { settle } from "./settle.ts";
import { splitDocuments, type Chunk } from "./split.ts";

export type { YamlCode, YamlFault } from "./fault.ts";
export { defaultLimits, type YamlLimits } from "./limits.ts";
export { locate } from "./locate.ts";
export { writeYaml } from "./write.ts";

export type YamlDocument = {
  /** 0-based place in the file; faulty and empty documents are counted. */
  readonly index: number;
  /** 1-based line of the file on which the document starts (its `---`, where it has one). */
  readonly line: number;
  readonly value: JsonValue;
};

export type YamlResult = {
  readonly documents: readonly YamlDocument[];
  readonly faults: readonly YamlFault[];
  /** Documents that hold nothing: they are not among `documents`. */
  readonly empty: number;
  /** Keys and values that were read: a measure of the memory that the documents take. */
  readonly nodes: number;
};

/**
 * Reads every document of a file. A broken document is a fault and does not hide the others; a fault of the whole file
 * (size, number of documents, encoding) leaves no documents. Faults never quote the file. Never throws.
 */
export function readYaml(text: string, limits: Partial<YamlLimits> = {}): YamlResult {
  const bounds = { ...defaultLimits, ...limits };
  if (text.length > bounds.charsMax) return refusedFile("E_YAML_LIMIT", `larger than ${bounds.charsMax} characters`);
  const stream = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  const chunks = splitDocuments(stream, bounds.documentsMax);
  if (chunks.length > bounds.documentsMax) return refusedFile("E_YAML_LIMIT", `more than ${bounds.documentsMax} documents`);
  const documents: YamlDocument[] = [];
  const faults: YamlFault[] = [];
  let empty = 0;
  let nodes = 0;
  for (const chunk of chunks) {
    const read = readChunk(chunk, { ...bounds, nodesMax: bounds.nodesMax - nodes });
    if ("fault" in read) {
      faults.push(read.fault);
      continue;
    }
    nodes += read.nodes;
    if (read.value === null) empty += 1;
    else documents.push({ index: chunk.index, line: chunk.line, value: read.value });
  }
  return { documents, faults, empty, nodes };
}

function refusedFile(code: YamlFault["code"], message: string): YamlResult {
  return { documents: [], faults: [{ index: 0, line: 1, column: 1, code, message }], empty: 0, nodes: 0 };
}

type ParserState = { readonly kind?: string | null; readonly result?: unknown };
type Read = { readonly value: JsonValue; readonly nodes: number } | { readonly fault: YamlFault };

function readChunk(chunk: Chunk, limits: YamlLimits): Read {
  const parsed = new Set<unknown>();
  let nodes = 0;
  const note = (event: string, state: ParserState): void => {
    nodes += 1;
    // Refused while it grows: what has grown too large to hold would take the whole process with it.
    if (nodes > 2 * limits.nodesMax) throw new Refusal("E_YAML_LIMIT", `more than ${limits.nodesMax} keys and values`);
    if (event === "close" && (state.kind === "mapping" || state.kind === "sequence")) parsed.add(state.result);
  };
  try {
    const raw: unknown = jsYaml.load(chunk.text, {
      schema: readingSchema,
      maxDepth: limits.depthMax,
      listener: note,
    } as jsYaml.LoadOptions);
    const { value, collections } = settle(raw, limits);
    if (collections < parsed.size) return { fault: faultAt(chunk, "E_YAML", "a key is a list or a map") };
    return { value, nodes: Math.ceil(nodes / 2) };
  } catch (error) {
    return { fault: faultOf(chunk, error) };
  }
}

function faultOf(chunk: Chunk, error: unknown): YamlFault {
  if (error instanceof jsYaml.YAMLException) {
    const { code, message } = tellReason(error);
    const mark = error.mark as { line: number; column: number } | undefined;
    return { index: chunk.index, line: chunk.line + (mark?.line ?? 0), column: (mark?.column ?? 0) + 1, code, message };
  }
  if (error instanceof Refusal) {
    const place = cheapToLocate.has(error.code) ? locateInChunk(chunk, error.path) : undefined;
    const message = error.path.length === 0 ? error.message : `${fieldPath(error.path)}: ${error.message}`;
    return { index: chunk.index, line: place?.line ?? chunk.line, column: place?.column ?? 1, code: error.code, message };
  }
  if (error instanceof RangeError) return faultAt(chunk, "E_YAML_DEPTH", "nested too deep");
  throw error;
}

// A document that was refused for its size is not read a second time to find the line.
const cheapToLocate: ReadonlySet<string> = new Set(["E_NUMBER", "E_ENCODING"]);

function faultAt(chunk: Chunk, code: YamlFault["code"], message: string): YamlFault {
  return { index: chunk.index, line: chunk.line, column: 1, code, message };
}

function fieldPath(path: readonly (string | number)[]): string {
  return path.map((step, at) => (typeof step === "number" ? `[${step}]` : at === 0 ? step : `.${step}`)).join("");
}
