import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { readArchive } from "./archive.ts";
import { defaultLimits } from "./limits.ts";
import { codeOf, folder, pax, tarOf, type Entry } from "./testdata/world.ts";

const read = (bytes: Uint8Array, limits = {}) => readArchive(bytes, "shop", { ...defaultLimits, ...limits });
const text = (files: ReadonlyMap<string, Uint8Array>): object =>
  Object.fromEntries([...files].map(([path, bytes]) => [path, Buffer.from(bytes).toString()]));

const refused: Readonly<Record<string, readonly Entry[]>> = {
  "a path upwards": [{ name: "shop/../../etc/cron.d/x" }],
  "a path upwards in a PAX header": [{ name: "x", type: "x", content: pax("path", "../x") }, { name: "y" }],
  "a path upwards in a GNU name": [{ name: "././@LongLink", type: "L", content: "../x\0" }, { name: "y" }],
  "an absolute path": [{ name: "/etc/passwd" }],
  "a path of another system": [{ name: "C:/x" }],
  "a backslash": [{ name: "shop\\..\\x" }],
  "a symbolic link": [{ name: "shop/link", type: "2", link: "/etc/passwd" }],
  "a hard link": [{ name: "shop/link", type: "1", link: "shop/Chart.yaml" }],
  "a device": [{ name: "shop/null", type: "3" }],
  "a pipe": [{ name: "shop/pipe", type: "6" }],
  "a GNU sparse file": [{ name: "shop/sparse", type: "S" }],
  "a PAX sparse file": [{ name: "x", type: "x", content: pax("GNU.sparse.major", "1") }, { name: "y" }],
  "an unknown type": [{ name: "shop/what", type: "7" }],
  "a file twice": [{ name: "shop/a" }, { name: "shop/a" }],
  "a file twice with a dot between": [{ name: "shop/a" }, { name: "./shop/a" }],
  "names that differ in case": [{ name: "shop/README.md" }, { name: "shop/readme.md" }],
  "folders that differ in case": [{ name: "shop/a" }, { name: "Shop/b" }],
  "names that differ in Unicode form": [{ name: "caf\u00e9" }, { name: "cafe\u0301" }],
  "a file that is a folder": [{ name: "a" }, { name: "a/b" }],
  "a folder that is a file": [{ name: "a/b" }, { name: "a" }],
  "a NUL in a PAX name": [{ name: "x", type: "x", content: pax("path", "a\0b") }, { name: "y" }],
  "a line break in a name": [{ name: "a\nb" }],
  "no name": [{ name: "" }],
  "an empty part": [{ name: "a//b" }],
  "a name for all": [{ name: "x", type: "g", content: pax("path", "y") }, { name: "z" }],
  "a broken PAX header": [{ name: "x", type: "x", content: "99 path=y\n" }, { name: "z" }],
  "a PAX key twice": [{ name: "x", type: "x", content: pax("path", "y") + pax("path", "../z") }, { name: "z" }],
  "a size that is none": [{ name: "x", type: "x", content: pax("size", "-1") }, { name: "z" }],
};

for (const [what, entries] of Object.entries(refused)) {
  test(`B50 an archive with ${what} is refused, packed or not`, async () => {
    assert.equal(await codeOf(read(tarOf(entries))), "E_ARCHIVE");
    assert.equal(await codeOf(read(gzipSync(tarOf(entries)))), "E_ARCHIVE");
  });
}

test("B50 a refused entry is named, and its name cannot write to a terminal", async () => {
  await assert.rejects(read(tarOf([{ name: "shop/\u001b[31mred", type: "2" }])), (error: Error) => {
    assert.match(error.message, /a symbolic link: "shop\/\\u001b\[31mred"/);
    return true;
  });
});

test("B50 a bomb is refused before it is unpacked, by its ratio and by its size", async () => {
  const bomb = gzipSync(tarOf([{ name: "zeros", content: Buffer.alloc(32 << 20) }]));
  assert.ok(bomb.length < 64 << 10);
  assert.equal(await codeOf(read(bomb)), "E_LIMIT");
  assert.equal(await codeOf(read(tarOf([{ name: "a", content: Buffer.alloc(4_096) }]), { inflatedBytes: 2_048 })), "E_LIMIT");
  assert.equal(await codeOf(read(gzipSync(tarOf([{ name: "a", content: Buffer.alloc(4_096) }])), { inflatedBytes: 2_048 })), "E_LIMIT");
});

test("B50 too many files, too many entries and too long names are limits", async () => {
  const many = Array.from({ length: 12 }, (_, at) => ({ name: `f${at}` }));
  assert.equal(await codeOf(read(tarOf(many), { files: 11 })), "E_LIMIT");
  assert.equal((await read(tarOf(many), { files: 12 })).size, 12);
  const folders = Array.from({ length: 12 }, (_, at) => ({ name: `f${at}/`, type: "5" }));
  assert.equal(await codeOf(read(tarOf(folders), { files: 2 })), "E_LIMIT");
  assert.equal(await codeOf(read(tarOf([{ name: "x", type: "x", content: pax("path", "y".repeat(2_000)) }, { name: "z" }]))), "E_LIMIT");
});

test("B50 a damaged archive is refused: cut, with a wrong checksum, half a gzip, or no archive", async () => {
  const good = tarOf([{ name: "a", content: "hello" }]);
  const flipped = Buffer.from(good);
  flipped[3] = 0x41;
  const whole = gzipSync(good);
  for (const bytes of [good.subarray(0, 500), good.subarray(0, 515), flipped, whole.subarray(0, 40), Buffer.from("<html>no</html>")])
    assert.equal(await codeOf(read(bytes)), "E_ARCHIVE");
});

test("long names, folders, a commit for all and a missing end are as tar reads them", async () => {
  const long = `deep/${"n".repeat(150)}.yaml`;
  const files = await read(
    tarOf(
      [
        { name: "pax_global_header", type: "g", content: pax("comment", "0123abc") },
        { name: "./", type: "5" },
        { name: "./a/", type: "5" },
        { name: "./a/b.yaml", content: "b" },
        { name: "x", type: "x", content: pax("path", long) + pax("mtime", "1.5") },
        { name: "cut", content: "pax" },
        { name: "././@LongLink", type: "L", content: `gnu-${long}\0` },
        { name: "cut", content: "gnu" },
        { name: "file.yaml", prefix: "p".repeat(60), content: "prefix" },
      ],
      false,
    ),
  );
  assert.deepEqual(text(files), { "a/b.yaml": "b", [long]: "pax", [`gnu-${long}`]: "gnu", [`${"p".repeat(60)}/file.yaml`]: "prefix" });
});

for (const format of ["ustar", "pax", "gnu", "v7"]) {
  test(`what the system's tar writes as ${format} is read as it was`, async (t) => {
    const dir = await folder(t);
    const paths = ["Chart.yaml", "templates/ä ö.yaml", ...(format === "v7" ? [] : [`d/${"x".repeat(90)}/${"y".repeat(80)}.yaml`])];
    for (const path of paths) {
      await mkdir(join(dir, "in", path, ".."), { recursive: true });
      await writeFile(join(dir, "in", path), `content of ${path}\n`.repeat(40));
    }
    const bytes = execFileSync("tar", [`--format=${format}`, "-C", join(dir, "in"), "-cf", "-", "."]);
    assert.deepEqual(text(await read(bytes)), Object.fromEntries(paths.map((path) => [path, `content of ${path}\n`.repeat(40)])));
  });
}
