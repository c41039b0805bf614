// Charts, from a chart repository or an OCI registry: what a version means now, and the files of exactly those bytes.

import { digestOf, type Digest } from "@muster/proto/model/digest";
import { isJsonObject } from "@muster/proto/model/json";
import { printable } from "@muster/proto/model/printable";

import { highestInRange, isFullVersion, parseRange, parseVersion } from "../version/version.ts";
import { readYaml } from "../yaml/yaml.ts";
import { readArchive, type ArchiveFiles } from "./archive.ts";
import { chooseEntry } from "./chart-index.ts";
import { remoteError } from "./faults.ts";
import { fetchChartArchive, type IndexMemory } from "./helm-repository.ts";
import type { Errand } from "./http.ts";
import { checkChartName, isTag, parseReference, type Reference } from "./reference.ts";
import { mismatch, openRepository, type Descriptor, type Manifest, type Repository } from "./registry.ts";

/** Which chart. A version is a version or a range as Helm reads them; null is the newest release. */
export type ChartRef =
  | { readonly kind: "helm"; readonly repo: string; readonly chart: string; readonly version: string | null }
  | { readonly kind: "oci"; readonly ref: string; readonly version: string | null };

export type ChartPin = {
  readonly ref: ChartRef;
  /** One version, as the repository writes it. */
  readonly version: string;
  /** SHA-256 of the archive. */
  readonly digest: Digest;
  readonly deprecated: boolean;
};

/** Media types of an archive; the second is what Helm 3 pushed before it was settled. */
const chartLayers: ReadonlySet<string> = new Set(["application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"]);

/** What a version means now. The archive is fetched only where the index does not say its digest; it is `bytes` then. */
export async function resolveChart(
  errand: Errand,
  memory: IndexMemory,
  ref: ChartRef,
): Promise<{ readonly pin: ChartPin; readonly bytes: Buffer | null }> {
  if (ref.kind === "oci") return { pin: await resolveOciChart(errand, ref), bytes: null };
  const { name } = errand.address;
  checkChartName(ref.chart, name);
  const entries = await memory.entries(errand, ref.repo, ref.chart);
  const entry = chooseEntry(entries, ref.version, ref.chart, name);
  const bytes = entry.digest === null ? await fetchChartArchive(errand, ref.repo, entry, null) : null;
  const digest = entry.digest ?? digestOf(bytes ?? "");
  return { pin: { ref, version: entry.version, digest, deprecated: entry.deprecated }, bytes };
}

/** The archive of a pin, checked. Throws E_DIGEST_MISMATCH when other bytes come, or when the index now names others. */
export async function fetchPinnedChart(errand: Errand, memory: IndexMemory, { ref, version, digest }: ChartPin): Promise<Buffer> {
  if (ref.kind === "oci") return openRepository(errand, parseReference(ref.ref, errand.address.name)).blob(digest);
  const entries = await memory.entries(errand, ref.repo, ref.chart);
  const entry = chooseEntry(
    entries.filter((each) => each.version === version),
    version,
    ref.chart,
    errand.address.name,
  );
  if (entry.digest !== null && entry.digest !== digest)
    throw mismatch(errand, `the index's chart ${ref.chart} ${version}`, digest, entry.digest);
  return fetchChartArchive(errand, ref.repo, entry, digest);
}

/** The files of a chart's archive, relative to the chart. Throws E_ARCHIVE, E_LIMIT, E_NAME_INVALID. */
export async function readChart(errand: Errand, archive: Uint8Array): Promise<ArchiveFiles> {
  const { name } = errand.address;
  const all = await readArchive(archive, name, errand.limits);
  const files = new Map<string, Uint8Array>();
  for (const [path, content] of all) {
    const slash = path.indexOf("/");
    if (slash === -1)
      throw remoteError("E_ARCHIVE", name, `the chart's archive has ${printable(JSON.stringify(path))} beside the chart's folder`);
    const inside = path.slice(slash + 1);
    if (files.has(inside))
      throw remoteError("E_ARCHIVE", name, `the chart's archive has ${printable(JSON.stringify(inside))} in two folders`);
    files.set(inside, content);
  }
  checkChartFile(files.get("Chart.yaml"), name);
  return files;
}

function checkChartFile(content: Uint8Array | undefined, subject: string): void {
  if (content === undefined) throw remoteError("E_ARCHIVE", subject, "the archive holds no Chart.yaml in the chart's folder");
  const { documents, faults } = readYaml(Buffer.from(content).toString("utf8"));
  const [fault] = faults;
  if (fault !== undefined) throw remoteError("E_ARCHIVE", subject, `Chart.yaml line ${fault.line}: ${fault.message}`);
  const chart = documents[0]?.value;
  const { name, version } = isJsonObject(chart) ? chart : {};
  checkChartName(name, subject);
  if (typeof version !== "string" || parseVersion(version) === null)
    throw remoteError("E_NAME_INVALID", subject, `Chart.yaml has the version ${printable(JSON.stringify(version) ?? "", 80)}`);
}

async function resolveOciChart(errand: Errand, ref: ChartRef & { kind: "oci" }): Promise<ChartPin> {
  const { name } = errand.address;
  const reference = parseReference(ref.ref, name);
  const repository = openRepository(errand, reference);
  const { manifest, version } = await chartManifest(errand, repository, reference, ref.version);
  if (manifest.kind !== "manifest") throw remoteError("E_REMOTE_PROTOCOL", name, `${ref.ref} is an index of images, not a chart`);
  const layers = manifest.layers.filter(({ mediaType }) => chartLayers.has(mediaType));
  return { ref, version, digest: onlyLayer(errand, ref.ref, layers).digest, deprecated: false };
}

/** The one layer that holds the archive, of an acceptable size. */
export function onlyLayer({ address, limits }: Errand, shown: string, layers: readonly Descriptor[]): Descriptor {
  const [layer] = layers;
  if (layer === undefined || layers.length > 1)
    throw remoteError("E_REMOTE_PROTOCOL", address.name, `${shown} holds ${layers.length} archives where one is expected`);
  if (layer.bytes > limits.archiveBytes)
    throw remoteError("E_LIMIT", address.name, `the archive of ${shown} has ${layer.bytes} bytes, more than ${limits.archiveBytes}`);
  return layer;
}

async function chartManifest(
  errand: Errand,
  repository: Repository,
  reference: Reference,
  version: string | null,
): Promise<{ readonly manifest: Manifest; readonly version: string }> {
  const { digest } = reference;
  const asked = version ?? reference.tag;
  if (digest !== null) return { manifest: await repository.manifest({ digest }), version: asked ?? `sha256:${digest}` };
  const tag = await tagOf(errand, repository, asked, reference.repositoryUrl);
  return { manifest: await repository.manifest({ tag }), version: tag.replaceAll("_", "+") };
}

/** Registries have no + in tags: Helm writes _ there. A single version is taken as it is written, without asking for all tags. */
async function tagOf(errand: Errand, repository: Repository, version: string | null, shown: string): Promise<string> {
  const { name } = errand.address;
  const asTag = (text: string): string => text.replaceAll("+", "_");
  if (version !== null && parseVersion(version) !== null && isTag(asTag(version))) return asTag(version);
  const range = parseRange(version ?? "*");
  if (range === null)
    throw remoteError(
      "E_VERSION_INVALID",
      name,
      `the version ${printable(version ?? "", 80)} of ${shown} is neither a version nor a range`,
    );
  const versions = (await repository.tags()).map((tag) => tag.replaceAll("_", "+")).filter(isFullVersion);
  const best = highestInRange(versions, range);
  if (best === null) {
    const there = versions.length === 0 ? "it has none" : `it has ${versions.length} others`;
    throw remoteError(
      "E_VERSION_MISSING",
      name,
      `there is no version ${printable(version ?? "without a prerelease", 80)} of ${shown}: ${there}`,
    );
  }
  return asTag(best);
}
