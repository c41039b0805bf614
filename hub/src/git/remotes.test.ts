// Mirrors: who serves, and what a mirror is not believed.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { CANARY, codeOf, credentials, gitServer, packOf, raw, serving, signal, snapshotOf, stub, text } from "./testdata/servers.ts";
import { httpWays } from "./testdata/ways.ts";

/** A Git server and a mirror of it, that is brought up to date by `sync`. */
async function pair(t: TestContext) {
  const [main, mirror] = [await gitServer(t), await gitServer(t)];
  await main.createRepository("fleet", { a: "1" });
  await mirror.createRepository("fleet", { unrelated: "1" });
  const sync = () => raw(mirror, "fleet", ["fetch", "--quiet", "--prune", main.path("fleet"), "+refs/*:refs/*"]);
  sync();
  return { main, mirror, sync, mirrors: [{ url: mirror.cloneUrl("fleet"), credentials }] };
}

for (const way of httpWays) {
  test(`${way.name}: F36 a mirror serves while the Source is away, and it is said which served`, async (t) => {
    const { main, sync, mirror, mirrors } = await pair(t);
    const source = await way.open(t, main.cloneUrl("fleet"), { mirrors });
    assert.partialDeepStrictEqual(await source.fetch(signal), { servedBy: main.cloneUrl("fleet") });
    assert.deepEqual(mirror.requests(), [], "nobody asks a mirror without need");
    const second = await main.commit("fleet", { a: "2" }, "second");
    sync();
    await main.stop();
    assert.partialDeepStrictEqual(await source.fetch(signal), { snapshot: { commit: second }, servedBy: mirrors[0]?.url });
    assert.partialDeepStrictEqual(await source.fetch(signal), { kind: "unchanged", servedBy: mirrors[0]?.url });
    assert.equal(source.warnings.length, 1);
    await main.start();
    assert.partialDeepStrictEqual(await source.fetch(signal), { kind: "unchanged", servedBy: main.cloneUrl("fleet") });
  });

  test(`${way.name}: I3 a mirror that is behind moves nothing back, and is no proof that all is well`, async (t) => {
    const { main, mirror, mirrors } = await pair(t);
    const source = await way.open(t, main.cloneUrl("fleet"), { mirrors });
    await source.fetch(signal);
    const second = await main.commit("fleet", { a: "2" }, "second");
    await source.fetch(signal);
    await main.stop();
    await assert.rejects(source.fetch(signal), (error: Error & { fault?: { code: string } }) => {
      assert.equal(error.fault?.code, "E_SOURCE_UNREACHABLE", "the Source's own failure is what counts");
      return error.message.includes("older than the held commit") && !error.message.includes(CANARY);
    });
    assert.equal(await text(await source.snapshot(second), "a"), "2");
    await mirror.stop();
    assert.equal(await codeOf(source.fetch(signal)), "E_SOURCE_UNREACHABLE");
  });

  test(`${way.name}: a mirror that lies, by another history or by other bytes, is not believed; a later one is`, async (t) => {
    const { main, mirror, sync, mirrors } = await pair(t);
    const held = raw(main, "fleet", ["rev-parse", "main"]);
    const liar = await gitServer(t);
    await liar.createRepository("fleet", { a: "evil" });
    const all = raw(main, "fleet", ["rev-list", "--objects", "--no-object-names", held]).split("\n");
    const other = packOf(main, "fleet", all);
    const claimed = "c".repeat(40);
    const forger = `${await stub(t, serving(claimed, other))}/fleet.git`;
    const source = await way.open(t, main.cloneUrl("fleet"), {
      mirrors: [{ url: liar.cloneUrl("fleet"), credentials }, { url: forger }, ...mirrors],
    });
    await source.fetch(signal);
    const second = await main.commit("fleet", { a: "2" }, "second");
    sync();
    await main.stop();
    const result = await source.fetch(signal);
    assert.partialDeepStrictEqual(result, { snapshot: { commit: second }, servedBy: mirrors[0]?.url });
    await mirror.stop();
    await assert.rejects(source.fetch(signal), /does not follow the held commit/);
    assert.equal(await text(await source.snapshot(second), "a"), "2");
  });

  test(`${way.name}: a version from a mirror may come from another branch, but an older or a moved one is not taken`, async (t) => {
    const { main, mirror, mirrors } = await pair(t);
    raw(main, "fleet", ["tag", "v1.0.0"]);
    const source = await way.open(t, main.cloneUrl("fleet"), { mirrors, revision: "^1" });
    await source.fetch(signal);
    await main.stop();
    const move = async (tag: string, name: string) => {
      const commit = await mirror.forcePush("fleet", null, { a: name }, name, { branch: "other" });
      raw(mirror, "fleet", ["tag", "-f", tag, commit]);
      return commit;
    };
    await move("v1.0.0", "moved");
    await assert.rejects(source.fetch(signal), /does not follow the held commit/);
    const newer = await move("v1.1.0", "newer");
    assert.equal((await snapshotOf(source.fetch(signal))).commit, newer);
    raw(mirror, "fleet", ["tag", "-d", "v1.1.0"]);
    await assert.rejects(source.fetch(signal), /does not follow the held commit/);
  });

  test(`${way.name}: S15 a mirror gets its own credentials or none, never the Source's`, async (t) => {
    const authorized: (string | undefined)[] = [];
    const mirror = await stub(t, (request, response) => {
      authorized.push(request.headers.authorization);
      response.writeHead(404).end();
    });
    const main = await gitServer(t);
    await main.stop();
    const source = await way.open(t, main.cloneUrl("fleet"), { mirrors: [{ url: `${mirror}/fleet.git` }] });
    assert.equal(await codeOf(source.fetch(signal)), "E_SOURCE_UNREACHABLE");
    assert.deepEqual(authorized, [undefined]);
  });
}
