import assert from "node:assert/strict";
import { test } from "node:test";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";

import { OperationError } from "../model/failure.ts";
import { makeRelease, type Release } from "../model/release.ts";
import { ReleaseTransfer } from "../gen/muster/v1/link.ts";
import { decodeTransfer, encodeTransfer, transferLimits } from "./transfer.ts";

const text = (release: Release) => (digest: Parameters<Parameters<typeof encodeTransfer>[2]>[0]) =>
  release.objects.get(digest) ?? assert.fail("unknown object");

function releaseOf(count: number, changed: ReadonlyMap<number, string> = new Map()): Release {
  return makeRelease(
    Array.from({ length: count }, (_, i) => ({
      identity: { group: "", kind: "ConfigMap", namespace: "shop", name: `c${i}` },
      object: {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: `c${i}`, namespace: "shop" },
        data: { value: changed.get(i) ?? `${i}`.repeat(200) },
      },
    })),
  );
}

test("a release travels whole to who holds nothing", () => {
  const release = releaseOf(3);
  const received = decodeTransfer(encodeTransfer(release.manifest, null, text(release)), release.digest, null);
  assert.deepEqual(received.manifest, release.manifest);
  assert.deepEqual([...received.objects.keys()].toSorted(), [...release.objects.keys()].toSorted());
});

test("P13 one edited object of a thousand costs itself and less than 2 KB", () => {
  const base = releaseOf(1_000);
  const edit = "y".repeat(900);
  const target = releaseOf(1_000, new Map([[500, edit]]));
  const bytes = encodeTransfer(target.manifest, base.manifest, text(target));
  assert.ok(bytes.length < edit.length + 2_048, `${bytes.length} bytes`);
  const received = decodeTransfer(bytes, target.digest, base.manifest);
  assert.equal(received.objects.size, 1);
  assert.deepEqual(received.manifest, target.manifest);
});

const corrupt = (error: unknown): boolean => error instanceof OperationError && error.code === "corrupt";

test("I5 F19 a transfer with any byte changed is refused", () => {
  const release = releaseOf(2);
  const bytes = encodeTransfer(release.manifest, null, text(release));
  for (let i = 0; i < bytes.length; i += 1) {
    const damaged = Uint8Array.from(bytes);
    damaged[i] = (damaged[i] ?? 0) ^ 0x10;
    let received;
    try {
      received = decodeTransfer(damaged, release.digest, null);
    } catch (error) {
      assert.ok(corrupt(error) || (error instanceof OperationError && error.code === "limit"), `byte ${i}: ${String(error)}`);
      continue;
    }
    // A flip in zstd's own checksum-free framing may change nothing; then nothing may have changed.
    assert.deepEqual([received.manifest, received.objects], [release.manifest, release.objects], `byte ${i}`);
  }
});

test("S56 a release under another's name, and a delta on another base, are refused", () => {
  const [a, b] = [releaseOf(2), releaseOf(3)];
  const bytes = encodeTransfer(a.manifest, null, text(a));
  assert.throws(() => decodeTransfer(bytes, b.digest, null), corrupt);
  const delta = encodeTransfer(b.manifest, a.manifest, text(b));
  assert.throws(() => decodeTransfer(delta, b.digest, null), corrupt);
});

test("S56 an object that the manifest does not name is refused, also beside all that it names", () => {
  const [release, other] = [releaseOf(1), releaseOf(2)];
  const all = { ...release, manifest: other.manifest, objects: other.objects };
  const transfer = ReleaseTransfer.decode(zstdDecompressSync(encodeTransfer(release.manifest, null, text(release))));
  const bytes = zstdCompressSync(ReleaseTransfer.encode({ ...transfer, objects: [...all.objects.values()] }).finish());
  assert.throws(() => decodeTransfer(bytes, release.digest, null), /an object that its manifest does not name/);
});

test("B55 a transfer that swells past its limit is refused as too large", () => {
  const bomb = zstdCompressSync(new Uint8Array(transferLimits.releaseBytes + 1));
  assert.ok(bomb.length < 100_000);
  assert.throws(
    () => decodeTransfer(bomb, releaseOf(1).digest, null),
    (error) => error instanceof OperationError && error.code === "limit",
  );
});

test("S56 a delta with something that is no digest is refused", () => {
  const [a, b] = [releaseOf(1), releaseOf(2)];
  const transfer = ReleaseTransfer.decode(zstdDecompressSync(encodeTransfer(b.manifest, a.manifest, text(b))));
  const [line] = transfer.delta?.set ?? [];
  assert.ok(line);
  line.digest = Buffer.from("00", "hex");
  const bytes = zstdCompressSync(ReleaseTransfer.encode(transfer).finish());
  assert.throws(() => decodeTransfer(bytes, b.digest, a.manifest), /cannot be read/);
});

test("S56 an object under another object's name is refused", () => {
  const release = releaseOf(1);
  const other = releaseOf(2);
  const bytes = encodeTransfer(release.manifest, null, () => [...other.objects.values()].at(-1) ?? "");
  assert.throws(() => decodeTransfer(bytes, release.digest, null), corrupt);
});
