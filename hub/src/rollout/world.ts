// Is it us, or the world? When the clusters that were not released to are unwell as well, a failure proves little: it holds the rollout,
// and takes nobody back (ROLLOUTS: it softens a failure to a hold, never to a pass).

import type { WorldCounts } from "./head.ts";

const doubtBelow = 0.05;

/** True: the unreleased clusters do not explain it. Exact: the upper tail of the hypergeometric distribution. */
export function isOurs({ released, releasedBad, unreleased, unreleasedBad }: WorldCounts): boolean {
  if (unreleasedBad === 0) return true;
  const total = released + unreleased;
  const bad = releasedBad + unreleasedBad;
  let tail = 0;
  for (let x = releasedBad; x <= Math.min(released, bad); x += 1) tail += Math.exp(logChance(x, released, bad, total));
  return tail < doubtBelow;
}

/** Of drawing x bad ones among `drawn` from `total` of which `bad` are bad. */
const logChance = (x: number, drawn: number, bad: number, total: number): number =>
  drawn - x > total - bad ? Number.NEGATIVE_INFINITY : logChoose(bad, x) + logChoose(total - bad, drawn - x) - logChoose(total, drawn);

const logChoose = (n: number, k: number): number => logFactorial(n) - logFactorial(k) - logFactorial(n - k);

const factorials: number[] = [0];

function logFactorial(n: number): number {
  for (let i = factorials.length; i <= n; i += 1) factorials.push((factorials[i - 1] ?? 0) + Math.log(i));
  return factorials[n] ?? 0;
}
