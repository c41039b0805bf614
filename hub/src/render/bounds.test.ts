// Hostile charts: each dies alone, within its bounds, and the next render works.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Renderer, type RenderInput, type RendererOptions, type RenderResult } from "./render.ts";
import { chartOf, configMap, filesOf, inputOf } from "./testdata.ts";

const good = inputOf("helm", "chart", chartOf({ "a.yaml": configMap("a", "x: '1'") }));

async function codeOf(result: Promise<RenderResult>): Promise<string> {
  const got = await result;
  return got.kind === "failed" ? got.code : got.kind;
}

async function survives(template: string, options: RendererOptions, codes: readonly string[]): Promise<void> {
  await using renderer = await Renderer.open(options);
  await survivesIn(renderer, template, codes);
}

async function survivesIn(renderer: Renderer, template: string, codes: readonly string[]): Promise<void> {
  const hostile = inputOf("helm", "chart", chartOf({ "a.yaml": template }));
  const [first, second] = await Promise.all([codeOf(renderer.render(hostile)), codeOf(renderer.render(good))]);
  assert.ok(codes.includes(first), first);
  assert.equal(second, "rendered");
}

const loop = '{{ define "x" }}{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}{{ end }}{{ include "x" . }}';

test("B46 S45 a template that loops is ended with its thread, and the next render gets a fresh one", async () => {
  await survives(loop, { timeoutMs: 2_000 }, ["E_TIMEOUT"]);
});

test("F12 S45 a template that eats memory dies alone, and nothing runs in what it leaves behind", async () => {
  await using renderer = await Renderer.open({ memoryMaxMb: 128 });
  const counting = (until: number): RenderInput =>
    inputOf("helm", "chart", chartOf({ "a.yaml": `{{ range until ${until} }}{{ end }}${configMap("a", "x: '1'")}` }));
  for (let round = 0; round < 2; round += 1) {
    assert.equal(await codeOf(renderer.render(counting(100_000_000))), "E_LIMIT");
    assert.equal(await codeOf(renderer.render(counting(1_500_000))), "rendered");
  }
});

test("B46 S45 a template that includes itself is refused", async () => {
  await using renderer = await Renderer.open({ memoryMaxMb: 256 });
  const codes = ["E_LIMIT"];
  await survivesIn(renderer, '{{ define "x" }}{{ include "x" . }}{{ end }}{{ include "x" . }}', codes);
  await survivesIn(renderer, '{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}', codes);
  await survivesIn(renderer, '{{ define "x" }}{{ tpl "{{ include \\"x\\" . }}" . }}{{ end }}{{ include "x" . }}', codes);
});

test("S45 a small chart that grows to a huge text is refused by its output", async () => {
  const grow = '{{ $a := "xxxxxxxxxxxxxxxx" }}{{ range until 10 }}{{ $a = cat $a $a }}{{ end }}';
  await survives(`${grow}a: "{{ range until 500 }}{{ $a }}{{ end }}"`, { outputMaxBytes: 1_000_000 }, ["E_LIMIT"]);
  await survives("{{ range until 110000 }}- {}\n{{ end }}", { nodesMax: 100_000 }, ["E_YAML_LIMIT"]);
});

test("S45 a schema that refers to itself is read in bounds", async () => {
  await using renderer = await Renderer.open({ timeoutMs: 10_000 });
  const schema = {
    $ref: "#/definitions/a",
    definitions: { a: { allOf: [{ $ref: "#/definitions/b" }] }, b: { allOf: [{ $ref: "#/definitions/a" }] } },
  };
  const chart = chartOf({ "a.yaml": configMap("a", "x: '1'") }, { "values.schema.json": JSON.stringify(schema), "values.yaml": "a: 1\n" });
  assert.notEqual(await codeOf(renderer.render(inputOf("helm", "chart", chart))), "rendered");
  assert.equal(await codeOf(renderer.render(good)), "rendered");
});

const bomb = (count: number): RenderInput => inputOf("yaml", "", filesOf({ "a.yaml": `a: [${"{},".repeat(count)}]` }));

test("S43 plain YAML that is small on disk and large in memory is refused before it is in memory", async () => {
  await using renderer = await Renderer.open({ nodesMax: 100_000 });
  assert.equal(await codeOf(renderer.render(bomb(150_000))), "E_YAML_LIMIT");
  assert.equal(await codeOf(renderer.render(bomb(95_000))), "E_OBJECT_INVALID");
  assert.equal(await codeOf(renderer.render(good)), "rendered");
});

test("S43 a thread has room for all that the bound lets in", async () => {
  await using renderer = await Renderer.open();
  assert.equal(await codeOf(renderer.render(bomb(1_900_000))), "E_OBJECT_INVALID");
  assert.equal(await codeOf(renderer.render(good)), "rendered");
});

test("S43 many files together have the bound of one", async () => {
  await using renderer = await Renderer.open({ nodesMax: 100_000 });
  const item = `apiVersion: v1\nkind: X\nmetadata: {name: x}\nspec: [${"{},".repeat(35_000)}]`;
  const files = filesOf({ "a.yaml": item, "b.yaml": item.replace("name: x", "name: other"), "c.yaml": item });
  assert.ok(["E_LIMIT", "E_YAML_LIMIT"].includes(await codeOf(renderer.render(inputOf("yaml", "", files)))));
  assert.equal(await codeOf(renderer.render(inputOf("yaml", "", new Map([...files].slice(0, 2))))), "rendered");
});

test("a render that is aborted rejects with the reason, and the others go on", async () => {
  await using renderer = await Renderer.open();
  const stop = new AbortController();
  const endless = renderer.render(inputOf("helm", "chart", chartOf({ "a.yaml": loop })), stop.signal);
  const next = codeOf(renderer.render(good));
  const waiting = new AbortController();
  const never = renderer.render(good, waiting.signal);
  waiting.abort(new Error("not wanted any more"));
  await assert.rejects(never, /not wanted any more/);
  stop.abort(new Error("the App is gone"));
  await assert.rejects(endless, /the App is gone/);
  assert.equal(await next, "rendered");
});

test("a closed renderer refuses, and ends what runs", async () => {
  const renderer = await Renderer.open();
  const endless = renderer.render(inputOf("helm", "chart", chartOf({ "a.yaml": loop })));
  const ended = assert.rejects(endless, /closed/);
  await renderer[Symbol.asyncDispose]();
  await ended;
  await assert.rejects(renderer.render(good), /closed/);
});

test("a missing module is an error with the remedy", async () => {
  await assert.rejects(Renderer.open({ modulePath: "/nowhere/render.wasm" }), /cannot find the rendering module.*make setup/);
});
