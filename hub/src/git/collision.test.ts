// B13. Two texts with one SHA-1, made by others to show that it can be done (SHAttered, 2017): the first 320 bytes of each.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { digestOf } from "@muster/proto/model/digest";
import { gitServer, open, signal, snapshotOf } from "./testdata/servers.ts";

const pair = [
  "JVBERi0xLjMKJeLjz9MKCgoxIDAgb2JqCjw8L1dpZHRoIDIgMCBSL0hlaWdodCAzIDAgUi9UeXBlIDQgMCBSL1N1YnR5cGUgNSAwIFIvRmlsdGVyIDYgMCBSL0NvbG9yU3BhY2UgNyAwIFIvTGVuZ3RoIDggMCBSL0JpdHNQZXJDb21wb25lbnQgOD4+CnN0cmVhbQr/2P/+ACRTSEEtMSBpcyBkZWFkISEhISGFL+wJIzl1nDmxocY8TJfh//4Bc0bckWa2fhGPApq2IbJWD/nKZ8yox/hbqEx5AwwrPeIY+G2zqQkB1d9FwU8m/t+z3DjpasIv571yjw5FvOBG0jxXD+sUE5i7VS71oKgr4zH+pIA3uLXXHw4zLt+TrDUA603cDezBqGR5DHgsdiFWYN0wl5HQa9CvP5jNpLxGKbE=",
  "JVBERi0xLjMKJeLjz9MKCgoxIDAgb2JqCjw8L1dpZHRoIDIgMCBSL0hlaWdodCAzIDAgUi9UeXBlIDQgMCBSL1N1YnR5cGUgNSAwIFIvRmlsdGVyIDYgMCBSL0NvbG9yU3BhY2UgNyAwIFIvTGVuZ3RoIDggMCBSL0JpdHNQZXJDb21wb25lbnQgOD4+CnN0cmVhbQr/2P/+ACRTSEEtMSBpcyBkZWFkISEhISGFL+wJIzl1nDmxocY8TJfh//4Bf0bck6a2fgE7ApqqHbJWC0XKZ9aIx/hLjEx5H+ArPfYU+G2xaQkBxWtFwVMK/t+3YDjpcnIv561yjw5JBOBGwjBXD+nUE5ir4S71vJQr4zVCpIAtmLXXDyozLsN/rDUU503cDyzBqHTNDHgwWiFWZGEwl4lga9C/P5jNqARGKaE=",
].map((text) => Buffer.from(text, "base64"));

for (const program of [undefined, null]) {
  const carrier = program === null ? "without a git program" : "with the git program";
  test(`B13 files with one SHA-1 stay two files, ${carrier}`, async (t) => {
    const server = await gitServer(t);
    await server.createRepository("fleet", Object.fromEntries(pair.map((bytes, index) => [`file-${index}`, bytes])));
    const source = await open(t, server.cloneUrl("fleet"), {}, {}, undefined, program);
    const snapshot = await snapshotOf(source.fetch(signal));
    const [first, second] = await Promise.all(
      pair.map(async (_, index) => {
        const entry = await snapshot.tree.entry(`file-${index}`);
        return { id: entry?.oid, bytes: Buffer.from(await snapshot.tree.read(entry?.oid ?? "")) };
      }),
    );
    const sha1 = pair.map((bytes) => createHash("sha1").update(bytes).digest("hex"));
    assert.equal(sha1[0], sha1[1], "that is what the pair is for");
    assert.deepEqual([first?.bytes, second?.bytes], pair);
    assert.notEqual(first?.id, second?.id, "Git's ids are over a header too");
    assert.notEqual(digestOf(first?.bytes ?? ""), digestOf(second?.bytes ?? ""));
  });
}
