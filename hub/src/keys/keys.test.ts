import "reflect-metadata";

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { webcrypto, X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as x509 from "@peculiar/x509";

import { OperationError } from "@muster/proto/model/failure";
import { certificateLife } from "./authority.ts";
import { openKeys } from "./keys.ts";

const now = Date.now();
const root = await mkdtemp(join(tmpdir(), "muster-keys-"));
after(() => rm(root, { recursive: true, force: true }));

test("the first start makes all keys for the owner's eyes only; the second finds them", async () => {
  const dir = join(root, "first");
  const made = await openKeys(dir, now);
  await made.writeAdminToken("mst_x");
  const found = await openKeys(dir, now);
  assert.deepEqual([made.firstStart, found.firstStart], [true, false]);
  assert.deepEqual(
    [found.fleet, found.signer.keyid, Buffer.from(found.storeKey).toString("hex")],
    [made.fleet, made.signer.keyid, Buffer.from(made.storeKey).toString("hex")],
  );
  for (const name of await readdir(dir)) if (name !== "manifests") assert.equal((await stat(join(dir, name))).mode & 0o777, 0o600, name);
  assert.equal((await stat(dir)).mode & 0o777, 0o700);
});

test("a folder of keys that is there in part is refused, never filled up with new ones", async () => {
  const dir = join(root, "part");
  await openKeys(dir, now);
  const signing = await readFile(join(dir, "signing.key.pem"));
  await rm(join(dir, "signing.key.pem"));
  await assert.rejects(
    openKeys(dir, now),
    (error) => error instanceof OperationError && error.code === "corrupt" && /restore/.test(error.message),
  );
  await rm(join(dir, "manifests", "0001.dsse"));
  await writeFile(join(dir, "signing.key.pem"), signing);
  await assert.rejects(openKeys(dir, now), /no key manifest/);
  await rm(join(dir, "fleet"));
  await assert.rejects(openKeys(dir, now), /holds .*ca.crt.pem.* but no fleet id/);
});

test("a first start that is killed at any point leaves nothing in the way of the next one", async () => {
  // Six files, then the folder: killed before the first, in the middle, and before the last name is given.
  for (const before of [1, 4, 7]) {
    const dir = join(root, `killed${before}`, "keys");
    const script = `import fs from "node:fs";
      import { syncBuiltinESMExports } from "node:module";
      const { rename } = fs.promises;
      let names = 0;
      fs.promises.rename = (...paths) => (++names === ${before} ? process.kill(process.pid, "SIGKILL") : rename(...paths));
      syncBuiltinESMExports();
      const { openKeys } = await import(${JSON.stringify(new URL("./keys.ts", import.meta.url).href)});
      await openKeys(${JSON.stringify(dir)}, ${now});`;
    const { signal } = spawnSync(process.execPath, ["--input-type=module", "-e", script]);
    assert.equal(signal, "SIGKILL", `${before}`);
    const keys = await openKeys(dir, now);
    assert.deepEqual([keys.firstStart, await readdir(join(dir, ".."))], [true, ["keys"]], `${before}`);
    assert.equal((await openKeys(dir, now)).fleet, keys.fleet);
  }
});

test("nothing of a draft that was left behind gets into the new keys", async () => {
  const dir = join(root, "draft", "keys");
  await mkdir(join(`${dir}.new`, "manifests"), { recursive: true });
  await writeFile(join(`${dir}.new`, "manifests", "0002.dsse"), "half");
  assert.equal((await openKeys(dir, now)).trustVersion, 1);
});

const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

async function csr(options: { name?: string; extensions?: x509.Extension[]; algorithm?: object } = {}): Promise<Uint8Array> {
  const algorithm = (options.algorithm ?? ecdsa) as typeof ecdsa;
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    ...(options.name === undefined ? {} : { name: options.name }),
    keys,
    signingAlgorithm: algorithm,
    extensions: options.extensions ?? [],
  });
  return new Uint8Array(request.rawData);
}

test("an agent's certificate holds its identity, may be a client only, and is the CA's", async () => {
  const { authority } = await openKeys(join(root, "issue"), now);
  const issued = await authority.issueAgent(await csr(), "spiffe://f/cluster/berlin/u", now);
  const certificate = new X509Certificate(issued.certificate);
  assert.equal(certificate.subjectAltName, "URI:spiffe://f/cluster/berlin/u");
  assert.deepEqual([certificate.ca, certificate.keyUsage], [false, ["1.3.6.1.5.5.7.3.2"]]);
  assert.equal(certificate.serialNumber.toLowerCase(), issued.serial);
  assert.ok(certificate.verify(new X509Certificate(authority.certificate).publicKey));
  assert.equal(new x509.X509Certificate(Uint8Array.from(issued.certificate)).getExtension(x509.BasicConstraintsExtension)?.ca, false);
  assert.equal(Date.parse(certificate.validTo), issued.notAfter);
  assert.ok(issued.notAfter <= now + certificateLife.agentMs && issued.notAfter > now);
});

test("the hub's own certificate names where it can be reached", async () => {
  const { authority } = await openKeys(join(root, "server"), now);
  const { certificate } = await authority.issueServer(["hub.example", "127.0.0.1"], now);
  const read = new X509Certificate(certificate);
  assert.ok(read.checkHost("hub.example") && read.checkIP("127.0.0.1"));
  assert.equal(read.checkHost("other.example"), undefined);
});

test("B45 S26 a request that asks for a name, an extension or with another key is refused", async () => {
  const { authority } = await openKeys(join(root, "refuse"), now);
  const damaged = await csr();
  damaged[damaged.length - 3] = (damaged[damaged.length - 3] ?? 0) ^ 1;
  const requests: [string, Uint8Array][] = [
    ["another cluster's name", await csr({ name: "CN=paris" })],
    ["to be a CA", await csr({ extensions: [new x509.BasicConstraintsExtension(true)] })],
    [
      "an extra name",
      await csr({ extensions: [new x509.SubjectAlternativeNameExtension([{ type: "url", value: "spiffe://f/cluster/paris/u" }])] }),
    ],
    [
      "an RSA key",
      await csr({
        algorithm: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
      }),
    ],
    ["another curve", await csr({ algorithm: { ...ecdsa, namedCurve: "P-384" } })],
    ["no possession of the key", damaged],
    ["nothing readable", new Uint8Array([1, 2, 3])],
  ];
  await assert.rejects(authority.issueAgent(new Uint8Array(5_000), "spiffe://f/cluster/berlin/u", now), /E_CSR: larger than/);
  for (const [what, request] of requests) {
    await assert.rejects(
      authority.issueAgent(request, "spiffe://f/cluster/berlin/u", now),
      (error) => error instanceof OperationError && error.message.startsWith("E_CSR"),
      what,
    );
  }
});
