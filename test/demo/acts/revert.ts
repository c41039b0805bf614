// git revert: the ordinary way back.

import { configMapsOf } from "../sights.ts";
import { allSynced, clusters, head, type Stage } from "../stage.ts";
import type { Row } from "../screen.ts";
import { hasNews } from "./broken.ts";

export async function revert(stage: Stage): Promise<readonly Row[]> {
  const { screen, shell, git, checks } = stage;
  screen.say("There is no rollback beside Git: the way back is a commit, too.");
  using notes = await configMapsOf(stage, clusters, "notes", "notes");
  await git.type("git revert --no-edit HEAD");
  const began = performance.now();
  await git.type("git push --quiet");
  const reached = await notes.next("is as before", (object) => !hasNews(object), began);
  const last = Math.max(...Object.values(reached));
  const commit = await head(stage);
  await allSynced(stage, commit);
  const synced = performance.now() - began;
  screen.times({
    "from the start of git push until the last API server held the notes as before": last,
    "until the hub showed all synced": synced,
  });
  const status = await shell.type("muster status --check");
  checks.that("the reverting commit is everywhere", status.split(commit.slice(0, 7)).length - 1 === clusters.length, status);
  checks.that("no problem is left", !status.includes("error"), status);
  await git.type("git log --oneline");
  return [{ shown: "git revert -> all clusters as before, no problem left", ms: synced }];
}
