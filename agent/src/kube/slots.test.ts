import { deepEqual, rejects } from "node:assert/strict";
import { test } from "node:test";
import { slots } from "./slots.ts";

const never = new AbortController().signal;

test("no more than the bound at a time, in the order of asking", async () => {
  const two = slots(2);
  const got: number[] = [];
  const [first, second] = [await two.take(never), await two.take(never)];
  const rest = [1, 2, 3].map((nr) => two.take(never).then((slot) => got.push(nr) && slot));
  await Promise.resolve();
  deepEqual(got, []);
  first[Symbol.dispose]();
  first[Symbol.dispose](); // a slot is given back once
  await rest[0];
  deepEqual(got, [1]);
  second[Symbol.dispose]();
  await rest[1];
  deepEqual(got, [1, 2]);
});

test("who is aborted while waiting gives up the place in the queue, not a slot", async () => {
  const one = slots(1);
  const held = await one.take(never);
  const impatient = new AbortController();
  const waiting = one.take(impatient.signal);
  const next = one.take(never);
  impatient.abort(new Error("enough"));
  await rejects(waiting, /enough/);
  await rejects(one.take(impatient.signal), /enough/);
  held[Symbol.dispose]();
  (await next)[Symbol.dispose]();
  await one.take(never);
});
