// What the story plays on: the fleet's processes, a clone to commit from, shells to type in, and questions that the acts share.

import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { StatusAnswer } from "@muster/hub/view/api";
import { git, gitEnvironment } from "../gitserver/git.ts";
import { repositoryName, Rig, sampleFleet } from "../rig/rig.ts";
import type { Checks } from "./checks.ts";
import { home, root, type Place } from "./place.ts";
import type { Screen } from "./screen.ts";
import { Shell, type Folder } from "./shell.ts";

export const clusters = ["berlin", "paris", "oslo"] as const;
export type Cluster = (typeof clusters)[number];
const clone = `${home}/fleet`;
const bin = `${root}/.tools/bin`;

export type Stage = {
  readonly rig: Rig;
  readonly screen: Screen;
  readonly checks: Checks;
  /** In the folder of `make demo`. */
  readonly shell: Shell;
  /** In the clone of the fleet's repository. */
  readonly git: Shell;
  /** The address to clone, with its token. */
  readonly repository: string;
  readonly clone: string;
  /** When the agents were started, in `performance.now()`. */
  agentsStartedMs: number;
};

/** What the stage is made with. `ends` ends what is started, also when the start fails half-way. */
export type Ground = {
  readonly screen: Screen;
  readonly checks: Checks;
  readonly place: Place;
  readonly ends: AsyncDisposableStack;
  readonly signal: AbortSignal;
};

/** Starts Git server, hub and control planes, and lets `muster` and `kubectl` find them. Calls `ready` with each part when it is up. */
export async function setStage({ screen, checks, place, ends, signal }: Ground, ready: (part: string) => void): Promise<Stage> {
  let part: string | undefined;
  const onStep = (next: string | undefined): void => {
    if (part !== undefined) ready(part);
    part = next;
  };
  const files = await sampleFleet("tour");
  const rig = ends.use(await Rig.start({ clusters, controllers: true, files, dir: join(root, home), onStep, signal }));
  onStep(undefined);
  await place.configure(rig.apiUrl, await readFile(join(rig.dir, "hub", "keys", "admin.token"), "utf8"));
  await writeKubeconfigs(rig);
  const token = await readFile(join(rig.dir, "secrets", "git-token"), "utf8");
  const env = environment(rig.dir);
  return {
    rig,
    screen,
    checks,
    shell: new Shell({ name: "", path: root, env }, screen, checks),
    git: new Shell({ name: "fleet", path: join(root, clone), env }, screen, checks),
    repository: rig.git.cloneUrl(repositoryName).replace("http://", `http://x:${token}@`),
    clone,
    agentsStartedMs: NaN,
  };
}

const cloneSettings = { "user.name": "Demo", "user.email": "demo@example.com", "commit.gpgSign": "false", "core.pager": "cat" };

/** Clones the fleet's repository, with settings that make a commit possible where nobody has configured git. */
export async function cloneRepository({ rig, shell, repository }: Stage): Promise<void> {
  await shell.type(`git clone ${repository} ${clone}`);
  for (const [key, value] of Object.entries(cloneSettings)) await git(rig.dir, ["-C", join(root, clone), "config", key, value]);
}

/** Changes a file of the clone as an editor would. Throws when the text to replace is not there exactly once. */
export async function edit({ checks }: Stage, path: string, from: string, to: string): Promise<void> {
  const file = join(root, clone, path);
  const text = await readFile(file, "utf8");
  checks.same(`"${from}" stands in ${path} so many times`, text.split(from).length - 1, 1);
  await writeFile(file, text.replace(from, to));
}

/** The line (from 1) of a file of the clone where a text stands first. */
export async function lineOf({ checks }: Stage, path: string, text: string): Promise<number> {
  const line = (await readFile(join(root, clone, path), "utf8")).split("\n").findIndex((each) => each.includes(text));
  checks.that(`"${text}" stands in ${path}`, line >= 0, "it does not");
  return line + 1;
}

/** The commit that the Git server has. */
export async function head({ rig }: Stage): Promise<string> {
  return rig.git.head(repositoryName);
}

/** The number of the last bundle that was signed for each cluster. */
export async function generations({ rig }: Stage): Promise<Readonly<Record<string, number>>> {
  return Object.fromEntries((await rig.status()).clusters.map(({ name, generation }) => [name, generation.signed]));
}

/** Waits until every agent is connected and everything is as this commit wants it. */
export async function allSynced({ rig }: Stage, commit: string): Promise<StatusAnswer> {
  return rig.until(`all connected and synced at ${commit}`, async () => {
    const status = await rig.status();
    const fine = status.clusters.filter((row) => row.connected && row.state === "synced" && row.commit === commit);
    return fine.length === clusters.length ? status : undefined;
  });
}

/** One kubeconfig with a context for each cluster, and one file for each cluster. */
async function writeKubeconfigs(rig: Rig): Promise<void> {
  const planes = await Promise.all(
    clusters.map(async (name) => {
      const { kubeconfig, url, caFile, adminToken } = rig.plane(name);
      await cp(kubeconfig, join(rig.dir, `${name}.kubeconfig`));
      return { name, url, ca: (await readFile(caFile)).toString("base64"), adminToken };
    }),
  );
  const merged = {
    apiVersion: "v1",
    kind: "Config",
    clusters: planes.map(({ name, url, ca }) => ({ name, cluster: { server: url, "certificate-authority-data": ca } })),
    users: planes.map(({ name, adminToken }) => ({ name, user: { token: adminToken } })),
    contexts: planes.map(({ name }) => ({ name, context: { cluster: name, user: name } })),
    "current-context": clusters[0],
  };
  await writeFile(join(rig.dir, "kubeconfig"), JSON.stringify(merged, null, 2), { mode: 0o600 });
}

/** That of this process, with the programs of the clone first and nobody's own files, proxies or git configuration in the way. */
function environment(dir: string): Folder["env"] {
  return {
    ...process.env,
    ...gitEnvironment(dir),
    PATH: `${bin}:${process.env["PATH"]}`,
    KUBECONFIG: join(dir, "kubeconfig"),
    KUBECACHEDIR: join(dir, "kubectl-cache"),
    TMPDIR: dir,
    NO_PROXY: "127.0.0.1",
    no_proxy: "127.0.0.1",
    ...(process.stdout.isTTY && !process.env["NO_COLOR"] && { FORCE_COLOR: "1" }),
  };
}
