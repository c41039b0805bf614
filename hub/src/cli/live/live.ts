// The verbs where an agent or a person's hand is needed, and their flags. What a verb needs is loaded when it is called.

import type { Command, Option } from "commander";

import type { HubClient } from "../client.ts";
import type { Exit } from "../exits.ts";
import type { Io } from "../io.ts";
import type { Output } from "../output.ts";
import type { EventsFlags } from "./events.ts";
import type { HandFlags, PauseFlags, SyncFlags } from "./hands.ts";
import type { LookFlags } from "./look.ts";

/** What the program gives its verbs. */
export type Verbs = {
  readonly io: Io;
  readonly finish: (exit: Exit) => void;
  readonly clientOf: (io: Io, command: Command) => Promise<HubClient>;
  readonly outputOption: (io: Io, choices: readonly Output[], first: Output) => Option;
};

const all: readonly Output[] = ["table", "wide", "json", "yaml"];

type Flags<T> = T & { readonly output: Output };

/** Adds `tree`, `events`, `sync`, `pause` and `resume`. */
export function addLive(program: Command, verbs: Verbs): void {
  addLooks(program, verbs);
  addHands(program, verbs);
}

function addLooks(program: Command, { io, finish, clientOf, outputOption }: Verbs): void {
  const look = (verb: Command): Command =>
    verb
      .argument("<app>")
      .requiredOption("--cluster <name>", "on this cluster")
      .option("--object <identity>", "only this object and what it owns: Kind[.group]/[namespace/]name")
      .addOption(outputOption(io, all, "table"));
  look(program.command("tree").description("the objects of an App as they are on a cluster now, and what they own")).action(
    async (app: string, flags: Flags<LookFlags>, command: Command) => {
      const [client, { tree }] = await Promise.all([clientOf(io, command), import("./tree.ts")]);
      finish(await tree(io, client, app, flags));
    },
  );
  look(program.command("events").description("what the cluster says about the objects of an App, newest last"))
    .option("-w, --watch", "go on with what comes", false)
    .action(async (app: string, flags: Flags<EventsFlags>, command: Command) => {
      const [client, { events }] = await Promise.all([clientOf(io, command), import("./events.ts")]);
      finish(await events(io, client, app, flags));
    });
}

function addHands(program: Command, { io, finish, clientOf, outputOption }: Verbs): void {
  program
    .command("sync")
    .description("lets go what waits for a hand (sync.auto: false): this change, and no later one")
    .argument("<app>")
    .option("--cluster <name>", "only on this cluster")
    .option("--reason <text>", "why; kept with it")
    .option("--redeliver", "have agents apply again what is released", false)
    .addOption(outputOption(io, all, "table"))
    .action(async (app: string, flags: Flags<SyncFlags>, command: Command) => {
      const [client, { sync }] = await Promise.all([clientOf(io, command), import("./hands.ts")]);
      finish(await sync(io, client, app, flags));
    });
  const scoped = (verb: Command): Command =>
    verb
      .argument("[app]")
      .option("--cluster <name>", "all of this cluster, or the App on it")
      .option("--fleet", "everything", false)
      .addOption(outputOption(io, all, "table"));
  scoped(
    program.command("pause").description("stops upgrades of an App, a cluster or the fleet; healing goes on. Alone: lists what is paused"),
  )
    .option("--reason <text>", "why; shown with everything that waits for it")
    .option("--for <time>", "ends by itself after 30m, 2h, 1d")
    .action(async (app: string | undefined, flags: Flags<PauseFlags>, command: Command) => {
      const { pause, pauseRequest } = await import("./hands.ts");
      const request = pauseRequest(app, flags);
      finish(await pause(io, await clientOf(io, command), request, flags.output));
    });
  scoped(program.command("resume").description("ends a pause"))
    .option("--reason <text>", "why")
    .action(async (app: string | undefined, flags: Flags<HandFlags>, command: Command) => {
      const { resume, scopeRequest } = await import("./hands.ts");
      const request = scopeRequest(app, flags);
      finish(
        await resume(
          io,
          await clientOf(io, command),
          { ...request, ...(flags.reason !== undefined && { reason: flags.reason }) },
          flags.output,
        ),
      );
    });
}
