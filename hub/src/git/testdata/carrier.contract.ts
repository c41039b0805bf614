// What every carrier has to keep, said once and run for each on a real server: `carrierContract(way)`.

import assert from "node:assert/strict";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import type { GitServer } from "../../../../test/gitserver/gitserver.ts";
import { changes } from "../changes.ts";
import type { GitLimits } from "../limits.ts";
import type { Snapshot } from "../snapshot.ts";
import { codeOf, raw, signal, snapshotOf, text, type Opened } from "./servers.ts";
import type { Way } from "./ways.ts";

export function carrierContract(way: Way): void {
test(`${way.name}: a Snapshot is one commit with its author, message and files; the next fetch says that nothing changed`, async (t) => {
  const { server, open } = await way.serve(t);
  const commit = await server.createRepository("fleet", { "apps/web/app.yaml": "kind: App\n", link: { link: "apps/web" } });
  const source = await open("fleet");
  const snapshot = await snapshotOf(source.fetch(signal));
  assert.equal(snapshot.commit, commit);
  assert.deepEqual(snapshot.author, { name: "Ada Example", email: "ada@example.com" });
  assert.equal(new Date(snapshot.committedAt).getUTCFullYear() >= 2020, true);
  assert.equal(await text(snapshot, "link/app.yaml"), "kind: App\n");
  assert.partialDeepStrictEqual(await source.fetch(signal), { kind: "unchanged", commit, ref: "refs/heads/main" });
  const again = await open("fleet", {}, {}, source.dir);
  assert.partialDeepStrictEqual(await again.fetch(signal), { kind: "unchanged", commit, ref: "refs/heads/main" });
  assert.equal(await text(await again.snapshot(commit), "apps/web/app.yaml"), "kind: App\n");
});

test(`${way.name}: changes names exactly the files that differ, below one folder or everywhere`, async (t) => {
  const { server, open } = await way.serve(t);
  await server.createRepository("fleet", { "apps/a/x.yaml": "1", "apps/b/y.yaml": "1", "other/z.yaml": "1", gone: "1" });
  const source = await open("fleet");
  const before = await snapshotOf(source.fetch(signal));
  await server.commit(
    "fleet",
    { "apps/a/x.yaml": "2", "apps/c/new.yaml": "1", "other/z.yaml": "2", gone: null, "gone/now": "a folder" },
    "second",
  );
  const after = await snapshotOf(source.fetch(signal));
  const paths = async (under: string, from: Snapshot | null = before) => {
    const found: string[] = [];
    for await (const change of changes(from, after, under))
      found.push(`${change.before ? "-" : ""}${change.after ? "+" : ""}${change.path}`);
    return found;
  };
  assert.deepEqual(await paths(""), ["-+apps/a/x.yaml", "+apps/c/new.yaml", "-gone", "+gone/now", "-+other/z.yaml"]);
  assert.deepEqual(await paths("apps"), ["-+apps/a/x.yaml", "+apps/c/new.yaml"]);
  assert.deepEqual(await paths("apps/b"), []);
  assert.deepEqual(await paths("./apps/a/"), ["-+apps/a/x.yaml"]);
  assert.deepEqual(await paths("apps", null), ["+apps/a/x.yaml", "+apps/b/y.yaml", "+apps/c/new.yaml"]);
});

test(`${way.name}: a branch, a tag, an annotated tag, a full name and a commit id are followed; a branch wins over a tag`, async (t) => {
  const { server, open } = await way.serve(t);
  const first = await server.createRepository("fleet", { a: "1" });
  raw(server, "fleet", ["tag", "v1"]);
  raw(server, "fleet", ["tag", "-a", "-m", "annotated", "v1-annotated"]);
  raw(server, "fleet", ["tag", "both", first]);
  const second = await server.commit("fleet", { a: "2" }, "second");
  raw(server, "fleet", ["branch", "both", second]);
  raw(server, "fleet", ["branch", "feature/x", first]);
  const commitOf = async (revision: string | null) =>
    (await snapshotOf((await open("fleet", { revision })).fetch(signal))).commit;
  assert.equal(await commitOf(null), second);
  assert.equal(await commitOf("main"), second);
  assert.equal(await commitOf("feature/x"), first);
  assert.equal(await commitOf("v1"), first);
  assert.equal(await commitOf("v1-annotated"), first);
  assert.equal(await commitOf("both"), second);
  assert.equal(await commitOf("refs/tags/both"), first);
  assert.equal(await commitOf(second), second);
  const annotated = await open("fleet", { revision: "v1-annotated" });
  await annotated.fetch(signal);
  assert.equal((await annotated.fetch(signal)).kind, "unchanged");
});

test(`${way.name}: F38 a missing branch, an emptied or deleted repository is an error, never an empty Snapshot; a renamed default branch is followed`, async (t) => {
  const { server, open } = await way.serve(t);
  const commit = await server.createRepository("fleet", { a: "1" });
  const source = await open("fleet");
  const pinned = await open("fleet", { revision: "main" });
  await source.fetch(signal);
  await pinned.fetch(signal);
  raw(server, "fleet", ["branch", "-m", "main", "trunk"]);
  raw(server, "fleet", ["symbolic-ref", "HEAD", "refs/heads/trunk"]);
  assert.partialDeepStrictEqual(await source.fetch(signal), { kind: "unchanged", commit, ref: "refs/heads/trunk" });
  assert.equal(await codeOf(pinned.fetch(signal)), "E_REF_MISSING");
  raw(server, "fleet", ["update-ref", "-d", "refs/heads/trunk"]);
  assert.equal(await codeOf(source.fetch(signal)), "E_SOURCE_EMPTY");
  await rm(server.path("fleet"), { recursive: true });
  assert.equal(await codeOf(source.fetch(signal)), "E_SOURCE_NOT_FOUND");
  assert.equal(await text(await source.snapshot(commit), "a"), "1", "the last good one stays readable");
});

test(`${way.name}: F39 a force push to an older or unrelated commit is followed and said; a long fast-forward is none`, async (t) => {
  const { server, open } = await way.serve(t);
  const first = await server.createRepository("fleet", { a: "0" });
  const source = await open("fleet");
  await source.fetch(signal);
  const forced = async () => {
    const result = await source.fetch(signal);
    return result.kind === "snapshot" ? result.forced : result.kind;
  };
  let second = "";
  for (let i = 1; i <= 3; i += 1) second = await server.commit("fleet", { a: String(i) }, "next");
  assert.equal(await forced(), false);
  await server.forcePush("fleet", first);
  assert.equal(await forced(), true);
  await server.forcePush("fleet", null, { b: "unrelated" });
  assert.equal(await forced(), true);
  assert.deepEqual(source.warnings.length, 2);
  assert.equal(await text(await source.snapshot(second), "a"), "3", "the old Snapshot stays readable");

  const base = await server.head("fleet");
  const chain = ["reset refs/heads/main", `from ${base}`, ""];
  for (let i = 0; i < 250; i += 1)
    chain.push(
      "commit refs/heads/main",
      "committer a <a@x> 1700000000 +0000",
      "data 1",
      "x",
      `M 100644 inline n`,
      `data ${String(i).length}`,
      String(i),
    );
  raw(server, "fleet", ["fast-import", "--quiet", "--force"], `${chain.join("\n")}\n`);
  assert.equal(await forced(), false, "250 commits at once: more history is asked for before anybody cries force push");
});

test(`${way.name}: F37 a pack that is damaged on our disk is fetched again`, async (t) => {
  const { server, open } = await way.serve(t);
  const commit = await server.createRepository("fleet", { a: "1" });
  const source = await open("fleet");
  await source.fetch(signal);
  const packs = join(source.dir, "repository.git", "objects", "pack");
  for (const name of (await readdir(packs)).filter((file) => file.endsWith(".pack"))) {
    const bytes = await readFile(join(packs, name));
    bytes[20] = (bytes[20] ?? 0) ^ 0xff;
    await writeFile(join(packs, name), bytes);
  }
  const again = await open("fleet", {}, {}, source.dir);
  assert.equal(await codeOf(again.snapshot(commit).then((snapshot) => text(snapshot, "a"))), "E_GIT_CORRUPT");
  await way.without(server, async () => {
    assert.match(await codeOf(again.fetch(signal)), /^E_SOURCE_(UNREACHABLE|NOT_FOUND)$/);
    assert.notDeepEqual(await readdir(packs), [], "nothing is thrown away before the server answers");
  });
  assert.equal(await text(await snapshotOf(again.fetch(signal)), "a"), "1");
  assert.deepEqual(again.warnings, ["the local repository is damaged: fetching it again"]);
});

test(`${way.name}: F37 a repository that lost its packs is fetched again; asking for a commit that never was is no damage`, async (t) => {
  const { server, open } = await way.serve(t);
  const commit = await server.createRepository("fleet", { a: "1" });
  const source = await open("fleet");
  await source.fetch(signal);
  assert.equal(await codeOf(source.snapshot("f".repeat(40))), "E_COMMIT_MISSING");
  assert.equal((await source.fetch(signal)).kind, "unchanged");
  const packs = join(source.dir, "repository.git", "objects", "pack");
  for (const name of await readdir(packs)) await rm(join(packs, name));
  const again = await open("fleet", {}, {}, source.dir);
  assert.equal(await codeOf(again.snapshot(commit)), "E_COMMIT_MISSING");
  assert.equal(await text(await snapshotOf(again.fetch(signal)), "a"), "1");
});

test(`${way.name}: many packs become one while nothing is new; the last Snapshot stays readable and the next commit is no force push`, async (t) => {
  const { server, open } = await way.serve(t);
  const first = await server.createRepository("fleet", { a: "0", "apps/b": "b" });
  const source = await open("fleet", {}, { packs: 2 });
  await source.fetch(signal);
  const last = await commits(server, source, 3);
  const packs = async () => (await readdir(join(source.dir, "repository.git", "objects", "pack"))).length / 2;
  assert.equal(await packs(), 4);
  if (way.scheme === "http") {
    server.setFault({ kind: "truncate", afterBytes: 10 });
    assert.equal((await source.fetch(signal)).kind, "unchanged");
    assert.equal(await packs(), 4, "a tidying that fails changes nothing");
    server.setFault(undefined);
  }
  assert.equal((await source.fetch(signal)).kind, "unchanged");
  assert.equal(await packs(), 1);
  assert.deepEqual(await readdir(source.dir), ["repository.git"]);
  assert.equal(await text(await source.snapshot(last), "apps/b"), "b");
  assert.equal(await codeOf(source.snapshot(first)), "E_COMMIT_MISSING");
  const again = await open("fleet", {}, {}, source.dir);
  await server.commit("fleet", { a: "next" }, "next");
  const next = await again.fetch(signal);
  assert.equal(next.kind === "snapshot" && next.forced, false);
});

test(`${way.name}: F41 commits that arrive while fetches run end in one consistent commit`, async (t) => {
  const { server, open } = await way.serve(t);
  await server.createRepository("fleet", { a: "0", b: "0" });
  const source = await open("fleet");
  const pushing = (async () => {
    for (let i = 1; i <= 8; i += 1) await server.commit("fleet", { a: String(i), b: String(i) }, "both");
  })();
  for (let i = 0; i < 6; i += 1) {
    const result = await source.fetch(signal);
    const snapshot = result.kind === "snapshot" ? result.snapshot : await source.snapshot(result.commit);
    assert.equal(await text(snapshot, "a"), await text(snapshot, "b"));
  }
  await pushing;
  await source.fetch(signal);
  assert.equal((await source.fetch(signal)).kind, "unchanged");
});

test(`${way.name}: S07 B05 a pushed tree with names that leave it is read without them, and nothing is written beside the repository`, async (t) => {
  const { server, open } = await way.serve(t);
  await server.createRepository("fleet", { a: "1" });
  const blob = Buffer.from(raw(server, "fleet", ["rev-parse", "main:a"]), "hex");
  const names = [".GIT", "..", "a", "a/../../b", "git~1", "ok"];
  const tree = Buffer.concat(names.toSorted().map((name) => Buffer.concat([Buffer.from(`100644 ${name}\0`), blob])));
  const id = raw(server, "fleet", ["hash-object", "-t", "tree", "--literally", "-w", "--stdin"], tree);
  raw(server, "fleet", ["update-ref", "refs/heads/main", raw(server, "fleet", ["commit-tree", id, "-m", "evil"])]);
  const source = await open("fleet");
  const snapshot = await snapshotOf(source.fetch(signal));
  const kinds = (await snapshot.tree.list("")).map((item) => `${item.name} ${item.kind}`);
  assert.deepEqual(kinds, [".. refused", ".GIT refused", "a blob", "a/../../b refused", "git~1 refused", "ok blob"]);
  assert.equal(await codeOf(snapshot.tree.entry(".GIT")), "E_NAME_UNSAFE");
  assert.deepEqual(await readdir(source.dir), ["repository.git"]);
});

test(`${way.name}: F43 more refs, bytes, objects or files than allowed is an error in bounded time`, async (t) => {
  const { server, open } = await way.serve(t);
  const files = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`apps/${i}.yaml`, `${i}`.repeat(50)]));
  await server.createRepository("fleet", { ...files, large: "x".repeat(20_000) });
  const limited = async (limits: Partial<GitLimits>) => codeOf((await open("fleet", {}, limits)).fetch(signal));
  assert.equal(await limited({ packBytes: 500 }), "E_LIMIT");
  assert.equal(await limited({ refsBytes: 50 }), "E_LIMIT");
  assert.equal(await limited({ objects: 40 }), "E_LIMIT");
  assert.equal(await limited({ objectBytes: 10_000 }), "E_LIMIT");
  assert.equal(await limited({ inflatedBytes: 15_000 }), "E_LIMIT");
  assert.equal(await limited({ files: 40 }), "E_LIMIT");
  assert.equal(await limited({}), "accepted");
});

}

async function commits(server: GitServer, source: Opened, count: number): Promise<string> {
  let last = "";
  for (let i = 1; i <= count; i += 1) {
    last = await server.commit("fleet", { a: String(i) }, "next");
    await source.fetch(signal);
  }
  return last;
}
