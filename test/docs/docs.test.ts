// The documents are true: what they link to and name is there, their examples are valid, and what the code has is in them.

import assert from "node:assert/strict";
import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";

import { exits } from "@muster/hub/cli/exits";
import { readConfig } from "@muster/hub/config/config";
import { parseFleetFile } from "@muster/hub/fleet/fleet";
import { durationMs } from "@muster/hub/fleet/names";
import { wavesShape } from "@muster/hub/fleet/rollout-table";
import type { Field, Fields, Shape } from "@muster/hub/fleet/shape";
import { fleetKinds, kindTables } from "@muster/hub/fleet/tables";
import { guardLimits } from "@muster/proto/model/evidence";
import { sourceFiles } from "../architecture/imports.ts";
import { rooms, type Room } from "../architecture/rooms.ts";
import { anchorsOf, codeIn, linksOf, read, readPages, repository, rowsOf, type Page } from "./pages.ts";

const pages = await readPages();
const page = (path: string): Page => pages.find((each) => each.path === path) ?? assert.fail(`there is no ${path}`);
const exists = (path: string): Promise<boolean> =>
  access(join(repository, path)).then(
    () => true,
    () => false,
  );
const [language, operations, architecture] = ["language", "operations", "architecture"].map((name) => page(`docs/${name}.md`));
assert.ok(language && operations && architecture);

test("every relative link leads to a file, and to a heading that is there", async () => {
  const wrong: string[] = [];
  for (const from of pages) {
    for (const link of linksOf(from)) {
      if (/^[a-z]+:/.test(link)) continue;
      const [file = "", anchor] = link.split("#");
      const target = file === "" ? from.path : normalize(join(dirname(from.path), file));
      const to = pages.find(({ path }) => path === target);
      const there = await exists(target);
      if (!there || (anchor !== undefined && !(to !== undefined && anchorsOf(to).includes(anchor)))) wrong.push(`${from.path}: ${link}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("every path of this repository that stands between backticks is there", async () => {
  const wrong: string[] = [];
  for (const { path, prose } of pages) {
    for (const code of codeIn(prose)) {
      if (/^(?:\.ci|agent|docs|hub|proto|test)\/[\w./-]*$|^(?:ts|package)[\w.-]+\.json$/.test(code) && !(await exists(code)))
        wrong.push(`${path}: ${code}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("no document names a path of somebody's machine", () => {
  const wrong = pages.flatMap(({ path, text }) =>
    (text.match(/(?<![\w.~}/-])\/(?:home|root|tmp|work|Users|var|opt|mnt)\//g) ?? []).map(() => path),
  );
  assert.deepEqual(wrong, []);
});

test("every fleet document in an example is accepted, and each kind that works has one", () => {
  const kinds = new Set<string>();
  for (const { path, blocks } of pages) {
    for (const { text } of blocks.filter((block) => block.language === "yaml" && block.text.includes("apiVersion: muster.dev/"))) {
      const { documents, problems } = parseFleetFile({ source: "docs", path, text });
      assert.deepEqual(problems, [], `${path}:\n${text}`);
      for (const { kind } of documents) kinds.add(`${path} ${kind}`);
    }
  }
  for (const kind of fleetKinds) assert.ok(kinds.has(`docs/language.md ${kind}`), `language.md has no example of ${kind}`);
  for (const kind of ["App", "Cluster"]) assert.ok(kinds.has(`README.md ${kind}`), `the README has no example of ${kind}`);
});

/** The hub's configuration from text. */
async function configOf(text: string): Promise<object> {
  const dir = await mkdtemp(join(tmpdir(), "muster-docs-"));
  try {
    await writeFile(join(dir, "hub.yaml"), text);
    return await readConfig(join(dir, "hub.yaml"), {});
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

test("every hub.yaml in an example is accepted", async () => {
  const examples = pages.flatMap(({ blocks }) => blocks.filter(({ language: name, text }) => name === "yaml" && text.includes("dataDir:")));
  assert.ok(examples.length > 0);
  for (const { text } of examples) await configOf(text);
});

/** Keys of the values in a configuration, with what they are. */
function leaves(value: object, at = ""): readonly (readonly [string, unknown])[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? leaves(inner, `${at}${key}.`)
      : [[`${at}${key}`, inner] as const],
  );
}

/** What a table says a default is, as JSON where it can be. */
function meantBy(cell: string): unknown {
  const code = codeIn(cell)[0];
  if (code === undefined) return null;
  const list = /^\[(.*)\]$/.exec(code)?.[1];
  if (list !== undefined) return list.split(",").flatMap((item) => (item.trim() === "" ? [] : [item.trim().replaceAll('"', "")]));
  if (code === "{}" || code === '""') return JSON.parse(code);
  return /^(?:true|false|\d+)$/.test(code) ? JSON.parse(code) : code;
}

/** The row and column of a page's tables in which a name stands: its default, by the place of the name in the first cell. */
function defaultsIn(source: Page): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [first = "", second = ""] of rowsOf(source)) {
    const values = second.split(/, (?![^[]*\])/);
    codeIn(first).forEach((name, i) => {
      if (!found.has(name)) found.set(name, meantBy(values[i] ?? values[0] ?? ""));
    });
  }
  return found;
}

test("operations.md has every key of hub.yaml with its default, and no other", async () => {
  const told = defaultsIn(operations);
  const config = leaves(await configOf("fleet: f\ndataDir: d\nroot: {git: https://git.example/f.git}\n"));
  const given = ["fleet", "dataDir", "root.git"];
  for (const [key, value] of config) {
    assert.ok(told.has(key), `operations.md does not speak of ${key}`);
    const says = told.get(key);
    const same = typeof value === "number" && typeof says === "string" ? durationMs(says) : says;
    if (!given.includes(key)) assert.deepEqual(same, value, key);
  }
  const tops = new Set(config.map(([key]) => key.split(".")[0]));
  const keys = [...told.keys()].filter((key) => /^[a-z]\w*(\.\w+)+$/i.test(key) && tops.has(key.split(".")[0]));
  assert.deepEqual(
    keys.filter((key) => !config.some(([known]) => known === key)),
    [],
  );
});

test("every environment variable in a document is read somewhere, and those of hub and agent are all told", async () => {
  const sources = [
    "hub/src/config/config.ts",
    "agent/src/config.ts",
    "hub/src/render/render.ts",
    "hub/src/cli/settings.ts",
    "hub/src/cli/program.ts",
    "hub/src/cli/flags.ts",
  ];
  const tools = ["test/tools/cache.ts", "test/tools/download.ts", "test/tools/tools.ts"];
  const code = (await Promise.all([...sources, ...tools].map(read))).join("\n");
  const variable = /MUSTER_[A-Z_]+[A-Z]/g;
  const named = new Set(pages.flatMap(({ text }) => text.match(variable) ?? []));
  assert.deepEqual(
    [...named].filter((name) => !code.includes(name)),
    [],
  );
  const own = new Set((await Promise.all(["hub/src/config/config.ts", "agent/src/config.ts"].map(read))).join("\n").match(variable));
  assert.deepEqual(
    [...own].filter((name) => !/^MUSTER_AGENT$/.test(name) && !operations.text.includes(name)),
    [],
  );
});

test("every log message that operations.md explains is one that hub or agent says", async () => {
  const { prose } = operations;
  const section = prose.slice(prose.indexOf("## Logs"), prose.indexOf("## Held"));
  const messages = section.split("\n").flatMap((line) => (line.startsWith("|") ? codeIn(line.split("|")[1] ?? "") : []));
  const files = (await Promise.all(["hub/src", "agent/src"].map(sourceFiles))).flat();
  const code = (await Promise.all(files.map(read))).join("\n");
  assert.ok(messages.length > 10);
  assert.deepEqual(
    messages.filter((message) => !code.includes(`"${message}"`)),
    [],
  );
});

test("language.md has every field of every kind with its default", () => {
  const told = defaultsIn(language);
  const walk = (fields: Fields, at = ""): readonly (readonly [string, Field])[] =>
    Object.entries(fields).flatMap(([name, field]) =>
      field.shape.is === "object" && field.notYet === undefined && !["clusters"].includes(name)
        ? walk(field.shape.fields, `${at}${name}.`)
        : [[`${at}${name}`, field] as const],
    );
  for (const kind of fleetKinds) {
    for (const [name, field] of walk(kindTables[kind].spec)) {
      assert.ok(told.has(name), `language.md does not speak of ${kind} ${name}`);
      if (field.default !== undefined) assert.deepEqual(told.get(name), field.default, `${kind} ${name}`);
    }
  }
});

test("language.md has every field of rollouts with its default, but for those that a sentence tells", () => {
  const told = defaultsIn(language);
  const bare = (shape: Shape): Shape => (shape.is === "coded" ? bare(shape.of) : shape.is === "list" ? bare(shape.of) : shape);
  const walk = (shape: Shape, at = ""): readonly (readonly [string, Field])[] => {
    const inner = bare(shape);
    if (inner.is !== "object") return [];
    return Object.entries(inner.fields).flatMap(([name, field]) => {
      const deeper =
        name !== "clusters" && field.notYet === undefined && field.shape.is === "object" ? walk(field.shape, `${at}${name}.`) : [];
      return deeper.length > 0 ? deeper : [[`${at}${name}`, field] as const];
    });
  };
  const rollout = walk(wavesShape);
  const [wave, gate] = ["waves", "gates"].map((name) => rollout.find(([each]) => each === name)?.[1].shape);
  assert.ok(wave && gate && rollout.length > 10);
  const sentences = ["gates", "waves", "window.days", "window.from", "window.to", "interval", "inconclusiveFor", "errorLimit"];
  for (const [name, field] of [...rollout, ...walk(wave), ...walk(gate)]) {
    const inSentence = sentences.includes(name) || field.notYet !== undefined;
    assert.ok(told.has(name) || (inSentence && language.prose.includes(`\`${name}\``)), `language.md does not speak of ${name}`);
    if (field.default !== undefined && !inSentence) assert.deepEqual(told.get(name), field.default, name);
  }
});

test("the numbers of the guards in README and language.md are those of the code", () => {
  const { clusterMin, clusterShare, appMin, appShare } = guardLimits;
  assert.ok(
    page("README.md").text.includes(
      `more than max(${clusterMin}, ${clusterShare * 100} %) of a cluster; more than half of an App of ${appMin} and more`,
    ),
  );
  assert.ok(language.text.includes(`more than ${clusterMin} objects and more than ${clusterShare * 100} %`));
  assert.ok(language.text.includes(`more than half of an App that has ${appMin} objects and more`) && appShare === 0.5);
});

test("architecture.md names every room as the table has it, and no other", () => {
  const told = rowsOf(architecture).flatMap(([room = "", kind = ""]) =>
    /^(?:pure|world)$/.test(kind) ? [`${codeIn(room)[0]} ${kind}`] : [],
  );
  const table: Readonly<Record<string, Room>> = rooms;
  const known = Object.entries(table).map(([name, { pure }]) => `${name} ${pure ? "pure" : "world"}`);
  assert.deepEqual(told.toSorted(), known.toSorted());
});

test("every test that a document names by its words is in the file that it names", async () => {
  const wrong: string[] = [];
  let seen = 0;
  for (const { path, prose } of pages) {
    const text = prose.replaceAll(/\s+/g, " ");
    for (const [, names = "", files = ""] of text.matchAll(/((?:"[^"|]+"(?:, | and )?)+) in ((?:`[^`]+\.test\.ts`(?:, | and )?)+)/g)) {
      for (const file of codeIn(files)) {
        const content = await read(file);
        for (const [, name = ""] of names.matchAll(/"([^"]+)"/g)) {
          seen += 1;
          if (![`"${name}`, `\`${name}`].some((start) => content.includes(start))) wrong.push(`${path}: ${name} in ${file}`);
        }
      }
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(seen > 10, `${seen} tests are named`);
});

test("dependencies.md has every package that runs, and no other", async () => {
  const told = new Set(rowsOf(page("docs/dependencies.md")).flatMap(([first = "", , ...rest]) => (rest.length > 0 ? codeIn(first) : [])));
  const packages = await Promise.all(
    ["proto", "hub", "agent"].map(async (name) => JSON.parse(await read(`${name}/package.json`)) as { dependencies: object }),
  );
  assert.deepEqual([...told].toSorted(), [...new Set(packages.flatMap(({ dependencies }) => Object.keys(dependencies)))].toSorted());
});

test("cli.md has every exit code, and every command of muster in a document exists", async () => {
  const told = rowsOf(page("docs/cli.md")).flatMap(([code = ""]) => (/^\d+$/.test(code) ? [Number(code)] : []));
  assert.deepEqual(
    told,
    Object.values(exits).map(({ code }) => code),
  );
  const program = (await Promise.all((await sourceFiles("hub/src/cli")).map(read))).join("\n");
  const verbs = new Set([...program.matchAll(/\.command\("([\w-]+)"\)/g)].map(([, verb = ""]) => verb));
  const wrong = pages.flatMap(({ path, prose, blocks }) => {
    const code = [...codeIn(prose), ...blocks.filter(({ language: name }) => name === "sh").flatMap(({ text }) => text.split("\n"))];
    return code.flatMap((line) =>
      [...line.matchAll(/(?<![\w./-])muster (?!muster)([a-z]+(?:-[a-z]+)*)/g)].flatMap(([, verb = ""]) =>
        verbs.has(verb) ? [] : [`${path}: muster ${verb}`],
      ),
    );
  });
  assert.deepEqual(wrong, []);
});

test("every decision is in the list of decisions", () => {
  const links = linksOf(page("docs/adr/README.md"));
  const files = pages.flatMap(({ path }) => (/^docs\/adr\/\d/.test(path) ? [path.slice("docs/adr/".length)] : []));
  assert.deepEqual(links, files);
});
