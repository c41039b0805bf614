import assert from "node:assert/strict";
import { test } from "node:test";

import { allowedRemote } from "./remotes.ts";

const remotes = [
  { url: "https://charts.example/", secretRef: "all" },
  { url: "https://charts.example/team/", secretRef: "team" },
  { url: "oci://registry.example:5000/charts", secretRef: "oci" },
  { url: "git@git.example:team/", secretRef: "ssh" },
];

const cases: readonly (readonly [url: string, secretRef: string | null])[] = [
  ["https://charts.example", "all"],
  ["https://charts.example/other/index.yaml", "all"],
  ["https://charts.example/team/index.yaml", "team"],
  ["https://charts.example/teams/index.yaml", "all"],
  ["https://CHARTS.example:443/team", "team"],
  ["https://charts.example:8443/team", null],
  ["http://charts.example/team", null],
  ["https://charts.example.evil.example/team", null],
  ["https://evil.example/charts.example/", null],
  ["https://charts.example/team/%2e%2e/secret", null],
  ["https://charts.example/team/../secret", null],
  ["https://charts.example/team?x=1", null],
  ["https://charts.example/team/..%2fsecret", null],
  ["oci://registry.example:5000/charts/shop", "oci"],
  ["oci://registry.example/charts/shop", null],
  ["oci://registry.example:5000/chartsets", null],
  ["git@git.example:team/a.git", "ssh"],
  ["ssh://git@git.example/team/a.git", "ssh"],
  ["other@git.example:team/a.git", null],
  ["git@git.example:teams/a.git", null],
  ["nonsense", null],
];

for (const [url, secretRef] of cases) {
  test(`S15 ${url} is ${secretRef === null ? "not allowed" : `allowed with ${secretRef}`}`, () => {
    assert.equal(allowedRemote(remotes, url)?.secretRef ?? null, secretRef);
  });
}
