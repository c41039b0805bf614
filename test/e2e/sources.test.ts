// Several repositories at once, on real control planes: Sources over http and ssh, mirrors, other revisions, webhooks of other forges, and
// what happens when some of it, or all of it, is gone. Polls are hourly here: what moves was told by a webhook.

import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import type { SourceRow } from "@muster/hub/view/api";
import { git as runGit } from "../gitserver/git.ts";
import { startGitServer, type Changes, type GitServer } from "../gitserver/gitserver.ts";
import { startSshServer, type SshServer } from "../gitserver/sshd.ts";
import { startServer } from "../registry/static-server.ts";
import { app, document, word } from "../rig/documents.ts";
import { tellPush, type Forge } from "../rig/forges.ts";
import { Rig } from "../rig/rig.ts";

const teamToken = "canary-team-8d20";
const hookSecrets = { github: "hook-secret-github", gitlab: "hook-secret-gitlab" };

let rig: Rig;
/** Another forge, with a token of its own. */
let team: GitServer;
let ssh: SshServer;
/** Nobody allowed anything to be fetched from here. */
let stranger: Awaited<ReturnType<typeof startServer>>;
const strangerHeard: string[] = [];
const owned = new AsyncDisposableStack();

before(async () => {
  team = owned.use(await startGitServer({ token: teamToken }));
  ssh = owned.use(await startSshServer());
  const other = await startSshServer();
  await other[Symbol.asyncDispose]();
  stranger = owned.use(
    await startServer((request, response) => {
      strangerHeard.push(`${request.method} ${request.url}`);
      response.writeHead(404).end();
    }),
  );
  await team.createRepository("team-a", { "app.yaml": app("alpha", { path: "alpha" }), "alpha/it.yaml": word("1") });
  await team.createRepository("team-b", { "app.yaml": app("beta", { path: "beta" }), "beta/it.yaml": word("1") });
  await team.createRepository("lib", { "lib/it.yaml": word("1.0.0") });
  await tag("lib", "v1.0.0");
  rig = await Rig.start({
    clusters: ["one", "two"],
    files: {
      "clusters/one.yaml": document("Cluster", "one", {}, { env: "prod" }),
      "clusters/two.yaml": document("Cluster", "two", {}, { env: "staging" }),
      "own.yaml": app("own", { path: "own" }),
      "own/it.yaml": word("1"),
    },
    hub: {
      removeDelay: "3s",
      webhooks: [
        { forge: "gitea", secretRef: "webhook-secret" },
        { forge: "github", secretRef: "hook-github" },
        { forge: "gitlab", secretRef: "hook-gitlab" },
      ],
    },
    root: { poll: "1h", remotes: [{ url: `${team.url}/allowed`, secretRef: "team" }] },
    secrets: {
      "hook-github": hookSecrets.github,
      "hook-gitlab": hookSecrets.gitlab,
      team: { token: teamToken },
      "deploy-key": { identity: ssh.identity, known_hosts: ssh.knownHosts },
      "deploy-key-of-another": { identity: ssh.identity, known_hosts: other.knownHosts.replace(String(other.port), String(ssh.port)) },
    },
  });
  await Promise.all(["one", "two"].map((name) => rig.join(name)));
  await rig.settled();
});
after(async () => {
  await rig?.[Symbol.asyncDispose]();
  await owned.disposeAsync();
});

const source = (name: string, spec: object): Record<string, string> => ({
  [`sources/${name}.yaml`]: document("Source", name, { poll: "1h", secretRef: "team", ...spec }),
});
const tag = async (repository: string, name: string): Promise<unknown> =>
  runGit(team.dir, ["-C", team.path(repository), "tag", "-f", name, await team.head(repository)]);
const row = async (name: string): Promise<SourceRow | undefined> => (await rig.status()).sources.find((each) => each.name === name);
const stale = (name: string, code: string): Promise<SourceRow> =>
  rig.until(`${name} is stale by ${code}`, async () => {
    const found = await row(name);
    return found?.stale === true && found.error?.code === code && found;
  });
const generations = async (): Promise<Record<string, number>> =>
  Object.fromEntries((await rig.status()).clusters.map(({ name, generation }) => [name, generation.signed]));
/** What an App's ConfigMap says on a cluster; "" where there is none. */
const live = (cluster: string, name: string): Promise<string> =>
  rig.plane(cluster).kubectl(["get", "configmap", "it", "-n", name, "--ignore-not-found", "-o", "jsonpath={.data.v}"]);
const uid = (cluster: string, name: string): Promise<string> =>
  rig.plane(cluster).kubectl(["get", "configmap", "it", "-n", name, "-o", "jsonpath={.metadata.uid}"]);
const runs = (cluster: string, name: string, said: string): Promise<unknown> =>
  rig.until(`${name} says ${said} on ${cluster}`, async () => (await live(cluster, name)) === said);
const problem = (code: string): Promise<string> =>
  rig.until(`${code} is told`, async () => {
    const text = JSON.stringify([await rig.status(), await rig.apps()]);
    return text.includes(code) && text;
  });
const pushed = async (repository: string, changes: Changes, forge: Forge = "github"): Promise<string> => {
  const commit = await team.commit(repository, changes, "a change");
  assert.equal(await tell(forge, repository, commit), 204);
  return commit;
};
const tell = (forge: Forge, repository: string, commit: string, secret = hookSecrets[forge]): Promise<number> =>
  tellPush(rig.apiUrl, forge, secret, { cloneUrl: team.cloneUrl(repository), after: commit });

test("Sources that Git names bring the Apps of their repositories, each with the commit that it stands at", async () => {
  await rig.commit(
    { ...source("team-a", { git: team.cloneUrl("team-a") }), ...source("team-b", { git: team.cloneUrl("team-b") }) },
    "teams",
  );
  for (const cluster of ["one", "two"]) for (const name of ["alpha", "beta"]) await runs(cluster, name, "1");
  const { sources } = await rig.status();
  assert.deepEqual(
    sources.map(({ name, commit, stale: old }) => [name, commit, old]),
    [
      ["root", await rig.git.head("fleet"), false],
      ["team-a", await team.head("team-a"), false],
      ["team-b", await team.head("team-b"), false],
    ],
  );
});

test("S40 B61 webhooks as GitHub and GitLab send them make the hub look; with a wrong signature they make nothing", async () => {
  await pushed("team-a", { "alpha/it.yaml": word("by GitHub") }, "github");
  await runs("one", "alpha", "by GitHub");
  await pushed("team-b", { "beta/it.yaml": word("by GitLab") }, "gitlab");
  await runs("one", "beta", "by GitLab");
  const asked = team.requests().length;
  const commit = await team.commit("team-a", { "alpha/it.yaml": word("unheard") }, "nobody tells");
  for (const forge of ["github", "gitlab"] as const) assert.equal(await tell(forge, "team-a", commit, "guessed"), 401);
  await pushed("team-b", { "beta/it.yaml": word("heard") }, "gitlab");
  await runs("one", "beta", "heard");
  const asks = team.requests().slice(asked);
  assert.ok(
    asks.some(({ url }) => url.startsWith("/team-b.git")),
    "the right one was heard",
  );
  assert.deepEqual(
    asks.filter(({ url }) => url.startsWith("/team-a.git")),
    [],
  );
  assert.equal(await live("one", "alpha"), "by GitHub");
  await tell("github", "team-a", commit);
  await runs("one", "alpha", "unheard");
});

test("an App takes another Source at a range, and at a branch on the clusters of one target", async () => {
  await team.commit("lib", { "lib/it.yaml": word("of the branch") }, "next", { branch: "next" });
  const targets = [{ clusters: { matchAll: true } }, { clusters: { matchLabels: { env: "staging" } }, revision: "next" }];
  await rig.commit(
    {
      ...source("lib", { git: team.cloneUrl("lib") }),
      "lib.yaml": app("lib", { source: "lib", path: "lib", revision: "^1" }, { targets }),
    },
    "lib",
  );
  await runs("one", "lib", "1.0.0");
  await runs("two", "lib", "of the branch");
  await team.commit("lib", { "lib/it.yaml": word("1.1.0") }, "1.1.0");
  await tag("lib", "v1.1.0");
  await team.commit("lib", { "lib/it.yaml": word("2.0.0") }, "2.0.0");
  await tag("lib", "v2.0.0");
  await tell("github", "lib", await team.head("lib"));
  await runs("one", "lib", "1.1.0");
  assert.equal(await live("two", "lib"), "of the branch");
  await team.commit("lib", { "lib/it.yaml": word("of the branch, later") }, "later", { branch: "next" });
  await tell("github", "lib", await team.head("lib", "next"));
  await runs("two", "lib", "of the branch, later");
  assert.equal(await live("one", "lib"), "1.1.0");
});

test("S13 S15 a repository elsewhere is fetched where remotes name it, and nothing at all is sent where they do not", async () => {
  await team.createRepository("allowed/extra", { "x/it.yaml": word("extra") });
  await rig.commit(
    {
      "extra.yaml": app("extra", { git: team.cloneUrl("allowed/extra"), path: "x" }),
      "refused.yaml": app("refused", { git: `${stranger.url}/refused.git`, path: "x" }),
      // The same server, and beside what is allowed.
      "beside.yaml": app("beside", { git: team.cloneUrl("allowed-not/extra"), path: "x" }),
    },
    "from elsewhere",
  );
  await runs("one", "extra", "extra");
  for (const name of ["refused", "beside"]) {
    const refused = await rig.until(`${name} is refused`, async () =>
      (await rig.apps(`?app=${name}&cluster=one`)).find(({ reason }) => reason === "RenderFailed"),
    );
    assert.match(refused.message, /E_REMOTE_FORBIDDEN/);
    assert.match(refused.message, /root\.remotes/);
  }
  assert.deepEqual(strangerHeard, []);
  assert.ok(!team.requests().some(({ url }) => url.startsWith("/allowed-not/")));
  await rig.commit({ "refused.yaml": null, "beside.yaml": null }, "not those");
  await rig.until("they are forgotten", async () => (await rig.apps()).every(({ app: key }) => !/refused|beside/.test(key)));
});

test("B10 a Source over ssh comes with its deploy key, and a server with another host key is shown nothing", async () => {
  await rig.git.createRepository("over-ssh", { "app.yaml": app("gamma", { path: "gamma" }), "gamma/it.yaml": word("1") });
  const url = ssh.url(rig.git.path("over-ssh"));
  await rig.commit(
    {
      ...source("over-ssh", { git: url, secretRef: "deploy-key" }),
      ...source("wrong-host", { git: url, secretRef: "deploy-key-of-another" }),
    },
    "over ssh",
  );
  await runs("two", "gamma", "1");
  const { commit, error } = await stale("wrong-host", "E_SSH_HOST_KEY");
  assert.equal(commit, null);
  assert.match(error?.remedy ?? "", /known_hosts/);
  await rig.commit({ "sources/wrong-host.yaml": null, "own/it.yaml": word("beside a Source that fails") }, "without it");
  await runs("two", "own", "beside a Source that fails");
});

test("I2 a Source's document that breaks, and a Source that is emptied, take nothing away", async () => {
  const before = await uid("one", "alpha");
  const good = source("team-a", { git: team.cloneUrl("team-a") });
  const broken = Object.fromEntries(Object.entries(good).map(([path, text]) => [path, text.replace('"git"', '"gti"')]));
  await rig.commit({ ...broken, "own/it.yaml": word("beside a broken Source") }, "a typo");
  await problem("E_UNKNOWN_KEY");
  await runs("one", "own", "beside a broken Source");
  await pushed("team-a", { "alpha/it.yaml": word("followed on") });
  await runs("one", "alpha", "followed on");
  await rig.commit(good, "no typo");

  const full = await team.head("team-b");
  await pushed("team-b", { "app.yaml": null, "beta/it.yaml": null, "README.md": "gone" });
  assert.match(await problem("E_SOURCE_EMPTIED"), /team-b/);
  await pushed("team-a", { "alpha/it.yaml": word("beside an emptied Source") });
  await runs("one", "alpha", "beside an emptied Source");
  assert.equal(await live("one", "beta"), "heard");
  assert.ok((await rig.apps()).every(({ reason }) => reason !== "TombstonePending"));
  await team.forcePush("team-b", full);
  await tell("github", "team-b", full);
  await rig.until("team-b is as it was", async () => (await row("team-b"))?.commit === full);
  assert.equal(await uid("one", "alpha"), before);
});

test("F36 a mirror serves while the Source's own server is away, with its own credentials or none", async () => {
  await team.createRepository("mirrored", { "app.yaml": app("mu", { path: "mu" }), "mu/it.yaml": word("1") });
  const at = rig.git.path("mirrored");
  await rig.git.createRepository("mirrored", { unrelated: "1" });
  const sync = (): Promise<string> =>
    runGit(rig.git.dir, ["-C", at, "fetch", "--quiet", "--prune", team.path("mirrored"), "+refs/*:refs/*"]);
  await sync();
  const own = { mirrors: [rig.git.cloneUrl("mirrored")], remotes: [{ url: rig.git.url, secretRef: "git-token" }] };
  await rig.commit(source("mirrored", { git: team.cloneUrl("mirrored"), ...own }), "mirrored");
  await runs("one", "mu", "1");
  await team.stop();
  const commit = await team.commit("mirrored", { "mu/it.yaml": word("by the mirror") }, "seen by the mirror alone");
  await sync();
  await tell("gitlab", "mirrored", commit);
  await runs("one", "mu", "by the mirror");
  assert.ok(
    rig.git.requests().every(({ user }) => user !== undefined),
    "the mirror was never shown another token than its own",
  );
  await team.start();
});

test("D04 I12 a Source that is down is shown, keeps its Apps, and stops nobody else", async () => {
  const before = await uid("one", "alpha");
  await team.stop();
  assert.equal(await tell("github", "team-a", "0".repeat(40)), 204);
  await stale("team-a", "E_SOURCE_UNREACHABLE");
  await rig.commit({ "own/it.yaml": word("while team-a is away") }, "go on");
  await runs("one", "own", "while team-a is away");
  assert.equal((await row("root"))?.stale, false);
  assert.equal(await uid("one", "alpha"), before);
  assert.ok((await rig.apps("?app=alpha")).every(({ state }) => state === "synced"));
  await team.start();
  await rig.until("it is read again", async () => (await row("team-a"))?.stale === false);
});

test("D12 F38 a hub that starts while every server is gone signs nothing anew, and healing goes on", async (t) => {
  t.after(() => Promise.all([team.start(), rig.git.start()]));
  await rig.settled();
  const before = await generations();
  const known = (await rig.status()).sources.map(({ name, commit }) => [name, commit]);
  await rig.hub.kill();
  await Promise.all([team.stop(), rig.git.stop()]);
  await rig.hub.start();
  await rig.until("what is away is seen to be away", async () => {
    const { sources } = await rig.status();
    return sources.every(({ name, stale: old, commit }) => commit !== null && (old || name === "over-ssh"));
  });
  assert.deepEqual(
    (await rig.status()).sources.map(({ name, commit }) => [name, commit]),
    known,
  );
  for (const name of ["own", "alpha", "lib", "extra"]) await rig.plane("one").kubectl(["delete", "configmap", "it", "-n", name]);
  await rig.until("all are healed", async () => {
    const said = await Promise.all(["own", "alpha", "lib", "extra"].map((name) => live("one", name)));
    return said.every((each) => each !== "");
  });
  await rig.settled();
  assert.deepEqual(await generations(), before);
  assert.ok((await rig.apps()).every(({ state }) => state === "synced"));
  await Promise.all([team.start(), rig.git.start()]);
  await rig.until("all are read again", async () => (await rig.status()).sources.every(({ stale: old }) => !old));
  await rig.settled();
  assert.deepEqual(await generations(), before);
});

test("I1 I2 a hub that lost its repositories and finds the root Source alone takes nothing of the others away", async (t) => {
  t.after(() => team.start());
  const before = await generations();
  await rig.hub.kill();
  await team.stop();
  await rm(join(rig.dir, "hub", "git"), { recursive: true });
  await rig.hub.start();
  await stale("team-a", "E_SOURCE_UNREACHABLE");
  await rig.commit({ "own/it.yaml": word("with the root Source alone") }, "alone");
  for (const cluster of ["one", "two"]) await runs(cluster, "own", "with the root Source alone");
  const apps = await rig.apps();
  assert.ok(
    ["alpha", "beta", "lib", "extra", "mu"].every((name) => apps.some(({ app: key }) => key.endsWith(`/${name}`))),
    "all are known",
  );
  assert.ok(apps.every(({ reason }) => reason !== "TombstonePending"));
  for (const [cluster, generation] of Object.entries(await generations()))
    assert.equal(generation, (before[cluster] ?? 0) + 1, "own alone was moved");
  await team.start();
  await rig.until("all are read again", async () => (await rig.status()).sources.every(({ stale: old }) => !old));
  await rig.settled();
  for (const name of ["alpha", "beta", "lib", "extra", "mu"]) assert.notEqual(await live("one", name), "");
});

test("I1 a Source that is given another name hands its Apps over without a moment between", async () => {
  const [before, generation] = [await uid("one", "beta"), await generations()];
  const renamed = source("team-b2", { git: team.cloneUrl("team-b") });
  const commit = await rig.commit({ ...renamed, "sources/team-b.yaml": null }, "another name");
  await rig.until("it is read by its new name", async () => (await row("team-b2"))?.commit === (await team.head("team-b")));
  await rig.settled(commit);
  assert.equal(await uid("one", "beta"), before);
  assert.deepEqual(await generations(), generation);
});

test("F72 a Source that is taken out of Git by mistake and put back in time loses nothing", async () => {
  const before = await uid("one", "alpha");
  await rig.commit({ "sources/team-a.yaml": null }, "oops");
  await rig.until("a tombstone waits", async () => (await rig.apps("?app=alpha")).some(({ reason }) => reason === "TombstonePending"));
  await rig.commit(source("team-a", { git: team.cloneUrl("team-a") }), "back");
  await rig.settled(await rig.git.head("fleet"));
  assert.equal(await uid("one", "alpha"), before);
});

test("a Source that is taken out of Git takes its Apps along after their delay", async () => {
  await rig.commit({ "sources/team-a.yaml": null }, "really");
  for (const cluster of ["one", "two"]) await runs(cluster, "alpha", "");
  await rig.until("nobody speaks of it any more", async () => (await rig.apps("?app=alpha")).length === 0);
  assert.deepEqual(
    (await rig.status()).sources.map(({ name }) => name),
    ["root", "lib", "mirrored", "over-ssh", "team-b2"],
  );
  for (const name of ["own", "beta"]) assert.notEqual(await live("one", name), "");
});

test("I9 no token is in the hub's log, or in what it answers", async () => {
  const answers = JSON.stringify([await rig.status(), await rig.apps()]);
  for (const text of [answers, rig.hub.lines.join("\n")]) {
    for (const secret of [teamToken, hookSecrets.github, hookSecrets.gitlab, "PRIVATE KEY"]) assert.ok(!text.includes(secret));
  }
});
