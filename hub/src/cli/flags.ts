// What verbs share of their flags, and the way to the hub.

import { Option, type Command } from "commander";

import type { HubClient } from "./client.ts";
import type { Io } from "./io.ts";
import type { Output } from "./output.ts";

export type Flags<T> = T & { readonly output: Output };

export const all: readonly Output[] = ["table", "wide", "json", "yaml"];

/** `-o`, checked, $MUSTER_OUTPUT as its default. */
export function outputOption(io: Io, choices: readonly Output[], first: Output): Option {
  const wished = choices.find((each) => each === io.env["MUSTER_OUTPUT"]);
  return new Option("-o, --output <form>", "form of the output").choices([...choices]).default(wished ?? first);
}

/** A client of the hub that flags, environment and configuration name. */
export async function clientOf(io: Io, command: Command): Promise<HubClient> {
  const [{ hubSettings }, { hubClient }] = await Promise.all([import("./settings.ts"), import("./client.ts")]);
  const { hub } = command.optsWithGlobals<{ hub?: string }>();
  return hubClient(await hubSettings(io, { hub }), io.signal);
}
