// Who this agent is: its key, its certificate, its cluster and fleet, and the key manifests it believes, in a folder of their own.

import "reflect-metadata";

import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import { mkdir, open, readFile, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";

import { decodeEnvelope, encodeEnvelope } from "@muster/proto/codec/envelope";
import type { Envelope } from "@muster/proto/model/envelope";
import { OperationError } from "@muster/proto/model/failure";
import { parseKeyManifest } from "@muster/proto/model/trust";

const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export type Identity = {
  readonly cluster: string;
  readonly fleet: string;
  readonly clusterUid: string;
  /** PEM. */
  readonly key: string;
  readonly certificate: string;
  /** Of the CA that the token's pin named, PEM. */
  readonly authority: string;
  readonly keyManifests: readonly Envelope[];
};

export type CertificateRequest = { readonly key: string; readonly csr: Uint8Array };

/** A new P-256 key (PEM) and a request for a certificate (PKCS#10, DER) that asks for nothing. */
export async function makeRequest(): Promise<CertificateRequest> {
  x509.cryptoProvider.set(webcrypto as unknown as Crypto);
  const keys = (await webcrypto.subtle.generateKey(ecdsa, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: ecdsa });
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), x509.PemConverter.PrivateKeyTag);
  return { key, csr: new Uint8Array(request.rawData) };
}

/**
 * The request of an enrolment: made once and kept until there is an identity. The hub's answer to the first attempt may be lost, and a hub
 * that has used the token up for this key gives its certificate again to nobody else.
 */
export async function enrollingRequest(dir: string): Promise<CertificateRequest> {
  const path = join(dir, enrollingFile);
  const held = readRequest((await readIfThere(path)) ?? "");
  if (held !== undefined) return held;
  const made = await makeRequest();
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await write(path, JSON.stringify({ key: made.key, csr: Buffer.from(made.csr).toString("base64") }));
  return made;
}

const enrollingFile = "enrolling.json";

/** Undefined when it is not there or damaged: then there is nothing to lose by a new one. */
function readRequest(text: string): CertificateRequest | undefined {
  try {
    const { key, csr } = JSON.parse(text) as { readonly key: string; readonly csr: string };
    createPrivateKey(key);
    return { key, csr: new Uint8Array(Buffer.from(csr, "base64")) };
  } catch {
    return undefined;
  }
}

/** When a certificate (PEM) is to be renewed: after a third of its life. Milliseconds since 1970. */
export function renewalTime(pem: string): number {
  const { validFromDate, validToDate } = new X509Certificate(pem);
  return validFromDate.getTime() + (validToDate.getTime() - validFromDate.getTime()) / 3;
}

/** When a certificate (PEM) ends. Milliseconds since 1970. */
export function expiryTime(pem: string): number {
  return new X509Certificate(pem).validToDate.getTime();
}

/** DER certificates as one PEM text. */
export function toPem(certificates: readonly Uint8Array[]): string {
  return certificates.map((der) => new x509.X509Certificate(Uint8Array.from(der)).toString("pem")).join("\n");
}

/** Keeps what an enrolment gave. The request that it was asked with is not needed any more. */
export async function saveIdentity(dir: string, identity: Identity): Promise<void> {
  await mkdir(join(dir, "manifests"), { recursive: true, mode: 0o700 });
  await saveManifests(dir, identity.keyManifests);
  await saveCertificate(dir, identity);
  await rm(join(dir, enrollingFile), { force: true });
}

/**
 * Keeps a renewed key and certificate: one file, so that a crash leaves the old one or the new one, never a key with another's
 * certificate. The key manifests on disk stay: they may be newer than those of this identity.
 */
export async function saveCertificate(dir: string, identity: Identity): Promise<void> {
  const { keyManifests: _keyManifests, ...rest } = identity;
  await write(join(dir, "identity.json"), JSON.stringify(rest, null, 2));
}

/** Adds key manifests that were verified, each under its own version. */
export async function saveManifests(dir: string, manifests: readonly Envelope[]): Promise<void> {
  for (const envelope of manifests) {
    const { version } = parseKeyManifest(Buffer.from(envelope.payload).toString("utf8"));
    await write(join(dir, "manifests", `${String(version).padStart(4, "0")}.dsse`), encodeEnvelope(envelope));
  }
}

/** The identity of an earlier enrolment, or undefined before the first. Throws OperationError "corrupt" when it is there in part. */
export async function loadIdentity(dir: string): Promise<Identity | undefined> {
  const text = await readIfThere(join(dir, "identity.json"));
  if (text === undefined) return undefined;
  try {
    const { cluster, fleet, clusterUid, key, certificate, authority } = JSON.parse(text) as Partial<Record<keyof Identity, string>>;
    if (!cluster || !fleet || !clusterUid || !key || !certificate || !authority) throw new TypeError("a part of it is missing");
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)))
      throw new TypeError("its key and its certificate do not belong together");
    const names = (await readdir(join(dir, "manifests"))).filter((name) => name.endsWith(".dsse")).toSorted();
    const keyManifests = await Promise.all(names.map(async (name) => decodeEnvelope(await readFile(join(dir, "manifests", name)))));
    return { cluster, fleet, clusterUid, key, certificate, authority, keyManifests };
  } catch (error) {
    throw new OperationError(
      "corrupt",
      dir,
      `the agent's identity in ${dir} is damaged; move the folder away and enrol again with a new join token`,
      error,
    );
  }
}

/** The key that encrypts what the agent keeps of Releases; made once. */
export async function cacheKey(dir: string): Promise<Uint8Array> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, "cache.key");
  const held = await readIfThere(path);
  if (held !== undefined) return Buffer.from(held.trim(), "hex");
  const key = randomBytes(32);
  await write(path, key.toString("hex"));
  return key;
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}

async function write(path: string, content: string | Uint8Array): Promise<void> {
  const draft = `${path}.new`;
  const file = await open(draft, "w", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}
