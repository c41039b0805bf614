// What tests of the loops share: a real database and real keys in a folder of their own, enrolled agents, sessions that keep what they
// were sent.

import "reflect-metadata";

import { webcrypto } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import * as x509 from "@peculiar/x509";

import type { AgentPolicy } from "@muster/proto/model/bundle";
import { digestOf, type Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { makeRelease, type Release } from "@muster/proto/model/release";
import type { FromHub, Hello } from "@muster/proto/model/session";
import type { AppStatus } from "@muster/proto/model/status";
import { mintJoinToken, type AgentIdentity } from "../../enroll/enroll.ts";
import { openKeys, type Keys } from "../../keys/keys.ts";
import type { HubSession } from "../../link/link.ts";
import { openStore, type ReleasedRow, type Store, type TokenRow, type Write } from "../../store/store.ts";
import type { CommandPort } from "../live-session.ts";
import type { HubLog } from "../log.ts";
import { openRecord, type HubRecord } from "../record.ts";
import { Sessions } from "../sessions.ts";

export const start = Date.parse("2026-11-21T08:00:00Z");
export const berlin = "berlin" as ClusterName;
export const app = (name: string): AppKey => `default//${name}` as AppKey;

export const quiet: HubLog = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** For tests that give no commands. */
export const noCommands: CommandPort = {
  greeted: async () => undefined,
  gone: () => undefined,
  result: async () => undefined,
  awaits: () => false,
  answered: () => Promise.reject(new TypeError("nothing was asked for")),
};

export type World = {
  readonly dir: string;
  readonly keys: Keys;
  readonly store: Store;
  readonly record: HubRecord;
  readonly sessions: Sessions;
  readonly changed: ClusterName[];
  readonly revoked: string[];
  /** Milliseconds since 1970; tests move it. */
  readonly clock: { now: number };
};

export async function openWorld(t: TestContext): Promise<World> {
  const dir = await mkdtemp(join(tmpdir(), "muster-control-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const clock = { now: start };
  const keys = await openKeys(join(dir, "keys"), clock.now);
  const store = await openStore(join(dir, "hub.db"), keys.storeKey);
  t.after(() => store[Symbol.asyncDispose]());
  const record = openRecord(store);
  const changed: ClusterName[] = [];
  const revoked: string[] = [];
  const sessions = new Sessions({
    record,
    keys,
    now: () => clock.now,
    log: quiet,
    onChange: (cluster) => void changed.push(cluster),
    onRevoked: (serial) => void revoked.push(serial),
    commands: noCommands,
  });
  return { dir, keys, store, record, sessions, changed, revoked, clock };
}

export async function makeCsr(): Promise<Uint8Array> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: algorithm });
  return new Uint8Array(request.rawData);
}

/** A join token's text; its row is in the record. */
export async function makeToken({ record, keys }: World, change: Partial<TokenRow> = {}): Promise<string> {
  const minted = mintJoinToken(keys.authority.certificate);
  const row: TokenRow = {
    id: minted.id,
    kind: "join",
    hash: minted.hash,
    name: "join",
    role: null,
    tenant: "default",
    cluster: null,
    labels: {},
    usesLeft: 1,
    replace: false,
    createdAt: start,
    createdBy: "anna",
    expiresAt: start + 3_600_000,
    ...change,
  };
  await record.commit([{ kind: "token", row }]);
  return minted.text;
}

/** Enrols a cluster; the identity is what its certificate says. */
export async function enrol(world: World, name: string, clusterUid: string, token: Partial<TokenRow> = {}): Promise<AgentIdentity> {
  const text = await makeToken(world, token);
  const answer = await world.sessions.enroll({
    token: text,
    csr: await makeCsr(),
    clusterUid,
    proposedName: name,
    remote: "test",
  });
  return { cluster: name as ClusterName, uid: clusterUid, serial: serialOf(answer.certificates[0]) };
}

export const serialOf = (der: Uint8Array | undefined): string =>
  new x509.X509Certificate(Uint8Array.from(der ?? [])).serialNumber.toLowerCase();

export type KeptSession = HubSession & {
  readonly sent: FromHub[];
  /** How it was ended by the hub; null: it was not. */
  readonly last: () => FromHub | undefined | null;
};

/** `onSend` is called with each message at the moment it leaves. */
export function keptSession(onSend: (message: FromHub) => void = () => undefined): KeptSession {
  const sent: FromHub[] = [];
  let last: FromHub | undefined | null = null;
  return {
    remote: "test",
    sent,
    last: () => last,
    send(message) {
      onSend(message);
      sent.push(message);
    },
    end: (message) => void (last = message),
  };
}

export const kinds = (session: KeptSession): string[] => session.sent.map(({ kind }) => kind);

export function hello(clusterUid: string, change: Partial<Hello> = {}): Hello {
  return {
    kind: "hello",
    protocolMin: 1,
    protocolMax: 1,
    features: [],
    agentVersion: "0.1.0",
    clusterUid,
    instance: "i1",
    accepted: null,
    statusRoot: digestOf(""),
    trustVersion: 1,
    facts: null,
    ...change,
  };
}

export const policy: AgentPolicy = {
  namespace: "shop",
  createNamespace: true,
  prune: true,
  heal: true,
  adopt: "never",
  serviceAccount: null,
  timeoutMs: 600_000,
  ignore: [],
};

export function releasedRow(name: string, release: Digest, change: Partial<ReleasedRow> = {}): ReleasedRow {
  return {
    app: app(name),
    release,
    policy,
    dependsOn: [],
    parent: null,
    onLeave: "orphan",
    withParent: "delete",
    commit: "c1",
    since: start,
    ...change,
  };
}

/** A Release of ConfigMaps, each with 200 characters. */
export function releaseOf(...names: readonly string[]): Release {
  return makeRelease(
    names.map((name) => ({
      identity: { group: "", kind: "ConfigMap", namespace: "shop", name },
      object: { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "shop" }, data: { text: name.repeat(200).slice(0, 200) } },
    })),
  );
}

export const keepRelease = ({ digest, manifest, objects }: Release): Write => ({ kind: "release", digest, manifest, objects });

export function statusOf(name: string, change: Partial<AppStatus> = {}): AppStatus {
  return {
    app: app(name),
    pin: digestOf("pin"),
    release: digestOf("release"),
    generation: 1,
    reason: "Synced",
    message: "",
    since: "2026-11-21T08:00:00Z",
    health: "healthy",
    counts: { total: 1, applied: 1, failed: 0, healthy: 1 },
    problems: [],
    drift: [],
    inventoryEmpty: false,
    held: null,
    soak: null,
    ...change,
  };
}
