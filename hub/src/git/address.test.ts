import assert from "node:assert/strict";
import { test } from "node:test";

import { Secret } from "@muster/proto/model/secret";

import { checkAddress, checkRevision, maskUrl } from "./address.ts";

const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "accepted";
  } catch (error) {
    return (error as { fault?: { code: string } }).fault?.code ?? String(error);
  }
};

const address = (url: string) => ({ name: "root", url, revision: null });

test("B10 only plain http and https URLs are taken", () => {
  const forbidden = [
    "https://ada:CANARY@host/x.git",
    "https://CANARY@host/x.git",
    "ext::sh -c touch% pwned",
    "git://host/x.git",
    "ssh://git@host/x.git",
    "git@host:x.git",
    "file:///etc/passwd",
    "/srv/x.git",
    "--upload-pack=touch pwned",
    "https://[2001:db8::1]/x.git",
    "https://gіthub.example/x.git",
    "https://host/x.git?sig=CANARY",
    "https://host/x.git#CANARY",
    "https:\\\\host\\x.git",
    "https:/host/x.git",
    "https://host/x.git\nAuthorization: CANARY",
    "https://host/$(touch pwned)\u202e",
    `https://host/${"x".repeat(3_000)}`,
    "",
  ];
  for (const url of forbidden)
    assert.equal(
      codeOf(() => checkAddress(address(url))),
      "E_URL_FORBIDDEN",
      url,
    );
  for (const url of ["https://host/x.git", "http://host:3000/a/b", "http://[::1]:1/x", "https://xn--gthub-n4a.example/x"])
    assert.equal(
      codeOf(() => checkAddress(address(url))),
      "accepted",
      url,
    );
});

test("S23 no message carries the credentials of a URL", () => {
  for (const url of [
    "https://ada:CANARY@host/x.git",
    "https://host/x?sig=CANARY",
    "ssh://CANARY@host/x",
    "git@CANARY@host:x",
    "CANARY:CANARY@host/x",
  ]) {
    assert.throws(
      () => checkAddress(address(url)),
      (error: Error) => !`${error.message} ${error.stack} ${JSON.stringify(error)}`.includes("CANARY"),
      url,
    );
    assert.ok(!maskUrl(url).includes("CANARY"), maskUrl(url));
  }
});

test("credentials go over https, to loopback, or where a person allowed plain http", () => {
  const credentials = { kind: "token", token: new Secret("t") } as const;
  const checked = (url: string, insecure?: boolean) => codeOf(() => checkAddress({ ...address(url), credentials, insecure }));
  assert.equal(checked("http://git.example/x"), "E_CREDENTIALS_FORBIDDEN");
  assert.equal(checked("http://127.0.0.1.evil.example/x"), "E_CREDENTIALS_FORBIDDEN");
  assert.equal(checked("http://git.example/x", true), "accepted");
  assert.equal(checked("https://git.example/x"), "accepted");
  assert.equal(checked("http://127.0.0.1:8080/x"), "accepted");
  assert.equal(checked("http://localhost/x"), "accepted");
});

test("B09 a revision that Git would not take for a ref's name is refused", () => {
  const invalid = [
    "--upload-pack=x",
    "-c core.x",
    "HEAD..x",
    "x".repeat(10_240),
    "",
    "a b",
    "a~1",
    "a^",
    "a:b",
    "a*",
    "a\\b",
    "a@{1}",
    "@",
    "a//b",
    "/a",
    "a/",
    ".a",
    "a.",
    "a/.b",
    "a.lock",
    "a\u0000",
    "a\u200bb",
    "a\nb",
  ];
  for (const revision of invalid)
    assert.equal(
      codeOf(() => checkRevision("root", revision)),
      "E_REF_INVALID",
      JSON.stringify(revision),
    );
  for (const revision of [null, "main", "release/1.2", "v1.2.3", "refs/heads/main", "ä", "$(touch)", ";id", "a".repeat(40)])
    assert.equal(
      codeOf(() => checkRevision("root", revision)),
      "accepted",
      String(revision),
    );
});
