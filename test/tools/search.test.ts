// Versions as programs really say them, and where programs are looked for.

import assert from "node:assert/strict";
import { test } from "node:test";
import { cacheRoot } from "./cache.ts";
import { accepts, atLeast, firstVersion, searchFolders } from "./search.ts";
import { TOOLS } from "./tools.ts";

const SAID: readonly (readonly [string, string | undefined])[] = [
  ["Kubernetes v1.36.3\n", "1.36.3"],
  ["Client Version: v1.36.3\nKustomize Version: v5.8.1\n", "1.36.3"],
  ["etcd Version: 3.6.8\nGit SHA: Not provided\nGo Version: go1.26.8\nGo OS/Arch: linux/amd64\n", "3.6.8"],
  ["kwok version v0.8.0 go1.26.8 (linux/amd64)\n", "0.8.0"],
  ["v4.3.1\n", "4.3.1"],
  ["v4.3.1+gabcdef0\n", "4.3.1"],
  ["v5.8.1\n", "5.8.1"],
  ["(devel)\n", undefined],
  ["", undefined],
];

test("the version is found in what each program says of itself", () => {
  for (const [said, version] of SAID) assert.equal(firstVersion(said), version, said);
});

test("another patch of the same minor version does where that is accepted, and only there", () => {
  assert.equal(accepts("1.36.3", "same-minor", "1.36.0"), true);
  assert.equal(accepts("1.36.3", "same-minor", "1.35.9"), false);
  assert.equal(accepts("4.3.1", "exact", "4.3.0"), false);
  assert.equal(accepts("4.3.1", "exact", "4.3.1"), true);
});

test("versions are compared by number and not by letter", () => {
  assert.equal(atLeast("1.26.0", "1.26.0"), true);
  assert.equal(atLeast("1.26.0", "1.100.0"), true);
  assert.equal(atLeast("1.26.0", "1.9.9"), false);
  assert.equal(atLeast("1.26.1", "1.26.0"), false);
});

test("programs are looked for in KUBEBUILDER_ASSETS and on PATH, never among our own links", () => {
  const environment = { KUBEBUILDER_ASSETS: "/assets", PATH: "/clone/.tools/bin:/usr/bin::/other/.tools/bin/" };
  assert.deepEqual(searchFolders(environment), ["/assets", "/usr/bin"]);
});

test("the cache is where the environment says", () => {
  assert.equal(cacheRoot({ MUSTER_CACHE: "/a", XDG_CACHE_HOME: "/b" }), "/a");
  assert.equal(cacheRoot({ MUSTER_CACHE: "", XDG_CACHE_HOME: "/b" }), "/b/muster");
  assert.match(cacheRoot({}), /\.cache\/muster$/);
});

test("every download of the table has a checksum of the right form, and no checksum stands twice", () => {
  const sums = TOOLS.flatMap((tool) => Object.values(tool.releases).map((release) => release.sha256));
  for (const sum of sums) assert.match(sum, /^[0-9a-f]{64}$/);
  assert.equal(new Set(sums).size, sums.length);
});
