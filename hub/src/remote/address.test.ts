import assert from "node:assert/strict";
import { test } from "node:test";

import { addressFor, allowedUrl } from "./address.ts";
import { mayLearn, readChallenge } from "./challenge.ts";
import { parseReference } from "./reference.ts";
import { at, codeOf } from "./testdata/world.ts";

test("S15 an address allows its own path and what lies below it, and nothing that only looks so", async () => {
  const address = at("https://charts.example/stable/");
  for (const url of ["https://charts.example/stable", "https://charts.example/stable/x.tgz", "HTTPS://CHARTS.EXAMPLE:443/stable/a/b?v=1"])
    assert.equal(await codeOf(() => allowedUrl(address, url)), "accepted", url);
  const others = [
    "https://charts.example/stable-2/x",
    "https://charts.example/stable/../secret",
    "https://charts.example/stable/%2e%2e/secret",
    "https://charts.example/stable/%2E%2E%2Fsecret",
    "https://charts.example/stable/..%5csecret",
    "https://charts.example.evil/stable/x",
    "https://charts.example:444/stable/x",
    "https://other.example/stable/x",
  ];
  for (const url of others) assert.equal(await codeOf(() => allowedUrl(address, url)), "E_REMOTE_FORBIDDEN", url);
  const bad = [
    "",
    "charts.example",
    "file:///etc/passwd",
    "https:charts.example",
    "https://a@charts.example/stable/x",
    "https://charts.example/stable/x#y",
    "https://chаrts.example/stable",
    `https://charts.example/stable/${"x".repeat(3_000)}`,
  ];
  for (const url of bad) assert.equal(await codeOf(() => allowedUrl(address, url)), "E_URL_FORBIDDEN", url);
});

test("of several addresses the closest one is taken, a registry's for registries", () => {
  const addresses = [
    at("https://x.example", { name: "host" }),
    at("https://x.example/team", { name: "team" }),
    at("oci://x.example/team", { name: "oci" }),
  ];
  const nameFor = (url: string): string | undefined => addressFor(addresses, url)?.name;
  assert.deepEqual(
    [
      "https://x.example/team/a",
      "https://x.example/teams",
      "oci://x.example/team/chart",
      "oci://x.example/other",
      "https://y.example/",
    ].map(nameFor),
    ["team", "host", "oci", undefined, undefined],
  );
});

test("a registry is spoken to over TLS, but on loopback or where it is allowed, and there too when its CA is known", () => {
  const schemeOf = (url: string, more = {}) => allowedUrl(at(url, more), url).protocol;
  assert.equal(schemeOf("oci://registry.example/team"), "https:");
  assert.equal(schemeOf("oci://127.0.0.1:5000/team"), "http:");
  assert.equal(schemeOf("oci://127.0.0.1:5000/team", { ca: "PEM" }), "https:");
  assert.equal(schemeOf("oci://registry.example/team", { insecure: true }), "http:");
});

test("S15 credentials are told to the registry's own site, over TLS", () => {
  const may = (registry: string, realm: string, more = {}) => mayLearn(at("oci://x/y", more), new URL(registry), new URL(realm));
  assert.ok(may("https://images-1.hub.example", "https://auth.hub.example/token"));
  assert.ok(may("https://images.forge.example", "https://forge.example/jwt/auth"));
  assert.ok(may("https://ghcr.example", "https://ghcr.example/token"));
  assert.ok(may("http://127.0.0.1:5000", "http://127.0.0.1:6000/token"));
  assert.ok(may("https://registry.example", "https://login.other.example/token", { tokenHosts: ["login.other.example"] }));
  for (const [registry, realm] of [
    ["https://images.hub.example", "https://hub.example.evil.example/token"],
    ["https://registry.example", "https://evil.test/token"],
    ["https://images.co.uk", "https://evil.co.uk/token"],
    ["https://registry.example", "http://registry.example/token"],
    ["https://10.0.0.1", "https://10.0.0.2/token"],
    ["https://registry.example", "http://127.0.0.1/token"],
    ["https://registry", "https://evil/token"],
  ] as const)
    assert.ok(!may(registry, realm), `${registry} -> ${realm}`);
});

test("a challenge is read in every form that registries send", () => {
  assert.deepEqual(readChallenge('Bearer realm="https://a/t",service="s, x",scope="repository:a:pull"'), {
    kind: "bearer",
    realm: "https://a/t",
    service: "s, x",
    scope: "repository:a:pull",
  });
  assert.equal(readChallenge('Basic realm="r", Bearer realm="https://a/t"')?.kind, "bearer");
  assert.deepEqual(readChallenge('basic realm="r"'), { kind: "basic" });
  for (const header of [undefined, "", "Negotiate", "Bearer service=x"]) assert.equal(readChallenge(header), null);
});

test("a reference names host, path, tag and digest, or is refused", async () => {
  const digest = "0".repeat(64);
  assert.deepEqual(parseReference(`oci://r.example:5000/a/b_c:1.0@sha256:${digest}`, "x"), {
    repositoryUrl: "oci://r.example:5000/a/b_c",
    repository: "a/b_c",
    tag: "1.0",
    digest,
  });
  for (const ref of [
    "https://r/a",
    "oci://r",
    "oci://r/",
    "oci://r/A",
    "oci://r/../a",
    "oci://r/a/..",
    "oci://r/a?b",
    "oci://u@r/a",
    "oci://r/a:..%2f",
    "oci://r/a@sha256:12",
    "oci://r/a@md5:12",
  ])
    assert.equal(await codeOf(() => parseReference(ref, "x")), "E_URL_FORBIDDEN", ref);
});
