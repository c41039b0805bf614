// What of a repository can be compared: every chart as it is and with each values file that its own tests use, and every kustomization.

import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";

export type Candidate = {
  readonly kind: "helm" | "kustomize";
  /** From the root of the repository; `.` is the root. */
  readonly path: string;
  /** Relative to the chart; null: with its own values alone. */
  readonly valuesFile: string | null;
};

const kustomizations: ReadonlySet<string> = new Set(["kustomization.yaml", "kustomization.yml", "Kustomization"]);

/**
 * Sorted by path. Charts inside of charts and components are parts of others, and not rendered by themselves; a chart with a kustomization
 * in its folder is a chart.
 */
export async function candidatesIn(root: string): Promise<readonly Candidate[]> {
  const files = (await filesBelow(root, "")).toSorted();
  const charts = files.filter((path) => basename(path) === "Chart.yaml").map(dirname);
  const found: Candidate[] = [];
  for (const path of charts.filter((chart) => !charts.some((other) => other !== chart && chart.startsWith(`${other}/charts/`)))) {
    const tested = files.filter((file) => dirname(file) === join(path, "ci") && file.endsWith(".yaml"));
    for (const valuesFile of [null, ...tested.map((file) => relative(path, file))]) found.push({ kind: "helm", path, valuesFile });
  }
  const isChart = new Set(charts);
  for (const file of files.filter((path) => kustomizations.has(basename(path)) && !isChart.has(dirname(path)))) {
    const text = await readFile(join(root, file), "utf8");
    if (!/^kind: *Component *$/m.test(text)) found.push({ kind: "kustomize", path: dirname(file), valuesFile: null });
  }
  return found;
}

/** Links are not followed: a repository may have one that leads round. */
async function filesBelow(root: string, folder: string): Promise<readonly string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const found = entries
    .filter(({ name }) => name !== ".git" && name !== "node_modules")
    .map(async (entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesBelow(root, path) : entry.isFile() ? [path] : [];
    });
  return (await Promise.all(found)).flat();
}

export const nameOf = ({ path, valuesFile }: Candidate): string => (valuesFile === null ? path : `${path} with ${valuesFile}`);
