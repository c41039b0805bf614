// The story in its order. Each act shows something, checks it, and says how long it took.

import { broken } from "./acts/broken.ts";
import { commit } from "./acts/commit.ts";
import { edit } from "./acts/edit.ts";
import { enrolment } from "./acts/enrolment.ts";
import { hubGone } from "./acts/hub-gone.ts";
import { revert } from "./acts/revert.ts";
import { rollout } from "./acts/rollout.ts";
import type { Row } from "./screen.ts";
import type { Stage } from "./stage.ts";

type Act = { readonly title: string; readonly play: (stage: Stage) => Promise<readonly Row[]> };

const acts: readonly Act[] = [
  { title: "Enrolment", play: enrolment },
  { title: "First rollout", play: rollout },
  { title: "A commit", play: commit },
  { title: "An edit past Git", play: edit },
  { title: "The hub is gone", play: hubGone },
  { title: "A broken commit", play: broken },
  { title: "git revert", play: revert },
];

/** Plays all acts; gives the rows of the summary. Throws at the first check that does not hold. */
export async function play(stage: Stage): Promise<readonly (Row & { readonly step: string })[]> {
  const rows: (Row & { readonly step: string })[] = [];
  for (const [index, { title, play: playAct }] of acts.entries()) {
    const step = `${index + 1} ${title}`;
    stage.screen.title(`${index + 1}. ${title}`);
    for (const row of await playAct(stage)) rows.push({ ...row, step });
  }
  return rows;
}
