// Three agents join with a token each; the hub signs what they show from then on.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { clusters, type Cluster, type Stage } from "../stage.ts";
import type { Row } from "../screen.ts";

export async function enrolment(stage: Stage): Promise<readonly Row[]> {
  const { rig, screen, shell, checks } = stage;
  screen.say(
    `Each cluster runs one agent. A join token lets it in, once: the agent makes a key of its own and the hub signs it. The hub has no
     access to any cluster; agents call the hub.`,
  );
  const files = new Map<Cluster, string>();
  for (const name of clusters) {
    const line = `muster token create --cluster ${name}`;
    const answer = name === clusters[0] ? await shell.type(line) : await shell.quietly(line);
    checks.matches("a token is printed", answer, /^token\s+\S+$/m);
    const file = join(rig.dir, `${name}.token`);
    await writeFile(file, /^token\s+(\S+)$/m.exec(answer)?.[1] ?? "", { mode: 0o600 });
    files.set(name, file);
  }
  screen.say("The same for paris and oslo. Then three agents start as the line `run` says, each with its own token and kubeconfig.");
  const began = performance.now();
  stage.agentsStartedMs = began;
  await Promise.all([...files].map(([name, file]) => rig.newAgent(name, ["--token-file", file]).start()));
  await rig.until("three agents are connected", async () => (await rig.status()).rollups.clusters.connected === clusters.length);
  const ms = performance.now() - began;
  screen.times({ "from the start of the agents until all three are enrolled and connected": ms });
  const listed = await shell.type("muster clusters -o wide");
  for (const name of clusters) checks.matches(`${name} is listed`, listed, new RegExp(`^${name} `, "m"));
  return [{ shown: "three clusters enrolled, each with a token of its own", ms }];
}
