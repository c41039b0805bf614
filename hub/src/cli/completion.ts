// `muster completion`: scripts for bash, zsh and fish. They ask `muster completion --words`, which knows the verbs and flags by itself and
// the names from the hub: within 300 ms, else those of the last time. Works without a hub; never prints an error.

import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Command } from "commander";

import { digestOf } from "@muster/proto/model/digest";
import type { NamesAnswer } from "../view/questions.ts";
import { hubClient } from "./client.ts";
import type { Io } from "./io.ts";
import { hubSettings } from "./settings.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** How long a person who pressed Tab waits for the hub. */
const waitMs = 300;

const scripts = {
  bash: `# muster completion for bash: eval "$(muster completion bash)"
_muster() {
  local IFS=$'\\n'
  COMPREPLY=($(muster completion --words -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _muster muster
`,
  zsh: `#compdef muster
# muster completion for zsh: source <(muster completion zsh)
_muster() {
  local -a found
  found=("\${(@f)$(muster completion --words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${found[1]}" ]]; then compadd -a found; else _files; fi
}
if (( $+functions[compdef] )); then compdef _muster muster; fi
`,
  fish: `# muster completion for fish: muster completion fish | source
function __muster_words
  set -l words (commandline -opc) (commandline -ct)
  muster completion --words -- $words[2..-1] 2>/dev/null
end
complete -c muster -f -a '(__muster_words)'
`,
} as const satisfies Record<Shell, string>;

export const completionScript = (shell: Shell): string => scripts[shell];

/** What a word may be: names of these kinds. */
type Names = keyof NamesAnswer;
type Wants = readonly Names[];

/** Arguments of verbs and flags that are names of the hub's. */
const arguments_: { readonly [verb: string]: Wants } = {
  explain: ["apps"],
  diff: ["apps"],
  tree: ["apps"],
  events: ["apps"],
  sync: ["apps"],
  pause: ["apps"],
  resume: ["apps"],
  "why-changed": ["clusters", "apps"],
  "diff --between": ["clusters", "groups", "apps"],
};
const flags: { readonly [flag: string]: Wants } = { "--cluster": ["clusters"], "--app": ["apps"], "--between": ["clusters", "groups"] };

/** The words that may stand last. `words`: all after `muster`, the last one as far as it is typed. */
export async function completions(
  program: Command,
  words: readonly string[],
  names: () => Promise<NamesAnswer>,
): Promise<readonly string[]> {
  const typed = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const { command, rest } = commandOf(program, before);
  const found = [...choicesOf(command, rest, typed), ...(await namesFor(command, rest, typed, names))];
  return [...new Set(found)].filter((word) => word.startsWith(typed)).toSorted();
}

function commandOf(program: Command, words: readonly string[]): { readonly command: Command; readonly rest: readonly string[] } {
  const verbs = words.filter((word) => !word.startsWith("-"));
  const found = program.commands.find((each) => each.name() === verbs[0]);
  if (found === undefined) return { command: program, rest: words };
  const rest = words.slice(words.indexOf(found.name()) + 1);
  return found.commands.length > 0 ? commandOf(found, rest) : { command: found, rest };
}

/** Verbs, flags, and the choices of a flag. */
function choicesOf(command: Command, rest: readonly string[], typed: string): readonly string[] {
  const open = openFlag(command, rest);
  if (open !== undefined) return open.argChoices ?? [];
  if (command.name() === "completion") return shells;
  if (typed.startsWith("-")) return ["--help", ...command.options.flatMap(({ long }) => long ?? [])];
  return command.commands.map((each) => each.name());
}

/** The flag whose value is to come. */
function openFlag({ options }: Command, rest: readonly string[]) {
  const last = rest.at(-1);
  if (last === undefined) return undefined;
  return options.find((option) => (option.long === last || option.short === last) && (option.required || option.optional));
}

async function namesFor(
  command: Command,
  rest: readonly string[],
  typed: string,
  names: () => Promise<NamesAnswer>,
): Promise<readonly string[]> {
  const open = openFlag(command, rest);
  if (typed.startsWith("-")) return [];
  const between = command.name() === "diff" && rest.includes("--between");
  const wants = open === undefined ? (arguments_[between ? "diff --between" : command.name()] ?? []) : (flags[open.long ?? ""] ?? []);
  if (wants.length === 0) return [];
  const known = await names();
  return wants.flatMap((kind) => known[kind]);
}

const none: NamesAnswer = { apps: [], clusters: [], groups: [] };

/** Names from the hub, else those of the last time, else none: also where no hub is configured. */
export async function namesOrKept(io: Io, flags: { readonly hub?: string | undefined }): Promise<NamesAnswer> {
  const settings = await hubSettings(io, flags).catch(() => undefined);
  if (settings === undefined) return none;
  const file = join(
    io.env["XDG_CACHE_HOME"] ?? join(io.home, ".cache"),
    "muster",
    `names-${digestOf(settings.url.href).slice(0, 16)}.json`,
  );
  try {
    const names = await hubClient(settings, AbortSignal.any([io.signal, AbortSignal.timeout(waitMs)])).get<NamesAnswer>("/names");
    await keep(file, names).catch(() => undefined); // a home that cannot be written to completes all the same
    return { ...none, ...names };
  } catch {
    return (await kept(file)) ?? none;
  }
}

async function keep(file: string, names: NamesAnswer): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const fresh = `${file}.${process.pid}`;
  await writeFile(fresh, JSON.stringify(names), { mode: 0o600 });
  await rename(fresh, file);
}

async function kept(file: string): Promise<NamesAnswer | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  try {
    return text === undefined ? undefined : { ...none, ...(JSON.parse(text) as NamesAnswer) };
  } catch {
    return undefined; // a damaged file is no names
  }
}
