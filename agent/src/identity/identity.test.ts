import "reflect-metadata";

import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as x509 from "@peculiar/x509";

import { OperationError } from "@muster/proto/model/failure";
import type { Envelope } from "@muster/proto/model/envelope";
import { keyManifestPayloadType } from "@muster/proto/model/trust";
import {
  cacheKey,
  enrollingRequest,
  expiryTime,
  loadIdentity,
  makeRequest,
  renewalTime,
  saveCertificate,
  saveIdentity,
  saveManifests,
  type Identity,
} from "./identity.ts";

const root = await mkdtemp(join(tmpdir(), "muster-identity-"));
after(() => rm(root, { recursive: true, force: true }));
const day = 86_400_000;

const manifest = (version: number, keyid = "k"): Envelope => ({
  payloadType: keyManifestPayloadType,
  payload: new TextEncoder().encode(
    JSON.stringify({ version, fleet: "f", signing: [{ keyid, publicKey: "p", state: "active" }], authorities: [] }),
  ),
  signatures: [],
});

async function identityOf(cluster: string): Promise<Identity> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const notBefore = new Date("2026-11-01T00:00:00Z");
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=x",
    keys,
    signingAlgorithm: algorithm,
    notBefore,
    notAfter: new Date(notBefore.getTime() + 30 * day),
  });
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
  const certificate = made.toString("pem");
  return {
    cluster,
    fleet: "f",
    clusterUid: "u",
    key,
    certificate,
    authority: certificate,
    keyManifests: [manifest(1)],
  };
}

test("an identity reads back as it was saved, for the owner's eyes only; before the first there is none", async () => {
  const dir = join(root, "a");
  assert.equal(await loadIdentity(dir), undefined);
  const identity = await identityOf("berlin");
  await saveIdentity(dir, identity);
  const read = await loadIdentity(dir);
  assert.deepEqual({ ...read, keyManifests: [] }, { ...identity, keyManifests: [] });
  assert.equal((await stat(join(dir, "identity.json"))).mode & 0o777, 0o600);
});

test("a damaged identity is said to be damaged, with the way out; it is not replaced", async () => {
  const dir = join(root, "b");
  const [one, other] = [await identityOf("berlin"), await identityOf("berlin")];
  for (const broken of [
    { ...one, key: other.key },
    { ...one, cluster: "" },
  ]) {
    await saveIdentity(dir, broken);
    await assert.rejects(
      loadIdentity(dir),
      (error) => error instanceof OperationError && error.code === "corrupt" && /enrol again with a new join token/.test(error.message),
    );
  }
  await writeFile(join(dir, "identity.json"), "{");
  await assert.rejects(loadIdentity(dir), OperationError);
  assert.equal(await readFile(join(dir, "identity.json"), "utf8"), "{");
});

test("a certificate is renewed after a third of its life", async () => {
  assert.equal(renewalTime((await identityOf("x")).certificate), Date.parse("2026-11-11T00:00:00Z"));
});

test("the cache's key is made once, and a request asks for nothing", async () => {
  const dir = join(root, "c");
  assert.deepEqual(Buffer.from(await cacheKey(dir)), Buffer.from(await cacheKey(dir)));
  const request = new x509.Pkcs10CertificateRequest(Uint8Array.from((await makeRequest()).csr));
  assert.deepEqual([request.subject, request.extensions.length], ["", 0]);
});

test("a later key manifest is kept beside the first ones, and a renewed certificate changes none of them", async () => {
  const dir = join(root, "d");
  const identity = { ...(await identityOf("berlin")), keyManifests: [manifest(1), manifest(2)] };
  await saveIdentity(dir, identity);
  await saveManifests(dir, [manifest(3, "new")]);
  const { key, certificate } = await identityOf("berlin");
  await saveCertificate(dir, { ...identity, keyManifests: [manifest(3, "stale")], key, certificate });
  const read = await loadIdentity(dir);
  assert.deepEqual([read?.key, read?.certificate], [key, certificate]);
  assert.deepEqual(
    read?.keyManifests.map(({ payload }) => Buffer.from(payload)),
    [manifest(1), manifest(2), manifest(3, "new")].map(({ payload }) => Buffer.from(payload)),
  );
  assert.deepEqual((await readdir(join(dir, "manifests"))).toSorted(), ["0001.dsse", "0002.dsse", "0003.dsse"]);
});

test("an enrolment asks with the same key until there is an identity; what is damaged is made anew", async () => {
  const dir = join(root, "e");
  const first = await enrollingRequest(dir);
  assert.deepEqual(await enrollingRequest(dir), first);
  const file = join(dir, "enrolling.json");
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  await writeFile(file, "{");
  assert.notEqual((await enrollingRequest(dir)).key, first.key);
  await saveIdentity(dir, await identityOf("berlin"));
  await assert.rejects(stat(file), { code: "ENOENT" });
});

test("a certificate ends when it says", async () => {
  assert.equal(expiryTime((await identityOf("x")).certificate), Date.parse("2026-12-01T00:00:00Z"));
});
