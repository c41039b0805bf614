// The known word that a mistyped one most likely meant.

/** The nearest of `names` by edits, when it is near enough to be meant; ties go to the first. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestCost = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const name of names) {
    const cost = word.toLowerCase() === name.toLowerCase() ? 0 : edits(word, name, bestCost);
    if (cost < bestCost) [best, bestCost] = [name, cost];
  }
  return best;
}

/** Inserts, deletes, replacements and swaps of neighbours that turn one word into another; `limit` when there are as many or more. */
function edits(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit || a.length > 60) return limit;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      next.push(cost);
    }
    [before, row] = [row, next];
  }
  return Math.min(row[b.length] ?? limit, limit);
}
