// The first rollout: one App in the repository renders the others; what a cluster gets depends on its labels.

import { allSynced, head, type Cluster, type Stage } from "../stage.ts";
import type { Row } from "../screen.ts";

export async function rollout(stage: Stage): Promise<readonly Row[]> {
  const { rig, screen, shell, git, checks } = stage;
  screen.say(
    `The repository said already what these clusters shall run, so it is on its way. apps.yaml is an App that renders Apps: each file in apps/
     is one. shop is a Helm chart, greeter a kustomization, notes plain YAML. Who gets what, and with which values, is a matter of labels:`,
  );
  const definition = await git.type("cat apps/shop.yaml");
  checks.matches("production has more replicas", definition, /env: prod[^]*replicas: 3/);
  const status = await allSynced(stage, await head(stage));
  const ms = performance.now() - stage.agentsStartedMs;
  checks.same(
    "all Apps are synced, clusters by name",
    status.clusters.map(({ name, apps }) => [name, apps.synced, apps.total]),
    [
      ["berlin", 3, 3],
      ["oslo", 3, 3],
      ["paris", 3, 3],
    ],
  );
  screen.times({ "from the start of the agents until all Apps run on all clusters, every Deployment available": ms });
  await shell.type("muster status --check");
  await shell.type("muster apps");
  screen.say("The same commit, other values: berlin and oslo are `env: prod`, paris is `env: staging`.");
  await shell.type("kubectl --context berlin get deployments -A");
  await shell.type("kubectl --context paris get deployments -A");
  const motds = `for c in berlin paris oslo; do kubectl --context $c -n shop get configmap web -o jsonpath='{.data.REGION}: {.data.MOTD}{"\\n"}'; done`;
  checks.same("region and greeting", (await shell.type(motds)).trim().split("\n"), [
    "eu: Hello from Berlin",
    "eu: Hello from Paris",
    "north: Hello from Oslo",
  ]);
  const replicas = async (cluster: Cluster, name: string): Promise<string> =>
    rig
      .plane(cluster)
      .kubectl(["get", "deployment", "-n", name === "web" ? "shop" : name, name, "-o", "jsonpath={.status.availableReplicas}"]);
  for (const [cluster, name, wanted] of [
    ["berlin", "web", "3"],
    ["paris", "web", "1"],
    ["oslo", "web", "3"],
    ["berlin", "greeter", "2"],
    ["paris", "greeter", "1"],
    ["oslo", "notes", "1"],
  ] as const) {
    checks.same(`available replicas of ${name} on ${cluster}`, await replicas(cluster, name), wanted);
  }
  return [{ shown: "App-of-Apps: Helm, Kustomize, plain YAML; values by label", ms }];
}
