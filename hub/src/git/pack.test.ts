import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { deflateSync } from "node:zlib";

import { defaultLimits } from "./limits.ts";
import { checkPack } from "./pack.ts";

const blob = 3;

/** One object of a pack: type, the size it says it has, what stands between head and data, and the data. */
function object(type: number, size: number, data: Uint8Array, between: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = [(type << 4) | (size & 15)];
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    head[head.length - 1] = (head.at(-1) ?? 0) | 0x80;
    head.push(rest % 128);
  }
  return Buffer.concat([Buffer.from(head), between, deflateSync(data)]);
}

function pack(objects: readonly Buffer[], count = objects.length, after = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(12);
  head.write("PACK");
  head.writeUInt32BE(2, 4);
  head.writeUInt32BE(count, 8);
  const body = Buffer.concat([head, ...objects, after]);
  return Buffer.concat([body, createHash("sha1").update(body).digest()]);
}

const plain = (text: string) => object(blob, text.length, Buffer.from(text));
/** A delta of no use but for its head: it says to make `target` bytes. */
function delta(target: number, distance: number): Buffer {
  const numbers = [1];
  for (let rest = target; ; rest = Math.floor(rest / 128)) {
    numbers.push((rest % 128) | (rest >= 128 ? 0x80 : 0));
    if (rest < 128) break;
  }
  return object(6, numbers.length, Buffer.from(numbers), Buffer.from([distance]));
}

const checked = async (bytes: Uint8Array, limits: Partial<typeof defaultLimits> = {}): Promise<string> => {
  try {
    await checkPack(bytes, "root", { ...defaultLimits, ...limits });
    return "accepted";
  } catch (error) {
    return (error as { fault?: { code: string } }).fault?.code ?? String(error);
  }
};

test("a whole pack is accepted", async () => {
  assert.equal(await checked(pack([])), "accepted");
  assert.equal(await checked(pack([plain("a"), plain(""), plain("x".repeat(5_000))])), "accepted");
  assert.equal(await checked(pack([plain("a"), delta(1, plain("a").length)])), "accepted");
});

test("F37 a pack that is cut off, damaged or lies about its objects is refused", async () => {
  const good = pack([plain("some text"), plain("other text")]);
  for (let length = 0; length < good.length; length += 1)
    assert.equal(await checked(good.subarray(0, length)), "E_GIT_CORRUPT", `${length} bytes`);
  for (let at = 0; at < good.length; at += 1) {
    const damaged = Buffer.from(good);
    damaged[at] = (damaged[at] ?? 0) ^ 0x10;
    assert.equal(await checked(damaged), "E_GIT_CORRUPT", `byte ${at}`);
  }
  assert.equal(await checked(pack([object(blob, 3, Buffer.from("longer"))])), "E_GIT_CORRUPT");
  assert.equal(await checked(pack([object(blob, 30, Buffer.from("shorter"))])), "E_GIT_CORRUPT");
  assert.equal(await checked(pack([object(5, 1, Buffer.from("x"))])), "E_GIT_CORRUPT");
  assert.equal(await checked(pack([plain("a")], 2)), "E_GIT_CORRUPT");
  assert.equal(await checked(pack([plain("a")], 0)), "E_GIT_CORRUPT");
  assert.equal(await checked(pack([plain("a")], 1, Buffer.from("more"))), "E_GIT_CORRUPT");
});

test("B12 a pack that would grow beyond the limits is refused by what it says, not by what it costs", async () => {
  const limits = { objectBytes: 1_000, inflatedBytes: 2_500, objects: 100, deltaDepth: 10 };
  const [small, large] = [plain("x".repeat(900)), plain("x".repeat(1_001))];
  assert.equal(await checked(pack([small, small]), limits), "accepted");
  assert.equal(await checked(pack([large]), limits), "E_LIMIT");
  assert.equal(await checked(pack([small, small, small]), limits), "E_LIMIT");
  assert.equal(await checked(pack([], 101), limits), "E_LIMIT");
  assert.equal(await checked(pack([object(blob, 10 * 2 ** 30, Buffer.from("x"))]), limits), "E_LIMIT");
  assert.equal(await checked(pack([plain("a"), delta(10 * 2 ** 30, plain("a").length)]), limits), "E_LIMIT");
  const chain = [plain("a")];
  while (chain.length < 12) chain.push(delta(1, (chain.at(-1) ?? Buffer.alloc(0)).length));
  assert.equal(await checked(pack(chain.slice(0, 11)), limits), "accepted");
  assert.equal(await checked(pack(chain), limits), "E_LIMIT");
  assert.equal(await checked(pack([plain("a"), delta(1, 3)]), limits), "E_LIMIT", "a base that is no object");
});
