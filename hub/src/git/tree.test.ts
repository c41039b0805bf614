import assert from "node:assert/strict";
import { test } from "node:test";

import { parseTree } from "./objects.ts";
import { whyUnsafe } from "./names.ts";
import { treeOf, type Objects, type RawEntry, type Tree } from "./tree.ts";

type Files = { readonly [name: string]: string | Files | { readonly link: string } | { readonly submodule: true } };
const isLink = (value: object): value is { link: string } => typeof (value as { link?: unknown }).link === "string";

/** Objects in memory: the same port that repositories and folders have. */
function memory(root: Files): Tree {
  const trees = new Map<string, readonly RawEntry[]>();
  const blobs = new Map<string, string>();
  const add = (files: Files): string => {
    const entries = Object.entries(files).map(([name, value]): RawEntry => {
      if (typeof value === "string" || isLink(value)) {
        const oid = `b${blobs.size}`;
        blobs.set(oid, typeof value === "string" ? value : value.link);
        return { name, kind: typeof value === "string" ? "blob" : "symlink", oid };
      }
      if ("submodule" in value) return { name, kind: "submodule", oid: "s" };
      return { name, kind: "tree", oid: add(value as Files) };
    });
    const oid = `t${trees.size}`;
    trees.set(oid, entries);
    return oid;
  };
  const top = add(root);
  const objects: Objects = {
    tree: (oid) => Promise.resolve(trees.get(oid) ?? []),
    blob: (oid) => Promise.resolve(Buffer.from(blobs.get(oid) ?? "")),
  };
  return treeOf(objects, top);
}

async function outcome(tree: Tree, path: string): Promise<string> {
  try {
    const entry = await tree.entry(path);
    if (entry === undefined) return "nothing";
    return entry.kind === "tree" ? `folder ${entry.path}` : Buffer.from(await tree.read(entry.oid)).toString();
  } catch (error) {
    return (error as { fault?: { code: string } }).fault?.code ?? String(error);
  }
}

test("B01 B02 a path stays in the repository", async () => {
  const tree = memory({ "top.yaml": "top", apps: { web: { "app.yaml": "web" } } });
  const table = {
    "apps/web/app.yaml": "web",
    "./apps//web/./app.yaml": "web",
    "apps/web/../../top.yaml": "top",
    "": "folder ",
    ".": "folder ",
    "apps/web": "folder apps/web",
    "apps/nothing": "nothing",
    "top.yaml/x": "nothing",
    "../top.yaml": "E_PATH_ESCAPE",
    "apps/../../apps": "E_PATH_ESCAPE",
    "/etc/passwd": "E_PATH_ESCAPE",
    "C:\\x": "E_PATH_ESCAPE",
    "C:/x": "E_PATH_ESCAPE",
    "\\\\host\\share": "E_PATH_ESCAPE",
    "file:///etc/passwd": "E_PATH_ESCAPE",
    "apps\\..\\..\\x": "E_PATH_ESCAPE",
    "apps\0": "E_PATH_ESCAPE",
  };
  for (const [path, expected] of Object.entries(table)) assert.equal(await outcome(tree, path), expected, JSON.stringify(path));
});

test("B03 S02 a link is followed inside the repository only", async () => {
  const tree = memory({
    base: { "app.yaml": "base", deep: { "x.yaml": "x" } },
    apps: {
      inside: { link: "../base/app.yaml" },
      folder: { link: "../base" },
      through: { link: "folder/deep" },
      outside: { link: "../../etc/passwd" },
      absolute: { link: "/var/run/secrets/token" },
      absoluteInside: { link: "/near.yaml" },
      "near.yaml": "near",
      loop: { link: "loop2" },
      loop2: { link: "loop" },
      dangling: { link: "nothing" },
      throughFile: { link: "../base/app.yaml/x" },
      backAndForth: { link: "../../apps/inside" },
      windows: { link: "..\\base\\app.yaml" },
      empty: { link: "" },
      long: { link: "x/".repeat(3_000) },
    },
  });
  const table = {
    "apps/inside": "base",
    "apps/folder/app.yaml": "base",
    "apps/through/x.yaml": "x",
    "apps/through/../app.yaml": "base",
    "apps/folder": "folder base",
    "apps/folder/nothing": "nothing",
    "apps/inside/x": "nothing",
    "apps/throughFile": "E_SYMLINK",
    "apps/outside": "E_SYMLINK",
    "apps/absolute": "E_SYMLINK",
    "apps/absoluteInside": "E_SYMLINK",
    "apps/loop": "E_SYMLINK",
    "apps/dangling": "E_SYMLINK",
    "apps/backAndForth": "E_SYMLINK",
    "apps/windows": "E_SYMLINK",
    "apps/empty": "E_SYMLINK",
    "apps/long": "E_SYMLINK",
  };
  for (const [path, expected] of Object.entries(table)) assert.equal(await outcome(tree, path), expected, path);
});

test("B03 a chain of links is followed for forty links and no more", async () => {
  const chain = (length: number): Files => ({
    l0: "end",
    ...Object.fromEntries(Array.from({ length }, (_, i) => [`l${i + 1}`, { link: `l${i}` }])),
  });
  assert.equal(await outcome(memory(chain(40)), "l40"), "end");
  assert.equal(await outcome(memory(chain(41)), "l41"), "E_SYMLINK");
});

test("an entry says which links were followed on the way, by their own paths", async () => {
  const tree = memory({
    base: { "app.yaml": "base", deep: { "x.yaml": "x" } },
    apps: { folder: { link: "../base" }, through: { link: "folder/deep" }, "own.yaml": "own" },
  });
  const links = async (path: string) => (await tree.entry(path))?.links;
  assert.deepEqual(await links("apps/own.yaml"), []);
  assert.deepEqual(await links("apps/folder/app.yaml"), ["apps/folder"]);
  assert.deepEqual(await links("apps/through/x.yaml"), ["apps/through", "apps/folder"]);
  assert.deepEqual(await links("apps/through"), ["apps/through", "apps/folder"]);
});

const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"4d7a".repeat(16)}\nsize 12345\n`;

test("B14 a pointer of Git LFS is refused where it is read, by its path; what only speaks of LFS is a file", async () => {
  const files = {
    "app.yaml": pointer,
    "old.yaml": pointer.replace("git-lfs.github.com", "hawser.github.com").replace("https", "http"),
    "notes.md": `see:\n${pointer}`,
    "large.yaml": `${pointer}${"x".repeat(2_000)}`,
    "other.yaml": "version: 1\n",
    "half.yaml": "version https://git-lfs.github.com/spec/v1\n",
  };
  const tree = memory(files);
  const entry = await tree.entry("app.yaml");
  await assert.rejects(tree.read(entry?.oid ?? ""), { subject: "app.yaml", message: /cannot read app\.yaml: it is a pointer of Git LFS/ });
  assert.equal(await outcome(tree, "old.yaml"), "E_LFS_POINTER");
  for (const name of ["notes.md", "large.yaml", "other.yaml", "half.yaml"] as const) assert.equal(await outcome(tree, name), files[name]);
});

test("B04 a submodule is refused where somebody reads it, and nowhere else", async () => {
  const tree = memory({ vendored: { submodule: true }, "a.yaml": "a" });
  assert.equal(await outcome(tree, "vendored"), "E_SUBMODULE");
  assert.equal(await outcome(tree, "vendored/x.yaml"), "E_SUBMODULE");
  assert.equal(await outcome(tree, "a.yaml"), "a");
});

const unsafe = [
  "",
  ".",
  "..",
  "a/b",
  "a\\b",
  ".git",
  ".GIT",
  ".Git.",
  ".git ",
  "git~1",
  "GIT~1",
  ".git::$INDEX_ALLOCATION",
  ".git:x",
  ".g\u200cit",
  ".git\u200c",
  "\ufeff.git",
  "a\0b",
  "a\nb",
  "a\u001b[31mb",
  "a\u202eb",
  "a\u2028b",
  "x".repeat(4_096),
];

test("B05 B08 S07 S08 names that mean something else somewhere are refused", () => {
  for (const name of unsafe) assert.notEqual(whyUnsafe(name), null, JSON.stringify(name));
  assert.notEqual(whyUnsafe(undefined), null);
  for (const name of ["app.yaml", ".gitignore", ".github", "ä", "a b", "日本", "git", "a~1", "$(touch pwned)", "-rf", "C:x"])
    assert.equal(whyUnsafe(name), null, name);
});

test("B05 a refused name stops only itself, and is shown escaped", async () => {
  const tree = memory({ ".GIT": { config: "x" }, "a\u001b[31m.yaml": "x", "a.yaml": "a" });
  const items = await tree.list("");
  assert.deepEqual(
    items.map((item) => [item.name, item.kind]),
    [
      [".GIT", "refused"],
      ["a.yaml", "blob"],
      ["a\\u{1b}[31m.yaml", "refused"],
    ],
  );
  assert.equal(await outcome(tree, ".GIT/config"), "E_NAME_UNSAFE");
  assert.equal(await outcome(tree, "a.yaml"), "a");
});

test("B07 names that differ only in case or Unicode form are refused, both of them", async () => {
  const tree = memory({ "App.yaml": "1", "app.yaml": "2", "\u00e4.yaml": "3", "a\u0308.yaml": "4", "ok.yaml": "ok" });
  for (const name of ["App.yaml", "app.yaml", "\u00e4.yaml", "a\u0308.yaml"])
    assert.equal(await outcome(tree, name), "E_NAME_COLLISION", name);
  assert.equal(await outcome(tree, "ok.yaml"), "ok");
});

test("B06 S08 names of JavaScript's own are plain names", async () => {
  const tree = memory(JSON.parse('{"__proto__": {"polluted": "x"}, "constructor": "c", "hasOwnProperty": "h"}') as Files);
  assert.equal(await outcome(tree, "constructor"), "c");
  assert.equal(await outcome(tree, "toString"), "nothing");
  assert.equal(await outcome(tree, "__proto__/polluted"), "x");
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
});

test("a malformed tree object is refused", () => {
  const line = (mode: string, name: string) => Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.alloc(20, 1)]);
  const good = parseTree(Buffer.concat([line("100644", "a"), line("40000", "b")]), "root");
  assert.deepEqual(
    good.map((entry) => [entry.name, entry.kind]),
    [
      ["a", "blob"],
      ["b", "tree"],
    ],
  );
  assert.equal(
    parseTree(Buffer.concat([Buffer.from("100644 "), Buffer.from([0xff, 0xfe, 0]), Buffer.alloc(20)]), "root")[0]?.name,
    undefined,
  );
  for (const bytes of [
    line("777", "a"),
    line("100644", "a").subarray(0, 20),
    Buffer.from("100644"),
    Buffer.from("100644 a"),
    Buffer.from(" a\0"),
  ])
    assert.throws(() => parseTree(bytes, "root"), { code: "corrupt" });
});
