// What the native programs make of a candidate, as objects, read with another YAML parser than the hub's.

import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { parseAllDocuments } from "yaml";

import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import type { Candidate } from "./candidates.ts";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../../..", import.meta.url));
const limits = { timeoutMs: 120_000, outputBytes: 256 * 1024 * 1024 } as const;

/** Both sides use these. */
export const demo = { release: "demo", namespace: "demo" } as const;

export type Outcome =
  { readonly kind: "objects"; readonly objects: readonly JsonObject[] } | { readonly kind: "failed"; readonly message: string };

/** Runs the program on a folder of `root`. */
export async function nativeOutcome(root: string, candidate: Candidate): Promise<Outcome> {
  const [name, args] = commandOf(candidate);
  try {
    const { stdout } = await run(await program(name), args, {
      cwd: root,
      timeout: limits.timeoutMs,
      maxBuffer: limits.outputBytes,
      env: { ...process.env, GIT_TERMINAL_PROMPT: "0" },
    });
    return { kind: "objects", objects: objectsIn(stdout) };
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    return { kind: "failed", message: (stderr?.trim() || message).split("\n").slice(-3).join(" ") };
  }
}

function commandOf({ kind, path, valuesFile }: Candidate): readonly ["helm" | "kustomize", string[]] {
  if (kind === "kustomize") return ["kustomize", ["build", path]];
  const values = valuesFile === null ? [] : ["--values", join(path, valuesFile)];
  return [
    "helm",
    ["template", demo.release, path === "." ? "./" : `./${path}`, "--namespace", demo.namespace, "--include-crds", ...values],
  ];
}

async function program(name: string): Promise<string> {
  const own = join(repository, ".tools", "bin", name);
  return access(own).then(
    () => own,
    () => name,
  );
}

/** Documents as Kubernetes reads them: YAML 1.1, dates are text. */
function objectsIn(text: string): readonly JsonObject[] {
  const documents = parseAllDocuments(text, {
    version: "1.1",
    merge: true,
    uniqueKeys: false,
    logLevel: "silent",
    customTags: (tags) => tags.filter((tag) => !isDate(tag)),
  });
  return [...documents].flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`the program's output is no YAML: ${error.message}`);
    const value = document.toJS({ maxAliasCount: 10_000 }) as JsonValue;
    return isJsonObject(value) ? expand(value) : [];
  });
}

const isDate = (tag: unknown): boolean =>
  tag === "timestamp" || (typeof tag === "object" && (tag as { tag?: string }).tag === "tag:yaml.org,2002:timestamp");

function expand(object: JsonObject): readonly JsonObject[] {
  const { kind, items } = object;
  if (typeof kind !== "string" || !kind.endsWith("List") || !Array.isArray(items)) return [object];
  return (items as readonly JsonValue[]).flatMap((item) => (isJsonObject(item) ? expand(item) : []));
}
