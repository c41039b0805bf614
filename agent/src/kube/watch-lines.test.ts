import { deepEqual, rejects } from "node:assert/strict";
import { test } from "node:test";
import { OperationError } from "@muster/proto/model/failure";
import { watchLines, type WatchLine } from "./watch-lines.ts";

const text = '{"type":"ADDED","object":{"a":"ü€𝄞"}}\n\n{"type":"BOOKMARK","object":{}}\n';
const lines = [
  { type: "ADDED", object: { a: "ü€𝄞" } },
  { type: "BOOKMARK", object: {} },
];

test("lines are whole however the chunks are cut, also within a character", async () => {
  const bytes = Buffer.from(text);
  for (let size = 1; size <= bytes.length; size += 1) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
    deepEqual(await all(chunks), lines);
  }
});

test("a line that was not finished is no event", async () => {
  deepEqual(await all([Buffer.from('{"type":"DELETED","object":{}}')]), []);
});

test("a line that does not end is a limit, not memory", async () => {
  await rejects(all([Buffer.alloc(600, 120), Buffer.alloc(600, 120)]), failsWith("limit"));
});

test("what is no event ends the watch as unavailable", async () => {
  for (const line of ["nonsense", "[]", '{"type":"ADDED"}', '{"object":{}}'])
    await rejects(all([Buffer.from(`${line}\n`)]), failsWith("unavailable"));
});

async function all(chunks: readonly Buffer[]): Promise<readonly WatchLine[]> {
  const got: WatchLine[] = [];
  for await (const line of watchLines(stream(chunks), 1_000)) got.push(line);
  return got;
}

async function* stream(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

function failsWith(code: OperationError["code"]): (error: unknown) => boolean {
  return (error) => error instanceof OperationError && error.code === code;
}
