// A Release: the rendered, normalised objects of one Variant, named by the SHA-256 of its manifest. One edited object of a thousand
// costs itself and one line of the manifest, on the wire and on disk.

import { canonicalJson } from "./canonical.ts";
import { digestOf, isDigest, type Digest } from "./digest.ts";
import { compareIdentity, identityKey, type ObjectIdentity } from "./identity.ts";
import type { JsonObject, JsonValue } from "./json.ts";

export const manifestFormat = "muster.release/1";

/** One object of a Release: what it is, the SHA-256 of its RFC 8785 JSON, and that text's length in UTF-8 bytes. */
export type ManifestLine = { readonly identity: ObjectIdentity; readonly digest: Digest; readonly size: number };

/** The lines of a Release, sorted by identity, each identity once. */
export type Manifest = readonly ManifestLine[];

/** A whole Release: its manifest and its objects' canonical texts by digest. */
export type Release = { readonly digest: Digest; readonly manifest: Manifest; readonly objects: ReadonlyMap<Digest, string> };

/** Builds a Release from objects. Throws a TypeError when an identity occurs twice: the caller has to report that first. */
export function makeRelease(objects: Iterable<{ readonly identity: ObjectIdentity; readonly object: JsonObject }>): Release {
  const texts = new Map<Digest, string>();
  const lines: ManifestLine[] = [];
  for (const { identity, object } of objects) {
    const text = canonicalJson(object);
    const digest = digestOf(text);
    texts.set(digest, text);
    lines.push({ identity, digest, size: utf8Length(text) });
  }
  const manifest = lines.toSorted((a, b) => compareIdentity(a.identity, b.identity));
  for (let i = 1; i < manifest.length; i += 1) {
    const [a, b] = [manifest[i - 1], manifest[i]];
    if (a && b && compareIdentity(a.identity, b.identity) === 0)
      throw new TypeError(`identity twice in a release: ${identityKey(a.identity)}`);
  }
  return { digest: releaseDigest(manifest), manifest, objects: texts };
}

/** The canonical text of a manifest; its SHA-256 is the Release's name. */
export function manifestText(manifest: Manifest): string {
  const lines = manifest.map((line): JsonValue => {
    const { group, kind, namespace, name } = line.identity;
    return [[group, kind, namespace, name], line.digest, line.size];
  });
  return canonicalJson([manifestFormat, lines]);
}

export function releaseDigest(manifest: Manifest): Digest {
  return digestOf(manifestText(manifest));
}

/** Reads a manifest's text back. Throws a TypeError that says what is wrong with it. */
export function parseManifest(text: string): Manifest {
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value) || value[0] !== manifestFormat || !Array.isArray(value[1]))
    throw new TypeError(`not a manifest of format ${manifestFormat}`);
  const lines = (value[1] as unknown[]).map(parseLine);
  for (let i = 1; i < lines.length; i += 1) {
    if (compareIdentity((lines[i - 1] as ManifestLine).identity, (lines[i] as ManifestLine).identity) >= 0)
      throw new TypeError("manifest is not sorted");
  }
  return lines;
}

function parseLine(line: unknown): ManifestLine {
  const [id, digest, size] = Array.isArray(line) ? (line as unknown[]) : [];
  const [group, kind, namespace, name] = Array.isArray(id) ? (id as unknown[]) : [];
  if (
    typeof group !== "string" ||
    typeof kind !== "string" ||
    typeof namespace !== "string" ||
    typeof name !== "string" ||
    !isDigest(digest) ||
    !Number.isSafeInteger(size)
  ) {
    throw new TypeError("malformed line in a manifest");
  }
  return { identity: { group, kind, namespace, name }, digest, size: size as number };
}

/** What turns one manifest into another. */
export type ManifestDelta = { readonly set: Manifest; readonly remove: readonly ObjectIdentity[] };

export function manifestDelta(base: Manifest, target: Manifest): ManifestDelta {
  const before = new Map(base.map((line) => [identityKey(line.identity), line]));
  const set = target.filter((line) => {
    const key = identityKey(line.identity);
    const same = before.get(key)?.digest === line.digest;
    before.delete(key);
    return !same;
  });
  return { set, remove: [...before.values()].map((line) => line.identity) };
}

/** The target of a delta on its base; the caller compares its digest with the one that was promised. */
export function applyManifestDelta(base: Manifest, delta: ManifestDelta): Manifest {
  const lines = new Map(base.map((line) => [identityKey(line.identity), line]));
  for (const id of delta.remove) lines.delete(identityKey(id));
  for (const line of delta.set) lines.set(identityKey(line.identity), line);
  return [...lines.values()].toSorted((a, b) => compareIdentity(a.identity, b.identity));
}

function utf8Length(text: string): number {
  let length = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < 0x80) length += 1;
    else if (code < 0x800) length += 2;
    else if (code >= 0xd800 && code < 0xdc00) {
      length += 4;
      i += 1;
    } else length += 3;
  }
  return length;
}
