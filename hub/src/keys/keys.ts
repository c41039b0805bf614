// The folder `keys` of the hub's data: CA, signing key, store key, fleet id, key manifests, the first admin's token. It is made at the
// first start and backed up apart from the database: without it every agent has to enrol again.

import { generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import { mkdir, open, readFile, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

import { decodeEnvelope, encodeEnvelope } from "@muster/proto/codec/envelope";
import { canonicalJson } from "@muster/proto/model/canonical";
import type { Envelope } from "@muster/proto/model/envelope";
import { OperationError } from "@muster/proto/model/failure";
import type { JsonValue } from "@muster/proto/model/json";
import { keyManifestPayloadType, type KeyManifest } from "@muster/proto/model/trust";
import { makeRoot, openAuthority, type Authority } from "./authority.ts";
import { openSigner, type Signer } from "./signer.ts";

export type { Authority, KeyAndCertificate } from "./authority.ts";
export type { Signer } from "./signer.ts";

export type Keys = {
  /** UUID of the fleet. */
  readonly fleet: string;
  readonly authority: Authority;
  readonly signer: Signer;
  /** 32 bytes: what is secret in the database is encrypted with it. */
  readonly storeKey: Uint8Array;
  /** All key manifests, oldest first. */
  readonly manifests: readonly Envelope[];
  readonly trustVersion: number;
  /** Where the first admin's token lies; made by the caller through `writeAdminToken` at the first start. */
  readonly adminTokenFile: string;
  readonly firstStart: boolean;
  writeAdminToken(token: string): Promise<void>;
};

/** Opens the folder, or makes everything in it at the first start. Throws OperationError "corrupt" when only a part of it is there. */
export async function openKeys(dir: string, now: number): Promise<Keys> {
  const firstStart = !(await exists(join(dir, "fleet")));
  if (firstStart) await makeKeys(dir, now);
  const read = (name: string): Promise<string> => readPart(dir, name);
  const fleet = (await read("fleet")).trim();
  const authority = await openAuthority({ key: await read("ca.key.pem"), certificate: await read("ca.crt.pem") });
  const manifests = await readManifests(join(dir, "manifests"));
  const adminTokenFile = join(dir, "admin.token");
  return {
    fleet,
    authority,
    signer: openSigner(await read("signing.key.pem")),
    storeKey: Buffer.from((await read("store.key")).trim(), "hex"),
    manifests,
    trustVersion: manifests.length,
    adminTokenFile,
    firstStart,
    writeAdminToken: (token) => writeDurably(adminTokenFile, `${token}\n`),
  };
}

/** All of it is made beside the folder and takes its name when it is whole: a start that was cut off leaves nothing that counts. */
async function makeKeys(dir: string, now: number): Promise<void> {
  const left = await readdir(dir).catch(absent([]));
  if (left.length > 0)
    throw new OperationError(
      "corrupt",
      dir,
      `cannot make keys in ${dir}: it holds ${left.join(", ")} but no fleet id; restore the whole folder from its backup`,
    );
  const draft = `${dir}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(join(draft, "manifests"), { recursive: true, mode: 0o700 });
  await writeKeys(draft, now);
  await rename(draft, dir);
  await syncFolder(dirname(dir));
}

async function writeKeys(dir: string, now: number): Promise<void> {
  const fleet = randomUUID();
  const root = await makeRoot(fleet, now);
  const signing = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const signer = openSigner(signing);
  const manifest: KeyManifest = {
    version: 1,
    fleet,
    signing: [{ keyid: signer.keyid, publicKey: signer.publicKey, state: "active" }],
    authorities: [root.certificate],
  };
  const envelope = signer.sign(keyManifestPayloadType, canonicalJson(manifest as unknown as JsonValue));
  await writeDurably(join(dir, "ca.key.pem"), root.key);
  await writeDurably(join(dir, "ca.crt.pem"), root.certificate);
  await writeDurably(join(dir, "signing.key.pem"), signing);
  await writeDurably(join(dir, "store.key"), randomBytes(32).toString("hex"));
  await writeDurably(join(dir, "manifests", "0001.dsse"), encodeEnvelope(envelope));
  await writeDurably(join(dir, "fleet"), `${fleet}\n`);
}

async function readManifests(dir: string): Promise<readonly Envelope[]> {
  const names = (await readdir(dir)).filter((name) => name.endsWith(".dsse")).toSorted();
  if (names.length === 0) throw new OperationError("corrupt", dir, `no key manifest in ${dir}; restore the folder of keys from its backup`);
  return Promise.all(names.map(async (name) => decodeEnvelope(await readFile(join(dir, name)))));
}

async function readPart(dir: string, name: string): Promise<string> {
  try {
    return await readFile(join(dir, name), "utf8");
  } catch (error) {
    throw new OperationError("corrupt", name, `cannot read ${join(dir, name)}; restore the folder of keys from its backup`, error);
  }
}

/** Writes a file for the owner's eyes only; it is whole or not there, also after a power cut. */
async function writeDurably(path: string, content: string | Uint8Array): Promise<void> {
  const draft = `${path}.new`;
  const file = await open(draft, "w", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  await syncFolder(dirname(path));
}

/** Makes the names in a folder durable. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return readFile(path).then(() => true, absent(false));
}

/** For a rejection handler: `instead`, when the file or folder is not there. */
function absent<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === "ENOENT") return instead;
    throw error;
  };
}
