// Patterns for files: `*` and `?` within a name, `**` over folders. A pattern without "/" looks at the name only.

import { baseOf } from "./paths.ts";

/** Whether a path (relative to where the patterns stand) is matched. Takes time in proportion to pattern x path, whatever they are. */
export function matchesGlob(pattern: string, path: string): boolean {
  const anchored = pattern.startsWith("./") ? pattern.slice(2) : pattern;
  if (!anchored.includes("/")) return matchesName(anchored, baseOf(path));
  return matchesSteps(anchored.split("/"), path.split("/"));
}

function matchesSteps(pattern: readonly string[], path: readonly string[]): boolean {
  return matchesList(pattern, path, (step) => step === "**", matchesName);
}

function matchesName(pattern: string, name: string): boolean {
  return matchesList(
    [...pattern],
    [...name],
    (sign) => sign === "*",
    (sign, char) => sign === "?" || sign === char,
  );
}

// One wildcard is remembered at a time: going back to the last one is enough, so that no pattern is slow.
function matchesList<T>(
  pattern: readonly T[],
  items: readonly T[],
  isWild: (sign: T) => boolean,
  same: (sign: T, item: T) => boolean,
): boolean {
  let p = 0;
  let i = 0;
  let wild = -1;
  let resume = 0;
  while (i < items.length) {
    const sign = pattern[p];
    const item = items[i] as T;
    if (sign !== undefined && isWild(sign)) {
      wild = p;
      resume = i;
      p += 1;
    } else if (sign !== undefined && same(sign, item)) {
      p += 1;
      i += 1;
    } else if (wild !== -1) {
      resume += 1;
      p = wild + 1;
      i = resume;
    } else {
      return false;
    }
  }
  while (p < pattern.length && isWild(pattern[p] as T)) p += 1;
  return p === pattern.length;
}
