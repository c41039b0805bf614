// An App that another App renders is read from a render, which knows only where its document begins. Where that file is YAML as it
// lies in the repository, the line of the faulty field is found here; the slow way, only for faults, and once for each.

import type { Place, Problem } from "../fleet/fleet.ts";
import type { Tree } from "../git/git.ts";
import { locate, readYaml } from "../yaml/yaml.ts";

export class PlaceFinder {
  /** A problem is the same object until what it is about is read again. */
  readonly #found = new WeakMap<Problem, Problem>();

  /** The problems with their places as close as the files let tell. A file that cannot be read leaves its problems as they are. */
  async closer(problems: readonly Problem[], treeOf: (source: string) => Tree | undefined): Promise<readonly Problem[]> {
    const told: Problem[] = [];
    for (const problem of problems) {
      const known = problem.at === undefined ? problem : (this.#found.get(problem) ?? (await closer(problem, treeOf)));
      this.#found.set(problem, known);
      told.push(known);
    }
    return told;
  }
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
