// In which file of a kustomization an object begins: found by kind and name in the files that its `resources` list. Kustomize could tell it
// for certain, but a build that does so takes three times as long; so it does that only for `explain` (sources.ts), and this says nothing
// where two files would fit. Only for people.

import { isJsonObject } from "@muster/proto/model/json";
import { readYaml } from "../yaml/yaml.ts";
import { isKustomization } from "./kustomization.ts";
import { folderOf, resolvePath } from "./paths.ts";
import type { RenderInput, SnapshotPath, SourcePlace } from "./rendered.ts";
import { decodeFile } from "./text.ts";

type Begin = { readonly kind: string; readonly name: string; readonly place: SourcePlace };

/** Gives the place of an object of this kind and name; prefixes and suffixes may have been added to it. */
export function originsOf(input: RenderInput): (kind: string, name: string) => SourcePlace | undefined {
  const begins = Map.groupBy(
    resourceFiles(input).flatMap((path) => beginsIn(path, input.files.get(path) ?? new Uint8Array())),
    ({ kind }) => kind,
  );
  return (kind, name) => {
    const fitting = (begins.get(kind) ?? []).filter((begin) => name.includes(begin.name));
    const longest = Math.max(...fitting.map((begin) => begin.name.length));
    const best = fitting.filter((begin) => begin.name.length === longest);
    return best.length === 1 ? best[0]?.place : undefined;
  };
}

function resourceFiles(input: RenderInput): readonly SnapshotPath[] {
  const listed = new Set<SnapshotPath>();
  for (const [path, bytes] of input.files) {
    if (!isKustomization(path)) continue;
    const value = readYaml(decodeFile(path, bytes)).documents[0]?.value;
    const resources = isJsonObject(value) ? value["resources"] : undefined;
    for (const text of Array.isArray(resources) ? resources : []) {
      const file = typeof text === "string" ? resolvePath(folderOf(path), text) : undefined;
      if (file !== undefined && input.files.has(file)) listed.add(file);
    }
  }
  return [...listed];
}

// Read by its lines: kind at the start of one, the name below `metadata:` or in braces behind it.
function beginsIn(path: SnapshotPath, bytes: Uint8Array): readonly Begin[] {
  let line = 1;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString("utf8")
    .split(/^---.*$/m)
    .flatMap((text) => {
      const first = line + (/^\s*/.exec(text)?.[0].split("\n").length ?? 1) - 1;
      line += text.split("\n").length - 1;
      const kind = /^kind:\s*["']?([\w.-]+)/m.exec(text)?.[1];
      const name = nameIn(text);
      return kind === undefined || name === undefined ? [] : [{ kind, name, place: { path, line: first } }];
    });
}

// `name` in braces behind `metadata:`, or as indented as the first line below it: labels may have a name as well.
function nameIn(text: string): string | undefined {
  const metadata = /^metadata:(.*)\n?/m.exec(text);
  if (metadata === null) return undefined;
  const braces = /\{.*?\bname:\s*["']?([^\s"',}]+)/.exec(metadata[1] ?? "");
  if (braces !== null) return braces[1];
  let indent: string | undefined;
  for (const line of text.slice(metadata.index + metadata[0].length).split("\n")) {
    const own = /^[ \t]*/.exec(line)?.[0] ?? "";
    if (own.length === line.trimEnd().length || line[own.length] === "#") continue;
    if (own === "") return undefined;
    indent ??= own;
    const name = own === indent ? /^name:\s*["']?([^\s"']+)/.exec(line.slice(own.length)) : null;
    if (name !== null) return name[1];
  }
  return undefined;
}
