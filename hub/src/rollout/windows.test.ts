// Windows against the clocks of real zones: the hours that are skipped and repeated, midnight, and a year minute by minute.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Span, Weekday, Window } from "../fleet/fleet.ts";
import { windowAt } from "./windows.ts";

const week: readonly Weekday[] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const clock = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
const span = (from: string, to: string, days = week): Span => ({ days, fromMinute: clock(from), toMinute: clock(to) });
const windowOf = (tz: string, from: string, to: string, more: Partial<Window> = {}): Window => ({
  tz,
  ...span(from, to),
  minRemainingMs: 0,
  except: [],
  ...more,
});

/** The instants at which a window opens and closes, from one instant to another. */
function changes(window: Window, from: string, to: string, zone: string | null = null): string[] {
  const found: string[] = [];
  let at = Date.parse(from);
  for (;;) {
    const { open, changesAt } = windowAt(window, zone, at);
    if (changesAt === null || changesAt >= Date.parse(to)) return found;
    found.push(`${open ? "closes" : "opens"} ${new Date(changesAt).toISOString().slice(0, 16)}`);
    at = changesAt;
  }
}

test("a window is open from its first minute to its last, by the clock of its zone", () => {
  const window = windowOf("Europe/Berlin", "09:00", "16:00", { days: ["mon", "tue"] });
  const at = (text: string) => windowAt(window, null, Date.parse(text));
  assert.deepEqual(at("2026-07-06T06:59:59.999Z"), { open: false, changesAt: Date.parse("2026-07-06T07:00Z") });
  assert.deepEqual(at("2026-07-06T07:00Z"), { open: true, changesAt: Date.parse("2026-07-06T14:00Z") });
  assert.deepEqual(at("2026-07-06T13:59:59.999Z"), { open: true, changesAt: Date.parse("2026-07-06T14:00Z") });
  assert.deepEqual(at("2026-07-06T14:00Z"), { open: false, changesAt: Date.parse("2026-07-07T07:00Z") });
  assert.deepEqual(at("2026-07-07T14:00Z"), { open: false, changesAt: Date.parse("2026-07-13T07:00Z") });
});

test("T27 an hour that the clocks skip in spring never opens", () => {
  const window = windowOf("Europe/Berlin", "02:00", "03:00");
  assert.deepEqual(changes(window, "2026-03-28T00:00Z", "2026-03-30T12:00Z"), [
    "opens 2026-03-28T01:00",
    "closes 2026-03-28T02:00",
    "opens 2026-03-30T00:00",
    "closes 2026-03-30T01:00",
  ]);
  const weekly = windowOf("Europe/Berlin", "02:00", "03:00", { days: ["sun"] });
  assert.deepEqual(windowAt(weekly, null, Date.parse("2026-03-23T00:00Z")), { open: false, changesAt: Date.parse("2026-04-05T00:00Z") });
});

test("T27 an hour that the clocks repeat in autumn opens twice", () => {
  const window = windowOf("Europe/Berlin", "02:00", "02:30");
  assert.deepEqual(changes(window, "2026-10-24T12:00Z", "2026-10-25T12:00Z"), [
    "opens 2026-10-25T00:00",
    "closes 2026-10-25T00:30",
    "opens 2026-10-25T01:00",
    "closes 2026-10-25T01:30",
  ]);
});

test("a window around the change of clocks is an hour shorter in spring and longer in autumn", () => {
  const window = windowOf("America/New_York", "01:00", "04:00", { days: ["sun"] });
  assert.deepEqual(changes(window, "2026-03-08T00:00Z", "2026-03-09T00:00Z"), ["opens 2026-03-08T06:00", "closes 2026-03-08T08:00"]);
  assert.deepEqual(changes(window, "2026-11-01T00:00Z", "2026-11-02T00:00Z"), ["opens 2026-11-01T05:00", "closes 2026-11-01T09:00"]);
});

test("a window that ends before it begins goes over midnight, and its days are those on which it begins", () => {
  const window = windowOf("Europe/Berlin", "22:00", "02:00", { days: ["fri"] });
  assert.deepEqual(changes(window, "2026-07-01T00:00Z", "2026-07-08T00:00Z"), ["opens 2026-07-03T20:00", "closes 2026-07-04T00:00"]);
  const toMidnight = windowOf("Europe/Berlin", "22:00", "00:00", { days: ["fri"] });
  assert.deepEqual(changes(toMidnight, "2026-07-01T00:00Z", "2026-07-08T00:00Z"), ["opens 2026-07-03T20:00", "closes 2026-07-03T22:00"]);
});

test("days that follow each other are one window, and all of them are always open", () => {
  const days = windowOf("Europe/Berlin", "00:00", "24:00", { days: ["sat", "sun"] });
  assert.deepEqual(changes(days, "2026-07-01T00:00Z", "2026-07-08T00:00Z"), ["opens 2026-07-03T22:00", "closes 2026-07-05T22:00"]);
  assert.deepEqual(windowAt(windowOf("Europe/Berlin", "00:00", "24:00"), null, Date.parse("2026-03-28T12:00Z")), {
    open: true,
    changesAt: null,
  });
  const [early, late] = [span("00:00", "12:00"), span("12:00", "24:00")];
  const never = windowOf("Europe/Berlin", "00:00", "24:00", { except: [early, late] });
  assert.deepEqual(windowAt(never, null, 0), { open: false, changesAt: null });
});

test("closed beats open", () => {
  const window = windowOf("Europe/Berlin", "09:00", "17:00", { except: [span("12:00", "13:00"), span("15:00", "24:00", ["fri"])] });
  assert.deepEqual(changes(window, "2026-07-03T00:00Z", "2026-07-04T00:00Z"), [
    "opens 2026-07-03T07:00",
    "closes 2026-07-03T10:00",
    "opens 2026-07-03T11:00",
    "closes 2026-07-03T13:00",
  ]);
});

test("T29 nothing begins where too little of a window remains, and what is too short never opens", () => {
  const more = { minRemainingMs: 2 * 3_600_000, except: [span("11:00", "12:00")] };
  const window = windowOf("Europe/Berlin", "09:00", "17:00", more);
  assert.deepEqual(changes(window, "2026-07-03T00:00Z", "2026-07-04T00:00Z"), ["opens 2026-07-03T10:00", "closes 2026-07-03T13:00"]);
  assert.equal(windowAt(window, null, Date.parse("2026-07-03T07:00Z")).open, false);
});

test("a window in the zone of the cluster is closed where the cluster has none", () => {
  const window = windowOf("cluster", "09:00", "17:00");
  const at = Date.parse("2026-07-03T10:00Z");
  assert.deepEqual(windowAt(window, null, at), { open: false, changesAt: null });
  assert.deepEqual(windowAt(window, "Nowhere/Land", at), { open: false, changesAt: null });
  assert.deepEqual(windowAt(window, "Asia/Kathmandu", at), { open: true, changesAt: Date.parse("2026-07-03T11:15Z") });
  assert.equal(windowAt(window, "Asia/Tokyo", at).open, false);
});

// Half an hour of summer time, a quarter of an hour of offset, winter time in Ramadan, clocks that turn at midnight, and none of it.
const zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "Africa/Cairo"];
const minuteMs = 60_000;
const yearStart = Date.parse("2026-01-01T00:00Z");
const minutes = (365 + 8) * 1440;

/** Weekday and minute of the day for each minute of the year, as the platform tells them: clocks turn at full quarters of an hour only. */
function localTimes(timeZone: string): Uint16Array {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone, weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const times = new Uint16Array(minutes);
  for (let quarter = 0; quarter < minutes; quarter += 15) {
    const [, day = "", hour, minute] = /^(\w{3}),? (\d\d):(\d\d)$/.exec(format.format(yearStart + quarter * minuteMs)) ?? [];
    const first = week.indexOf(day.toLowerCase() as Weekday) * 1440 + Number(hour) * 60 + Number(minute);
    for (let i = 0; i < 15; i += 1) times[quarter + i] = first + i;
  }
  return times;
}

const inSpan = ({ days, fromMinute, toMinute }: Span, weekday: number, minute: number): boolean => {
  const begins = (day: number) => days.includes(week[(day + 7) % 7] ?? "mon");
  if (fromMinute < toMinute) return begins(weekday) && minute >= fromMinute && minute < toMinute;
  return minute >= fromMinute ? begins(weekday) : minute < toMinute && begins(weekday - 1);
};

/** For each minute whether it is open, by looking at every one. */
function byMinute(window: Window, times: Uint16Array): readonly boolean[] {
  const ofWeek = Array.from({ length: 7 * 1440 }, (_, i) => {
    const [weekday, minute] = [Math.floor(i / 1440), i % 1440];
    return inSpan(window, weekday, minute) && !window.except.some((each) => inSpan(each, weekday, minute));
  });
  const open = Array.from(times, (time) => ofWeek[time] === true);
  let remaining = 0;
  for (let i = open.length - 1; i >= 0; i -= 1) {
    remaining = open[i] === true ? remaining + 1 : 0;
    open[i] = remaining * minuteMs > window.minRemainingMs;
  }
  return open;
}

function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test("T27 T29 a year in six zones says what looking at every minute says", (t) => {
  const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
  t.diagnostic(`SEED=${seed}`);
  const roll = dice(seed);
  const someDays = (): readonly Weekday[] => week.filter(() => roll(3) > 0).concat(week[roll(7)] ?? "mon");
  const someSpan = (): Span => {
    const fromMinute = roll(4) === 0 ? roll(1440) : roll(24) * 60;
    const toMinute = roll(4) === 0 ? roll(1441) : (1 + roll(24)) * 60;
    return { days: someDays(), fromMinute, toMinute: toMinute === fromMinute ? fromMinute + 1 : toMinute };
  };
  for (const tz of zones) {
    const times = localTimes(tz);
    for (let round = 0; round < 5; round += 1) {
      const minRemainingMs = roll(2) * roll(180) * minuteMs;
      const window: Window = { tz, ...someSpan(), minRemainingMs, except: Array.from({ length: roll(3) }, someSpan) };
      const expected = byMinute(window, times);
      const flips: number[] = [];
      for (let i = 1; i < 365 * 1440; i += 1) if (expected[i] !== expected[i - 1]) flips.push(i);
      const told: number[] = [];
      for (let at = 0; ;) {
        const { open, changesAt } = windowAt(window, null, yearStart + at * minuteMs);
        assert.equal(open, expected[at], `SEED=${seed} ${JSON.stringify(window)} at ${new Date(yearStart + at * minuteMs).toISOString()}`);
        if (changesAt === null || changesAt >= yearStart + 365 * dayMs) break;
        at = (changesAt - yearStart) / minuteMs;
        told.push(at);
      }
      assert.deepEqual(told, flips, `SEED=${seed} ${JSON.stringify(window)}`);
      for (let look = 0; look < 20; look += 1) {
        const at = roll(365 * 1440);
        const { open, changesAt } = windowAt(window, null, yearStart + at * minuteMs + roll(minuteMs));
        assert.equal(open, expected[at], `SEED=${seed} ${JSON.stringify(window)} at ${new Date(yearStart + at * minuteMs).toISOString()}`);
        const next = flips.find((flip) => flip > at);
        if (next !== undefined) assert.equal(changesAt, yearStart + next * minuteMs, `SEED=${seed} ${JSON.stringify(window)}`);
      }
    }
  }
});

const dayMs = 1440 * minuteMs;
