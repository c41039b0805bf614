// A fleet read, resolved and rendered without a hub, from a commit and from a folder.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { test, type TestContext } from "node:test";

import { lintOffline, readFleetOffline, type OfflineQuery } from "./offline.ts";

const signal = new AbortController().signal;
const cluster = (name: string, labels: string) =>
  `apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata: {name: ${name}, labels: {${labels}}}\n---\n`;
const app = (name: string, path: string, targets = "[{clusters: {matchLabels: {env: prod}}}]") =>
  `apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata: {name: ${name}}\nspec: {source: {path: ${path}}, namespace: ${name}, targets: ${targets}}\n---\n`;
const configMap = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;

const files = {
  "fleet/clusters.yaml": cluster("berlin", "env: prod") + cluster("paris", "env: test"),
  "fleet/apps.yaml": app("web", "apps/web") + app("gone", "apps/gone"),
  "apps/web/cm.yaml": configMap("web"),
};

async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "muster-offline-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function write(dir: string, all: { readonly [path: string]: string }): Promise<void> {
  for (const [path, content] of Object.entries(all)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), content);
  }
}

const git = (dir: string, ...args: string[]) =>
  execFileSync("git", ["-C", dir, "-c", "user.name=a", "-c", "user.email=a@x", ...args], { encoding: "utf8" }).trim();
const read = (query: Partial<OfflineQuery> & { repo: string }) =>
  readFleetOffline({ revision: null, path: "", clusters: null, cluster: null, ...query }, signal);
const placed = ({ resolution }: Awaited<ReturnType<typeof read>>) =>
  [...resolution.placements.all()].map(({ app: key, cluster: name, release }) => `${key} ${name} ${release === null ? "-" : "ok"}`);

test("a fleet is resolved and rendered from a folder; what is wrong with one App leaves the others alone", async (t) => {
  const dir = await scratch(t);
  await write(dir, files);
  const fleet = await read({ repo: dir });
  assert.equal(fleet.commit, null);
  assert.deepEqual(placed(fleet), ["default//gone berlin -", "default//web berlin ok"]);
  assert.deepEqual(
    fleet.problems.map(({ code, place }) => `${code} ${place?.path}`),
    ["E_PATH_MISSING fleet/apps.yaml"],
  );
  const release = [...fleet.resolution.placements.all()][1]?.release;
  assert.ok(release);
  assert.deepEqual(
    fleet.objectsOf(release).map(({ object }) => object["metadata"]),
    [{ name: "web", namespace: "web" }],
  );
});

test("a commit is read as it was committed, not as the folder is now; --path narrows what counts", async (t) => {
  const dir = await scratch(t);
  await write(dir, files);
  git(dir, "init", "-q", "-b", "main");
  git(dir, "add", "-A");
  git(dir, "commit", "-q", "-m", "1");
  await write(dir, { "fleet/apps.yaml": app("other", "apps/web"), "old/apps.yaml": app("old", "apps/web") });
  const committed = await read({ repo: dir, revision: "HEAD" });
  assert.equal(committed.commit, git(dir, "rev-parse", "HEAD"));
  assert.deepEqual(placed(committed), ["default//gone berlin -", "default//web berlin ok"]);
  assert.deepEqual(placed(await read({ repo: dir })), ["default//old berlin ok", "default//other berlin ok"]);
  assert.deepEqual(placed(await read({ repo: dir, path: "fleet" })), ["default//other berlin ok"]);
  await assert.rejects(read({ repo: dir, revision: "nowhere" }), { code: "notFound" });
  await assert.rejects(read({ repo: dir, path: "nowhere" }), { code: "notFound" });
  await assert.rejects(read({ repo: dir, path: "../x" }), { code: "invalid" });
  await assert.rejects(read({ repo: join(dir, "apps"), revision: "HEAD" }), { code: "notFound" });
});

test("a file of clusters stands beside the repository's and wins over it", async (t) => {
  const dir = await scratch(t);
  await write(dir, { ...files, "../more.yaml": "" });
  const more = join(dir, "more-clusters.txt");
  await writeFile(more, cluster("paris", "env: prod") + cluster("oslo", "env: prod") + app("not-a-cluster", "apps/web"));
  const fleet = await read({ repo: dir, path: "fleet", clusters: more });
  assert.deepEqual(
    placed(fleet).filter((line) => line.includes("web")),
    ["default//web berlin ok", "default//web oslo ok", "default//web paris ok"],
  );
  await assert.rejects(read({ repo: dir, clusters: join(dir, "nowhere") }), { code: "notFound" });
});

test("for one cluster only what that cluster needs is rendered", async (t) => {
  const dir = await scratch(t);
  await write(dir, {
    ...files,
    "fleet/apps.yaml": app("web", "apps/web") + app("other", "apps/other", "[{cluster: paris}]"),
    "apps/other/cm.yaml": configMap("other"),
  });
  const { answers, resolution } = await read({ repo: dir, cluster: "berlin" });
  assert.deepEqual(
    [...answers.keys()].map((key) => resolution.requests.get(key)?.path),
    ["apps/web"],
  );
  await assert.rejects(read({ repo: dir, cluster: "rome" }), { code: "notFound", message: "there is no cluster rome" });
});

test("broken documents are problems with their place, and S02 a file that is a link to outside is not read", async (t) => {
  const dir = await scratch(t);
  await write(dir, {
    ...files,
    "fleet/broken.yaml": `${app("a", "apps/web")}apiVersion: muster.dev/v1alpha1\nkind: App\n  metadata: x\n`,
    "outside/secret": app("stolen", "apps/web"),
  });
  const root = join(dir, "fleet");
  await symlink("../outside/secret", join(root, "link.yaml"));
  const fleet = await read({ repo: root });
  const codes = fleet.problems.map(({ code, place }) => `${code} ${place?.path}:${place?.line}`);
  assert.ok(
    codes.some((line) => line.startsWith("E_SYMLINK link.yaml:")),
    codes.join(),
  );
  assert.ok(
    codes.some((line) => line.startsWith("E_YAML broken.yaml:")),
    codes.join(),
  );
  assert.ok(!fleet.resolution.apps.some(({ key }) => key.includes("stolen")));
});

test("lint takes a folder for a repository, or the Git repository around it, whichever fits; and tells what lies under the path", async (t) => {
  const dir = await scratch(t);
  await write(dir, {
    "clusters/c.yaml": cluster("berlin", "env: prod"),
    "fleet/web.yaml": app("web", "apps/web"),
    "fleet/gone.yaml": app("gone", "apps/gone"),
    "apps/web/cm.yaml": configMap("web"),
  });
  const linted = async (path: string) => {
    const { root, problems } = await lintOffline(join(dir, path), signal);
    return [relative(dir, root), ...problems.map(({ code, place }) => `${code} ${place?.path}`)];
  };
  assert.deepEqual(await linted("fleet"), ["fleet", "W_NO_CLUSTERS gone.yaml", "W_NO_CLUSTERS web.yaml"]);
  git(dir, "init", "-q");
  assert.deepEqual(await linted("fleet"), ["", "E_PATH_MISSING fleet/gone.yaml"]);
  assert.deepEqual(await linted("fleet/web.yaml"), [""]);
  assert.deepEqual(await linted("fleet/gone.yaml"), ["", "E_PATH_MISSING fleet/gone.yaml"]);
  assert.deepEqual(await linted("clusters"), ["clusters"]);
  assert.deepEqual(await linted(""), ["", "E_PATH_MISSING fleet/gone.yaml"]);
});
