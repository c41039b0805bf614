import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { identityKey } from "./identity.ts";
import { applyManifestDelta, makeRelease, manifestDelta, manifestText, parseManifest, releaseDigest } from "./release.ts";

const configMap = (name: string, value: string) => ({
  identity: { group: "", kind: "ConfigMap", namespace: "shop", name },
  object: { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "shop" }, data: { value } },
});

test("a release has one name, whatever the order of its objects", () => {
  const [a, b] = [configMap("a", "1"), configMap("b", "2")];
  assert.equal(makeRelease([a, b]).digest, makeRelease([b, a]).digest);
  assert.notEqual(makeRelease([a, b]).digest, makeRelease([a]).digest);
});

test("an identity twice is refused", () => {
  assert.throws(() => makeRelease([configMap("a", "1"), configMap("a", "2")]), /identity twice in a release: \/ConfigMap\/shop\/a/);
});

test("the size of a line is the length of its text in UTF-8", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
      (text) => {
        const release = makeRelease([configMap("a", text)]);
        const [line] = release.manifest;
        assert.ok(line);
        assert.equal(line.size, Buffer.byteLength(release.objects.get(line.digest) ?? ""));
      },
    ),
  );
});

test("a manifest reads back, and one that is not sorted or malformed is refused", () => {
  const { manifest, digest } = makeRelease([configMap("b", "1"), configMap("a", "2")]);
  const text = manifestText(manifest);
  assert.equal(releaseDigest(parseManifest(text)), digest);
  assert.throws(() => parseManifest(manifestText(manifest.toReversed())), /not sorted/);
  assert.throws(() => parseManifest('["muster.release/2",[]]'), /not a manifest of format/);
  assert.throws(() => parseManifest('["muster.release/1",[[["","ConfigMap","shop"],"00",1]]]'), /malformed line/);
  const line = (id: unknown, name: unknown, size: unknown): string => JSON.stringify(["muster.release/1", [[id, name, size]]]);
  const id = ["", "ConfigMap", "shop", "a"];
  const [first] = manifest;
  assert.ok(first);
  assert.equal(parseManifest(line(id, first.digest, 1)).length, 1);
  for (const text of [
    line(id, "00", 1),
    line(id, first.digest.toUpperCase(), 1),
    line(id, first.digest, 1.5),
    line(id, first.digest, "1"),
    line(["", "ConfigMap", "shop", 1], first.digest, 1),
    line(null, first.digest, 1),
  ])
    assert.throws(() => parseManifest(text), /malformed line/, text);
  assert.throws(() => parseManifest(manifestText([first, first])), /not sorted/, "an identity twice");
});

test("a delta leads from any manifest to any other", () => {
  const set = fc.dictionary(fc.constantFrom("a", "b", "c", "d", "e"), fc.constantFrom("1", "2", "3"));
  fc.assert(
    fc.property(set, set, (before, after) => {
      const release = (content: Record<string, string>) =>
        makeRelease(Object.entries(content).map(([name, value]) => configMap(name, value)));
      const [base, target] = [release(before), release(after)];
      const delta = manifestDelta(base.manifest, target.manifest);
      assert.equal(releaseDigest(applyManifestDelta(base.manifest, delta)), target.digest);
      const changed = Object.keys(after).filter((name) => after[name] !== before[name]);
      assert.deepEqual(
        delta.set.map((line) => identityKey(line.identity)).toSorted(),
        changed.map((name) => identityKey(configMap(name, "").identity)).toSorted(),
      );
    }),
  );
});
