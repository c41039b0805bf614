// Shares of clusters as whole clusters: rounded so that in doubt less goes wrong.

import type { Amount } from "../fleet/fleet.ts";

/** Rounded down. */
export function atMost(amount: Amount, of: number): number {
  return amount.kind === "count" ? amount.count : Math.floor(exact(amount.percent, of));
}

/** Rounded down, at least one: a budget that lets nobody move would hold for ever. */
export function slotsOf(amount: Amount, of: number): number {
  return Math.max(1, atMost(amount, of));
}

/** Rounded up, at least one. */
export function atLeast(amount: Amount, of: number): number {
  return Math.max(1, amount.kind === "count" ? amount.count : Math.ceil(exact(amount.percent, of)));
}

/** Hundredths in whole numbers first: 7 % of 100 is 7 and not a little more. */
const exact = (percent: number, of: number): number => Math.round(percent * of * 1000) / 100_000;
