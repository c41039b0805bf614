// What a person sees of the demo: titles, explanations, commands with what they printed, measured times. Colours only on a terminal.

import { styleText } from "node:util";

/** A row of the summary. `ms` is null where there is nothing to measure. */
export type Row = { readonly shown: string; readonly ms: number | null };

const widthMax = 100;
const margin = "    ";

export class Screen {
  #mute = false;

  /** From now on nothing is written: what goes on is no longer the story. */
  mute(): void {
    this.#mute = true;
  }

  title(text: string): void {
    this.#write(`\n${styleText(["bold", "cyan"], text)}\n`);
  }

  /** An explanation, in lines of readable length. */
  say(text: string): void {
    this.#write(`\n${wrapped(text).join("\n")}\n`);
  }

  /** A command as a person types it. `folder` is "" for the folder of `make demo`. */
  command(folder: string, line: string): void {
    const prompt = folder === "" ? "$" : `${folder} $`;
    this.#write(`\n  ${styleText("dim", prompt)} ${styleText("bold", line)}\n`);
  }

  output(text: string): void {
    const lines = text.replace(/\n+$/, "").split("\n");
    if (text.trim() !== "") this.#write(lines.map((line) => (line === "" ? "\n" : `${margin}${line}\n`)).join(""));
  }

  /** Measured times, one a line. */
  times(times: Readonly<Record<string, number>>): void {
    const width = Math.max(...Object.values(times).map((ms) => milliseconds(ms).length));
    this.#write("\n");
    for (const [what, ms] of Object.entries(times)) {
      this.#write(`  ${styleText("green", milliseconds(ms).padStart(width))}  ${what}\n`);
    }
  }

  summary(rows: readonly (Row & { readonly step: string })[]): void {
    const widths = [4, ...(["step", "shown"] as const).map((key) => Math.max(...rows.map((row) => row[key].length)))];
    const [, step = 0, shown = 0] = widths;
    this.#write(`\n  ${styleText("bold", `${"STEP".padEnd(step)}  ${"SHOWN".padEnd(shown)}  ${"TIME".padStart(10)}`)}\n`);
    for (const row of rows) {
      const time = (row.ms === null ? "" : milliseconds(row.ms)).padStart(10);
      this.#write(`  ${row.step.padEnd(step)}  ${row.shown.padEnd(shown)}  ${styleText("green", time)}`.trimEnd() + "\n");
    }
  }

  /** What to try: pairs of a command and what it is for; a row without a command is a heading. */
  hints(hints: readonly (readonly [command: string, what: string])[]): void {
    const width = Math.max(...hints.map(([command, what]) => (what === "" ? 0 : command.length)));
    for (const [command, what] of hints) {
      if (command === "") this.#write(`\n${what}\n`);
      else this.#write(`  ${styleText("bold", command.padEnd(what === "" ? 0 : width))}  ${what}`.trimEnd() + "\n");
    }
  }

  /** Something that went wrong; on standard error. */
  failure(text: string): void {
    if (!this.#mute) process.stderr.write(`\n${styleText("red", "the demo failed", { stream: process.stderr })}: ${text}\n`);
  }

  #write(text: string): void {
    if (!this.#mute) process.stdout.write(text);
  }
}

const milliseconds = (ms: number): string => `${Math.round(ms).toLocaleString("en")} ms`;

function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > widthMax) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}
