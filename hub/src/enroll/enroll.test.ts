import assert from "node:assert/strict";
import { test } from "node:test";

import { OperationError } from "@muster/proto/model/failure";
import type { ClusterName } from "@muster/proto/model/identity";
import { makeRoot } from "../keys/authority.ts";
import {
  agentUri,
  authorityPin,
  decideEnrollment,
  mintApiToken,
  mintJoinToken,
  readAgentIdentity,
  readApiToken,
  readJoinToken,
  type JoinToken,
} from "./enroll.ts";

const now = Date.parse("2026-11-21T08:00:00Z");
const root = await makeRoot("fleet-1", now);
const minted = mintJoinToken(root.certificate);
const token = (change: Partial<JoinToken> = {}): JoinToken => ({
  id: minted.id,
  hash: minted.hash,
  tenant: "default",
  cluster: null,
  labels: { env: "prod" },
  usesLeft: 1,
  expiresAt: now + 1_000,
  replace: false,
  ...change,
});
const request = { token: minted.text, csr: new Uint8Array(), clusterUid: "0f8d6c1e-uid", proposedName: "berlin" };
const decide = (change: object = {}, row: JoinToken | undefined = token(), known?: { name: ClusterName; uid: string }) =>
  decideEnrollment(
    { ...request, ...change },
    (id) => (id === row?.id ? row : undefined),
    (name) => (name === known?.name ? known : undefined),
    now,
  );
const fails = (code: string) => (error: unknown) => error instanceof OperationError && error.code === code;

test("a token and a UID make a member; its labels are the token's", () => {
  assert.deepEqual(decide(), { cluster: "berlin", uid: "0f8d6c1e-uid", labels: { env: "prod" }, tokenId: minted.id, replaces: false });
});

test("the token's name wins over what the agent proposes (S26, S30)", () => {
  assert.equal(decide({}, token({ cluster: "paris" as ClusterName })).cluster, "paris");
});

test("B44 a token that is wrong, used up or expired is refused with one and the same message", () => {
  const messages = new Set<string>();
  const other = mintJoinToken(root.certificate);
  const cases: [object, JoinToken | undefined][] = [
    [{ token: other.text }, token()],
    [{ token: `${minted.text.slice(0, -1)}x` }, token()],
    [{ token: "" }, token()],
    [{}, token({ usesLeft: 0 })],
    [{}, token({ expiresAt: now })],
    [{}, token({ hash: other.hash })],
    [{}, undefined],
  ];
  for (const [change, row] of cases) {
    assert.throws(
      () =>
        decideEnrollment(
          { ...request, ...change },
          () => row,
          () => undefined,
          now,
        ),
      (error) => {
        assert.ok(error instanceof OperationError && error.code === "unauthenticated");
        messages.add(error.message);
        return true;
      },
    );
  }
  assert.equal(messages.size, 1);
});

test("F63 a name that another cluster holds is kept for it, but for a token made to replace it", () => {
  const known = { name: "berlin" as ClusterName, uid: "another-uid" };
  assert.throws(() => decide({}, token(), known), fails("conflict"));
  assert.equal(decide({}, token({ replace: true }), known).replaces, true);
  const own = { ...known, uid: request.clusterUid };
  assert.throws(() => decide({}, token(), own), fails("conflict"), "the UID is no proof");
  assert.equal(decide({}, token({ cluster: known.name }), own).replaces, false);
});

test("B43 names that are no DNS label are refused", () => {
  for (const proposedName of ["", "*", ">", "a.b", "a/b", "-a", "a-", "A", "a".repeat(64), "__proto__"])
    assert.throws(() => decide({ proposedName }), fails("invalid"));
});

test("a UID that cannot be one is refused", () => {
  for (const clusterUid of ["", "-a", "a/b", "a b", "a,URI:spiffe://x", "u".repeat(65)])
    assert.throws(() => decide({ clusterUid }), fails("invalid"), clusterUid);
});

test("a token made to replace revokes nobody where nobody else holds the name", () => {
  assert.equal(decide({}, token({ replace: true })).replaces, false);
  const known = { name: "berlin" as ClusterName, uid: request.clusterUid };
  assert.equal(decide({}, token({ replace: true }), known).replaces, false);
});

test("a join token carries the pin of the CA and notices a typing error", () => {
  assert.ok(minted.text.includes(authorityPin(root.certificate)));
  assert.equal(readJoinToken(minted.text)?.id, minted.id);
  const at = minted.text.indexOf(".") + 3;
  const typo = minted.text.slice(0, at) + (minted.text[at] === "0" ? "1" : "0") + minted.text.slice(at + 1);
  assert.equal(readJoinToken(typo), undefined);
});

test("an API token reads back; its hash is not the secret", () => {
  const api = mintApiToken();
  assert.deepEqual(readApiToken(api.text), { id: api.id, hash: api.hash });
  assert.ok(!api.text.includes(api.hash));
  assert.equal(readApiToken(minted.text), undefined);
});

test("the identity in a certificate is of this fleet and nothing else", () => {
  const uri = `URI:${agentUri("f1", "berlin", "u1")}`;
  assert.deepEqual(readAgentIdentity("f1", uri, "AB"), { cluster: "berlin", uid: "u1", serial: "ab" });
  for (const names of [
    "",
    "DNS:berlin",
    uri.replace("f1", "f2"),
    `${uri}, URI:spiffe://f1/cluster/paris/u1`,
    "URI:spiffe://f1/cluster/berlin",
  ]) {
    assert.equal(readAgentIdentity("f1", names, "AB"), undefined);
  }
});
