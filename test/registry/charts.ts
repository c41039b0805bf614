// Charts made, published and pulled by the real helm.

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL("../../.tools/bin/helm", import.meta.url));

export interface ChartContent {
  readonly name: string;
  readonly version: string;
  readonly deprecated?: boolean;
  /** Beside Chart.yaml; a template and values where none are given. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Runs helm with its settings in a folder that goes afterwards; gives what it said. */
export async function helm(args: readonly string[], home?: string): Promise<string> {
  const dir = home ?? (await mkdtemp(join(tmpdir(), "muster-helm-")));
  const env = {
    PATH: process.env["PATH"],
    HOME: dir,
    HELM_CACHE_HOME: join(dir, "c"),
    HELM_CONFIG_HOME: join(dir, "f"),
    HELM_DATA_HOME: join(dir, "d"),
  };
  try {
    const { stdout } = await run(PROGRAM, [...args], { env, maxBuffer: 64 << 20 });
    return stdout;
  } finally {
    if (home === undefined) await rm(dir, { recursive: true, force: true });
  }
}

/** Packs a chart into `dir` with `helm package`; gives the path of the archive. */
export async function packChart(dir: string, { name, version, deprecated = false, files }: ChartContent): Promise<string> {
  const work = await mkdtemp(join(tmpdir(), "muster-chart-"));
  try {
    const content = files ?? { "values.yaml": `version: ${version}\n`, "templates/map.yaml": template };
    const chart = `apiVersion: v2\nname: ${name}\nversion: ${version}\ndeprecated: ${deprecated}\ndescription: "a: b\\n  c"\n`;
    for (const [path, text] of Object.entries({ "Chart.yaml": chart, ...content })) {
      const full = join(work, name, path);
      await mkdir(dirname(full), { recursive: true });
      await writeFile(full, text);
    }
    await mkdir(dir, { recursive: true });
    await helm(["package", join(work, name), "--destination", dir]);
    return join(dir, `${name}-${version}.tgz`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const template = `apiVersion: v1
kind: ConfigMap
metadata: { name: "{{ .Release.Name }}" }
data: { version: "{{ .Values.version }}" }
`;

/** Writes `index.yaml` with `helm repo index`; `url` makes its URLs absolute. */
export async function indexCharts(dir: string, url?: string): Promise<void> {
  await helm(["repo", "index", dir, ...(url === undefined ? [] : ["--url", url])]);
}

export async function pushChart(archive: string, repository: string, options: readonly string[]): Promise<void> {
  await helm(["push", archive, repository, ...options]);
}

/** The archive that `helm pull` brings. */
export async function pullChart(args: readonly string[]): Promise<Buffer> {
  const dir = await mkdtemp(join(tmpdir(), "muster-pull-"));
  try {
    await helm(["pull", ...args, "--destination", dir]);
    const [archive] = (await readdir(dir)).filter((name) => name.endsWith(".tgz"));
    if (archive === undefined) throw new Error(`helm pull ${args.join(" ")} brought nothing`);
    return await readFile(join(dir, archive));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
