// Ranges of semantic versions over tags: `^1.2`, `~1.4`, `>=1.2 <2`, `1.x`, `*`, alternatives with `||`. As in npm, a prerelease counts only
// where the range names one of the same version. No package: this is all that a Source needs of it.

type Version = { readonly numbers: readonly [number, number, number]; readonly pre: readonly string[] };
type Bound = { readonly op: ">=" | ">" | "<" | "<="; readonly version: Version };

/** Any of the sets has to hold, each as a whole. */
export type Range = readonly (readonly Bound[])[];

/** The range, or null for what is none. A full version without an operator is the name of a tag, and no range. */
export function parseRange(text: string): Range | null {
  if (!/[\^~<>=*| ]|\.[xX](\.|$)/.test(text)) return null;
  const sets = text.split("||").map((part) => parseSet(part.trim()));
  return sets.every((set) => set !== null) ? sets : null;
}

/** The tag with the highest version in the range; undefined when there is none. Tags may begin with `v`; what is no version is passed over. */
export function highestTag(range: Range, tags: readonly string[]): string | undefined {
  let best: { readonly tag: string; readonly version: Version } | undefined;
  for (const tag of tags) {
    const version = versionOf(tag);
    if (version === null || !range.some((set) => holds(set, version))) continue;
    const order = best === undefined ? 1 : compare(version, best.version);
    // Equal but for build metadata or the `v`: the later name, so that it never depends on the order in which a server lists them.
    if (order > 0 || (order === 0 && best !== undefined && tag > best.tag)) best = { tag, version };
  }
  return best?.tag;
}

/** Compares the versions of two tags; undefined when one is no version. */
export function compareTags(left: string, right: string): number | undefined {
  const [a, b] = [versionOf(left), versionOf(right)];
  return a === null || b === null ? undefined : compare(a, b);
}

const number = "(?:0|[1-9]\\d{0,14})";
const identifier = "[0-9A-Za-z-]{1,100}";
const fullForm = new RegExp(
  `^[vV]?(${number})\\.(${number})\\.(${number})(?:-(${identifier}(?:\\.${identifier})*))?(?:\\+[0-9A-Za-z.-]+)?$`,
);
const partialForm = new RegExp(
  `^(\\^|~|>=|>|<=|<|=)?[vV]?(${number}|[xX*])(?:\\.(${number}|[xX*]))?(?:\\.(${number}|[xX*]))?(?:-(${identifier}(?:\\.${identifier})*))?$`,
);

function versionOf(text: string): Version | null {
  const match = fullForm.exec(text);
  if (match === null) return null;
  return { numbers: [Number(match[1]), Number(match[2]), Number(match[3])], pre: match[4]?.split(".") ?? [] };
}

function parseSet(text: string): readonly Bound[] | null {
  const words = text.replace(/(\^|~|>=|>|<=|<|=)\s+/g, "$1").split(/[\s,]+/);
  const bounds = words.map(parseBound);
  return bounds.every((bound) => bound !== null) ? bounds.flat() : null;
}

/** A word as bounds: `^1.2` is `>=1.2.0 <2.0.0-0`. The `-0` keeps prereleases of the excluded version out. */
function parseBound(word: string): readonly Bound[] | null {
  const match = partialForm.exec(word);
  if (match === null) return null;
  const [, op = "", ...rest] = match;
  const given = rest.slice(0, 3).map((part) => (part === undefined || /[xX*]/.test(part) ? undefined : Number(part)));
  const known = given.includes(undefined) ? given.indexOf(undefined) : 3;
  if (given.slice(known).some((part) => part !== undefined)) return null; // `1.x.3`
  const pre = rest[3]?.split(".") ?? [];
  if (pre.length > 0 && known < 3) return null;
  const [major = 0, minor = 0, patch = 0] = given;
  const low: Version = { numbers: [major, minor, patch], pre };
  /** The first version after all that agree in the first `count` numbers. */
  const after = (count: number): Version => ({
    numbers: count === 1 ? [major + 1, 0, 0] : count === 2 ? [major, minor + 1, 0] : [major, minor, patch + 1],
    pre: ["0"],
  });
  const from: Bound = { op: ">=", version: low };
  const below = (version: Version): Bound => ({ op: "<", version });
  switch (op) {
    case "^":
      return known === 0 ? [from] : [from, below(after(major > 0 || known === 1 ? 1 : minor > 0 || known === 2 ? 2 : 3))];
    case "~":
      return known === 0 ? [from] : [from, below(after(known === 1 ? 1 : 2))];
    case ">":
      return known === 3 ? [{ op, version: low }] : known === 0 ? null : [{ op: ">=", version: { ...after(known), pre: [] } }];
    case "<=":
      return known === 3 ? [{ op, version: low }] : known === 0 ? [from] : [below(after(known))];
    case "<":
      return known === 0 ? null : [{ op, version: pre.length > 0 || known === 3 ? low : { ...low, pre: ["0"] } }];
    case ">=":
      return [from];
    default:
      return known === 0 ? [from] : known === 3 ? [from, { op: "<=", version: low }] : [from, below(after(known))];
  }
}

function holds(set: readonly Bound[], version: Version): boolean {
  if (!set.every((bound) => within(bound, compare(version, bound.version)))) return false;
  if (version.pre.length === 0) return true;
  const names = (bound: Bound) => bound.version.pre.length > 0 && bound.version.pre.join() !== "0";
  return set.some((bound) => names(bound) && bound.version.numbers.every((part, i) => part === version.numbers[i]));
}

function within({ op }: Bound, order: number): boolean {
  switch (op) {
    case ">=":
      return order >= 0;
    case ">":
      return order > 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
  }
}

function compare(left: Version, right: Version): number {
  for (const [i, part] of left.numbers.entries()) if (part !== right.numbers[i]) return part - (right.numbers[i] ?? 0);
  if (left.pre.length === 0 || right.pre.length === 0) return right.pre.length - left.pre.length;
  for (let i = 0; i < Math.max(left.pre.length, right.pre.length); i += 1) {
    const [a, b] = [left.pre[i], right.pre[i]];
    if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
    if (a !== b) return compareIdentifiers(a, b);
  }
  return 0;
}

/** Numbers by value and below words. */
function compareIdentifiers(a: string, b: string): number {
  const [left, right] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (left && right) return a.length === b.length ? (a < b ? -1 : 1) : a.length - b.length;
  if (left !== right) return left ? -1 : 1;
  return a < b ? -1 : 1;
}
