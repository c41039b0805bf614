// A folder of plain YAML: which files are manifests, and their documents.

import { readYaml } from "../yaml/yaml.ts";
import type { NodeBudget } from "./budget.ts";
import { matchesGlob } from "./glob.ts";
import type { RenderedDocument } from "./normalise.ts";
import { below } from "./paths.ts";
import { RenderFault, type ObjectsInput, type RenderInput } from "./rendered.ts";
import { decodeFile } from "./text.ts";

const everything: ObjectsInput = { include: ["*"], exclude: [], recurse: true };
const manifest = /\.(?:ya?ml|json)$/i;

/** The documents of an App of plain YAML, in the order of their paths. Throws a RenderFault at the first file that cannot be read. */
export function plainDocuments(input: RenderInput, budget: NodeBudget): readonly RenderedDocument[] {
  const chosen = [...input.files.keys()].filter((path) => isManifest(input.root, path, input.objects ?? everything)).toSorted();
  return chosen.flatMap((path) => documentsOf(path, input.files.get(path) ?? new Uint8Array(), budget));
}

/** True for a file that is read as manifests: YAML or JSON, included, not excluded, no hidden file or folder on the way. */
export function isManifest(root: string, path: string, { include, exclude, recurse }: ObjectsInput): boolean {
  const inside = below(root, path);
  if (inside === undefined || !manifest.test(inside)) return false;
  if (!recurse && inside.includes("/")) return false;
  if (inside.split("/").some((step) => step.startsWith("."))) return false;
  return include.some((pattern) => matchesGlob(pattern, inside)) && !exclude.some((pattern) => matchesGlob(pattern, inside));
}

function documentsOf(path: string, bytes: Uint8Array, budget: NodeBudget): readonly RenderedDocument[] {
  const { documents, faults, nodes } = readYaml(decodeFile(path, bytes), { nodesMax: budget.left });
  budget.spend(nodes, path);
  const [fault] = faults;
  if (fault !== undefined) throw new RenderFault(fault.code, fault.message, { path, line: fault.line });
  return documents.map(({ index, line, value }) => ({ value, index, source: { path, line } }));
}
