// Submodules as folders, from the repositories of their own.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Secret } from "@muster/proto/model/secret";

import type { GitServer } from "../../../test/gitserver/gitserver.ts";
import { changes } from "./changes.ts";
import { absoluteUrl, parseGitmodules } from "./gitmodules.ts";
import { CANARY, codeOf, credentials, gitServer, raw, signal, snapshotOf, stub, text } from "./testdata/servers.ts";
import { httpWays } from "./testdata/ways.ts";

/** Commits `.gitmodules` and the commits that it speaks of. */
function addModules(
  server: GitServer,
  repository: string,
  modules: Readonly<Record<string, { readonly url: string; readonly commit: string }>>,
): string {
  const file = Object.entries(modules)
    .map(([path, { url }]) => `[submodule "${path}"]\n\tpath = ${path}\n\turl = ${url}\n`)
    .join("");
  const lines = ["commit refs/heads/main", "committer a <a@x> 1700000000 +0000", "data 1", "m", "from refs/heads/main^0"];
  lines.push("M 100644 inline .gitmodules", `data ${Buffer.byteLength(file)}`, file);
  for (const [path, { commit }] of Object.entries(modules)) lines.push(`M 160000 ${commit} ${path}`);
  raw(server, repository, ["fast-import", "--quiet", "--force"], `${lines.join("\n")}\n`);
  return raw(server, repository, ["rev-parse", "main"]);
}

for (const way of httpWays) {
  test(`${way.name}: a submodule is a folder at the commit that the tree names, also in submodules and after a restart without Git`, async (t) => {
    const server = await gitServer(t);
    const remotes = [{ url: server.url, credentials }];
    const deep = await server.createRepository("team/deep", { "d.yaml": "deep" });
    await server.createRepository("team/lib", { "l.yaml": "1" });
    const lib = addModules(server, "team/lib", { "in/deep": { url: "./../deep.git", commit: deep } });
    await server.createRepository("team/fleet", { "f.yaml": "f", link: { link: "vendor/lib/l.yaml" } });
    addModules(server, "team/fleet", { "vendor/lib": { url: "../lib.git", commit: lib } });
    const off = await way.open(t, server.cloneUrl("team/fleet"));
    assert.equal(await codeOf(text(await snapshotOf(off.fetch(signal)), "vendor/lib/l.yaml")), "E_SUBMODULE");

    const source = await way.open(t, server.cloneUrl("team/fleet"), { submodules: true, remotes });
    const first = await snapshotOf(source.fetch(signal));
    const readings = async (of: typeof first) =>
      Promise.all(["f.yaml", "vendor/lib/l.yaml", "vendor/lib/in/deep/d.yaml", "link"].map((path) => text(of, path)));
    assert.deepEqual(await readings(first), ["f", "1", "deep", "1"]);
    const next = await server.commit("team/lib", { "l.yaml": "2" }, "next");
    const commit = addModules(server, "team/fleet", { "vendor/lib": { url: "../lib.git", commit: next } });
    const second = await snapshotOf(source.fetch(signal));
    const changed: string[] = [];
    for await (const { path } of changes(first, second, "vendor")) changed.push(path);
    assert.deepEqual(changed, ["vendor/lib/l.yaml"]);
    assert.equal((await source.fetch(signal)).kind, "unchanged");

    await server.stop();
    const again = await way.open(t, server.cloneUrl("team/fleet"), { submodules: true, remotes }, {}, source.dir);
    assert.deepEqual(await readings(await again.snapshot(commit)), ["f", "2", "deep", "2"]);
  });

  test(`${way.name}: I2 a submodule that cannot be fetched keeps the last Snapshot; nothing is half there`, async (t) => {
    const server = await gitServer(t);
    const lib = await server.createRepository("lib", { l: "1" });
    const first = await server.createRepository("fleet", { f: "1" });
    const source = await way.open(t, server.cloneUrl("fleet"), { submodules: true, remotes: [{ url: server.url, credentials }] });
    await source.fetch(signal);
    addModules(server, "fleet", { lib: { url: "../lib.git", commit: "d".repeat(40) } });
    assert.equal(await codeOf(source.fetch(signal)), "E_COMMIT_MISSING");
    addModules(server, "fleet", { lib: { url: "../absent.git", commit: lib } });
    assert.equal(await codeOf(source.fetch(signal)), "E_SOURCE_NOT_FOUND");
    assert.equal(await text(await source.snapshot(first), "f"), "1");
    addModules(server, "fleet", { lib: { url: "../lib.git", commit: lib } });
    assert.equal(await text(await snapshotOf(source.fetch(signal)), "lib/l"), "1");
  });

  test(`${way.name}: S15 S16 B04 a submodule elsewhere is not asked for, and the Source's token goes to no other path`, async (t) => {
    const arrived: string[] = [];
    const evil = await stub(t, (request, response) => {
      arrived.push(request.url ?? "");
      response.end();
    });
    const server = await gitServer(t);
    const commit = await server.createRepository("fleet", { f: "f" });
    const forbidden = {
      evil: `${evil}/x.git`,
      meta: "http://169.254.169.254/x",
      file: "file:///etc",
      ext: "ext::sh -c touch",
      above: "../../../../x",
      secret: `http://u:${CANARY}@127.0.0.1/x`,
      key: "git@127.0.0.1:x.git",
    };
    addModules(
      server,
      "fleet",
      Object.fromEntries(Object.entries(forbidden).map(([path, url], i) => [path, { url, commit: String(i).repeat(40) }])),
    );
    const source = await way.open(t, server.cloneUrl("fleet"), { submodules: true });
    const snapshot = await snapshotOf(source.fetch(signal));
    assert.equal(await text(snapshot, "f"), "f");
    for (const path of Object.keys(forbidden)) assert.equal(await codeOf(snapshot.tree.entry(path)), "E_SUBMODULE", path);
    await assert.rejects(snapshot.tree.entry("evil"), /which the Source does not allow/);
    assert.deepEqual(arrived, []);

    await server.createRepository("lib", { l: "1" });
    addModules(server, "fleet", { lib: { url: "../lib.git", commit } });
    const seen = server.requests().length;
    assert.equal(await codeOf(source.fetch(signal)), "E_SOURCE_AUTH");
    const users = server
      .requests()
      .slice(seen)
      .flatMap(({ url, user }) => (url.startsWith("/lib.git") ? [user] : []));
    assert.deepEqual([...new Set(users)], [undefined]);
  });

  test(`${way.name}: S15 a submodule is shown what the longest remote above it gives, in whatever order they stand`, async (t) => {
    const server = await gitServer(t);
    const commit = await server.createRepository("team/lib", { l: "1" });
    await server.createRepository("fleet", { f: "1" });
    addModules(server, "fleet", { lib: { url: "./../team/lib.git", commit } });
    const wide = { url: server.url, credentials: { kind: "basic", username: "wide", password: new Secret("wrong") } } as const;
    const close = { url: `${server.url}/team`, credentials };
    for (const remotes of [
      [wide, close],
      [close, wide],
    ]) {
      const source = await way.open(t, server.cloneUrl("fleet"), { submodules: true, remotes });
      assert.equal(await text(await snapshotOf(source.fetch(signal)), "lib/l"), "1");
    }
  });

  test(`${way.name}: I8 submodules in submodules are followed four deep`, async (t) => {
    const server = await gitServer(t);
    let commit = await server.createRepository("m0", { f: "0" });
    for (let i = 1; i <= 5; i += 1) {
      await server.createRepository(`m${i}`, { f: String(i) });
      commit = addModules(server, `m${i}`, { s: { url: `../m${i - 1}.git`, commit } });
    }
    const source = await way.open(t, server.cloneUrl("m5"), { submodules: true, remotes: [{ url: server.url, credentials }] });
    const snapshot = await snapshotOf(source.fetch(signal));
    assert.equal(await text(snapshot, "s/s/s/s/f"), "1");
    await assert.rejects(snapshot.tree.entry("s/s/s/s/s/f"), /more than 4 deep/);
  });
}

test(".gitmodules is read as git writes it; what is no submodule is passed over", () => {
  const file = `# a comment
[core]
	path = nothing
[submodule "lib"]
	path = vendor/lib
	url = "https://host/l;ib.git" ; why
	branch = main
	update = !touch pwned
[Submodule "sub \\"two\\""]
	Path=two
	URL = ../two.git
[submodule "half"]
	path = half
`;
  assert.deepEqual(parseGitmodules(file), [
    { path: "vendor/lib", url: "https://host/l;ib.git" },
    { path: "two", url: "../two.git" },
  ]);
});

test("a relative URL stays on its server", () => {
  const table: readonly (readonly [string, string, string | null])[] = [
    ["https://host/org/repo.git", "../lib.git", "https://host/org/lib.git"],
    ["https://host/org/repo.git", "./lib.git", "https://host/org/repo.git/lib.git"],
    ["ssh://git@host:22/org/repo.git", "../../other/lib.git", "ssh://git@host:22/other/lib.git"],
    ["git@host:org/repo.git", "../lib.git", "git@host:org/lib.git"],
    ["git@host:/srv/repo.git", "../lib.git", "git@host:/srv/lib.git"],
    ["https://host/repo.git", "../../x.git", null],
    ["https://host/repo.git", "https://other/x.git", "https://other/x.git"],
  ];
  for (const [base, url, expected] of table) assert.equal(absoluteUrl(base, url), expected, `${base} ${url}`);
});
