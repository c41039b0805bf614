// A commit reaches every cluster. Measured from the start of `git push` to the moment when each API server tells of the new image.

import { allSynced, clusters, edit, head, type Stage } from "../stage.ts";
import { deploymentsOf, imageOf, isRolledOut } from "../sights.ts";
import type { Row } from "../screen.ts";

export const release = { from: "tag: 1.4.2", to: "tag: 1.5.0", image: "registry.example/shop/web:1.5.0" } as const;

export async function commit(stage: Stage): Promise<readonly Row[]> {
  const { screen, git, shell } = stage;
  screen.say("A new version of the shop is one line in Git. The Git server tells the hub of the push with a signed webhook.");
  await edit(stage, "apps/shop.yaml", release.from, release.to);
  await git.type("git diff -U0");
  await git.type(`git commit --quiet -am "shop 1.5.0"`);
  using seen = await deploymentsOf(stage, clusters, "shop", "web");
  const began = performance.now();
  await git.type("git push");
  const pushed = performance.now() - began;
  const reached = await seen.next("has the new image", (web) => imageOf(web) === release.image, began);
  await allSynced(stage, await head(stage));
  await seen.next("is rolled out", (web) => imageOf(web) === release.image && isRolledOut(web), began);
  const synced = performance.now() - began;
  screen.say("Each API server is watched, beside Muster. From the start of git push, which takes a part of the time itself:");
  screen.times({
    "git push returned": pushed,
    ...Object.fromEntries(Object.entries(reached).map(([name, ms]) => [`${name} holds the new image`, ms])),
    "the hub shows all synced: the new Pods are available everywhere": synced,
  });
  await shell.type("muster status");
  const last = Math.max(...Object.values(reached));
  return [
    { shown: "git push -> three API servers hold the new image", ms: last },
    { shown: "git push -> rolled out and healthy everywhere", ms: synced },
  ];
}
