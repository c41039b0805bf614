// Tags by their versions: which revisions are ranges, and which tag of many is the highest in one. Versions themselves are version/'s.

import { compareVersions, inRange, parseRange as readRange, parseVersion, type Version, type VersionRange } from "../version/version.ts";

export type Range = VersionRange;

/** The range, or null for what names a branch or a tag: a version without an operator, and what only looks like a range. */
export function parseRange(text: string): Range | null {
  if (!/[\^~<>=*| ]|\.[xX](\.|$)/.test(text)) return null;
  if (/[xX*]\.\d/.test(text)) return null; // a branch can be called `1.x.3`
  return readRange(text);
}

/** The tag with the highest version in the range; undefined when there is none. What is no version with three numbers is passed over. */
export function highestTag(range: Range, tags: readonly string[]): string | undefined {
  let best: { readonly tag: string; readonly version: Version } | undefined;
  for (const tag of tags) {
    const version = versionOf(tag);
    if (version === null || !inRange(version, range)) continue;
    const order = best === undefined ? 1 : compareVersions(version, best.version);
    // Equal but for build metadata or the `v`: the later name, so that it never depends on the order in which a server lists them.
    if (order > 0 || (order === 0 && best !== undefined && tag > best.tag)) best = { tag, version };
  }
  return best?.tag;
}

/** Compares the versions of two tags; undefined when one is no version. */
export function compareTags(left: string, right: string): number | undefined {
  const [a, b] = [versionOf(left), versionOf(right)];
  return a === null || b === null ? undefined : compareVersions(a, b);
}

/** `v1` is a tag that moves, not a version. */
function versionOf(tag: string): Version | null {
  return /^[vV]?\d+\.\d+\.\d/.test(tag) ? parseVersion(tag.replace(/^V/, "v")) : null;
}
