// Whether a window is open, and when that changes. A window is said in local time, so a skipped hour never opens and a repeated one opens
// twice; an instant becomes local time by the zone's offset at that instant, and no arithmetic is done with local time.

import type { Span, Weekday, Window } from "../fleet/fleet.ts";

/** `changesAt` null: not within the next weeks, as far as is looked. */
export type WindowState = { readonly open: boolean; readonly changesAt: number | null };

const minuteMs = 60_000;
const dayMs = 1440 * minuteMs;
/** A window that opens in one hour of the week only may be skipped once by the clocks. */
const lookAheadMs = 36 * dayMs;
const closed: WindowState = { open: false, changesAt: null };

/** `wallMs` and `changesAt`: milliseconds since 1970, UTC. A window of the zone `cluster` is closed where the cluster has none. */
export function windowAt(window: Window, clusterZone: string | null, wallMs: number): WindowState {
  const zone = zoneOf(window.tz === "cluster" ? clusterZone : window.tz);
  if (zone === null) return closed;
  const look = { holds: (ms: number) => isInside(window, ms + zone(ms)), next: (ms: number) => nextChange(window, zone, ms) };
  return stateAt(look, wallMs, window.minRemainingMs);
}

type Look = { readonly holds: (ms: number) => boolean; readonly next: (ms: number) => number };

/** Open until so much remains: what is too short never opens. */
function stateAt({ holds, next }: Look, wallMs: number, minRemainingMs: number): WindowState {
  const horizonMs = wallMs + lookAheadMs;
  let at = wallMs;
  while (at < horizonMs) {
    const change = next(at);
    if (holds(at)) {
      const last = change >= horizonMs ? Number.POSITIVE_INFINITY : change - minRemainingMs;
      if (last > at) return at === wallMs ? { open: true, changesAt: Number.isFinite(last) ? last : null } : { open: false, changesAt: at };
    }
    at = change;
  }
  return closed;
}

type OffsetMs = (ms: number) => number;

/** The next instant at which being inside changes; at the latest where looking ends. */
function nextChange(window: Window, zone: OffsetMs, fromMs: number): number {
  const was = isInside(window, fromMs + zone(fromMs));
  const edges = edgesOf(window);
  let at = fromMs;
  while (at < fromMs + lookAheadMs) {
    at = nextEdge(edges, zone, at);
    if (isInside(window, at + zone(at)) !== was) return at;
  }
  return at;
}

/** The next instant at which the local time passes an edge, or the offset changes. */
function nextEdge(edges: readonly number[], zone: OffsetMs, ms: number): number {
  const offset = zone(ms);
  const inDay = modulo(ms + offset, dayMs);
  const edge = edges.find((each) => each > inDay) ?? dayMs;
  const at = ms - inDay + edge;
  return zone(at) === offset ? at : turnOf(zone, ms, at);
}

/** The instant between two at which the offset becomes another one. */
function turnOf(zone: OffsetMs, fromMs: number, toMs: number): number {
  const offset = zone(fromMs);
  let [before, after] = [fromMs, toMs];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (zone(middle) === offset) before = middle;
    else after = middle;
  }
  return after;
}

/** Milliseconds of the local day at which something may begin or end, rising. */
function edgesOf(window: Window): readonly number[] {
  const minutes = [window, ...window.except].flatMap(({ fromMinute, toMinute }) => [fromMinute, toMinute]);
  return [...new Set(minutes)].toSorted((a, b) => a - b).map((minute) => minute * minuteMs);
}

const isInside = (window: Window, localMs: number): boolean =>
  covers(window, localMs) && !window.except.some((span) => covers(span, localMs));

// 1 January 1970 was a Thursday.
const weekdays: readonly Weekday[] = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"];

function covers({ days, fromMinute, toMinute }: Span, localMs: number): boolean {
  const inDay = modulo(localMs, dayMs) / minuteMs;
  const begins = (daysAgo: number): boolean => {
    const day = weekdays[modulo(Math.floor(localMs / dayMs) - daysAgo, 7)];
    return day !== undefined && days.includes(day);
  };
  if (fromMinute < toMinute) return begins(0) && inDay >= fromMinute && inDay < toMinute;
  return (begins(0) && inDay >= fromMinute) || (begins(1) && inDay < toMinute);
}

const modulo = (value: number, by: number): number => ((value % by) + by) % by;

const zones = new Map<string, OffsetMs | null>();

/** How far a zone is ahead of UTC at an instant; null where there is none, or none of that name on this platform. Kept: making one is slow. */
function zoneOf(name: string | null): OffsetMs | null {
  if (name === null) return null;
  const known = zones.get(name);
  if (known !== undefined) return known;
  const made = makeZone(name);
  zones.set(name, made);
  return made;
}

function makeZone(timeZone: string): OffsetMs | null {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", { timeZone, timeZoneName: "longOffset", year: "numeric" });
  } catch {
    return null;
  }
  return keepingDays((ms) => offsetIn(format.format(ms)));
}

const daysKept = 400;

/** Asks the platform twice a day: on a day that begins and ends with one offset there is no other. */
function keepingDays(ask: OffsetMs): OffsetMs {
  const offsets = new Map<number, number | null>();
  return (ms) => {
    const day = Math.floor(ms / dayMs);
    let known = offsets.get(day);
    if (known === undefined) {
      const [first, last] = [ask(day * dayMs), ask((day + 1) * dayMs)];
      known = first === last ? first : null;
      if (offsets.size >= daysKept) offsets.clear();
      offsets.set(day, known);
    }
    return known ?? ask(ms);
  };
}

/** Of `2026, GMT+05:45`; a bare `GMT` is none. */
function offsetIn(text: string): number {
  const [, sign, hours, minutes, seconds = "0"] = /GMT([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(text) ?? [];
  if (sign === undefined) return 0;
  const ms = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  return sign === "-" ? -ms : ms;
}
