// The verbs and their flags. What a verb needs is loaded when it is called, so that help and version are there at once.

import { Command, CommanderError } from "commander";

import { exitHelp, exitOf, exits, usageError, type Exit } from "./exits.ts";
import type { Io } from "./io.ts";
import { addLive } from "./live/live.ts";
import { all, clientOf, outputOption, type Flags } from "./flags.ts";
import { addQuestions } from "./questions.ts";
import type { TokenFlags } from "./token.ts";
import type { FleetFlags, SelectFlags } from "./offline.ts";

export type Invocation = { readonly args: readonly string[]; readonly version: string };

/** Runs one command; never throws. */
export async function run(io: Io, { args, version }: Invocation): Promise<Exit> {
  const done: { exit: Exit } = { exit: exits.ok.code };
  const program = build(io, version, (exit) => {
    done.exit = exit;
  });
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync([...args], { from: "user" });
    return done.exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exits.ok.code : exits.usage.code;
    if (io.signal.aborted) return exits.interrupted.code;
    const { complaintOfError, paintFor, showComplaint } = await import("./paint.ts");
    io.stderr.write(showComplaint(paintFor(io.stderr, io.env), complaintOfError(error)));
    return exitOf(error);
  }
}

function build(io: Io, version: string, finish: (exit: Exit) => void): Command {
  const program = new Command("muster")
    .description("Manages a fleet of Kubernetes clusters from Git.")
    .version(version, "-V, --version")
    .option("--hub <url>", "the hub's address, in place of $MUSTER_HUB and the configuration file")
    .addHelpText("after", `${exitHelp()}\n${configHelp}`)
    .showHelpAfterError("see muster --help")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, "error E_USAGE: ")),
    });
  addLooking(program, io, finish);
  addActing(program, io, finish);
  addLive(program, { io, finish, clientOf, outputOption });
  addOffline(program, io, finish);
  addQuestions(program, io, finish);
  return program;
}

const configHelp = `
Configuration: $MUSTER_CONFIG, else .muster/config in this folder or one above, else ~/.config/muster/config.yaml:
  hub: https://hub.example:7080
  tokenFile: token            # or token: ...; $MUSTER_TOKEN and $MUSTER_TOKEN_FILE come before it
  ca: ca.pem                  # where the hub's certificate is from a CA of its own; a file or the PEM itself
  insecure: true              # only for plain http to another host than this one`;

function addLooking(program: Command, io: Io, finish: (exit: Exit) => void): void {
  program
    .command("status")
    .description("the whole fleet at a glance")
    .option("-w, --watch", "again and again: every 2 s on a terminal, a line per 10 s elsewhere", false)
    .option("--check", `exit ${exits.differs.code} unless everything is synced`, false)
    .addOption(outputOption(io, all, "table"))
    .action(async (flags: Flags<{ watch: boolean; check: boolean }>, command: Command) => {
      const [client, { status }] = await Promise.all([clientOf(io, command), import("./status.ts")]);
      finish(await status(io, client, flags));
    });
  program
    .command("clusters")
    .description("the clusters and what each one waits for")
    .addOption(outputOption(io, all, "table"))
    .action(async (flags: Flags<object>, command: Command) => {
      const [client, { clusters }] = await Promise.all([clientOf(io, command), import("./lists.ts")]);
      finish(await clusters(io, client, flags.output));
    });
  program
    .command("apps")
    .description("the Apps on each cluster")
    .option("--cluster <name>", "only this cluster")
    .option("--app <app>", "only this App")
    .addOption(outputOption(io, all, "table"))
    .action(async (flags: Flags<{ cluster?: string; app?: string }>, command: Command) => {
      const [client, { apps }] = await Promise.all([clientOf(io, command), import("./lists.ts")]);
      finish(await apps(io, client, { cluster: flags.cluster, app: flags.app }, flags.output));
    });
  program
    .command("drift")
    .description(`what somebody changed on the clusters; exit ${exits.differs.code} while some of it is not healed`)
    .option("--cluster <name>", "only this cluster")
    .option("--app <app>", "only this App")
    .addOption(outputOption(io, all, "table"))
    .action(async (flags: Flags<{ cluster?: string; app?: string }>, command: Command) => {
      const [client, { drift }] = await Promise.all([clientOf(io, command), import("./lists.ts")]);
      finish(await drift(io, client, { cluster: flags.cluster, app: flags.app }, flags.output));
    });
  program
    .command("held")
    .description("changes that wait because they delete more than the guards allow")
    .addOption(outputOption(io, all, "table"))
    .action(async (flags: Flags<object>, command: Command) => {
      const [client, { held }] = await Promise.all([clientOf(io, command), import("./lists.ts")]);
      finish(await held(io, client, flags.output));
    });
}

function addActing(program: Command, io: Io, finish: (exit: Exit) => void): void {
  program
    .command("approve")
    .description("lets a held change delete what it names, and nothing else")
    .argument("<id>", "as muster held shows it")
    .requiredOption("--reason <text>", "why; kept with the approval")
    .addOption(outputOption(io, all, "table"))
    .action(async (id: string, flags: Flags<{ reason: string }>, command: Command) => {
      if (flags.reason.trim() === "") throw usageError("the reason is empty", "say why in --reason");
      const [client, { approve }] = await Promise.all([clientOf(io, command), import("./lists.ts")]);
      finish(await approve(io, client, id, flags.reason, flags.output));
    });
  const token = program.command("token").description("tokens for agents and programs").helpCommand(false);
  token
    .command("create")
    .description("makes a token that an agent joins with, or with --ci one for the API")
    .option("--name <name>", "what it is called in lists")
    .option("--cluster <name>", "the cluster that may join with it")
    .option("--labels <pairs>", "labels of that cluster until Git has a document for it: key=value,...")
    .option("--uses <n>", "how many clusters may join with it")
    .option("--ttl <time>", "how long it is good: 30m, 1h, 7d")
    .option("--replace <name>", "for a rebuilt cluster: takes this name over, the old identity is revoked")
    .option("--ci", "a token for the API")
    .option("--role <role>", "with --ci: viewer | operator | approver | admin")
    .addOption(outputOption(io, all, "table"))
    .action(async (flags: Flags<TokenFlags>, command: Command) => {
      const { createToken, tokenRequest } = await import("./token.ts");
      tokenRequest(flags);
      finish(await createToken(io, await clientOf(io, command), flags, flags.output));
    });
}

function addOffline(program: Command, io: Io, finish: (exit: Exit) => void): void {
  program
    .command("lint")
    .description(`checks a file, a folder or a repository as it lies there, without a hub; exit ${exits.failed.code} when there are errors`)
    .argument("<path>")
    .addOption(outputOption(io, ["table", "json", "yaml"], "table"))
    .action(async (path: string, flags: Flags<object>) => {
      const { lint } = await import("./offline.ts");
      finish(await lint(io, path, flags.output));
    });
  fleetFlags(program.command("resolve").description("which App goes to which cluster, and which layers made it so, without a hub"))
    .addOption(outputOption(io, ["table", "json", "yaml"], "table"))
    .action(async (flags: Flags<FleetFlags & SelectFlags>) => {
      const { resolve } = await import("./offline.ts");
      finish(await resolve(io, flags, flags.output));
    });
  fleetFlags(
    program
      .command("render")
      .description(`the objects that a cluster would get, without a hub; exit ${exits.partly.code} when Apps are missing`),
  )
    .addOption(outputOption(io, ["yaml", "json"], "yaml"))
    .action(async (flags: Flags<FleetFlags & SelectFlags>) => {
      const { render } = await import("./offline.ts");
      finish(await render(io, flags, flags.output));
    });
}

function fleetFlags(command: Command): Command {
  return command
    .requiredOption("--repo <dir>", "a repository or folder")
    .option("--revision <revision>", "branch, tag or commit, also HEAD~1; without it the files as they lie in the folder")
    .option("--path <path>", "only documents below this folder of the repository count")
    .option("--clusters <file>", "Cluster documents beside those of the repository")
    .option("--cluster <name>", "for this cluster")
    .option("--all", "for all clusters")
    .option("--app <app>", "only this App");
}
