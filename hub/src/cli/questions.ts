// The verbs of questions: explain, diff, preview, where, why-changed, completion. With `--repo` the first three ask a repository.

import { Option, type Command } from "commander";

import { exits, usageError, type Exit } from "./exits.ts";
import { all, clientOf, outputOption, type Flags } from "./flags.ts";
import type { Io } from "./io.ts";
import type { Output } from "./output.ts";

const forms: readonly Output[] = ["table", "json", "yaml"];

type RepoFlags = { readonly repo?: string; readonly revision?: string; readonly path?: string; readonly clusters?: string };

export function addQuestions(program: Command, io: Io, finish: (exit: Exit) => void): void {
  addExplain(program, io, finish);
  addDiff(program, io, finish);
  addPreview(program, io, finish);
  addRecords(program, io, finish);
  addCompletion(program, io, finish);
}

/** For an offline question; a folder that is meant for documents is `--folder`, since `--path` is a field. */
function repoFlags(command: Command): Command {
  return command
    .option("--repo <dir>", "asks a repository or folder in place of a hub")
    .option("--revision <revision>", "with --repo: branch, tag or commit; without it the files as they lie in the folder")
    .option("--folder <path>", "with --repo: only documents below this folder count")
    .option("--clusters <file>", "with --repo: Cluster documents beside those of the repository");
}

type ExplainFlags = Omit<RepoFlags, "path"> & { cluster: string; path?: string; object?: string; all?: boolean; folder?: string };

function addExplain(program: Command, io: Io, finish: (exit: Exit) => void): void {
  const command = program
    .command("explain")
    .description("why a setting, or a field of an object, is what it is: who won, who lost, where each stands")
    .argument("<app>")
    .requiredOption("--cluster <name>", "on this cluster")
    .option("--path <field>", "helm.values.replicas, or a field of an object: 'Deployment/web spec.replicas'")
    .option("--object <object>", "Deployment/web, Deployment.apps/shop/web")
    .option("--all", "also what only the chart, the kustomization or a default says");
  repoFlags(command)
    .addOption(outputOption(io, forms, "table"))
    .action(async (app: string, flags: Flags<ExplainFlags>, self: Command) => {
      const { explainHub, explainRepo } = await import("./explain.ts");
      const { cluster, path, object, all } = flags;
      const query = { app, cluster, ...(path !== undefined && { path }), ...(object !== undefined && { object }), all: all === true };
      const repo = repoOf(flags);
      finish(
        repo === null
          ? await explainHub(io, await clientOf(io, self), query, flags.output)
          : await explainRepo(io, repo, query, flags.output),
      );
    });
}

type DiffFlags = Omit<RepoFlags, "path"> & { cluster?: string; between?: boolean; live?: boolean; object?: string; folder?: string };

function addDiff(program: Command, io: Io, finish: (exit: Exit) => void): void {
  const command = program
    .command("diff")
    .description(`what Git wants beside what is released, or that beside what is live; exit ${exits.differs.code} when they differ`)
    .argument("[app or environments...]", "an App; with --between two clusters, groups, labels (env=prod) or environments, then an App")
    .option("--cluster <name>", "only this cluster")
    .option("--between", "compares two environments as Git wants them")
    .option("--live", "compares what is released with the cluster as it is now, by field and manager")
    .option("--object <object>", "with --live: only this object, Kind[.group]/[namespace/]name");
  repoFlags(command)
    .addOption(outputOption(io, all, "table"))
    .action(async (words: readonly string[], flags: Flags<DiffFlags>, self: Command) => {
      if (flags.live === true) return finish(await live(io, words, flags, self));
      const { diffHub, parityHub, parityRepo } = await import("./diff.ts");
      const [first, second, third] = words;
      const repo = repoOf(flags);
      if (flags.between !== true) {
        if (words.length > 1) throw usageError("more than one App is named", "name one App, or none for all");
        if (repo !== null) throw usageError("diff --repo needs --between", "muster preview REF --repo DIR compares two revisions");
        const query = { ...(first !== undefined && { app: first }), ...(flags.cluster !== undefined && { cluster: flags.cluster }) };
        return finish(await diffHub(io, await clientOf(io, self), query, flags.output));
      }
      if (first === undefined || second === undefined || words.length > 3)
        throw usageError("--between needs two environments", "muster diff --between staging prod [APP]");
      const query = { left: first, right: second, ...(third !== undefined && { app: third }) };
      return finish(
        repo === null
          ? await parityHub(io, await clientOf(io, self), query, flags.output)
          : await parityRepo(io, repo, query, flags.output),
      );
    });
}

async function live(io: Io, words: readonly string[], flags: Flags<DiffFlags>, self: Command): Promise<Exit> {
  const [app] = words;
  const { cluster, object, output } = flags;
  if (app === undefined || words.length > 1 || cluster === undefined || flags.between === true || flags.repo !== undefined)
    throw usageError("--live compares one App on one cluster", "muster diff APP --cluster NAME --live");
  const { liveDiff } = await import("./live/diff.ts");
  return liveDiff(io, await clientOf(io, self), app, { cluster, object, output });
}

type PreviewFlags = Omit<RepoFlags, "path" | "revision"> & { source?: string; against?: string; folder?: string; diff?: boolean };

function addPreview(program: Command, io: Io, finish: (exit: Exit) => void): void {
  program
    .command("preview")
    .description(`what a branch, tag or commit would change, without releasing it; exit ${exits.differs.code} when anything would`)
    .argument("<revision>", "branch, tag or commit")
    .option("--source <name>", "of this Source; without it the root Source")
    .option("--diff", "with the changed lines of every object")
    .option("--repo <dir>", "asks a repository in place of a hub")
    .option("--against <revision>", "with --repo: what it is compared with (main)")
    .option("--folder <path>", "with --repo: only documents below this folder count")
    .option("--clusters <file>", "with --repo: Cluster documents beside those of the repository")
    .addOption(outputOption(io, forms, "table"))
    .action(async (revision: string, flags: Flags<PreviewFlags>, self: Command) => {
      const { previewHub, previewRepo } = await import("./preview.ts");
      const { repo, against, folder, clusters, source, diff } = flags;
      const form = { output: flags.output, lines: diff === true };
      if (repo === undefined) {
        if (against !== undefined) throw usageError("--against needs --repo", "a hub compares with what is released");
        const query = { revision, ...(source !== undefined && { source }) };
        return finish(await previewHub(io, await clientOf(io, self), query, form));
      }
      const place = { repo, path: folder, clusters };
      return finish(await previewRepo(io, place, { revision, against: against ?? "main" }, form));
    });
}

function addRecords(program: Command, io: Io, finish: (exit: Exit) => void): void {
  program
    .command("where")
    .description("which clusters run a commit (or a later one), an image or a Release, and where it still waits")
    .argument("<what>", "a commit of any Source, an image as name[:tag|@digest] or sha256:..., or the digest of a Release")
    .option("--after <cursor>", "goes on where a page ended")
    .addOption(outputOption(io, forms, "table"))
    .action(async (what: string, flags: Flags<{ after?: string }>, self: Command) => {
      const { where } = await import("./records.ts");
      finish(await where(io, await clientOf(io, self), what, flags.after, flags.output));
    });
  program
    .command("why-changed")
    .description("what moved the newest pins of a cluster, or an App's everywhere: commits, files, labels, approvals")
    .argument("<cluster or app>", "a cluster; or an App, for its last move on every cluster")
    .argument("[app]", "after a cluster: the last moves of this App there")
    .option("--after <cursor>", "goes on where a page ended")
    .addOption(outputOption(io, forms, "table"))
    .action(async (what: string, app: string | undefined, flags: Flags<{ after?: string }>, self: Command) => {
      const { whyChanged } = await import("./records.ts");
      const query = { what, ...(app !== undefined && { app }), ...(flags.after !== undefined && { after: flags.after }) };
      finish(await whyChanged(io, await clientOf(io, self), query, flags.output));
    });
}

function addCompletion(program: Command, io: Io, finish: (exit: Exit) => void): void {
  program
    .command("completion")
    .description('a script that completes verbs, flags and names: eval "$(muster completion bash)"')
    .argument("[shell...]", "bash, zsh or fish")
    .addOption(new Option("--words", "what may stand after these words").hideHelp())
    .usage("bash|zsh|fish")
    .action(async (words: readonly string[], { words: asked }: { readonly words?: boolean }, self: Command) => {
      const { completionScript, completions, namesOrKept, shells } = await import("./completion.ts");
      const known = words.length === 1 ? shells.find((each) => each === words[0]) : undefined;
      if (asked !== true && known === undefined) throw usageError("which shell?", "muster completion bash, zsh or fish");
      if (asked !== true && known !== undefined) io.stdout.write(completionScript(known));
      else {
        const { hub } = self.optsWithGlobals<{ readonly hub?: string }>();
        for (const word of await completions(program, words, () => namesOrKept(io, { hub }))) io.stdout.write(`${word}\n`);
      }
      finish(exits.ok.code);
    });
}

/** Null: the hub is asked. */
function repoOf({ repo, revision, clusters, folder }: Omit<RepoFlags, "path"> & { readonly folder?: string | undefined }) {
  if (repo !== undefined) return { repo, revision, clusters, path: folder };
  if (revision !== undefined || clusters !== undefined || folder !== undefined)
    throw usageError("--revision, --folder and --clusters need --repo", "give --repo DIR, or leave them out to ask the hub");
  return null;
}
