// The hub is killed: agents heal without it. It comes back, and nothing is sent or written anew.

import { home } from "../place.ts";
import { deploymentsOf } from "../sights.ts";
import { allSynced, clusters, generations, head, type Stage } from "../stage.ts";
import type { Row } from "../screen.ts";

export async function hubGone(stage: Stage): Promise<readonly Row[]> {
  const { rig, screen, shell, checks } = stage;
  const commit = await head(stage);
  await allSynced(stage, commit);
  const before = { signed: await generations(stage), accepted: accepted(stage), written: await written(stage) };
  screen.say("The hub is killed, as by a power cut:");
  const gone = rig.hub.exited();
  await shell.type(`kill -9 ${rig.hub.pid ?? 0}`);
  await gone;
  checks.matches("the command says so", await shell.type("muster status", 6), /E_HUB_UNREACHABLE/);

  screen.say("berlin is scaled by hand meanwhile. Its agent heals from the signed bundle that it keeps on its own disk:");
  using seen = await deploymentsOf(stage, ["berlin"], "shop", "web");
  const began = performance.now();
  await shell.type("kubectl --context berlin -n shop scale deployment/web --replicas=9");
  const returned = performance.now() - began;
  await seen.next("has 9 replicas", ({ spec }) => spec.replicas === 9, began);
  const { berlin: healed = NaN } = await seen.next("has 3 replicas again", ({ spec }) => spec.replicas === 3, began);
  screen.say("From the start of kubectl:");
  screen.times({ "kubectl returned": returned, "the API server holds 3 replicas again, without a hub": healed });

  screen.say(
    `The hub starts again on the same folder (muster-hub --config ${home}/hub.yaml); the agents find it by themselves and tell what happened
     meanwhile:`,
  );
  const start = performance.now();
  const restartedAt = Date.now();
  await rig.hub.start();
  await allSynced(stage, commit);
  const back = performance.now() - start;
  screen.times({ "from the start of the hub until all agents were back and everything synced": back });
  await rig.until("the hub has read Git again", async () =>
    (await rig.status()).sources.every(({ fetchedAt }) => Date.parse(fetchedAt ?? "") >= restartedAt),
  );
  const record = await rig.until("the drift is told", async () =>
    (await rig.drift()).find(({ cluster, healedAt }) => cluster === "berlin" && healedAt !== null),
  );
  checks.matches("the drift names kubectl", record.manager, /^kubectl/);
  await shell.type("muster status --check");
  checks.matches("the drift is shown", await shell.type("muster drift --cluster berlin"), /berlin.*Deployment.*web.*kubectl.*replicas/);
  checks.same("bundles signed, by cluster", await generations(stage), before.signed);
  checks.same("bundles accepted by the agents, by cluster", accepted(stage), before.accepted);
  checks.same("objects on paris and oslo, with their versions", await written(stage), before.written);
  screen.say(
    `Nothing was sent anew: no agent accepted another bundle, and on paris and oslo none of the ${before.written.length} objects that were
     compared was written.`,
  );
  return [
    { shown: "hub killed -9: drift healed without it", ms: healed },
    { shown: "hub back: all connected, nothing sent anew", ms: back },
  ];
}

/** How many bundles each agent accepted since it started, by its log. */
function accepted({ rig }: Stage): Readonly<Record<string, number>> {
  const count = (name: string): number => rig.agent(name).lines.filter((line) => line.includes('"msg":"accepted a bundle"')).length;
  return Object.fromEntries(clusters.map((name) => [name, count(name)]));
}

type Listed = {
  readonly items: readonly { kind: string; metadata: { name: string; namespace: string; resourceVersion: string; generation?: number } }[];
};

/** What Muster owns where nobody meddles, with what changes when it is written: of Deployments, whose status moves by itself, the generation. */
async function written({ rig }: Stage): Promise<readonly string[]> {
  const lists = await Promise.all(
    ["paris", "oslo"].map(async (name) => {
      const text = await rig.plane(name).kubectl(["get", "deployments,services,configmaps", "-A", "-l", "muster.dev/app", "-o", "json"]);
      return (JSON.parse(text) as Listed).items.map(
        ({ kind, metadata }) => `${name} ${kind} ${metadata.namespace}/${metadata.name} ${metadata.generation ?? metadata.resourceVersion}`,
      );
    }),
  );
  return lists.flat();
}
