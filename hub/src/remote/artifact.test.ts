import assert from "node:assert/strict";
import { glob, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { FLUX, ORAS, pushArtifact, pushIndex } from "../../../test/registry/artifacts.ts";
import { startRegistry } from "../../../test/registry/registry.ts";
import { at, codeOf, open, signal, tarOf } from "./testdata/world.ts";

const tree = (text: string) =>
  tarOf([
    { name: "./", type: "5" },
    { name: "./apps/", type: "5" },
    { name: "./apps/web.yaml", content: text },
  ]);
const flux = (text: string) => [{ mediaType: FLUX.layer, content: gzipSync(tree(text)) }];

test("artifacts as flux and oras push them give their files, by tag, range, digest and latest", async (t) => {
  await using registry = await startRegistry({ auth: "none" });
  const [base, ref] = [`http://${registry.host}/v2/team/fleet`, `oci://${registry.host}/team/fleet`];
  for (const version of ["1.0.0", "1.4.0", "2.0.0-rc.1"]) await pushArtifact(base, [version], FLUX.config, flux(version));
  const digest = await pushArtifact(base, ["latest", "main"], ORAS.config, [{ mediaType: ORAS.layer, content: tree("oras") }]);
  const remote = await open(t);
  const textOf = async (revision: string | null, where = ref): Promise<string> => {
    const pin = await remote.resolveArtifact({ ref: where, revision }, at(ref), signal);
    const { files, digest: archive } = await remote.fetchArtifact(pin, at(ref), signal);
    assert.deepEqual([...files.keys()], ["apps/web.yaml"]);
    assert.equal(archive, pin.digest);
    return `${pin.revision}: ${Buffer.from(files.get("apps/web.yaml") ?? "").toString()}`;
  };
  assert.equal(await textOf("1.0.0"), "1.0.0: 1.0.0");
  assert.equal(await textOf("^1"), "1.4.0: 1.4.0");
  assert.equal(await textOf(">=2.0.0-0"), "2.0.0-rc.1: 2.0.0-rc.1");
  assert.equal(await textOf("main"), "main: oras");
  assert.equal(await textOf(null), "latest: oras");
  assert.equal(await textOf(null, `${ref}:1.0.0`), "1.0.0: 1.0.0");
  assert.equal(await textOf(digest), `${digest}: oras`);
  assert.equal(await textOf(null, `${ref}@${digest}`), `${digest}: oras`);
  const codes = await Promise.all(["absent", "^3", "a b", `sha256:${"0".repeat(64)}`].map((revision) => codeOf(textOf(revision))));
  assert.deepEqual(codes, ["E_REMOTE_NOT_FOUND", "E_VERSION_MISSING", "E_VERSION_INVALID", "E_REMOTE_NOT_FOUND"]);
});

test("of an index of platforms the one of linux/amd64 is taken, or the only one", async (t) => {
  await using registry = await startRegistry({ auth: "none" });
  const [base, ref] = [`http://${registry.host}/v2/fleet`, `oci://${registry.host}/fleet`];
  const [arm, amd] = [await pushArtifact(base, [], FLUX.config, flux("arm")), await pushArtifact(base, [], FLUX.config, flux("amd"))];
  await pushIndex(
    base,
    ["both"],
    [
      { digest: arm, platform: "linux/arm64" },
      { digest: amd, platform: "linux/amd64" },
    ],
  );
  await pushIndex(base, ["one"], [{ digest: arm }, { digest: amd, platform: "unknown/unknown" }]);
  await pushIndex(
    base,
    ["neither"],
    [
      { digest: arm, platform: "linux/arm64" },
      { digest: amd, platform: "linux/s390x" },
    ],
  );
  const remote = await open(t);
  const manifestOf = async (revision: string) => `sha256:${(await remote.resolveArtifact({ ref, revision }, at(ref), signal)).manifest}`;
  assert.equal(await manifestOf("both"), amd);
  assert.equal(await manifestOf("one"), arm);
  assert.equal(await codeOf(manifestOf("neither")), "E_REMOTE_PROTOCOL");
});

test("an artifact that is no single tree of files is refused before its content is fetched", async (t) => {
  await using registry = await startRegistry({ auth: "none" });
  const [base, ref] = [`http://${registry.host}/v2/fleet`, `oci://${registry.host}/fleet`];
  await pushArtifact(base, ["two"], FLUX.config, [...flux("a"), ...flux("b")]);
  await pushArtifact(base, ["zip"], FLUX.config, [{ mediaType: "application/zip", content: Buffer.from("PK") }]);
  await pushArtifact(base, ["large"], FLUX.config, [{ mediaType: FLUX.layer, content: Buffer.alloc(5_000) }]);
  const remote = await open(t, { archiveBytes: 4_000 });
  const code = (revision: string) => codeOf(remote.resolveArtifact({ ref, revision }, at(ref), signal));
  assert.deepEqual([await code("two"), await code("zip"), await code("large")], ["E_REMOTE_PROTOCOL", "E_REMOTE_PROTOCOL", "E_LIMIT"]);
});

test("tags are read page by page to their end", async (t) => {
  await using registry = await startRegistry({ auth: "none" });
  const [base, ref] = [`http://${registry.host}/v2/fleet`, `oci://${registry.host}/fleet`];
  const tags = Array.from({ length: 25 }, (_, at) => `1.${at}.0`);
  await pushArtifact(base, tags, FLUX.config, flux("many"));
  const remote = await open(t, { tagsPerPage: 10 });
  assert.equal((await remote.resolveArtifact({ ref, revision: "^1" }, at(ref), signal)).revision, "1.24.0");
  assert.equal(
    await codeOf((await open(t, { tagsPerPage: 10, tags: 20 })).resolveArtifact({ ref, revision: "^1" }, at(ref), signal)),
    "E_LIMIT",
  );
});

test("a registry that gives other bytes for a digest is found out, and nothing of them is kept", async (t) => {
  await using registry = await startRegistry({ auth: "none" });
  const [base, ref] = [`http://${registry.host}/v2/fleet`, `oci://${registry.host}/fleet`];
  await pushArtifact(base, ["v1"], FLUX.config, flux("good"));
  const remote = await open(t);
  const pin = await remote.resolveArtifact({ ref, revision: "v1" }, at(ref), signal);
  const swap = async (digest: string, bytes: Buffer): Promise<void> => {
    let swapped = 0;
    for await (const path of glob(`**/${digest}/data`, { cwd: registry.dir })) {
      await writeFile(join(registry.dir, path), bytes);
      swapped += 1;
    }
    assert.ok(swapped > 0);
  };
  const evil = gzipSync(tree("evil"));
  await swap(pin.digest, evil);
  assert.equal(await codeOf(remote.fetchArtifact(pin, at(ref), signal)), "E_DIGEST_MISMATCH");
  for await (const path of glob("**/*", { cwd: remote.dir })) assert.fail(`${path} is kept`);
});
