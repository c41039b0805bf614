// What an agent makes of commands once they are verified: one after the other, once each, in bounds, and never in silence.

import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { after, test } from "node:test";

import { commandPayloadType, commandText, type Command, type InspectArgs } from "@muster/proto/model/command";
import { preAuthEncoding, type Envelope } from "@muster/proto/model/envelope";
import { OperationError } from "@muster/proto/model/failure";
import type { AppKey } from "@muster/proto/model/identity";
import { inspectionLimits, parseInspection, type Inspection } from "@muster/proto/model/inspection";
import type { CommandResult, FromAgent } from "@muster/proto/model/session";
import { openCache, type Cache } from "../cache/cache.ts";
import type { Trust } from "../verify/verify.ts";
import { commandsRememberedMax } from "./command-book.ts";
import { Obedience, type Deeds } from "./obeying.ts";
import { silent } from "./rig.ts";

const start = Date.parse("2026-11-21T08:00:00Z");
const app = "default//a" as AppKey;
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const trust: Trust = {
  manifest: { version: 1, fleet: "fleet-1", signing: [], authorities: [] },
  keys: new Map([["k1", { key: publicKey, state: "active" }]]),
};

function seal(change: Partial<Command>): Envelope {
  const head = { fleet: "fleet-1", cluster: "berlin", clusterUid: "uid-1", epoch: 1, notBefore: null, actor: "anna" };
  const command = {
    ...head,
    id: "command-1",
    expiresAt: "2026-11-21T08:01:00.000Z",
    kind: "redeliver",
    args: { app },
    ...change,
  } as Command;
  const payload = new TextEncoder().encode(commandText(command));
  const signature = sign(null, preAuthEncoding(commandPayloadType, payload), privateKey);
  return { payloadType: commandPayloadType, payload, signatures: [{ keyid: "k1", signature }] };
}

const inspectArgs: InspectArgs = { app, parts: ["tree"], object: null, managedFields: false };
const look = (id: string): Envelope => seal({ id, kind: "inspect", args: inspectArgs });
const nothing: Inspection = { app, takenAt: "2026-11-21T08:00:00.000Z", release: null, pin: null, objects: [], events: [], notes: [] };

/** A real disk: what a restart finds. */
async function disk(dir: string): Promise<Cache> {
  return openCache({ dir, key: new Uint8Array(32).fill(3), log: silent, now: () => start });
}
const dir = await mkdtemp(join(tmpdir(), "muster-obeying-"));
const opened: Cache[] = [];
after(async () => {
  for (const cache of opened) await cache[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

async function freshJournal(): Promise<Cache["commands"]> {
  const cache = await disk(join(dir, String(opened.length)));
  opened.push(cache);
  return cache.commands;
}

async function listening(
  deeds: Partial<Deeds> = {},
  answer: (id: string) => Promise<void> = async () => undefined,
  commands?: Cache["commands"],
) {
  const results: CommandResult[] = [];
  const answers: { readonly id: string; readonly bytes: Uint8Array }[] = [];
  const clock = { now: start };
  let stop = new AbortController();
  let news = Promise.withResolvers<void>();
  const tell = (): void => {
    news.resolve();
    news = Promise.withResolvers();
  };
  const obedience = new Obedience({
    audience: { fleet: "fleet-1", cluster: "berlin", clusterUid: "uid-1" },
    deeds: { inspect: async () => nothing, redeliver: async () => 1, ...deeds },
    commands: commands ?? (await freshJournal()),
    now: () => clock.now,
    log: silent,
  });
  const contact = {
    get signal() {
      return stop.signal;
    },
    session: {
      send: (message: FromAgent) => {
        assert.ok(message.kind === "commandResult");
        results.push(message);
        tell();
      },
    },
    link: {
      answer: async (id: string, bytes: Uint8Array) => {
        await answer(id);
        answers.push({ id, bytes });
        tell();
      },
    },
  };
  const until = async (wanted: () => boolean): Promise<void> => {
    while (!wanted()) await news.promise;
  };
  const hear = (envelope: Envelope): void => obedience.hear(envelope, { trust, epoch: 1 }, contact);
  /** Another session. */
  const next = (): void => void (stop = new AbortController());
  return { hear, until, results, answers, clock, stop, next };
}

test("a look is answered on a stream of its own, and with no result", async () => {
  const { hear, until, results, answers } = await listening();
  hear(look("command-1"));
  await until(() => answers.length === 1);
  const told = answers.map(({ id, bytes }) => [id, parseInspection(zstdDecompressSync(bytes).toString("utf8"))]);
  assert.deepEqual([told, results], [[["command-1", nothing]], []]);
});

test("a look that fails is a result with its code, and one that nobody wants any more hurts nothing", async () => {
  const fault = new OperationError("notFound", "a", "no App here", undefined, { code: "E_NOT_HERE", remedy: "" });
  const { hear, until, results } = await listening({ inspect: () => Promise.reject(fault) });
  hear(look("command-1"));
  await until(() => results.length === 1);
  assert.deepEqual(results, [{ kind: "commandResult", id: "command-1", ok: false, message: "no App here", code: "E_NOT_HERE" }]);
  const refused = await listening({}, () => Promise.reject(new OperationError("notFound", "hub", "nobody waits")));
  refused.hear(look("command-2"));
  await refused.until(() => refused.results.length === 1);
  assert.equal(refused.results[0]?.code, "E_NOTFOUND");
});

test("B55 an answer that is too large is an error, and is not sent", async () => {
  const note = "x".repeat(inspectionLimits.answerTextBytes);
  const { hear, until, results, answers } = await listening({ inspect: async () => ({ ...nothing, notes: [note] }) });
  hear(look("command-1"));
  await until(() => results.length === 1);
  assert.deepEqual([results[0]?.code, answers], ["E_ANSWER_TOO_LARGE", []]);
});

test("B53 a command that comes twice is carried out once; its result is told again", async () => {
  let done = 0;
  const { hear, until, results } = await listening({ redeliver: async () => (done += 1) });
  hear(seal({}));
  hear(seal({}));
  await until(() => results.length === 1);
  hear(seal({}));
  await until(() => results.length === 2);
  assert.deepEqual([done, results[1]], [1, results[0]]);
});

test("B53 I8 an agent remembers so many commands; it refuses the next one before it forgets one that is still good", async () => {
  let done = 0;
  const inspect = () => Promise.reject(new OperationError("notFound", "a", `look ${(done += 1)}`));
  const { hear, until, results, clock } = await listening({ inspect, redeliver: async () => (done += 1) });
  for (let at = 0; at < commandsRememberedMax; at += 1) {
    hear(look(`command-${at}`));
    await until(() => results.length === at + 1);
  }
  hear(seal({ id: "one-too-many" }));
  assert.equal(results.at(-1)?.code, "E_BUSY");
  hear(look("command-0"));
  assert.deepEqual([done, results.at(-1)?.id], [commandsRememberedMax, "command-0"]);
  clock.now = start + 60_000;
  const expiresAt = new Date(clock.now + 60_000).toISOString();
  hear(seal({ id: "one-too-many", expiresAt }));
  await until(() => results.at(-1)?.ok === true && results.at(-1)?.id === "one-too-many");
  assert.equal(done, commandsRememberedMax + 1);
});

test("I8 commands are carried out one at a time, and only so many wait", async () => {
  const gate = Promise.withResolvers<Inspection>();
  let running = 0;
  const { hear, until, results, answers } = await listening({
    inspect: () => {
      running += 1;
      return gate.promise;
    },
  });
  for (let at = 0; at < 17; at += 1) hear(look(`command-${at}`));
  assert.deepEqual(
    results.map(({ id, code }) => [id, code]),
    [["command-16", "E_BUSY"]],
  );
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(running, 1);
  gate.resolve(nothing);
  await until(() => answers.length === 16);
});

test("B53 after a restart an order that was carried out is not carried out again; its result is told again", async () => {
  const place = join(dir, "restart");
  let done = 0;
  const deeds: Partial<Deeds> = { redeliver: async () => (done += 1) };
  const before = await disk(place);
  const first = await listening(deeds, undefined, before.commands);
  first.hear(seal({}));
  await first.until(() => first.results.length === 1);
  await before[Symbol.asyncDispose]();
  await using found = await disk(place);
  const second = await listening(deeds, undefined, found.commands);
  second.hear(seal({}));
  await second.until(() => second.results.length === 1);
  assert.deepEqual([done, second.results], [1, first.results]);
});

test("B53 an order that a crash cut off is not begun again: whoever gave it is told so", async () => {
  const place = join(dir, "crash");
  let begun = 0;
  const before = await disk(place);
  const first = await listening({ redeliver: () => ((begun += 1), new Promise(() => undefined)) }, undefined, before.commands);
  first.hear(seal({}));
  while (begun === 0) await new Promise((resolve) => setImmediate(resolve));
  await before[Symbol.asyncDispose]();
  await using found = await disk(place);
  const second = await listening({ redeliver: async () => (begun += 1) }, undefined, found.commands);
  second.hear(seal({}));
  await second.until(() => second.results.length === 1);
  assert.deepEqual([begun, second.results[0]?.ok, second.results[0]?.code], [1, false, "E_INTERRUPTED"]);
});

test("an order that cannot be kept is not carried out", async () => {
  let done = 0;
  const cache = await disk(join(dir, "refusing"));
  await cache[Symbol.asyncDispose](); // its file takes no more
  const { hear, until, results } = await listening({ redeliver: async () => (done += 1) }, undefined, cache.commands);
  hear(seal({}));
  await until(() => results.length === 1);
  assert.deepEqual([done, results[0]?.ok], [0, false]);
});

test("an order whose session ended before it was begun may come again with the next one", async () => {
  const gate = Promise.withResolvers<Inspection>();
  let done = 0;
  const { hear, until, results, stop, next } = await listening({ inspect: () => gate.promise, redeliver: async () => (done += 1) });
  hear(look("command-0"));
  hear(seal({}));
  stop.abort();
  gate.resolve(nothing);
  await new Promise((resolve) => setImmediate(resolve));
  next();
  hear(seal({}));
  await until(() => results.length === 1);
  assert.deepEqual([done, results[0]?.ok], [1, true]);
});
