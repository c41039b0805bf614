// The forms an answer can take: a table for people; JSON and YAML for programs, with every field as the hub gave it.

import type { Io } from "./io.ts";

export const outputs = ["table", "wide", "json", "yaml"] as const;
export type Output = (typeof outputs)[number];

/** Writes an answer as JSON or YAML; false when a table was asked for. */
export async function writeData(io: Io, output: Output, answer: unknown): Promise<boolean> {
  if (output === "json") io.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  else if (output === "yaml") io.stdout.write(await yamlOf(answer));
  else return false;
  return true;
}

/** YAML that reads back as the same JSON, also with a parser of YAML 1.1. */
export async function yamlOf(value: unknown): Promise<string> {
  const { default: yaml } = await import("js-yaml");
  return yaml.dump(value, { noRefs: true, lineWidth: -1, schema: yaml.CORE_SCHEMA, noCompatMode: false });
}

const plain = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
};
const bare = { ...plain, left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "", middle: "" };

/** A table without lines. On a terminal the last column is cut to its width; in a pipe nothing is cut. */
export async function writeTable(io: Io, head: readonly string[], rows: readonly (readonly string[])[]): Promise<void> {
  const { default: Table } = await import("cli-table3");
  const table = new Table({ head: [...head], chars: bare, style: { head: [], border: [], "padding-left": 0, "padding-right": 2 } });
  table.push(...rows.map((row) => [...row]));
  const { isTTY, columns } = io.stdout;
  for (const line of table.toString().split("\n")) {
    const text = line.trimEnd();
    io.stdout.write(`${isTTY && columns > 0 ? cutVisible(text, columns) : text}\n`);
  }
}

// eslint-disable-next-line no-control-regex
const colour = /\x1b\[[0-9;]*m/gy;

/** Cuts at `max` visible characters; colours count nothing and are ended. */
function cutVisible(text: string, max: number): string {
  let visible = 0;
  for (let at = 0; at < text.length;) {
    colour.lastIndex = at;
    const escape = colour.exec(text);
    if (escape) {
      at += escape[0].length;
      continue;
    }
    if (visible === max - 1 && at < text.length - 1) return `${text.slice(0, at)}…\u001b[0m`;
    visible += 1;
    at += 1;
  }
  return text;
}
