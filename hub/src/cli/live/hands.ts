// `muster sync`, `pause` and `resume`: what a person does by hand.

import { appKeyParts } from "@muster/proto/model/identity";
import { printable } from "@muster/proto/model/printable";

import type {
  ActsAnswer,
  PauseRequest,
  PauseRow,
  ResumeAnswer,
  ResumeRequest,
  ScopeRequest,
  SyncAnswer,
  SyncRequest,
  SyncRow,
} from "../../view/live.ts";
import type { HubClient } from "../client.ts";
import { exits, usageError, type Exit } from "../exits.ts";
import type { Io } from "../io.ts";
import { writeData, writeTable, type Output } from "../output.ts";
import { secondsOf } from "../token.ts";

export type SyncFlags = {
  readonly cluster?: string | undefined;
  readonly reason?: string | undefined;
  readonly redeliver: boolean;
  readonly output: Output;
};
export type HandFlags = {
  readonly cluster?: string | undefined;
  readonly fleet: boolean;
  readonly reason?: string | undefined;
  readonly output: Output;
};
export type PauseFlags = HandFlags & { readonly for?: string | undefined };

/** How a state of a sync is told, and whether the person got what they asked for. */
const syncStates = {
  asked: { text: "released", done: true },
  ordered: { text: "delivered again", done: true },
  waitsForAgent: { text: "ordered", done: true },
  notWaiting: { text: "nothing to do", done: true },
  paused: { text: "paused", done: false },
  refused: { text: "refused", done: false },
} as const satisfies { readonly [state in SyncRow["state"]]: object };

/** Exit 8 when it went well on some clusters only, 1 when on none. */
export async function sync(io: Io, client: HubClient, app: string, { cluster, reason, redeliver, output }: SyncFlags): Promise<Exit> {
  const request: SyncRequest = {
    app,
    ...(cluster !== undefined && { cluster }),
    ...(reason !== undefined && { reason }),
    ...(redeliver && { redeliver }),
  };
  const { items } = await client.post<SyncAnswer>("/sync", request);
  const failed = items.filter(({ state }) => !syncStates[state].done).length;
  const exit = failed === 0 ? exits.ok.code : failed < items.length ? exits.partly.code : exits.failed.code;
  if (await writeData(io, output, { items })) return exit;
  const rows = items.map((row) => [
    printable(appKeyParts(row.app).name),
    printable(row.cluster),
    syncStates[row.state].text,
    row.pin?.slice(0, 12) ?? "-",
    printable(row.message, 500),
  ]);
  await writeTable(io, ["APP", "CLUSTER", "RESULT", "PIN", "WHY"], rows);
  return exit;
}

/** What an App and flags mean. Throws E_USAGE for what does not go together. */
export function scopeRequest(app: string | undefined, { cluster, fleet }: Pick<HandFlags, "cluster" | "fleet">): ScopeRequest {
  if (fleet && (app !== undefined || cluster !== undefined)) throw usageError("--fleet is everything", "leave the App and --cluster out");
  if (!fleet && app === undefined && cluster === undefined)
    throw usageError("say what: an App, a cluster or the fleet", "APP, --cluster NAME or --fleet");
  return { ...(app !== undefined && { app }), ...(cluster !== undefined && { cluster }), ...(fleet && { fleet: true as const }) };
}

/** null: only list. */
export function pauseRequest(app: string | undefined, flags: PauseFlags): PauseRequest | null {
  const { reason, cluster, fleet } = flags;
  if (app === undefined && cluster === undefined && !fleet && reason === undefined && flags.for === undefined) return null;
  const scope = scopeRequest(app, flags);
  if (reason === undefined || reason.trim() === "") throw usageError("a pause needs a reason", "say why in --reason");
  return { ...scope, reason, ...(flags.for !== undefined && { forSeconds: secondsOf(flags.for, "--for") }) };
}

export async function pause(io: Io, client: HubClient, request: PauseRequest | null, output: Output): Promise<Exit> {
  if (request === null) return listPauses(io, client, output);
  const row = await client.post<PauseRow>("/pauses", request);
  if (await writeData(io, output, row)) return exits.ok.code;
  const until = row.until === null ? "until somebody resumes" : `until ${printable(row.until)}`;
  io.stdout.write(`paused ${scopeText(row)} ${until}; healing goes on\n`);
  return exits.ok.code;
}

export async function resume(io: Io, client: HubClient, request: ResumeRequest, output: Output): Promise<Exit> {
  const answer = await client.post<ResumeAnswer>("/resume", request);
  if (await writeData(io, output, answer)) return exits.ok.code;
  io.stdout.write(`resumed ${scopeText(answer.ended)}\n`);
  return exits.ok.code;
}

async function listPauses(io: Io, client: HubClient, output: Output): Promise<Exit> {
  const { pauses } = await client.get<ActsAnswer>("/acts");
  if (await writeData(io, output, { items: pauses })) return exits.ok.code;
  if (pauses.length === 0) io.stderr.write("nothing is paused\n");
  else {
    const rows = pauses.map((row) => [
      scopeText(row),
      printable(row.by),
      printable(row.at),
      printable(row.until ?? "-"),
      printable(row.reason, 500),
    ]);
    await writeTable(io, ["PAUSED", "BY", "SINCE", "UNTIL", "WHY"], rows);
  }
  return exits.ok.code;
}

function scopeText({ app, cluster }: Pick<PauseRow, "app" | "cluster">): string {
  if (app === null) return cluster === null ? "the fleet" : `cluster ${printable(cluster)}`;
  return `App ${printable(app)}${cluster === null ? "" : ` on cluster ${printable(cluster)}`}`;
}
