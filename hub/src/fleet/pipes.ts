// The functions that an expression may end with: `| lower`. All make text from text.

import { digestOf } from "@muster/proto/model/digest";

export type PipeName = keyof typeof pipeTable;
export type PipeRow = {
  readonly args: readonly ("string" | "number")[];
  readonly optional: number;
  readonly run: (text: string, ...args: never[]) => string;
};

export const pipeTable = {
  lower: { args: [], optional: 0, run: (text: string) => text.toLowerCase() },
  upper: { args: [], optional: 0, run: (text: string) => text.toUpperCase() },
  trim: { args: [], optional: 0, run: (text: string) => text.trim() },
  replace: { args: ["string", "string"], optional: 0, run: (text: string, from: string, to: string) => text.replaceAll(from, to) },
  truncate: { args: ["number"], optional: 0, run: (text: string, length: number) => text.slice(0, length) },
  /** The first hex digits (8) of the SHA-256. */
  hash: { args: ["number"], optional: 1, run: (text: string, length = 8) => digestOf(text).slice(0, length) },
} as const satisfies Record<string, PipeRow>;
