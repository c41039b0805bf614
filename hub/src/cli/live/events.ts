// `muster events`: what a cluster says about the objects of an App, once or again and again.

import { byCodeUnits } from "@muster/proto/model/canonical";
import { identityKey, showIdentity } from "@muster/proto/model/identity";
import type { ClusterEvent } from "@muster/proto/model/inspection";
import { printable } from "@muster/proto/model/printable";

import type { HubClient } from "../client.ts";
import { exits, type Exit } from "../exits.ts";
import type { Io } from "../io.ts";
import { writeData, writeTable } from "../output.ts";
import { ago } from "../paint.ts";
import { look, tellNotes, type LookFlags } from "./look.ts";

export type EventsFlags = LookFlags & { readonly watch: boolean };

const watchMs = 5_000;

export async function events(io: Io, client: HubClient, app: string, flags: EventsFlags): Promise<Exit> {
  const told = new Set<string>();
  for (let first = true; ; first = false) {
    const answer = await look(client, "events", app, flags);
    if (first) tellNotes(io, answer);
    if (!flags.watch && (await writeData(io, flags.output, answer))) return exits.ok.code;
    const fresh = answer.events.filter((event) => !told.has(nameOf(event))).toSorted((a, b) => byCodeUnits(a.lastSeen, b.lastSeen));
    // What is not in the answer any more will not come again: only what is there has to be remembered.
    told.clear();
    for (const event of answer.events) told.add(nameOf(event));
    await write(io, fresh, Date.parse(answer.takenAt), flags);
    if (!flags.watch) {
      if (fresh.length === 0) io.stderr.write("no events\n");
      return exits.ok.code;
    }
    await io.sleep(watchMs);
    if (io.signal.aborted) return exits.interrupted.code;
  }
}

/** Each time that an event was seen again is news. */
const nameOf = ({ object, reason, message, count, lastSeen }: ClusterEvent): string =>
  JSON.stringify([identityKey(object), reason, message, count, lastSeen]);

async function write(io: Io, fresh: readonly ClusterEvent[], now: number, { output, watch }: EventsFlags): Promise<void> {
  if (fresh.length === 0) return;
  if (watch && (output === "json" || output === "yaml")) {
    for (const event of fresh) io.stdout.write(`${JSON.stringify(event)}\n`);
    return;
  }
  const rows = fresh.map((event) => [
    watch ? event.lastSeen : `${ago(now, event.lastSeen)} ago`,
    printable(event.type),
    printable(event.reason),
    String(event.count),
    printable(showIdentity(event.object)),
    ...(output === "wide" ? [printable(event.by)] : []),
    printable(event.message, 1_000),
  ]);
  await writeTable(io, ["SEEN", "TYPE", "REASON", "COUNT", "OBJECT", ...(output === "wide" ? ["BY"] : []), "MESSAGE"], rows);
}
