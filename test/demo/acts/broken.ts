// A commit with a mistake in one App and a good change in another: the mistake is refused with file and line and changes nothing,
// the neighbour goes on.

import { configMapsOf, deploymentsOf, type ConfigMap, type Deployment } from "../sights.ts";
import { clusters, edit, lineOf, type Stage } from "../stage.ts";
import type { Row } from "../screen.ts";

const note = { from: "These notes are plain YAML", to: "Good news: these notes are plain YAML" } as const;

export async function broken(stage: Stage): Promise<readonly Row[]> {
  const { rig, screen, shell, git, checks } = stage;
  screen.say(
    "A commit wants 30 replicas of the shop, but has a typo in the shop's definition; it also changes the notes, without mistake:",
  );
  using shops = await deploymentsOf(stage, clusters, "shop", "web");
  using notes = await configMapsOf(stage, clusters, "notes", "notes");
  const before = shops.latest();
  await edit(stage, "apps/shop.yaml", "  source:", "  sorce:");
  await edit(stage, "apps/shop.yaml", "replicas: 3", "replicas: 30");
  await edit(stage, "notes/notes.yaml", note.from, note.to);
  await git.type("git diff -U0");
  await git.type(`git commit --quiet -am "30 replicas, good news"`);
  const began = performance.now();
  await git.type("git push --quiet");
  const problem = await rig.until("the typo is told", async () =>
    (await rig.status()).sources[0]?.problems.find(({ code }) => code === "E_UNKNOWN_KEY"),
  );
  const told = performance.now() - began;
  const reached = await notes.next("has the good news", hasNews, began);
  const passed = Math.max(...Object.values(reached));

  screen.say("The hub says which file and line, and what to do. --check turns it into an exit code, 3:");
  const status = await shell.type("muster status --check", 3);
  const line = await lineOf(stage, "apps/shop.yaml", "sorce:");
  checks.same("place of the problem", [problem.place?.path, problem.place?.line], ["apps/shop.yaml", line]);
  checks.that("the command shows the place", status.includes(`apps/shop.yaml:${line}`) && status.includes("sorce"), status);
  await shell.type("muster apps");
  screen.say("The shop stays as it was on every cluster, the notes went on:");
  const web = await shell.type("kubectl --context berlin -n shop get deployment web");
  checks.matches("3 replicas", web, /^web +3\/3 /m);
  const read = await shell.type("kubectl --context berlin -n notes get configmap notes -o jsonpath='{.data}'");
  checks.that("the notes have the good news", read.includes(note.to), read);
  checks.same("generations of the shop's Deployment, by cluster", shops.latest().map(generationOf), before.map(generationOf));
  screen.times({
    "from the start of git push until the hub told of the typo": told,
    "until the notes were changed on all clusters": passed,
  });
  return [
    { shown: "typo refused with file and line, nothing of the shop changed", ms: told },
    { shown: "its neighbour in the same commit is applied everywhere", ms: passed },
  ];
}

export const hasNews = ({ data }: ConfigMap): boolean => data["welcome.txt"]?.includes(note.to) === true;
const generationOf = ({ metadata }: Deployment): number => metadata.generation;
