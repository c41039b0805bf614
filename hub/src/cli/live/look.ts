// Asks the hub for a look at an App on a cluster, and tells what the look could not see.

import { printable } from "@muster/proto/model/printable";

import type { LiveAnswer } from "../../view/live.ts";
import type { HubClient } from "../client.ts";
import { usageError } from "../exits.ts";
import type { Io } from "../io.ts";
import type { Output } from "../output.ts";

export type LookFlags = { readonly cluster: string; readonly object?: string | undefined; readonly output: Output };

export function look(client: HubClient, part: "tree" | "events" | "diff" | "objects", app: string, flags: LookFlags): Promise<LiveAnswer> {
  const object = flags.object === undefined ? undefined : identityText(flags.object);
  return client.get<LiveAnswer>(`/live/${part}`, { app, cluster: flags.cluster, object });
}

/** What is missing in an answer goes to standard error, whatever the form of the output. */
export function tellNotes(io: Io, { notes }: LiveAnswer): void {
  for (const note of notes) io.stderr.write(`note: ${printable(note, 2_000)}\n`);
}

/** `Deployment.apps/shop/web`, `Namespace/shop`: as the API spells it, `apps/Deployment/shop/web`. Throws E_USAGE. */
export function identityText(text: string): string {
  const [first = "", ...rest] = text.split("/");
  const dot = first.indexOf(".");
  const [kind, group] = dot < 0 ? [first, ""] : [first.slice(0, dot), first.slice(dot + 1)];
  const [namespace, name] = rest.length === 1 ? ["", rest[0] ?? ""] : [rest[0] ?? "", rest.slice(1).join("/")];
  if (kind === "" || name === "")
    throw usageError(`cannot read the object ${text}`, "write it as Deployment.apps/shop/web, Service/shop/web or Namespace/shop");
  return `${group}/${kind}/${namespace}/${name}`;
}
