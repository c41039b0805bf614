// What an App may name, and with which secret it is fetched.

import assert from "node:assert/strict";
import { test } from "node:test";

import { contentAddress, contentFolder, contentKey, type ContentRef, type SourceSpec } from "./content.ts";

const spec = (name: string, change: Partial<SourceSpec> = {}): SourceSpec => ({
  name,
  kind: "git",
  url: `https://git.example/${name}.git`,
  revision: "main",
  path: ".",
  pollMs: 60_000,
  secretRef: `${name}-git`,
  submodules: true,
  mirrors: ["https://mirror.example/a.git"],
  remotes: [],
  insecure: false,
  ...change,
});
const remotes = [{ url: "https://charts.example/stable", secretRef: "charts" }];
const specs = new Map([
  ["root", spec("root", { remotes })],
  ["team", spec("team")],
  ["charts", spec("charts", { kind: "helm", url: "https://charts.example/stable", secretRef: "helm" })],
]);
const chart = (repo: string | null, version: string | null = "^1") => ({ kind: "chart", repo, chart: "web", version }) as const;
const ref = (change: Partial<ContentRef>): ContentRef => ({ source: "root", revision: null, remote: null, ...change });

const addresses: readonly (readonly [string, ContentRef, readonly unknown[]])[] = [
  ["a Source's own Snapshot", ref({}), ["git", "https://git.example/root.git", "main", "root-git"]],
  ["another Source at a tag", ref({ source: "team", revision: "v1" }), ["git", "https://git.example/team.git", "v1", "team-git"]],
  ["an allowed chart", ref({ remote: chart("https://charts.example/stable") }), ["chart", "https://charts.example/stable", "^1", "charts"]],
  [
    "a chart at a target's version",
    ref({ revision: "2.0.0", remote: chart("https://charts.example/stable") }),
    ["chart", "https://charts.example/stable", "2.0.0", "charts"],
  ],
  ["a chart of a Source", ref({ source: "charts", remote: chart(null) }), ["chart", "https://charts.example/stable", "^1", "helm"]],
];
for (const [what, of, expected] of addresses) {
  test(`${what} is fetched from its address with its own secret`, () => {
    const address = contentAddress(of, specs);
    assert.ok(!("code" in address), JSON.stringify(address));
    assert.deepEqual([address.kind, address.url, address.revision, address.secretRef], expected);
    assert.equal(address.key, contentKey(of));
  });
}

const refusals: readonly (readonly [string, ContentRef, string])[] = [
  ["B51 a chart that no remote covers", ref({ remote: chart("https://charts.example/other") }), "E_REMOTE_FORBIDDEN"],
  [
    "B51 a chart that another Source's remote covers",
    ref({ source: "team", remote: chart("https://charts.example/stable") }),
    "E_REMOTE_FORBIDDEN",
  ],
  ["B51 a repository elsewhere", ref({ remote: { kind: "git", url: "https://git.example/team.git" } }), "E_REMOTE_FORBIDDEN"],
  ["an unknown Source", ref({ source: "nobody" }), "E_SOURCE_UNKNOWN"],
  ["a folder of a Helm repository", ref({ source: "charts" }), "E_FIELD"],
  ["a chart of a Git repository by name", ref({ source: "team", remote: chart(null) }), "E_FIELD"],
];
for (const [what, of, code] of refusals) {
  test(`${what} is refused before anything is asked`, () => {
    const address = contentAddress(of, specs);
    assert.equal("code" in address && address.code, code);
  });
}

test("S15 what is fetched from elsewhere is shown nothing of the Source's own: no secret, no mirrors, no submodules", () => {
  const address = contentAddress(ref({ remote: chart("https://charts.example/stable") }), specs);
  assert.ok(!("code" in address));
  assert.deepEqual([address.secretRef, address.mirrors, address.submodules, address.scope], ["charts", [], false, remotes[0]?.url]);
});

test("contents have keys and folders of their own", () => {
  const all = [...addresses, ...refusals].map(([, of]) => contentKey(of));
  assert.equal(new Set(all).size, all.length);
  assert.equal(contentFolder("root"), "root");
  for (const key of all) assert.match(contentFolder(key), /^[-a-z0-9]{1,64}$/);
  assert.notEqual(contentFolder("root@v1"), contentFolder("root@v2"));
});
