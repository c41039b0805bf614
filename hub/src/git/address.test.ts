import assert from "node:assert/strict";
import { test } from "node:test";

import { Secret } from "@muster/proto/model/secret";

import { checkAddress, checkRevision, isBelow, maskUrl } from "./address.ts";
import type { Credentials } from "./credentials.ts";

const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "accepted";
  } catch (error) {
    return (error as { fault?: { code: string } }).fault?.code ?? String(error);
  }
};

const address = (url: string) => ({ name: "root", url, revision: null });

test("B10 S11 only plain http, https and ssh URLs are taken", () => {
  const forbidden = [
    "https://ada:CANARY@host/x.git",
    "https://CANARY@host/x.git",
    "ext::sh -c touch% pwned",
    "git://host/x.git",
    "ssh://host/x.git",
    "ssh://git:CANARY@host/x.git",
    "ssh://-oProxyCommand=x@host/x.git",
    "ssh://git@-oProxyCommand=x/x.git",
    "ssh://git@host:99999999/x.git",
    "ssh://git@host/-x",
    "ssh://git@host/x'y",
    "ssh://git@host/$(touch pwned)",
    "ssh://git@[2001:db8::1]/x.git",
    "git@-oProxyCommand=x:x.git",
    "git@host:",
    "git@host:-x",
    "git@host:x;id",
    "git@host://x",
    "C:\\x.git",
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

const ssh = { kind: "ssh", identity: new Secret("CANARY"), knownHosts: "host ssh-ed25519 AAAA\n" } as const;

test("an ssh URL is taken in both forms, with a key and the server's own key", () => {
  const table = {
    "ssh://git@host/x.git": "ssh://git@host/x.git",
    "ssh://git@Host.example:2222/a/b.git": "ssh://git@host.example:2222/a/b.git",
    "git@host:a/b.git": "ssh://git@host/a/b.git",
    "git@host:/srv/b.git": "ssh://git@host/srv/b.git",
    "git@host:~anna/b.git": "ssh://git@host/~anna/b.git",
  };
  for (const [url, expected] of Object.entries(table)) assert.equal(checkAddress({ ...address(url), credentials: ssh }).href, expected);
});

test("S18 ssh without the server's key, and credentials of the wrong kind, are refused", () => {
  const token = { kind: "token", token: new Secret("CANARY") } as const;
  const checked = (url: string, credentials?: Credentials) => codeOf(() => checkAddress({ ...address(url), credentials }));
  for (const knownHosts of ["", "\n\n", "# host ssh-ed25519 AAAA\n", "host ssh-ed25519"])
    assert.equal(checked("git@host:x.git", { ...ssh, knownHosts }), "E_CREDENTIALS_KIND", knownHosts);
  assert.equal(checked("git@host:x.git"), "E_CREDENTIALS_KIND");
  assert.equal(checked("git@host:x.git", token), "E_CREDENTIALS_KIND");
  assert.equal(checked("https://host/x.git", ssh), "E_CREDENTIALS_KIND");
});

test("what is wrong with a mirror or an allowed server is said before anything is sent", () => {
  const base = address("https://host/x.git");
  assert.equal(
    codeOf(() => checkAddress({ ...base, mirrors: [{ url: "git://mirror/x.git" }] })),
    "E_URL_FORBIDDEN",
  );
  assert.equal(
    codeOf(() => checkAddress({ ...base, remotes: [{ url: "https://u:CANARY@other/x" }] })),
    "E_URL_FORBIDDEN",
  );
});

test("what belongs to one repository goes to its server and path and below, nowhere else", () => {
  const below = (base: string, url: string) => isBelow(new URL(base), new URL(url));
  assert.ok(below("https://host/a/x.git", "https://host/a/x.git/info/refs"));
  for (const url of ["http://host/a/x.git", "https://host:444/a/x.git", "https://other/a/x.git", "https://host/a/x.gitt", "https://host/a"])
    assert.ok(!below("https://host/a/x.git", url), url);
  assert.ok(!below("ssh://git@host/a", "ssh://root@host/a"));
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
  for (const revision of [
    null,
    "^1.2",
    ">=1.2 <2",
    "1.x",
    "*",
    "main",
    "release/1.2",
    "v1.2.3",
    "refs/heads/main",
    "ä",
    "$(touch)",
    ";id",
    "a".repeat(40),
  ])
    assert.equal(
      codeOf(() => checkRevision("root", revision)),
      "accepted",
      String(revision),
    );
});
