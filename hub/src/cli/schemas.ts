// `muster schemas` and `muster schema`: the JSON Schemas of the kinds that people write, for editors that complete and check.

import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve as resolvePath } from "node:path";

import { OperationError } from "@muster/proto/model/failure";

import { publishedSchemas } from "../control/published-schemas.ts";
import { exits, type Exit } from "./exits.ts";
import type { Io } from "./io.ts";

/** Writes all of them, `app.schema.json` and so on; without a folder prints their names. */
export async function schemas(io: Io, dir: string | undefined): Promise<Exit> {
  const all = Object.entries(publishedSchemas());
  if (dir === undefined) io.stdout.write(all.map(([file]) => `${file}\n`).join(""));
  else {
    const folder = resolvePath(io.cwd, dir);
    await mkdir(folder, { recursive: true });
    for (const [file, body] of all) await writeFile(join(folder, file), body);
    io.stderr.write(`wrote ${all.map(([file]) => file).join(", ")}\n`);
  }
  return exits.ok.code;
}

/** Prints one, by its kind in any case. Throws E_NOT_FOUND with the kinds that there are. */
export function schema(io: Io, kind: string): Exit {
  const all = publishedSchemas();
  const body = all[`${kind.toLowerCase()}.schema.json`];
  if (body === undefined) {
    const kinds = Object.keys(all).map((file) => file.split(".")[0]);
    throw new OperationError("notFound", kind, `there is no schema of ${kind}`, undefined, {
      code: "E_NOT_FOUND",
      remedy: `there are: ${kinds.join(", ")}`,
    });
  }
  io.stdout.write(body);
  return exits.ok.code;
}
