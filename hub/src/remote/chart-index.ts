// Reads `index.yaml` of a chart repository for one chart. An index of 30 MB holds hundreds of charts: only the lines of the one that is
// asked for are parsed, where the index is laid out as Helm writes it.

import { isJsonObject, type JsonValue } from "@muster/proto/model/json";
import { printable } from "@muster/proto/model/printable";
import { isDigest, type Digest } from "@muster/proto/model/digest";

import { compareVersions, parseRange, parseVersion, inRange } from "../version/version.ts";
import { readYaml } from "../yaml/yaml.ts";
import { remoteError } from "./faults.ts";
import type { RemoteLimits } from "./limits.ts";

export type ChartEntry = {
  readonly version: string;
  readonly urls: readonly string[];
  /** SHA-256 of the archive; null where the index does not say it. */
  readonly digest: Digest | null;
  readonly deprecated: boolean;
};

/** The versions of a chart, newest first; entries that Helm would skip are left out. Throws E_INDEX, E_CHART_MISSING, E_LIMIT. */
export function readChartEntries(index: string, chart: string, subject: string, limits: RemoteLimits): readonly ChartEntry[] {
  const found = entriesOf(index, chart, subject);
  if (found === undefined) throw remoteError("E_CHART_MISSING", subject, `there is no chart ${printable(chart)} in the repository`);
  if (!Array.isArray(found)) throw remoteError("E_INDEX", subject, `the index has no list of versions for the chart ${printable(chart)}`);
  if (found.length > limits.chartVersions)
    throw remoteError("E_LIMIT", subject, `the chart ${printable(chart)} has more than ${limits.chartVersions} versions`);
  const entries = found.flatMap((value) => entryOf(value, chart, subject));
  return entries.toSorted((left, right) => {
    const [older, newer] = [parseVersion(left.version), parseVersion(right.version)];
    return older === null || newer === null ? 0 : compareVersions(newer, older);
  });
}

/** The entry that a version, a range or null (the newest release) means, as Helm chooses. Throws E_VERSION_INVALID, E_VERSION_MISSING. */
export function chooseEntry(entries: readonly ChartEntry[], version: string | null, chart: string, subject: string): ChartEntry {
  const range = parseRange(version ?? "*");
  if (range === null)
    throw remoteError(
      "E_VERSION_INVALID",
      subject,
      `the version ${printable(version ?? "", 80)} of chart ${printable(chart)} is neither a version nor a range`,
    );
  const exact = entries.find((entry) => entry.version === version);
  const chosen =
    exact ??
    entries.find((entry) => {
      const parsed = parseVersion(entry.version);
      return parsed !== null && inRange(parsed, range);
    });
  if (chosen !== undefined) return chosen;
  const newest = entries[0] === undefined ? "it has none" : `the newest is ${printable(entries[0].version, 80)}`;
  throw remoteError(
    "E_VERSION_MISSING",
    subject,
    `there is no version ${printable(version ?? "without a prerelease", 80)} of chart ${printable(chart)}: ${newest}`,
  );
}

function entriesOf(index: string, chart: string, subject: string): JsonValue | undefined {
  if (/^\s*\{/.test(index)) return chartOf(parseJson(index, subject), chart, subject);
  const lines = linesOf(index, chart);
  if (lines === undefined) return chartOf(parseYaml(index, subject), chart, subject);
  if (lines === "") return undefined;
  // An alias on another chart's lines cannot be read alone.
  const { documents, faults } = readYaml(lines);
  const [document] = documents;
  if (faults.length > 0 || document === undefined) return chartOf(parseYaml(index, subject), chart, subject);
  return chartOf(document.value, chart, subject);
}

/**
 * `entries:` with the lines of one chart; "" when the chart is not there; undefined when the index is laid out in another way than
 * block maps with plain or quoted keys. A line that is indented as the keys are is a key: YAML indents all that belongs to one deeper,
 * but for the dashes of its list.
 */
function linesOf(index: string, chart: string): string | undefined {
  const start = /^entries:[ \t]*\r?\n/m.exec(index);
  if (start === null || /^(?:---|\.\.\.)/m.test(index.slice(start.index))) return undefined;
  const from = start.index + start[0].length;
  const end = /^[^\s#]/m.exec(index.slice(from));
  const body = end === null ? index.slice(from) : index.slice(from, from + end.index);
  const indent = /^( +)[^\s#-]/m.exec(body)?.[1];
  if (indent === undefined) return undefined;
  if (new RegExp(`^ {0,${indent.length - 1}}[^\\s#]`, "m").test(body)) return undefined;
  const name = chart.replace(/[.]/g, "\\.");
  const key = new RegExp(`^${indent}(?:${name}|"${name}"|'${name}'):[ \\t]*\\r?\\n`, "m").exec(body);
  if (key === null) return new RegExp(`^${indent}[^\\s#-].*(?<!:)[ \\t]*\\r?$`, "m").test(body) ? undefined : "";
  const rest = body.slice(key.index + key[0].length);
  const next = new RegExp(`^${indent}[^\\s#-]`, "m").exec(rest);
  return `entries:\n${key[0]}${next === null ? rest : rest.slice(0, next.index)}`;
}

function chartOf(value: JsonValue, chart: string, subject: string): JsonValue | undefined {
  const entries = isJsonObject(value) ? value["entries"] : undefined;
  if (entries === null) return undefined;
  if (!isJsonObject(entries)) throw remoteError("E_INDEX", subject, "index.yaml has no entries");
  return Object.hasOwn(entries, chart) ? entries[chart] : undefined;
}

function parseYaml(index: string, subject: string): JsonValue {
  const { documents, faults } = readYaml(index, { charsMax: index.length });
  const [fault] = faults;
  if (fault !== undefined) throw remoteError("E_INDEX", subject, `index.yaml line ${fault.line}: ${fault.message}`);
  const [document] = documents;
  if (document === undefined) throw remoteError("E_INDEX", subject, "index.yaml is empty");
  return document.value;
}

function parseJson(index: string, subject: string): JsonValue {
  try {
    return JSON.parse(index) as JsonValue;
  } catch {
    throw remoteError("E_INDEX", subject, "index.yaml begins as JSON and is none");
  }
}

function entryOf(value: JsonValue, chart: string, subject: string): readonly ChartEntry[] {
  if (!isJsonObject(value)) return [];
  const { version, urls, digest, name, deprecated } = value;
  if (typeof version !== "string" || parseVersion(version) === null || (name !== undefined && name !== chart)) return [];
  const sha256 = typeof digest === "string" ? digest.replace(/^sha256:/, "").toLowerCase() : null;
  if (sha256 !== null && sha256 !== "" && !isDigest(sha256))
    throw remoteError("E_INDEX", subject, `the index has a digest for ${printable(chart)} ${version} that is no SHA-256`);
  const places = Array.isArray(urls) ? urls.filter((url) => typeof url === "string") : [];
  return [{ version, urls: places, digest: sha256 === "" ? null : sha256, deprecated: deprecated === true }];
}
