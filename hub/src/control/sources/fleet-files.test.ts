// What of a Source's files is taken for documents, and what of them cannot be read.

import assert from "node:assert/strict";
import { test } from "node:test";

import { byCodeUnits } from "@muster/proto/model/canonical";
import { digestOf } from "@muster/proto/model/digest";

import { archiveSnapshot } from "./archive-tree.ts";
import { nextFiles } from "./fleet-files.ts";

const zurich = 'apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata: {name: a, annotations: {town: "Zürich"}}\n';

/** Path, first problem, documents, and whether what it held stays. */
async function read(bytes: Readonly<Record<string, Buffer>>, held: readonly string[] = []) {
  const snapshot = archiveSnapshot(digestOf("c"), new Map(Object.entries(bytes)));
  const options = { source: "root", path: "", remedy: "", heldPaths: () => new Set(held) };
  const { files } = await nextFiles(options, new Map(), null, snapshot);
  const lines = [...files].map(([path, { problems, documents, broken }]) => [path, problems[0]?.code, documents.length, broken]);
  return lines.toSorted(([a], [b]) => byCodeUnits(String(a), String(b)));
}

test("B24 documents in another encoding are an error of their file, and no letter of them is replaced", async () => {
  const found = await read({
    "latin.yaml": Buffer.from(zurich, "latin1"),
    "utf16.yaml": Buffer.from(`\ufeff${zurich}`, "utf16le"),
    "utf16-be.yaml": Buffer.from(`\ufeff${zurich}`, "utf16le").swap16(),
    "of-others.yaml": Buffer.from("# Zürich\n", "latin1"),
    "marked.yaml": Buffer.from(`\ufeff${zurich}`),
  });
  assert.deepEqual(found, [
    ["latin.yaml", "E_ENCODING", 0, true],
    ["marked.yaml", undefined, 1, false],
    ["utf16-be.yaml", "E_ENCODING", 0, true],
    ["utf16.yaml", "E_ENCODING", 0, true],
  ]);
});

test("B24 I2 a file that held documents and is in another encoding now keeps what it held", async () => {
  const files = { "a.yaml": Buffer.from("# Zürich\n", "latin1") };
  assert.deepEqual(await read(files, ["a.yaml"]), [["a.yaml", "E_ENCODING", 0, true]]);
});

test("B25 a new file of documents that is too large is told, and not passed over", async () => {
  const large = Buffer.from(`${zurich}#${"x".repeat(4 * 1024 * 1024)}`);
  assert.deepEqual(await read({ "a.yaml": large, "notes.yaml": Buffer.alloc(large.length, "#") }), [["a.yaml", "E_LIMIT", 0, true]]);
});
