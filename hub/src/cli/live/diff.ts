// `muster diff --live`: what of an App is on a cluster not as it was released, field by field, and who manages it.

import { showIdentity } from "@muster/proto/model/identity";
import { differs, type InspectedObject } from "@muster/proto/model/inspection";
import type { JsonValue } from "@muster/proto/model/json";
import { printable } from "@muster/proto/model/printable";

import type { HubClient } from "../client.ts";
import { exits, type Exit } from "../exits.ts";
import type { Io } from "../io.ts";
import { writeData, writeTable } from "../output.ts";
import { look, tellNotes, type LookFlags } from "./look.ts";

const valueChars = 60;

/** Exit 3 when something is not as it was released, or could not be compared. */
export async function liveDiff(io: Io, client: HubClient, app: string, flags: LookFlags): Promise<Exit> {
  const answer = await look(client, "diff", app, flags);
  tellNotes(io, answer);
  const exit = differs(answer) || answer.objects.some(({ diff }) => diff === null) ? exits.differs.code : exits.ok.code;
  if (await writeData(io, flags.output, answer)) return exit;
  const wide = flags.output === "wide";
  const rows = answer.objects.flatMap((object) => rowsOf(object, wide));
  if (rows.length > 0) await writeTable(io, ["OBJECT", "STATE", "FIELD", "RELEASED", "LIVE", "BY"], rows);
  if (exit === exits.ok.code) io.stderr.write("live is as it was released\n");
  return exit;
}

function rowsOf(object: InspectedObject, wide: boolean): readonly (readonly string[])[] {
  const { identity, diff, message } = object;
  const name = printable(showIdentity(identity));
  if (diff === null) return [[name, "unknown", printable(message, 500), "", "", ""]];
  const ours = diff.ours.map(({ path, released, live, manager }, at) => [
    at === 0 ? name : "",
    at === 0 ? diff.state : "",
    printable(path, 300),
    shown(released, wide),
    shown(live, wide),
    printable(manager),
  ]);
  const head = diff.state !== "same" && ours.length === 0 ? [[name, diff.state, printable(diff.message, 500), "", "", ""]] : [];
  const cut = ours.length > 0 && diff.message !== "" ? [["", "", printable(diff.message, 500), "", "", ""]] : [];
  // What others manage beside us is no difference: shown where all is asked for.
  const others = wide
    ? diff.others.flatMap(({ manager, fields }) =>
        fields.map((field) => [name, "theirs", printable(field, 300), "", "", printable(manager)]),
      )
    : [];
  return [...head, ...ours, ...cut, ...others];
}

function shown(value: JsonValue | undefined, wide: boolean): string {
  if (value === undefined) return "-";
  const text = printable(typeof value === "string" ? value : JSON.stringify(value), 5_000);
  return wide || text.length <= valueChars ? text : `${text.slice(0, valueChars)}…`;
}
