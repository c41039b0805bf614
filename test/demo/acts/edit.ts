// Somebody edits a Deployment on a cluster; the agent puts it back and says who it was.

import { deploymentsOf, imageOf } from "../sights.ts";
import type { Stage } from "../stage.ts";
import type { Row } from "../screen.ts";
import { release } from "./commit.ts";

export async function edit(stage: Stage): Promise<readonly Row[]> {
  const { rig, screen, shell, checks } = stage;
  screen.say("Somebody changes the image on paris with `kubectl edit` (the editor is a sed here), past Git:");
  using seen = await deploymentsOf(stage, ["paris"], "shop", "web");
  const began = performance.now();
  await shell.type(`KUBE_EDITOR="sed -i.bak s/web:1.5.0/web:hacked/" kubectl --context paris -n shop edit deployment web`);
  const returned = performance.now() - began;
  await seen.next("has the edited image", (web) => imageOf(web).endsWith(":hacked"), began);
  const { paris: healed = NaN } = await seen.next("is as in Git again", (web) => imageOf(web) === release.image, began);
  screen.say("From the start of kubectl, whose own time is a part of it:");
  screen.times({ "kubectl returned": returned, "the API server holds the image of Git again": healed });
  const record = await rig.until("the drift is told", async () =>
    (await rig.drift()).find(({ cluster, healedAt }) => cluster === "paris" && healedAt !== null),
  );
  checks.same("the manager that is named", record.manager, "kubectl-edit");
  screen.say("The hub knows what it was, which fields, and by which program:");
  checks.matches("the drift is shown", await shell.type("muster drift"), /paris.*Deployment.*web.*kubectl-edit.*image/);
  return [{ shown: "start of kubectl edit -> healed, kubectl-edit named", ms: healed }];
}
