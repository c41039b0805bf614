import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";

import { bundlePayloadType, bundleText, parseBundle, type Bundle } from "@muster/proto/model/bundle";
import { canonicalJson } from "@muster/proto/model/canonical";
import { digestOf } from "@muster/proto/model/digest";
import { preAuthEncoding, type Envelope } from "@muster/proto/model/envelope";
import { OperationError } from "@muster/proto/model/failure";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import type { JsonValue } from "@muster/proto/model/json";
import { commandLifeMaxMs, commandPayloadType, type Command } from "@muster/proto/model/command";
import type { AcceptedBundle } from "@muster/proto/model/session";
import { keyManifestPayloadType, type KeyManifest, type SigningKey } from "@muster/proto/model/trust";
import { verifyBundle, verifyCommand, verifyHeldBundle, walkTrust, type Audience } from "./verify.ts";

const audience: Audience = { fleet: "fleet-1", cluster: "berlin", clusterUid: "uid-1" };

function signer(name: string) {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
  const sealBytes = (payloadType: string, payload: Uint8Array): Envelope => ({
    payloadType,
    payload,
    signatures: [{ keyid: name, signature: sign(null, preAuthEncoding(payloadType, payload), privateKey) }],
  });
  const seal = (payloadType: string, text: string): Envelope => sealBytes(payloadType, new TextEncoder().encode(text));
  return { name, key: (state: SigningKey["state"]): SigningKey => ({ keyid: name, publicKey: pem, state }), seal, sealBytes };
}

const [first, second, foreign] = [signer("k1"), signer("k2"), signer("k1")];

function manifest(version: number, signing: readonly SigningKey[], by = first, fleet = "fleet-1"): Envelope {
  const value: KeyManifest = { version, fleet, signing, authorities: [] };
  return by.seal(keyManifestPayloadType, canonicalJson(value as unknown as JsonValue));
}

const trust = walkTrust(null, [manifest(1, [first.key("active")])]);

const plain: Bundle = {
  schema: 1,
  critical: [],
  fleet: "fleet-1",
  cluster: "berlin" as ClusterName,
  clusterUid: "uid-1",
  epoch: 1,
  signer: "k1",
  generation: 5,
  issuedAt: "2026-11-21T08:00:00.000Z",
  revision: { serial: 1, sources: {} },
  paused: false,
  apps: [],
  tombstones: [],
  approvals: [],
};
const bundle = (change: Partial<Bundle> = {}, by = first): Envelope => by.seal(bundlePayloadType, bundleText({ ...plain, ...change }));
const accepted = (change: Partial<AcceptedBundle> = {}): AcceptedBundle => ({
  epoch: 1,
  signer: "k1",
  generation: 5,
  digest: digestOf(bundleText(plain)),
  ...change,
});
const verdict = (envelope: Envelope, held: AcceptedBundle | null = null): string => {
  const answer = verifyBundle(envelope, trust, audience, held);
  return answer.kind === "refused" ? answer.code : answer.kind;
};

const unsigned = bundle();
const refused: readonly [string, Envelope, AcceptedBundle | null, string][] = [
  ["B54 without a signature", { ...unsigned, signatures: [] }, null, "E_BAD_SIG"],
  [
    "B54 with a truncated signature",
    { ...unsigned, signatures: unsigned.signatures.map((s) => ({ ...s, signature: s.signature.subarray(0, 63) })) },
    null,
    "E_BAD_SIG",
  ],
  ["B54 with an empty signature", { ...unsigned, signatures: [{ keyid: "k1", signature: new Uint8Array() }] }, null, "E_BAD_SIG"],
  ["S54 by a key that nobody introduced", bundle({ signer: "k2" }, second), null, "E_BAD_SIG"],
  ["S54 by another key of the same name", bundle({}, foreign), null, "E_BAD_SIG"],
  ["that names another signer than the one who signed", bundle({ signer: "k9" }), null, "E_BAD_SIG"],
  ["B53 for another cluster", bundle({ cluster: "paris" as ClusterName }), null, "E_AUDIENCE"],
  ["B53 for another fleet", bundle({ fleet: "fleet-2" }), null, "E_AUDIENCE"],
  ["F63 for the copy of this cluster", bundle({ clusterUid: "uid-2" }), null, "E_AUDIENCE"],
  ["B53 of an older epoch", bundle({ epoch: 1, generation: 9 }), accepted({ epoch: 2 }), "E_EPOCH"],
  ["B53 of a lower generation", bundle({ generation: 4 }), accepted(), "E_ROLLBACK"],
  ["I3 of a lower generation in a newer epoch", bundle({ epoch: 2, generation: 4 }), accepted(), "E_ROLLBACK"],
  ["B53 of the same generation with other content", bundle({ paused: true }), accepted(), "E_EQUIVOCATION"],
  ["by a second signer in one epoch", bundle({ generation: 6 }), accepted({ signer: "k0" }), "E_EQUIVOCATION"],
  ["B56 of an unknown schema", bundle({ schema: 2 }), null, "E_UNSUPPORTED"],
  ["B56 with an unknown critical feature", bundle({ critical: ["teleport"] }), null, "E_UNSUPPORTED"],
  ["that is another kind of document", first.seal(keyManifestPayloadType, bundleText(plain)), null, "E_UNSUPPORTED"],
  ["that is not JSON", first.seal(bundlePayloadType, "{"), null, "E_MALFORMED"],
  ["that lacks a field", first.seal(bundlePayloadType, bundleText(plain).replace('"apps":[],', "")), null, "E_MALFORMED"],
];
for (const [name, envelope, held, code] of refused)
  test(`a bundle ${name} is refused as ${code}`, () => assert.equal(verdict(envelope, held), code));

test("a bundle whose text is no UTF-8 is refused", () => {
  const text = bundleText({ ...plain, issuedAt: "2026-11-21T08:00:00.000Z", revision: { serial: 1, sources: { root: "X" } } });
  const payload = new TextEncoder().encode(text);
  payload[text.indexOf('"X"') + 1] = 0xff;
  assert.equal(verdict(first.sealBytes(bundlePayloadType, payload)), "E_MALFORMED");
});

const held: readonly [string, Envelope, string][] = [
  ["for another cluster", bundle({ cluster: "paris" as ClusterName }), "E_AUDIENCE"],
  ["for another fleet", bundle({ fleet: "fleet-2" }), "E_AUDIENCE"],
  ["F63 for the copy of this cluster", bundle({ clusterUid: "uid-2" }), "E_AUDIENCE"],
  ["without a signature", { ...unsigned, signatures: [] }, "E_BAD_SIG"],
  ["by another key of the same name", bundle({}, foreign), "E_BAD_SIG"],
  ["with a changed byte", { ...unsigned, payload: unsigned.payload.map((byte, at) => (at === 9 ? byte ^ 1 : byte)) }, "E_BAD_SIG"],
  ["of an unknown schema", bundle({ schema: 2 }), "E_UNSUPPORTED"],
  ["as it was accepted", bundle(), "accepted"],
];
for (const [what, envelope, expected] of held) {
  test(`I5 S25 a bundle on our own disk ${what} is ${expected === "accepted" ? "believed" : `refused as ${expected}`}`, () => {
    const answer = verifyHeldBundle(envelope, trust, audience);
    assert.equal(answer.kind === "refused" ? answer.code : answer.kind, expected);
  });
}

test("B55 a bundle larger than allowed is refused before anything else is looked at", () => {
  assert.equal(verdict({ ...bundle(), payload: new Uint8Array(33 * 1024 * 1024) }), "E_LIMIT");
});

test("S25 any changed byte of a bundle makes its signature worthless", () => {
  const envelope = bundle();
  for (let i = 0; i < envelope.payload.length; i += 7) {
    const payload = Uint8Array.from(envelope.payload);
    payload[i] = (payload[i] ?? 0) ^ 1;
    assert.equal(verdict({ ...envelope, payload }), "E_BAD_SIG");
  }
});

test("a higher generation is accepted, the same bundle is known", () => {
  assert.equal(verdict(bundle({ generation: 6 }), accepted()), "accepted");
  assert.equal(verdict(bundle({ epoch: 2, signer: "k1", generation: 6 }), accepted({ signer: "k0" })), "accepted");
  assert.equal(verdict(bundle(), accepted()), "same");
});

test("a signature beside a foreign one still counts", () => {
  const [good, other] = [bundle(), bundle({}, second)];
  assert.equal(verdict({ ...good, signatures: [...other.signatures, ...good.signatures] }), "accepted");
});

test("F70 an agent that slept walks the chain of key manifests, and only that", () => {
  const old = manifest(1, [first.key("active"), second.key("next")]);
  const next = manifest(2, [first.key("retired"), second.key("active")]);
  const last = manifest(3, [first.key("revoked"), second.key("active")], second);
  const walked = walkTrust(null, [old, next, last]);
  assert.equal(verifyBundle(bundle({ signer: "k2" }, second), walked, audience, null).kind, "accepted");
  assert.equal(verifyBundle(bundle(), walked, audience, null).kind, "refused");
  assert.equal(verifyHeldBundle(bundle(), walked, audience).kind, "accepted");
  assert.equal(walkTrust(walked, [old, next, last]), walked);
  assert.throws(() => walkTrust(null, [old, last]), /does not follow/);
  assert.throws(
    () => walkTrust(walkTrust(null, [old]), [manifest(2, [foreign.key("active")], foreign)]),
    /not signed by a key of its predecessor/,
  );
  assert.throws(() => walkTrust(walkTrust(null, [old]), [manifest(2, [first.key("active")], first, "fleet-2")]), /of another fleet/);
});

test("F70 a key that retired signs no command, and introduces no other key", () => {
  const old = manifest(1, [first.key("active"), second.key("next")]);
  const walked = walkTrust(null, [old, manifest(2, [first.key("retired"), second.key("active")])]);
  const verdict = verifyCommand(first.seal(commandPayloadType, canonicalJson(command as never)), walked, audience, 0, now);
  assert.equal(verdict.kind === "refused" && verdict.code, "E_BAD_SIG");
  assert.throws(() => walkTrust(walked, [manifest(3, [first.key("active")], first)]), /not signed by a key of its predecessor/);
});

const noManifests: readonly [string, Envelope][] = [
  ["of another type", first.seal(bundlePayloadType, new TextDecoder().decode(manifest(1, [first.key("active")]).payload))],
  ["that is not JSON", first.seal(keyManifestPayloadType, "{")],
  ["without keys", manifest(1, [])],
  ["with a key in an unknown state", manifest(1, [first.key("trusted" as SigningKey["state"])])],
  ["that vouches for itself with a retired key", manifest(1, [first.key("retired")])],
  ["that vouches for itself with a key that it does not name", manifest(1, [second.key("active")])],
];
for (const [what, envelope] of noManifests) {
  test(`a key manifest ${what} is not believed`, () => {
    assert.throws(
      () => walkTrust(null, [envelope]),
      (error) => error instanceof OperationError && error.code === "corrupt",
    );
  });
}

test("without a key manifest nothing is believed", () => {
  assert.throws(() => walkTrust(null, []), /there is no key manifest/);
});

const now = Date.parse("2026-11-21T08:00:00Z");
const command: Command = {
  fleet: "fleet-1",
  cluster: "berlin",
  clusterUid: "uid-1",
  epoch: 1,
  id: "command-1",
  notBefore: null,
  expiresAt: "2026-11-21T08:01:00.000Z",
  actor: "anna",
  kind: "redeliver",
  args: { app: "default//a" as AppKey },
};
const later = (ms: number): string => new Date(now + ms).toISOString();
const sealed = (change: object, by = first): Envelope => by.seal(commandPayloadType, canonicalJson({ ...command, ...change } as never));
const commands: readonly [string, Envelope, code: string, id: string][] = [
  ["by a key that nobody introduced", sealed({}, second), "E_BAD_SIG", ""],
  ["by another key of the same name", sealed({}, foreign), "E_BAD_SIG", ""],
  ["that is signed as something else", first.seal(bundlePayloadType, canonicalJson(command as never)), "E_BAD_SIG", ""],
  ["with a changed byte", { ...sealed({}), payload: sealed({}).payload.map((byte, at) => (at === 9 ? byte ^ 1 : byte)) }, "E_BAD_SIG", ""],
  ["for another cluster", sealed({ cluster: "paris" }), "E_AUDIENCE", ""],
  ["for the copy of this cluster", sealed({ clusterUid: "uid-2" }), "E_AUDIENCE", ""],
  ["for another fleet", sealed({ fleet: "fleet-2" }), "E_AUDIENCE", ""],
  ["of a hub that was overtaken", sealed({ epoch: 0 }), "E_EPOCH", "command-1"],
  ["that has expired", sealed({ expiresAt: later(0) }), "E_EXPIRED", "command-1"],
  ["that would be good for ever", sealed({ expiresAt: later(commandLifeMaxMs + 1) }), "E_EXPIRED", "command-1"],
  ["before its time", sealed({ notBefore: later(1) }), "E_NOT_YET", "command-1"],
  ["of an unknown kind", sealed({ kind: "wipe" }), "E_UNSUPPORTED", "command-1"],
  ["of a kind that every object has", sealed({ kind: "constructor" }), "E_UNSUPPORTED", "command-1"],
  ["without its arguments", sealed({ args: {} }), "E_UNSUPPORTED", "command-1"],
  ["with an id that is none", sealed({ id: 7 }), "E_UNSUPPORTED", ""],
  ["whose end is no time", sealed({ expiresAt: "soon" }), "E_UNSUPPORTED", "command-1"],
  ["that is not JSON", first.seal(commandPayloadType, "{"), "E_UNSUPPORTED", ""],
  ["that is too large", sealed({ actor: "a".repeat(20_000) }), "E_LIMIT", ""],
];
for (const [what, envelope, code, id] of commands) {
  test(`S25 a command ${what} is refused as ${code}`, () => {
    const verdict = verifyCommand(envelope, trust, audience, 1, now);
    assert.ok(verdict.kind === "refused");
    assert.deepEqual([verdict.code, verdict.id], [code, id]);
  });
}

test("a command for this cluster, signed and in time, is what it says", () => {
  assert.deepEqual(verifyCommand(sealed({}), trust, audience, 1, now), { kind: "command", command });
  const object = { group: "", kind: "Secret", namespace: "shop", name: "s" };
  const args = { app: "default//a", parts: ["tree", "diff"], object, managedFields: false };
  assert.equal(verifyCommand(sealed({ kind: "inspect", args }), trust, audience, 1, now).kind, "command");
});

test("a bundle's text reads back as it was written", () => {
  assert.deepEqual(parseBundle(bundleText(plain)), plain);
});
