// P3: from a push to the change on a real cluster, and to the hub's knowing of it. Beside it, in the same run, what nobody can do without:
// a bare push, and a bare server-side apply over HTTP.

import { execFile } from "node:child_process";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { gitEnvironment } from "../gitserver/git.ts";
import { repositoryName, Rig } from "../rig/rig.ts";
import type { Figure, Measurement, Size } from "./measurement.ts";
import { processCpuMs } from "./process-cpu.ts";
import { RawApi } from "./raw-api.ts";
import { median, quantile, settle, type Pace } from "./samples.ts";

const run = promisify(execFile);
const paces: Readonly<Record<Size, Pace>> = {
  full: { warm: 5, min: 25, max: 60, timeMs: 40_000 },
  small: { warm: 1, min: 2, max: 2, timeMs: 1_000 },
};
const goals = { medianMs: 100, slowestMs: 250 } as const;
const cluster = "berlin";
const bareRepository = "bare";
const configMaps = "/api/v1/namespaces/shop/configmaps";

const settings = (text: string, name = "settings"): object => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { text } });
const settingsFile = (text: string): string => JSON.stringify(settings(text));

/** An App of four objects, of which one changes. */
const files: Readonly<Record<string, string>> = {
  "berlin.yaml": "apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata:\n  name: berlin\n",
  "shop.yaml":
    "apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata:\n  name: shop\nspec:\n  source:\n    path: shop\n  namespace: shop\n  targets:\n    - cluster: berlin\n",
  "shop/settings.yaml": settingsFile("first"),
  ...Object.fromEntries(["a", "b", "c"].map((name) => [`shop/${name}.yaml`, JSON.stringify(settings("fixed", name))])),
};

export const p3: Measurement = {
  id: "P3",
  what: "a push, announced by webhook, to applied and reported, on one real cluster",
  heapMb: 1_024,
  async measure(size) {
    await using rig = await Rig.start({ clusters: [cluster], files });
    await rig.join(cluster);
    await rig.settled();
    await rig.git.createRepository(bareRepository, files);
    using api = await RawApi.open(rig.plane(cluster));
    const arrivals = new Map<string, PromiseWithResolvers<number>>();
    await api.watch(configMaps, "settings", ({ data }) => arrivals.get(data?.["text"] ?? "")?.resolve(performance.now()));
    const route = { rig, arrivals, pace: paces[size] };
    const moves = await changes({ ...route, name: "moved", change: moveBranch(rig) });
    const fleet = await cloneOf(rig, repositoryName);
    await fleet.pull();
    const pushes = await changes({ ...route, name: "pushed", change: pushFrom(fleet) });
    // The hub hears nothing of these.
    rig.git.setWebhook(undefined);
    const floor = await bareMs(api, await cloneOf(rig, bareRepository), paces[size]);
    return figuresOf(moves, pushes, floor);
  },
};

/** Milliseconds from the beginning of the change to when the branch had moved, and so on. */
type Stage = { readonly moved: number; readonly live: number; readonly reported: number; readonly cpu: number };

/** Brings a text to the branch; gives the commit. Timed from `begin` on. */
type Change = (text: string, begin: () => void) => Promise<string>;

/** The branch moves and the webhook leaves at one moment: what the hub answers for begins there. */
const moveBranch =
  (rig: Rig): Change =>
  (text, begin) => {
    begin();
    return rig.commit({ "shop/settings.yaml": settingsFile(text) }, text);
  };

/** As a person does it: the webhook is sent by the server's hook, before the push is over. */
const pushFrom =
  (clone: Clone): Change =>
  async (text, begin) => {
    const commit = await clone.edit(text);
    begin();
    await clone.push();
    return commit;
  };

type Route = {
  readonly rig: Rig;
  readonly arrivals: Map<string, PromiseWithResolvers<number>>;
  readonly pace: Pace;
  readonly name: string;
  readonly change: Change;
};

async function changes({ rig, arrivals, pace, name, change }: Route): Promise<readonly Stage[]> {
  const stages: Stage[] = [];
  await settle(async (index) => {
    const text = `${name}-${index}`;
    const arrival = Promise.withResolvers<number>();
    arrivals.set(text, arrival);
    const cpuBefore = await ownCpuMs(rig);
    let began = 0;
    const changed = change(text, () => (began = performance.now())).then((commit) => ({ commit, moved: performance.now() }));
    const [{ commit, moved }, live] = await Promise.all([changed, arrival.promise]);
    const reported = await reportedAt(rig, commit);
    const cpu = (await ownCpuMs(rig)) - cpuBefore;
    if (index >= pace.warm) stages.push({ moved: moved - began, live: live - began, reported: reported - began, cpu });
    return reported - moved;
  }, pace);
  return stages;
}

/** The moment at which the hub says that the cluster is as this commit wants it. */
async function reportedAt(rig: Rig, commit: string): Promise<number> {
  for (;;) {
    const { clusters } = await rig.status();
    const row = clusters[0];
    if (row?.state === "synced" && row.commit === commit && row.generation.acked === row.generation.signed) return performance.now();
  }
}

async function ownCpuMs(rig: Rig): Promise<number> {
  const times = await Promise.all([rig.hub, rig.agent(cluster)].map(async ({ pid }) => processCpuMs(pid ?? 0)));
  return times.reduce<number>((sum, each) => sum + (each ?? NaN), 0);
}

/** The same push to a repository that nobody watches, then the same object applied directly. */
async function bareMs(api: RawApi, clone: Clone, pace: Pace): Promise<{ readonly pushAndApply: number; readonly apply: number }> {
  const applies: number[] = [];
  const samples = await settle(async (index) => {
    await clone.edit(`bare-${index}`);
    const began = performance.now();
    await clone.push();
    const pushed = performance.now();
    await api.apply(`${configMaps}/bare`, settings(`bare-${index}`, "bare"));
    const done = performance.now();
    if (index >= pace.warm) applies.push(done - pushed);
    return done - began;
  }, pace);
  return { pushAndApply: median(samples), apply: median(applies) };
}

type Floor = { readonly pushAndApply: number; readonly apply: number };

function figuresOf(moves: readonly Stage[], pushes: readonly Stage[], floor: Floor): readonly [Figure, ...Figure[]] {
  const whole = { what: "a bare push and a bare server-side apply", value: floor.pushAndApply };
  const alone = { what: "a bare server-side apply", value: floor.apply };
  const figure = (
    what: string,
    samples: readonly number[],
    cpu: number,
    ceiling: Figure["ceiling"],
    goal: number | null,
    share = 0.5,
  ): Figure => {
    const cpuMs = Number.isNaN(cpu) ? null : cpu;
    return { what, value: quantile(samples, share), unit: "ms", better: "less", goal, ceiling, cpuMs, samples };
  };
  const reported = moves.map((stage) => stage.reported - stage.moved);
  const [cpu, pushCpu] = [moves, pushes].map((stages) => median(stages.map((stage) => stage.cpu))) as [number, number];
  return [
    figure("branch moved -> applied and reported, one object of four (CPU: hub and agent)", reported, cpu, alone, goals.medianMs),
    figure("the same, 99th of a hundred", reported, cpu, alone, goals.slowestMs, 0.99),
    figure(
      "branch moved -> live on the cluster",
      moves.map((stage) => stage.live - stage.moved),
      cpu,
      alone,
      null,
    ),
    figure(
      "git push begun -> live on the cluster",
      pushes.map((stage) => stage.live),
      pushCpu,
      whole,
      null,
    ),
  ];
}

type Clone = { readonly edit: (text: string) => Promise<string>; readonly push: () => Promise<void>; readonly pull: () => Promise<void> };

/** A work tree of a repository: `edit` commits, `push` pushes what is committed. */
async function cloneOf(rig: Rig, name: string): Promise<Clone> {
  const token = (await readFile(join(rig.dir, "secrets", "git-token"), "utf8")).trim();
  const dir = join(rig.dir, `clone-${name}`);
  const header = { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "http.extraHeader", GIT_CONFIG_VALUE_0: `Authorization: Bearer ${token}` };
  const env = { ...gitEnvironment(rig.dir), ...header };
  const git = async (...args: readonly string[]): Promise<string> => (await run("git", ["-C", dir, ...args], { env })).stdout.trim();
  await run("git", ["clone", "--quiet", rig.git.cloneUrl(name), dir, "--config", `http.extraHeader=Authorization: Bearer ${token}`], {
    env,
  });
  await appendFile(join(dir, ".git", "config"), "[user]\n\tname = Bench\n\temail = bench@example.com\n");
  return {
    edit: async (text) => {
      await writeFile(join(dir, "shop", "settings.yaml"), settingsFile(text));
      await git("commit", "--quiet", "--all", "--message", text);
      return git("rev-parse", "HEAD");
    },
    push: async () => void (await git("push", "--quiet")),
    pull: async () => void (await git("pull", "--quiet")),
  };
}
