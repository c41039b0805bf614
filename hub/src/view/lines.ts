// Two texts as the unified form of their difference, as people know it from diff and Git.

type Edit = { readonly sign: " " | "-" | "+"; readonly text: string };

/** Lines beyond which two texts are shown as one replaced by the other: the search grows with the square of their difference. */
const editsMax = 2_000;

/** Lines with a sign in front, `context` equal ones around each change, `@@` between hunks. Empty for equal texts. */
export function unifiedLines(before: string, after: string, context = 3): readonly string[] {
  if (before === after) return [];
  const edits = editsOf(linesOf(before), linesOf(after));
  const near = edits.map(() => false);
  edits.forEach(({ sign }, i) => {
    if (sign !== " ") near.fill(true, Math.max(0, i - context), i + context + 1);
  });
  const out: string[] = [];
  let [was, is, open] = [1, 1, false];
  edits.forEach(({ sign, text }, i) => {
    if (near[i] === true) {
      if (!open) out.push(`@@ -${was} +${is} @@`);
      out.push(`${sign}${text}`);
    }
    open = near[i] === true;
    if (sign !== "+") was += 1;
    if (sign !== "-") is += 1;
  });
  return out;
}

const linesOf = (text: string): string[] => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

function editsOf(before: readonly string[], after: readonly string[]): readonly Edit[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < before.length - head && tail < after.length - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  const equal = (lines: readonly string[]): Edit[] => lines.map((text) => ({ sign: " ", text }));
  const middle = between(before.slice(head, before.length - tail), after.slice(head, after.length - tail));
  return [...equal(before.slice(0, head)), ...middle, ...equal(before.slice(before.length - tail))];
}

/** The shortest way from one list to the other: E. Myers, An O(ND) Difference Algorithm (1986), the greedy form. */
function between(before: readonly string[], after: readonly string[]): readonly Edit[] {
  const max = Math.min(before.length + after.length, editsMax);
  const reach = new Map<number, number>([[1, 0]]);
  const trace: ReadonlyMap<number, number>[] = [];
  for (let steps = 0; steps <= max; steps += 1) {
    trace.push(new Map(reach));
    for (let k = -steps; k <= steps; k += 2) {
      let x = goesDown(reach, k, steps) ? at(reach, k + 1) : at(reach, k - 1) + 1;
      while (x < before.length && x - k < after.length && before[x] === after[x - k]) x += 1;
      reach.set(k, x);
      if (x >= before.length && x - k >= after.length) return walkBack(trace, before, after);
    }
  }
  return [...before.map((text): Edit => ({ sign: "-", text })), ...after.map((text): Edit => ({ sign: "+", text }))];
}

const at = (reach: ReadonlyMap<number, number>, k: number): number => reach.get(k) ?? -1;
const goesDown = (reach: ReadonlyMap<number, number>, k: number, steps: number): boolean =>
  k === -steps || (k !== steps && at(reach, k - 1) < at(reach, k + 1));

function walkBack(trace: readonly ReadonlyMap<number, number>[], before: readonly string[], after: readonly string[]): readonly Edit[] {
  const out: Edit[] = [];
  let [x, y] = [before.length, after.length];
  for (let steps = trace.length - 1; steps >= 0; steps -= 1) {
    const reach = trace[steps] ?? new Map<number, number>();
    const k = x - y;
    const from = goesDown(reach, k, steps) ? k + 1 : k - 1;
    const fromX = at(reach, from);
    const fromY = fromX - from;
    while (x > fromX && y > fromY && x > 0 && y > 0) {
      x -= 1;
      y -= 1;
      out.push({ sign: " ", text: before[x] ?? "" });
    }
    if (steps === 0) break;
    if (x === fromX) out.push({ sign: "+", text: after[fromY] ?? "" });
    else out.push({ sign: "-", text: before[fromX] ?? "" });
    [x, y] = [fromX, fromY];
  }
  return out.toReversed();
}
