// The agent's end of a session: what is believed, fetched, kept and answered. The disk and the keys are real; the hub is scripted.

import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { decodeEnvelope } from "@muster/proto/codec/envelope";
import { encodeTransfer } from "@muster/proto/codec/transfer";
import { bundlePayloadType, bundleText, parseBundle, type AgentPolicy, type Bundle } from "@muster/proto/model/bundle";
import { canonicalJson } from "@muster/proto/model/canonical";
import { digestOf, type Digest } from "@muster/proto/model/digest";
import { preAuthEncoding, type Envelope } from "@muster/proto/model/envelope";
import { OperationError } from "@muster/proto/model/failure";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { JsonValue } from "@muster/proto/model/json";
import { makeRelease, type Release } from "@muster/proto/model/release";
import { commandPayloadType } from "@muster/proto/model/command";
import { answersBeats, observes, type FromAgent, type FromHub, type ObservedApp } from "@muster/proto/model/session";
import type { AppStatus, Soak } from "@muster/proto/model/status";
import { keyManifestPayloadType, type KeyManifest, type SigningKey } from "@muster/proto/model/trust";
import { openCache } from "../cache/cache.ts";
import type { HubLink } from "../link/link.ts";
import { walkTrust, type Audience } from "../verify/verify.ts";
import { LinkLoop, type LinkLoopOptions } from "./link-loop.ts";
import type { AgentLog } from "./log.ts";

const now = Date.parse("2026-11-21T08:00:00Z");
const audience: Audience = { fleet: "fleet-1", cluster: "berlin", clusterUid: "uid-1" };
const quiet: AgentLog = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const timeout = 20_000;

function signer(keyid: string) {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
  return {
    key: (state: SigningKey["state"]): SigningKey => ({ keyid, publicKey: pem, state }),
    seal: (payloadType: string, text: string): Envelope => {
      const payload = new TextEncoder().encode(text);
      return { payloadType, payload, signatures: [{ keyid, signature: sign(null, preAuthEncoding(payloadType, payload), privateKey) }] };
    },
  };
}
const [first, second] = [signer("k1"), signer("k2")];

function keyManifest(version: number, signing: readonly SigningKey[], by = first): Envelope {
  const value: KeyManifest = { version, fleet: "fleet-1", signing, authorities: [] };
  return by.seal(keyManifestPayloadType, canonicalJson(value as unknown as JsonValue));
}

const policy: AgentPolicy = {
  namespace: null,
  createNamespace: true,
  prune: true,
  heal: true,
  adopt: "never",
  serviceAccount: null,
  timeoutMs: 600_000,
  ignore: [],
};

const release = (...names: readonly string[]): Release =>
  makeRelease(
    names.map((name) => ({
      identity: { group: "", kind: "ConfigMap", namespace: "shop", name },
      object: { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "shop" } },
    })),
  );
const [small, large] = [release("a"), release("a", "b")];
const known = new Map([small, large].map((each) => [each.digest, each]));

function bundle(generation: number, releases: readonly Release[], change: Partial<Bundle> = {}, by = first): Envelope {
  const value: Bundle = {
    schema: 1,
    critical: [],
    fleet: "fleet-1",
    cluster: "berlin" as ClusterName,
    clusterUid: "uid-1",
    epoch: 1,
    signer: "k1",
    generation,
    issuedAt: "2026-11-21T08:00:00.000Z",
    revision: { serial: 1, sources: {} },
    paused: false,
    apps: releases.map(({ digest }, index) => ({ app: `default//app${index}` as AppKey, release: digest, policy, dependsOn: [] })),
    tombstones: [],
    approvals: [],
    ...change,
  };
  return by.seal(bundlePayloadType, bundleText(value));
}

/** What the hub gives out when it is asked for a Release. */
const transfer = (wanted: Digest, base: Digest | null): Uint8Array => {
  const target = known.get(wanted);
  if (target === undefined) throw new OperationError("notFound", wanted, "no such release");
  const held = base === null ? null : (known.get(base)?.manifest ?? null);
  return encodeTransfer(target.manifest, held, (digest) => target.objects.get(digest) ?? assert.fail("unknown object"));
};

type Logged = { readonly code?: string; readonly reason?: string; readonly text: string };

async function started(t: TestContext, change: Partial<LinkLoopOptions> = {}) {
  const dir = await mkdtemp(join(tmpdir(), "muster-link-loop-"));
  const cache = await openCache({ dir, key: new Uint8Array(32).fill(3), log: quiet, now: () => now });
  const stop = new AbortController();
  let wake = (): void => undefined;
  const sent: FromAgent[] = [];
  const accepted: Bundle[] = [];
  const fetches: { readonly release: Digest; readonly base: Digest | null }[] = [];
  const saved: Envelope[] = [];
  const statuses = new Map<AppKey, AppStatus>();
  const warnings: Logged[] = [];
  const log: AgentLog = {
    ...quiet,
    warn: ({ code, reason }, text) => void warnings.push({ ...(code && { code }), ...(reason && { reason }), text }),
  };
  const redelivered: AppKey[] = [];
  let rechecks = 0;
  const observed: { readonly apps: readonly ObservedApp[]; readonly again: boolean }[] = [];
  let sessions = 0;
  let inbox: FromHub[] = [];
  /** Tests put their own answers in the way. */
  const hub = {
    fetch: async (wanted: Digest, base: Digest | null): Promise<Uint8Array> => transfer(wanted, base),
    renew: async (): Promise<void> => undefined,
    says: (...messages: readonly FromHub[]): void => {
      inbox.push(...messages);
      wake();
    },
  };
  const dial = (): HubLink => ({
    session: (signal) => {
      sessions += 1;
      inbox = [];
      signal.addEventListener("abort", () => wake());
      return {
        send: (message) => {
          sent.push(message);
          wake();
        },
        messages: (async function* () {
          for (;;) {
            // As gRPC says it, whatever the reason was.
            if (signal.aborted) throw new OperationError("cancelled", "hub", "Cancelled on client");
            const next = inbox.shift();
            if (next !== undefined) yield next;
            else await turn();
          }
        })(),
        close: () => undefined,
      };
    },
    fetchRelease: async (wanted, base) => {
      fetches.push({ release: wanted, base });
      wake();
      return hub.fetch(wanted, base);
    },
    answer: () => Promise.reject(new OperationError("unavailable", "hub", "not now")),
    renew: () => Promise.reject(new OperationError("unavailable", "hub", "not now")),
    close: () => undefined,
  });
  const loop = new LinkLoop({
    dial,
    cache,
    audience,
    agentVersion: "0.1.0",
    facts: async () => ({ kubernetesVersion: "v1.36.3", apiVersions: [], agentVersion: "0.1.0" }),
    body: {
      accept: (each) => void accepted.push(each),
      statuses: () => statuses,
      recheck: () => void (rechecks += 1),
      observe: (apps, again) => void observed.push({ apps, again }),
      soakOf: (app, pin) => (observed.at(-1)?.apps.some((each) => each.app === app && each.pin === pin) ? soak : null),
    },
    deeds: {
      inspect: () => Promise.reject(new OperationError("notFound", "app", "nothing is here")),
      redeliver: async ({ app }) => {
        redelivered.push(app);
        return 2;
      },
    },
    trust: walkTrust(null, [keyManifest(1, [first.key("active"), second.key("next")])]),
    accepted: null,
    renewIfDue: () => hub.renew(),
    saveTrust: async (manifests) => void saved.push(...manifests),
    now: () => now,
    random: () => 0,
    log,
    times: { firstFetchRetryMs: 1 },
    ...change,
  });
  const running = loop.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await running;
    await cache[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });
  const until = async (wanted: () => boolean): Promise<void> => {
    while (!wanted()) await turn();
  };
  const acks = () => sent.filter((message) => message.kind === "ack");
  await until(() => sent.some(({ kind }) => kind === "hello"));
  const reports = () => sent.filter((message) => message.kind === "status");
  const state = { cache, hub, loop, statuses, warnings, sent, acks, reports, accepted, fetches, saved, redelivered, observed, until };
  return { ...state, rechecks: () => rechecks, sessions: () => sessions };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const settle = async (): Promise<void> => {
  for (let i = 0; i < 50; i += 1) await turn();
};
const welcome = (keyManifests: readonly Envelope[] = [], features: readonly string[] = []): FromHub => ({
  kind: "welcome",
  protocol: 1,
  features,
  beatMs: 60_000,
  reconnectWindowMs: 0,
  keyManifests,
});
const offer = (envelope: Envelope): FromHub => ({ kind: "bundle", envelope });

test("I5 a bundle counts when all its Releases are on disk, and not before", { timeout }, async (t) => {
  const { cache, hub, acks, accepted, fetches, until } = await started(t);
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  hub.fetch = async (wanted, base) => {
    if (wanted === large.digest) await gate;
    return transfer(wanted, base);
  };
  hub.says(welcome(), offer(bundle(1, [small, large])));
  await until(() => fetches.length === 2);
  await settle();
  assert.deepEqual([acks(), accepted, await cache.readAccepted()], [[], [], null]);
  open();
  await until(() => acks().length === 1);
  assert.deepEqual([await cache.hasRelease(small.digest), await cache.hasRelease(large.digest)], [true, true]);
  assert.equal(
    parseBundle(new TextDecoder().decode(decodeEnvelope((await cache.readAccepted()) ?? new Uint8Array()).payload)).generation,
    1,
  );
  assert.deepEqual([accepted.length, acks()[0]?.refusal], [1, null]);
});

test("I5 S56 what comes for a Release and is not that Release is not kept, and its bundle does not count", { timeout }, async (t) => {
  const { cache, hub, acks, accepted, until, sessions } = await started(t);
  hub.fetch = async () => transfer(large.digest, null);
  hub.says(welcome(), offer(bundle(1, [small])));
  await until(() => acks().length === 1);
  assert.equal(acks()[0]?.refusal, "E_DIGEST");
  assert.deepEqual([accepted, await cache.readAccepted(), await cache.hasRelease(small.digest)], [[], null, false]);
  hub.fetch = async (wanted, base) => transfer(wanted, base);
  hub.says(offer(bundle(1, [small])));
  await until(() => acks().length === 2);
  assert.deepEqual([acks()[1]?.refusal, accepted.length, sessions()], [null, 1, 1]);
});

const refused: readonly [string, Envelope, string][] = [
  ["for another cluster", bundle(1, [small], { cluster: "paris" as ClusterName }), "E_AUDIENCE"],
  ["F63 for another UID", bundle(1, [small], { clusterUid: "uid-2" }), "E_AUDIENCE"],
  ["by a stranger", bundle(1, [small], {}, signer("k1")), "E_BAD_SIG"],
];
for (const [what, envelope, code] of refused) {
  test(`I5 a bundle ${what} is answered with ${code}; nothing is fetched, kept or begun for it`, { timeout }, async (t) => {
    const { cache, hub, acks, accepted, fetches, until } = await started(t);
    hub.says(welcome(), offer(envelope));
    await until(() => acks().length === 1);
    assert.equal(acks()[0]?.refusal, code);
    assert.deepEqual([fetches, accepted, await cache.readAccepted()], [[], [], null]);
  });
}

test("I3 after a bundle was accepted an older one is refused, and the same one is only acknowledged again", { timeout }, async (t) => {
  const { cache, hub, acks, accepted, until } = await started(t);
  hub.says(welcome(), offer(bundle(5, [small])));
  await until(() => acks().length === 1);
  const bytes = await cache.readAccepted();
  hub.says(offer(bundle(4, [large])));
  await until(() => acks().length === 2);
  hub.says(offer(bundle(5, [small])));
  await until(() => acks().length === 3);
  assert.deepEqual(
    acks().map(({ generation, refusal }) => [generation, refusal]),
    [
      [5, null],
      [4, "E_ROLLBACK"],
      [5, null],
    ],
  );
  assert.equal(accepted.length, 1);
  assert.deepEqual(await cache.readAccepted(), bytes);
});

test("the next hello says what was accepted", { timeout }, async (t) => {
  const { hub, acks, sent, until } = await started(t);
  hub.says(welcome(), offer(bundle(5, [small])));
  await until(() => acks().length === 1);
  hub.says({ kind: "drain", withinMs: 0 });
  await until(() => sent.filter(({ kind }) => kind === "hello").length === 2);
  const last = sent.findLast((message) => message.kind === "hello");
  const digest = digestOf(bundle(5, [small]).payload);
  assert.deepEqual(last?.accepted, { epoch: 1, signer: "k1", generation: 5, digest });
});

test("P13 the Release that an App has is the base of its next one", { timeout }, async (t) => {
  const { hub, acks, fetches, until } = await started(t);
  hub.says(welcome(), offer(bundle(1, [small])));
  await until(() => acks().length === 1);
  hub.says(offer(bundle(2, [large])));
  await until(() => acks().length === 2);
  assert.deepEqual(fetches, [
    { release: small.digest, base: null },
    { release: large.digest, base: small.digest },
  ]);
});

test("F60 what was lost on disk is fetched again, and the body told", { timeout }, async (t) => {
  const { cache, hub, loop, acks, fetches, rechecks, until } = await started(t);
  hub.says(welcome(), offer(bundle(1, [small])));
  await until(() => acks().length === 1);
  await cache.sweep(new Set([small.digest]));
  await cache.sweep(new Set());
  assert.equal(await cache.hasRelease(small.digest), false);
  loop.lost();
  await until(() => rechecks() === 1);
  assert.deepEqual([fetches.length, await cache.hasRelease(small.digest)], [2, true]);
});

test("F70 key manifests are kept when they follow from what is believed, and only then", { timeout }, async (t) => {
  const { hub, acks, saved, sessions, until } = await started(t);
  const next = [first.key("retired"), second.key("active")];
  hub.says(welcome([keyManifest(2, next, signer("k1"))]));
  await until(() => sessions() === 2);
  assert.deepEqual(saved, []);
  const good = keyManifest(2, next, second);
  hub.says(welcome([good]), offer(bundle(1, [], {}, first)));
  await until(() => acks().length === 1);
  assert.deepEqual([saved, acks()[0]?.refusal], [[good], "E_BAD_SIG"]);
  hub.says(offer(bundle(1, [], { signer: "k2" }, second)));
  await until(() => acks().length === 2);
  assert.equal(acks()[1]?.refusal, null);
});

test("a certificate that cannot be renewed now ends no session", { timeout }, async (t) => {
  const { hub, acks, sessions, until } = await started(t);
  let asked = 0;
  hub.renew = () => {
    asked += 1;
    return Promise.reject(new OperationError("unavailable", "hub", "not now"));
  };
  hub.says(welcome(), offer(bundle(1, [small])));
  await until(() => acks().length === 1);
  assert.deepEqual([asked, sessions()], [1, 1]);
});

test("a command is obeyed once, and only when it is ours; the hello says which kinds are known", { timeout }, async (t) => {
  const { hub, sent, redelivered, until } = await started(t);
  const [hello] = sent;
  assert.deepEqual(hello?.kind === "hello" && hello.features, ["answers-inspect", "obeys-redeliver", "observes"]);
  const head = { fleet: "fleet-1", cluster: "berlin", clusterUid: "uid-1", epoch: 1, notBefore: null, actor: "anna" };
  const command = { ...head, id: "command-1", expiresAt: "2026-11-21T08:01:00Z", kind: "redeliver", args: { app: "default//a" } };
  const says = (change: object, by = first): FromHub => ({
    kind: "command",
    envelope: by.seal(commandPayloadType, canonicalJson({ ...command, ...change })),
  });
  hub.says(welcome(), says({ cluster: "paris", id: "command-0" }), says({ id: "command-0" }, signer("k1")), says({}));
  const results = () => sent.filter((message) => message.kind === "commandResult");
  await until(() => results().length === 1);
  hub.says(says({}));
  await until(() => results().length === 2);
  const result = { kind: "commandResult", id: "command-1", ok: true, message: "2 objects are applied again", code: "" };
  assert.deepEqual([results(), redelivered], [[result, result], ["default//a"]]);
});

const failing = (code: "unavailable" | "limit" | "notFound" | "forbidden") => () =>
  Promise.reject(new OperationError(code, "hub", `the hub says ${code}`));

test("a Release that is too large has its bundle refused, and ends no session", { timeout }, async (t) => {
  const { hub, acks, until, sessions } = await started(t);
  hub.fetch = failing("limit");
  hub.says(welcome(), offer(bundle(1, [small])));
  await until(() => acks().length === 1);
  assert.deepEqual([acks()[0]?.refusal, sessions()], ["E_LIMIT", 1]);
});

test("a Release that the hub does not give waits for the next offer in the same session", { timeout }, async (t) => {
  const { hub, acks, fetches, warnings, until, sessions } = await started(t);
  hub.fetch = failing("notFound");
  hub.says(welcome(), offer(bundle(1, [small])));
  await until(() => warnings.length > 0);
  await settle();
  assert.deepEqual([fetches.length, acks(), sessions()], [1, [], 1]);
  hub.fetch = async (wanted, base) => transfer(wanted, base);
  hub.says(offer(bundle(1, [small])));
  await until(() => acks().length === 1);
  assert.deepEqual([acks()[0]?.refusal, sessions()], [null, 1]);
});

test("a fetch or a save that fails for now is tried again in the same session, and says why", { timeout }, async (t) => {
  const { cache, hub, acks, fetches, warnings, until, sessions } = await started(t);
  const save = cache.saveRelease.bind(cache);
  let full = true;
  cache.saveRelease = (manifest, objects) => (full ? Promise.reject(new Error("no space left on device")) : save(manifest, objects));
  hub.fetch = failing("unavailable");
  hub.says(welcome(), offer(bundle(1, [small])));
  await until(() => fetches.length >= 3);
  hub.fetch = async (wanted, base) => transfer(wanted, base);
  await until(() => warnings.some(({ reason }) => reason === "no space left on device"));
  full = false;
  await until(() => acks().length === 1);
  assert.deepEqual([acks()[0]?.refusal, sessions(), warnings[0]?.reason], [null, 1, "the hub says unavailable"]);
});

test("a newer bundle ends the wait for a Release of the one before", { timeout }, async (t) => {
  const { hub, acks, warnings, until } = await started(t, { times: { firstFetchRetryMs: 3_600_000, fetchRetryMaxMs: 3_600_000 } });
  hub.fetch = failing("unavailable");
  hub.says(welcome(), offer(bundle(1, [small])));
  await until(() => warnings.length > 0);
  hub.says(offer(bundle(2, [])));
  await until(() => acks().length === 1);
  assert.equal(acks()[0]?.generation, 2);
});

test("what ended a session from within is what the log says", { timeout }, async (t) => {
  const { hub, warnings, sessions, until } = await started(t);
  hub.fetch = failing("forbidden");
  hub.says(welcome(), offer(bundle(1, [small])));
  await until(() => sessions() === 2);
  assert.deepEqual(warnings.at(-1), { code: "forbidden", reason: "the hub says forbidden", text: "lost the hub; healing goes on" });
});

test("an API server that hangs keeps no agent from its hub, and its answer is there for the next hello", { timeout }, async (t) => {
  let answer = (): void => undefined;
  const facts = { kubernetesVersion: "v1.36.3", apiVersions: [], agentVersion: "0.1.0" };
  const late = new Promise<typeof facts>((resolve) => (answer = () => resolve(facts)));
  const { hub, sent, until, sessions } = await started(t, { facts: () => late, times: { factsMs: 50, greetingMs: 600_000 } });
  const hellos = () => sent.filter((message) => message.kind === "hello");
  assert.equal(hellos()[0]?.facts, null);
  answer();
  hub.says(welcome(), { kind: "drain", withinMs: 0 });
  await until(() => hellos().length === 2);
  assert.deepEqual([hellos()[1]?.facts, sessions()], [facts, 2]);
});

test("what changes of the cluster during a session is told in it, once", { timeout }, async (t) => {
  let clock = now;
  let apiVersions = ["apps/v1"];
  const { hub, loop, statuses, reports, until } = await started(t, {
    now: () => clock,
    facts: async () => ({ kubernetesVersion: "v1.36.3", apiVersions, agentVersion: "0.1.0" }),
  });
  hub.says(welcome());
  await settle();
  const stir = async (name: string): Promise<void> => {
    const before = reports().length;
    statuses.set(`default//${name}` as AppKey, appStatus(name));
    loop.changed(`default//${name}` as AppKey);
    await until(() => reports().length > before);
    await settle();
    hub.says({ kind: "statusAck", seq: reports().at(-1)?.seq ?? 0 });
  };
  apiVersions = ["apps/v1", "x/v1"];
  await stir("too-soon");
  assert.deepEqual(
    reports().map(({ facts }) => facts),
    [null],
  );
  clock += 60_000;
  await stir("in-time");
  clock += 60_000;
  await stir("nothing-new");
  const told = reports().flatMap(({ facts }) => (facts === null ? [] : [facts.apiVersions]));
  assert.deepEqual(told, [["apps/v1", "x/v1"]]);
});

test("the time for a welcome begins with the hello: slow facts use up none of it", { timeout }, async (t) => {
  const { hub, warnings, sessions } = await started(t, {
    facts: () => new Promise(() => undefined),
    times: { factsMs: 700, greetingMs: 500 },
  });
  hub.says(welcome());
  await settle();
  assert.deepEqual([warnings, sessions()], [[], 1]);
});

test("a session that fails soon after each welcome is tried again ever later; one that settled starts anew", { timeout }, async (t) => {
  const waits: number[] = [];
  let clock = now;
  const log: AgentLog = { ...quiet, debug: ({ ms }) => void waits.push(ms ?? -1) };
  const { hub, sessions, until } = await started(t, { log, random: () => 0.01, now: () => clock });
  for (const liveMs of [0, 0, 0, 60_000, 0]) {
    const before = sessions();
    hub.says(welcome());
    await settle();
    clock += liveMs;
    hub.says({ kind: "drain", withinMs: 0 });
    await until(() => sessions() > before);
  }
  assert.deepEqual(waits, [10, 20, 40, 0, 10]);
});

const soak: Soak = { healthyForMs: 5_000, pods: null };
const appStatus = (name: string, messageChars = 0): AppStatus => ({
  app: `default//${name}` as AppKey,
  pin: small.digest,
  release: small.digest,
  generation: 1,
  reason: "Synced",
  message: "m".repeat(messageChars),
  since: "2026-11-21T08:00:00.000Z",
  health: "healthy",
  counts: { total: 1, applied: 1, failed: 0, healthy: 1 },
  problems: [],
  drift: [],
  inventoryEmpty: false,
  held: null,
  soak: null,
});

test("a full report that fits one message is one, and complete", { timeout }, async (t) => {
  const { hub, statuses, reports, until } = await started(t);
  for (let i = 0; i < 300; i += 1) statuses.set(`default//a${i}` as AppKey, appStatus(`a${i}`));
  hub.says(welcome(), { kind: "need", apps: [] });
  await until(() => reports().length > 0);
  await settle();
  assert.deepEqual(
    reports().map(({ apps, complete, all }) => [apps.length, complete, all]),
    [[300, true, null]],
  );
});

test("I8 a full report of megabytes goes out in parts that fit, and the last one names all Apps", { timeout }, async (t) => {
  const { hub, statuses, reports, until, sessions } = await started(t);
  for (let i = 0; i < 1_500; i += 1) statuses.set(`default//a${i}` as AppKey, appStatus(`a${i}`, 2_000));
  statuses.set("default//huge" as AppKey, appStatus("huge", 400_000));
  hub.says(welcome(), { kind: "need", apps: [] });
  await until(() => reports().length === 4);
  await settle();
  assert.equal(reports().length, 4, "it does not wait for the hub");
  while (reports().at(-1)?.all === null) {
    const before = reports().length;
    hub.says({ kind: "statusAck", seq: reports().at(-1)?.seq ?? 0 });
    await until(() => reports().length > before);
    await settle();
  }
  const told = reports().flatMap(({ apps }) => apps.map(({ app }) => app));
  assert.deepEqual(told.toSorted(), [...statuses.keys()].toSorted());
  assert.deepEqual(reports().at(-1)?.all, [...statuses.keys()]);
  for (const report of reports()) {
    assert.equal(report.complete, false);
    assert.ok(report.apps.length === 1 || JSON.stringify(report.apps).length < 512 * 1024, `${report.apps.length} Apps in one report`);
  }
  assert.equal(sessions(), 1);
});

test("what changed in many Apps at once fits its messages too, and names nothing else", { timeout }, async (t) => {
  const { hub, loop, statuses, reports, until } = await started(t);
  hub.says(welcome());
  for (let i = 0; i < 300; i += 1) {
    const { app } = appStatus(`a${i}`);
    statuses.set(app, appStatus(`a${i}`, 2_000));
    loop.changed(app);
  }
  loop.changed("default//gone" as AppKey);
  await until(() => reports().reduce((sum, { apps }) => sum + apps.length, 0) === 300);
  assert.equal(reports().length, 3);
  assert.deepEqual(
    reports().map(({ complete, all, forgotten }) => [complete, all, forgotten.length]),
    [
      [false, null, 1],
      [false, null, 0],
      [false, null, 0],
    ],
  );
});

test(
  "what is to be observed is passed on, again with each session; a hub that knows no such lists ends the one before",
  { timeout },
  async (t) => {
    const { hub, observed, sessions, until } = await started(t);
    const apps = [{ app: "default//a" as AppKey, pin: small.digest, healthyForMs: 1 }];
    hub.says(welcome([], [observes]), { kind: "observe", apps }, { kind: "observe", apps: [] }, { kind: "observe", apps });
    await until(() => observed.length === 3);
    assert.deepEqual(observed, [
      { apps, again: true },
      { apps: [], again: false },
      { apps, again: false },
    ]);
    hub.says({ kind: "drain", withinMs: 0 });
    await until(() => sessions() === 2);
    hub.says(welcome([], [observes]));
    await settle();
    assert.equal(observed.length, 3, "this hub has not said anything yet: the list stays");
    hub.says({ kind: "observe", apps });
    await until(() => observed.length === 4);
    assert.equal(observed.at(-1)?.again, true);
    hub.says({ kind: "drain", withinMs: 0 });
    await until(() => sessions() === 3);
    hub.says(welcome());
    await until(() => observed.length === 5);
    assert.deepEqual(observed.at(-1), { apps: [], again: true });
  },
);

test("a status says the soak of the moment that it is sent in, and only of the pin that is observed", { timeout }, async (t) => {
  const { hub, loop, observed, statuses, reports, until } = await started(t);
  const [a, b] = [appStatus("a"), appStatus("b")];
  for (const status of [a, b]) statuses.set(status.app, status);
  hub.says(welcome([], [observes]), { kind: "observe", apps: [{ app: a.app, pin: a.pin, healthyForMs: 1 }] });
  await until(() => observed.length === 1);
  hub.says({ kind: "need", apps: [a.app] });
  await until(() => reports().length === 1);
  loop.changed(b.app);
  await until(() => reports().length === 2);
  assert.deepEqual(
    reports().map(({ apps }) => apps),
    [[{ ...a, soak }], [b]],
  );
});

test("a hub that acknowledges no report is left, and tried anew", { timeout }, async (t) => {
  const { hub, loop, warnings, statuses, sessions, until } = await started(t, { times: { ackMs: 30 } });
  const { app } = appStatus("a");
  statuses.set(app, appStatus("a"));
  hub.says(welcome());
  loop.changed(app);
  await until(() => sessions() === 2);
  assert.equal(warnings.at(-1)?.reason, "the hub acknowledges no report");
});

test("a hub that answers beats and then says nothing is left; one that never did is not", { timeout }, async (t) => {
  const times = { silenceMs: 30 };
  const beats = { ...welcome([], [answersBeats]), beatMs: 10 } as FromHub;
  const silent = await started(t, { times });
  silent.hub.says(beats);
  await silent.until(() => silent.sessions() === 2);
  assert.equal(silent.warnings.at(-1)?.reason, "the hub says nothing any more");
  const older = await started(t, { times });
  older.hub.says({ ...beats, features: [] } as FromHub);
  await older.until(() => older.sent.filter(({ kind }) => kind === "root").length === 10);
  assert.equal(older.sessions(), 1);
});
