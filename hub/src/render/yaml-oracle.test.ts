// The YAML reader against Kubernetes' own, which is compiled into the rendering module.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, test } from "node:test";
import type { JsonValue } from "@muster/proto/model/json";
import { readYaml } from "../yaml/yaml.ts";
import { Instance } from "./instance.ts";
import { limitMemory } from "./memory-limit.ts";
import { findModule } from "./module-path.ts";

let instance: Instance;

before(async () => {
  const bytes = await readFile(await findModule(undefined, process.env["MUSTER_RENDER_MODULE"]));
  instance = new Instance(new WebAssembly.Module(limitMemory(bytes, 2 ** 30)), 0);
});

/** What Kubernetes' reader makes of each text: JSON, or undefined for an error. */
function oracle(texts: readonly string[]): ReadonlyMap<string, JsonValue | undefined> {
  const files = texts.map((text) => ({ path: text, bytes: Buffer.from(text) }));
  const answer = instance.call({ do: "yamlToJson", root: "", random: 0 }, files, "", 2 ** 30);
  assert.equal(answer.kind, "done");
  if (answer.kind !== "done") return new Map();
  return new Map(
    answer.documents.map(({ path, format, bytes }) => [path, format === "json" ? (JSON.parse(bytes.toString()) as JsonValue) : undefined]),
  );
}

function ours(text: string): JsonValue | undefined {
  const { documents, faults } = readYaml(text);
  return faults.length > 0 ? undefined : (documents[0]?.value ?? null);
}

// What we refuse on purpose although Kubernetes reads it.
function refusedOnPurpose(text: string): boolean {
  const code = readYaml(text).faults[0]?.code;
  return code === "E_NUMBER" || code === "E_YAML_TAG" || code === "E_YAML_DUPKEY";
}

type Comparison = { readonly compared: number; readonly onlyOneReads: readonly string[] };

/** Where both read a text, they must agree. Gives the texts that only one of them reads. */
function same(texts: readonly string[]): Comparison {
  const theirs = oracle(texts);
  const onlyOneReads: string[] = [];
  let compared = 0;
  for (const text of texts) {
    if (refusedOnPurpose(text)) continue;
    const [mine, other] = [ours(text), theirs.get(text)];
    if (mine === undefined || other === undefined) {
      if (mine !== other) onlyOneReads.push(text);
      continue;
    }
    assert.deepEqual(mine, other, JSON.stringify(text));
    compared += 1;
  }
  return { compared, onlyOneReads };
}

const words =
  "y Y n N yes Yes YES yEs no No NO on On ON oN off Off OFF true True TRUE tRUE false False FALSE null Null NULL nULL ~ ~~ << = . .. ... - -- + " +
  ".inf .Inf .INF -.inf +.inf .iNF .nan .NaN .NAN nan inf Infinity 0 -0 +0 00 007 08 09 0o7 0O7 0o8 0x1f 0X1F 0x 0xg 0b1 0B1 0b2 -0b11 +0b1 " +
  "1_000 1__0 1_ _1 1.5 -1.5 +1.5 1. .5 -.5 +.5 1e3 1E3 1e+3 1e-3 1.e3 .5e3 1e 1e400 -1e400 1e-400 1.5.2 0.1 1,5 0x1p3 1f 0x_1 0_8 0_7 0b_1 " +
  "9007199254740991 -9007199254740991 2001-01-01 2001-1-1 2001-01-01T00:00:00Z 12:30:45 190:20:30 0644 0755 100m 1Gi 1000Mi 1e3Mi 10% a.b " +
  "!!str !!str! !!null !!bool !!int";

test("B21 every plain scalar of a long table means what it means to Kubernetes, as a value, in a list, in brackets and as a key", () => {
  const texts = words
    .split(" ")
    .flatMap((word) => [`a: ${word}`, `- ${word}`, `[${word}]`, `{a: ${word}}`, `${word}: a`, `a: '${word}'`, `a: !!str ${word}`]);
  const { compared, onlyOneReads } = same(texts);
  assert.ok(compared > 700);
  assert.deepEqual(onlyOneReads, ["[-]", "{a: -}"]); // refused here: in brackets a lone dash is no YAML 1.2
});

test("B21 every short text of the characters that numbers and words are made of means what it means to Kubernetes", () => {
  const signs = "0178.-+eExXobn_~yN".split("");
  const texts: string[] = [];
  for (const a of signs) for (const b of signs) for (const c of ["", ...signs]) texts.push(`a: ${a}${b}${c}`);
  const { compared, onlyOneReads } = same(texts);
  assert.ok(compared > 6000);
  assert.deepEqual(onlyOneReads, []);
});

const documents = [
  "",
  "# only a comment\n",
  "a: 1\nb: [1, 'two', \"three\\n\", ~]\n",
  "a: |\n  one\n  two\nb: >\n  one\n  two\n\n  three\nc: |-\n  x\nd: |+\n  x\n\ne: |2\n   y\n",
  "a: one\n  two\n  three\n",
  "a: 'it''s'\nb: \"\\u00e9\\x41\\t\"\n",
  "a: &x {k: 1}\nb: *x\nc: [*x, *x]\n",
  "a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\n",
  "a: &x {k: 1}\nb: &z {k: 2, m: 3}\nc: {<<: [*x, *z]}\n",
  "'<<': 1\n",
  "a: <<\n",
  "? a\n: b\n",
  "a:\n- b\n- - c\n  - d\n-\n  e: f\n",
  "a: {b: {c: [1, {d: e}]}}\n",
  '{"json": [1, 2.5, true, null, "x"]}',
  "a: b: c\n",
  "a:\n\t- b\n",
  "a: 'unclosed\n",
  "a: [1, 2\n",
  "a: 1\na: 2\n",
  "*missing\n",
  "a: @x\n",
  "a: `x`\n",
  "a: %x\n",
  "%YAML 1.1\n---\na: 1\n",
  "--- {a: 1}\n",
  "--- # comment\na: 1\n",
  "a: 1 # comment\nb: x#y\n",
  'a: "line\\\n  folded"\n',
  "a: http://x/y?z=1&b=2\n",
  "a: 1\n...\n",
  "~: a\n",
  "[a]: b\n",
  "{a: 1}: b\n",
  "1.5: a\n1e10: b\n1234567.5: c\n0.00001: d\n123456.0: e\n1e-7: f\n3.4e39: g\n",
  "0x10: a\n010: b\n1_0_0: c\nyes: d\n",
  "a: !!int '5'\nb: !!float 5\nc: !!bool 'yes'\nd: !!null ''\n",
  "a: ! 5\n",
  "a: \u00e9\u4e2d\u{1f600}\n",
  "\uFEFFa: 1\n",
  "a: x\u00a0y\n",
  "a: - b\n",
  "- a\nb: c\n",
  "a:\n  b: 1\n c: 2\n",
  "a: 1\r\nb: 2\r\n",
  "a: 'x\n\n  y'\n",
  "a:   \nb:\n",
  "{a, b: c}",
  "[a, b: c]",
  "a: [b, c, ]\n",
  "a: {b: c, }\n",
  "__proto__: {a: 1}\nconstructor: 2\n",
  'a: "\\/"\n',
  "plain text\n",
  "5\n",
  "a: >-\n  x\n  y\n",
  "a: |\n\n  leading\n",
  "a: 2001-01-01\nb: 2001-01-01 10:00:00\n",
];

test("whole documents are read, or refused, as Kubernetes does", () => {
  assert.deepEqual(same(documents).onlyOneReads, ['a: "\\/"\n']); // JSON's escape of a slash is read here
});
