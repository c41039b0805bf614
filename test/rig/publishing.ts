// What tests publish outside Git: charts that say their version, and trees of files as OCI artifacts.

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import { FLUX, pushArtifact } from "../registry/artifacts.ts";
import { indexCharts, packChart } from "../registry/charts.ts";

const run = promisify(execFile);

/** A chart with one ConfigMap `it` whose word is `v`. */
export const saying = (v: string): Readonly<Record<string, string>> => ({
  "values.yaml": "more: none\n",
  "templates/it.yaml": `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: it}\ndata: {v: ${JSON.stringify(v)}, more: "{{ .Values.more }}"}\n`,
});

/** Puts a version into a chart repository; `url` makes the index name its archives elsewhere. Gives the archive's path. */
export async function publishChart(dir: string, name: string, version: string, files = saying(version), url?: string): Promise<string> {
  const archive = await packChart(dir, { name, version, files });
  await indexCharts(dir, url);
  return archive;
}

/** Pushes files under a tag of a registry without sign-in. */
export async function publishFiles(host: string, repository: string, tag: string, files: Readonly<Record<string, string>>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "muster-files-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(dir, path)), { recursive: true });
      await writeFile(join(dir, path), text);
    }
    const { stdout } = await run("tar", ["-C", dir, "-czf", "-", "."], { encoding: "buffer" });
    await pushArtifact(`http://${host}/v2/${repository}`, [tag], FLUX.config, [{ mediaType: FLUX.layer, content: stdout }]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
