// An App that another App renders is read from a render, which knows only where its document begins. Where that file is YAML as it
// lies in the repository, the line of the faulty field is found here; the slow way, and only for faults.

import type { Place, Problem } from "../fleet/fleet.ts";
import type { Tree } from "../git/git.ts";
import { locate, readYaml } from "../yaml/yaml.ts";

/** The problems with their places as close as the files let tell. A file that cannot be read leaves its problems as they are. */
export async function closerPlaces(
  problems: readonly Problem[],
  treeOf: (source: string) => Tree | undefined,
): Promise<readonly Problem[]> {
  return Promise.all(problems.map((problem) => closer(problem, treeOf)));
}

async function closer(problem: Problem, treeOf: (source: string) => Tree | undefined): Promise<Problem> {
  const { at, place, ...rest } = problem;
  if (at === undefined || place === undefined) return problem;
  return { ...rest, place: await fieldPlace(place, at, treeOf(place.source)) };
}

/** Where a field of the document at `place` stands, or the deepest part of its path that is there; `place` itself where nobody can tell. */
export async function fieldPlace(place: Place, at: readonly (string | number)[], tree: Tree | undefined): Promise<Place> {
  try {
    const entry = await tree?.entry(place.path);
    if (tree === undefined || entry?.kind !== "blob") return place;
    const text = new TextDecoder().decode(await tree.read(entry.oid));
    const document = readYaml(text).documents.findLast(({ line }) => line <= place.line);
    const spot = document === undefined ? undefined : locate(text, document.index, at);
    return spot === undefined ? place : { ...place, ...spot };
  } catch {
    return place;
  }
}
