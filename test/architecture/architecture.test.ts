// The table in rooms.ts is the architecture: an arrow that is not in it fails the build.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";

import { importsOf, repository, sourceFiles, type Import } from "./imports.ts";
import { packageHomes, pureBuiltins, purePackages, rooms, type Room } from "./rooms.ts";

const table: Readonly<Record<string, Room>> = rooms;
const files = (await Promise.all(["proto/src", "hub/src", "agent/src"].map(sourceFiles))).flat();
const imports = (await Promise.all(files.map(importsOf))).flat();

/** The room that a file lies in: the longest of the table's folders above it. */
function roomOf(file: string): string {
  for (let folder = dirname(file); folder !== "."; folder = dirname(folder)) if (Object.hasOwn(table, folder)) return folder;
  return "";
}

const where = ({ file, line, specifier }: Import): string => `${file}:${line} imports ${specifier}`;
const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

test("there is something to look at", () =>
  assert.ok(files.length > 80 && imports.length > 300, `${files.length} files, ${imports.length} imports`));

test("every file lies in a room of the table", () => {
  assert.deepEqual(
    files.filter((file) => roomOf(file) === ""),
    [],
  );
});

test("imports between rooms are those of the table", () => {
  const wrong = imports.filter(({ file, target }) => {
    if (target === null) return false;
    const [from, to] = [roomOf(file), roomOf(target)];
    return from !== to && to !== "proto/src/model" && !table[from]?.imports.includes(to);
  });
  assert.deepEqual(wrong.map(where), []);
});

test("other rooms import a room's face only; proto's words are each a face of their own", () => {
  const wrong = imports.filter(({ file, target }) => {
    if (target === null) return false;
    const [from, to] = [roomOf(file), roomOf(target)];
    if (from === to || to.startsWith("proto/") || to === "hub/src/view") return false;
    return (
      target !== `${to}/${basename(to)}.ts` &&
      !(to === "hub/src/control" && (from === "hub/src" || from === "hub/src/cli")) &&
      !(to === "agent/src/control" && from === "agent/src")
    );
  });
  assert.deepEqual(wrong.map(where), []);
});

test("hub and agent never import each other", () => {
  assert.deepEqual(
    imports
      .filter(
        ({ file, target }) =>
          target !== null &&
          ((file.startsWith("hub/") && target.startsWith("agent/")) || (file.startsWith("agent/") && target.startsWith("hub/"))),
      )
      .map(where),
    [],
  );
});

test("pure rooms use nothing of the platform but hashing, and no package beyond what parsing needs", () => {
  const wrong = imports.filter(({ file, specifier, target }) => {
    if (target !== null || !table[roomOf(file)]?.pure) return false;
    return specifier.startsWith("node:") ? !pureBuiltins.has(specifier) : !purePackages.has(packageOf(specifier));
  });
  assert.deepEqual(wrong.map(where), []);
});

test("packages that carry a matter stay in the room of that matter", () => {
  const wrong = imports.filter(({ file, specifier }) => {
    const homes = packageHomes[packageOf(specifier)];
    return homes !== undefined && !file.startsWith("proto/src/gen/") && !homes.includes(roomOf(file));
  });
  assert.deepEqual(wrong.map(where), []);
});

test("pure rooms compile on their own, with neither DOM nor Node: the configuration names each of them", async () => {
  const config = JSON.parse(await readFile(join(repository, "tsconfig.pure.json"), "utf8")) as {
    include: string[];
    compilerOptions: { types: string[] };
  };
  const named = config.include.filter((path) => !path.startsWith("test/"));
  assert.deepEqual(
    named.toSorted(),
    Object.keys(table)
      .filter((name) => table[name]?.pure)
      .toSorted(),
  );
  assert.deepEqual(config.compilerOptions.types, []);
});

test("the graph of rooms has no knots", () => {
  const state = new Map<string, "open" | "done">();
  const visit = (room: string, path: readonly string[]): void => {
    assert.notEqual(state.get(room), "open", `a knot: ${[...path, room].join(" -> ")}`);
    if (state.has(room)) return;
    state.set(room, "open");
    for (const next of table[room]?.imports ?? []) visit(next, [...path, room]);
    state.set(room, "done");
  };
  for (const room of Object.keys(table)) visit(room, []);
});

test("files of one room do not import each other in circles", () => {
  const next = new Map(
    files.map((file) => [file, imports.filter((each) => each.file === file && each.target !== null).map(({ target }) => target ?? "")]),
  );
  const state = new Map<string, "open" | "done">();
  const knots: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (state.get(file) === "open") knots.push([...path.slice(path.indexOf(file)), file].join(" -> "));
    if (state.has(file)) return;
    state.set(file, "open");
    for (const other of next.get(file) ?? []) visit(other, [...path, file]);
    state.set(file, "done");
  };
  for (const file of files) visit(file, []);
  assert.deepEqual(knots, []);
});

test("names say what is inside", () => {
  const vague = /(^|\/)(utils?|helpers?|common|misc|shared|types|manager|service|index)(\.ts|\/)/;
  assert.deepEqual(
    files.filter((file) => vague.test(file)),
    [],
  );
});
