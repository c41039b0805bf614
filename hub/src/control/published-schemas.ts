// The JSON Schemas as they are given out: file name -> text. They hold nothing of a fleet, so that everybody may have them.

import { jsonSchemas } from "../fleet/fleet.ts";

let written: Readonly<Record<string, string>> | undefined;

export function publishedSchemas(): Readonly<Record<string, string>> {
  written ??= Object.fromEntries(Object.entries(jsonSchemas()).map(([file, schema]) => [file, `${JSON.stringify(schema, null, 2)}\n`]));
  return written;
}
