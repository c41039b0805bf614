// Where the built rendering module is found.

import { access } from "node:fs/promises";
import { join } from "node:path";

const hubDir = join(import.meta.dirname, "../..");

/** The places that are looked at, the first one that is named or exists wins. */
export function modulePlaces(explicit: string | undefined, environment: string | undefined): readonly string[] {
  if (explicit !== undefined) return [explicit];
  if (environment !== undefined && environment !== "") return [environment];
  return [join(hubDir, "../.tools/render.wasm"), join(hubDir, "render.wasm")];
}

/** The path of the module. Throws with the remedy when it is nowhere. */
export async function findModule(explicit: string | undefined, environment: string | undefined): Promise<string> {
  const places = modulePlaces(explicit, environment);
  for (const place of places) {
    if (await isReadable(place)) return place;
  }
  throw new Error(
    `cannot find the rendering module: looked at ${places.join(", ")}; run \`make setup\`, or name it in MUSTER_RENDER_MODULE`,
  );
}

async function isReadable(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
