import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonValue } from "@muster/proto/model/json";
import { locate, readYaml, writeYaml, type YamlCode, type YamlLimits } from "./yaml.ts";

function only(text: string): JsonValue {
  const { documents, faults } = readYaml(text);
  assert.deepEqual(faults, []);
  assert.equal(documents.length, 1);
  return documents[0]?.value ?? null;
}

function codeOf(text: string, limits?: Partial<YamlLimits>): YamlCode | undefined {
  return readYaml(text, limits).faults[0]?.code;
}

const scalars: readonly (readonly [string, JsonValue])[] = [
  ["yes", true],
  ["No", false],
  ["on", true],
  ["OFF", false],
  ["y", true],
  ["N", false],
  ["nO", "nO"],
  ["0644", 420],
  ["0o14", 12],
  ["0x1F", 31],
  ["0b101", 5],
  ["012345", 5349],
  ["089", 89],
  ["1_000", 1000],
  ["+12", 12],
  ["-0", 0],
  ["1e3", 1000],
  [".5", 0.5],
  ["1.", 1],
  ["~", null],
  ["Null", null],
  ["", null],
  ["2021-01-01", "2021-01-01"],
  ["2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"],
  ["12:30:45", "12:30:45"],
  ["1e400", "1e400"],
  ["100m", "100m"],
  ["1Gi", "1Gi"],
  ["<<", "<<"],
  ["0x", "0x"],
  ["_1", "_1"],
  ["!!str 5", "5"],
  ["!!int '7'", 7],
  ["!!float 3", 3],
  ["! 12", "12"],
  ["'yes'", "yes"],
];

test("B21 scalars mean what they mean to Kubernetes", () => {
  for (const [text, value] of scalars) assert.deepEqual(only(`a: ${text}`), { a: value }, text);
});

test("B21 what is written is read back as the same value, and as a string by every YAML reader", () => {
  const strings = [
    ...scalars.map(([text]) => text),
    "a: b",
    "- x",
    "#",
    " lead",
    "two\nlines\n",
    "é",
    "\t",
    "*a",
    "&a",
    "@",
    "`",
    "%",
    "key:",
    "1.0",
  ];
  const value = { kind: "ConfigMap", apiVersion: "v1", data: Object.fromEntries(strings.map((text, at) => [`k${at}`, text])) };
  assert.deepEqual(only(writeYaml(value)), value);
  assert.match(writeYaml({ a: "2021-01-01" }), /'2021-01-01'/);
  const numbers = { a: [0, -1, 1.5, 1e21, 1e-7, true, null, [], {}] };
  assert.deepEqual(only(writeYaml(numbers)), numbers);
});

test("an object is written with apiVersion, kind, metadata and spec first", () => {
  const text = writeYaml({ status: {}, spec: { b: 1, a: 2 }, metadata: { name: "x" }, kind: "K", apiVersion: "v1" });
  assert.equal(text, "apiVersion: v1\nkind: K\nmetadata:\n  name: x\nspec:\n  b: 1\n  a: 2\nstatus: {}\n");
});

test("keys become strings as Kubernetes makes them", () => {
  assert.deepEqual(only("1: a\n0x10: b\nyes: c\n1.50: d\n1e10: e\n1234567.0: f\n'~': g"), {
    "1": "a",
    "16": "b",
    true: "c",
    "1.5": "d",
    "1e+10": "e",
    "1.234567e+06": "f",
    "~": "g",
  });
});

test("a key that is null, a list or a map is an error", () => {
  for (const text of ["~: a", "null: a", "? [a, b]\n: c", "{{ .Values.x }}: y", "a: {[b]: c}"]) {
    assert.equal(codeOf(text), "E_YAML", text);
  }
});

test("one broken document does not hide its neighbours", () => {
  const { documents, faults, empty } = readYaml("a: 1\n---\nb: [\n---\n# nothing\n---\nc: 3\n...\n---\nd: 4\n");
  assert.deepEqual(
    documents.map(({ index, line, value }) => [index, line, value]),
    [
      [0, 1, { a: 1 }],
      [3, 6, { c: 3 }],
      [4, 9, { d: 4 }],
    ],
  );
  assert.deepEqual(
    faults.map(({ index, code }) => [index, code]),
    [[1, "E_YAML"]],
  );
  assert.equal(empty, 1);
});

test("comments, blank lines and directives before the first marker are no document", () => {
  assert.deepEqual(readYaml("# licence\n\n%YAML 1.1\n---\na: 1\n").documents, [{ index: 0, line: 1, value: { a: 1 } }]);
  assert.deepEqual(readYaml("\n---\n---\n"), { documents: [], faults: [], empty: 2, nodes: 2 });
  assert.deepEqual(readYaml("# only a comment\n"), { documents: [], faults: [], empty: 0, nodes: 0 });
});

test("three dashes inside a scalar do not end a document unless they start a line", () => {
  assert.deepEqual(only("a: |\n  ---\n  b\nc: 'x --- y'\n"), { a: "---\nb\n", c: "x --- y" });
});

test("a fault names its place in the file, and no byte of it", () => {
  const secret = "hunter2";
  const [fault] = readYaml(`ok: 1\n---\npassword: "${secret}\nnext: *${secret}\n`).faults;
  assert.equal(fault?.index, 1);
  assert.ok((fault?.line ?? 0) >= 2);
  assert.doesNotMatch(JSON.stringify(fault), new RegExp(secret));
  for (const text of [`a: *${secret}`, `!${secret} x`, `!!${secret} x`, `%TAG !${secret}`, `a: 1\n ${secret}: 2`, `a: "\\${secret}"`]) {
    assert.doesNotMatch(JSON.stringify(readYaml(text).faults), new RegExp(secret), text);
  }
});

test("S44 B16 billion laughs is refused after a bounded number of steps", () => {
  const levels = Array.from({ length: 30 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array.from({ length: 9 }, () => `*l${i}`).join(", ")}]`);
  assert.equal(codeOf(`l0: &l0 [lol]\n${levels.join("\n")}\n`), "E_YAML_LIMIT");
  const text = `a: &a "${"x".repeat(100_000)}"\nb: [${Array.from({ length: 1000 }, () => "*a").join(", ")}]`;
  assert.equal(codeOf(text), "E_YAML_LIMIT");
  assert.equal(codeOf(`a: &a {x: 1}\nb: [${Array.from({ length: 101 }, () => "*a").join(", ")}]`, { aliasesMax: 100 }), "E_YAML_LIMIT");
  assert.deepEqual(only("a: &a {x: 1}\nb: [*a, *a]"), { a: { x: 1 }, b: [{ x: 1 }, { x: 1 }] });
});

test("S44 B17 nesting has a bound, written out or through aliases", () => {
  assert.equal(codeOf("[".repeat(100_000)), "E_YAML_DEPTH");
  assert.equal(codeOf(`${"[".repeat(101)}${"]".repeat(101)}`), "E_YAML_DEPTH");
  assert.equal(codeOf("{a: ".repeat(100_000)), "E_YAML_DEPTH");
  const deep = `${"[".repeat(60)}${"]".repeat(60)}`;
  assert.equal(codeOf(`a: &a ${deep}\nb: ${"[".repeat(60)}*a${"]".repeat(60)}`), "E_YAML_DEPTH");
  assert.equal(codeOf(`a: ${deep}`), undefined);
  assert.equal(codeOf("a: &a [*a]"), "E_YAML");
});

test("S44 B18 merge keys are bounded and never reach a prototype", () => {
  const chain = Array.from({ length: 50_000 }, (_, i) => `m${i + 1}: &m${i + 1} {<<: *m${i}, k${i}: 1}`);
  assert.equal(codeOf(`m0: &m0 {a: 1}\n${chain.join("\n")}`), "E_YAML_MERGE");
  const merged = only("a: &a {__proto__: {polluted: 1}}\nb: {<<: *a}\n__proto__: {polluted: 2}") as Record<string, Record<string, unknown>>;
  assert.deepEqual(Object.keys(merged["b"] ?? {}), ["__proto__"]);
  assert.equal(({} as { polluted?: number }).polluted, undefined);
  assert.equal((merged as { polluted?: number }).polluted, undefined);
  assert.equal(codeOf("a: {<<: 5}"), "E_YAML_MERGE");
  assert.equal(codeOf("a: {<<: [{x: 1}, 5]}"), "E_YAML_MERGE");
});

test("merge keys are laid in their order, as Kubernetes' reader does", () => {
  assert.deepEqual(only("a: &a {x: 1, w: 1}\nb: {<<: *a, x: 2}\nc: {x: 2, <<: *a}\nd: {<<: [*a, {x: 3, z: 3}]}\n'<<': q"), {
    a: { x: 1, w: 1 },
    b: { x: 2, w: 1 },
    c: { x: 1, w: 1 },
    d: { x: 1, w: 1, z: 3 },
    "<<": "q",
  });
  assert.deepEqual(only("a: &a {x: 1}\nb:\n  !!merge <<: *a"), { a: { x: 1 }, b: { x: 1 } });
});

test("B19 tags that are not plain data are refused", () => {
  for (const text of [
    "!!js/function 'x'",
    "!!binary aGk=",
    "!custom x",
    "!!set {a}",
    "!!omap [a: 1]",
    "!!python/object:x {}",
    "!!int abc",
    "!!bool 5",
  ]) {
    assert.equal(codeOf(`a: ${text}`), "E_YAML_TAG", text);
  }
});

test("B20 a key given twice is an error with its line", () => {
  const [fault] = readYaml("a: 1\nb:\n  c: 1\n  c: 2\n").faults;
  assert.deepEqual([fault?.code, fault?.line], ["E_YAML_DUPKEY", 4]);
});

test("B22 an integer that would be rounded is an error that names the field", () => {
  const [fault] = readYaml("# x\nmetadata:\n  items:\n    - big: 9007199254740993\n").faults;
  assert.equal(fault?.code, "E_NUMBER");
  assert.match(fault?.message ?? "", /^metadata\.items\[0\]\.big: /);
  assert.equal(fault?.line, 4);
  assert.deepEqual(only("a: 9007199254740991\nb: -9007199254740991\nc: '18446744073709551615'"), {
    a: 9007199254740991,
    b: -9007199254740991,
    c: "18446744073709551615",
  });
  for (const text of ["9007199254740992", "-9007199254740993", "0xFFFFFFFFFFFFFFFF", "123456789012345678901234567890"])
    assert.equal(codeOf(`a: ${text}`), "E_NUMBER");
});

test("B23 NaN and infinity are refused", () => {
  for (const text of [".nan", ".NaN", ".inf", "-.Inf", "+.INF", "!!float .inf"]) assert.equal(codeOf(`a: ${text}`), "E_NUMBER", text);
});

test("B24 what YAML does not allow in a text is E_ENCODING, a byte order mark is not", () => {
  assert.deepEqual(only("\uFEFFa: 1"), { a: 1 });
  assert.equal(codeOf("a: \u0000"), "E_ENCODING");
  assert.equal(codeOf("a: \u0007"), "E_ENCODING");
  assert.equal(codeOf("a: \ud800"), "E_ENCODING");
  assert.equal(codeOf('a: "\\ud800"'), "E_ENCODING");
  assert.equal(codeOf("a:\n\t- b"), "E_YAML");
});

test("B25 CRLF, no final newline and one very long line are read, or refused by size", () => {
  assert.deepEqual(only("a: 1\r\nb: |\r\n  x\r\n  y\r\nc: 'z'"), { a: 1, b: "x\ny\n", c: "z" });
  const long = "x".repeat(10 * 1024 * 1024);
  assert.deepEqual(only(`a: ${long}`), { a: long });
  assert.equal(codeOf(`a: ${long}`, { charsMax: 1024 * 1024 }), "E_YAML_LIMIT");
});

test("B26 ten thousand and one documents are refused; empty ones are counted", () => {
  assert.equal(codeOf("---\na: 1\n".repeat(10_001)), "E_YAML_LIMIT");
  const { documents, empty } = readYaml("a: 1\n---\n---\nnull\n---\nb: 2\n");
  assert.deepEqual([documents.length, empty], [2, 2]);
});

test("S43 values are counted, not bytes, over all documents of a file", () => {
  assert.equal(codeOf(`[${"1,".repeat(5000)}]`, { nodesMax: 4999 }), "E_YAML_LIMIT");
  const { documents, faults } = readYaml("a: [1, 2, 3]\n---\na: [1, 2, 3]\n", { nodesMax: 8 });
  assert.deepEqual([documents.length, faults.map(({ code }) => code)], [1, ["E_YAML_LIMIT"]]);
});

test("a field is found in its file", () => {
  const text = "# head\na: 1\n---\nspec:\n  list:\n    - name: x\n      port: 80\n  yes: 1\n  base: &b {q: 1}\n  use: *b\n";
  assert.deepEqual(locate(text, 1, ["spec", "list", 0, "port"]), { line: 7, column: 7 });
  assert.deepEqual(locate(text, 1, ["spec", "list", 0, "absent"]), { line: 6, column: 7 });
  assert.deepEqual(locate(text, 1, ["spec", "use", "q"]), { line: 9, column: 13 });
  assert.deepEqual(locate(text, 0, ["a"]), { line: 2, column: 1 });
  assert.equal(locate(text, 7, []), undefined);
});
