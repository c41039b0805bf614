// Semantic versions and ranges of them, read as Helm reads them: `^1.2`, `~1.4`, `>=1 <2`, `1.x`, `1.2 - 1.9`, `a || b`.
// Prereleases are meant only by a range that names one. Who has which versions is for others.

export type Version = {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** Without its dash; "" for a release. */
  readonly prerelease: string;
};

/** Alternatives of bounds that all have to hold. */
export type VersionRange = { readonly groups: readonly Group[] };

type Group = { readonly bounds: readonly Bound[]; readonly namesPrerelease: boolean };
/** How many numbers were written: `*` has none, `1.x` one. */
type Precision = 0 | 1 | 2 | 3;
type Bound = { readonly operator: Operator; readonly version: Version; readonly precision: Precision };
type Operator = keyof typeof holds;

const versionCharsMax = 256;
const rangeCharsMax = 512;
const groupsMax = 32;

const prerelease = String.raw`(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*`;
const build = String.raw`[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*`;
const versionForm = new RegExp(String.raw`^v?(0|[1-9]\d*)(?:\.(0|[1-9]\d*))?(?:\.(0|[1-9]\d*))?(?:-(${prerelease}))?(?:\+${build})?$`);
const wild = String.raw`\d+|[xX*]`;
const boundForm = new RegExp(
  String.raw`^(=|!=|>|<|>=|=>|<=|=<|~|~>|\^|)v?(${wild})(?:\.(${wild}))?(?:\.(${wild}))?(?:-(${prerelease}))?(?:\+${build})?$`,
);

/** A version with one to three numbers and an optional leading `v`; what is left out is 0. Null when it is none. */
export function parseVersion(text: string): Version | null {
  if (text.length > versionCharsMax) return null;
  const found = versionForm.exec(text);
  if (found === null) return null;
  const [major = 0, minor = 0, patch = 0] = [found[1], found[2], found[3]].map((part) => Number(part ?? 0));
  if (![major, minor, patch].every(Number.isSafeInteger)) return null;
  return { major, minor, patch, prerelease: found[4] ?? "" };
}

/** True for a version with all three numbers and no `v`: what counts as a version among the tags of a registry. */
export function isFullVersion(text: string): boolean {
  return /^\d+\.\d+\.\d+/.test(text) && parseVersion(text) !== null;
}

/** Below 0 when `left` is older, above when newer; what is built from the same version is equal. */
export function compareVersions(left: Version, right: Version): number {
  return (
    left.major - right.major ||
    left.minor - right.minor ||
    left.patch - right.patch ||
    comparePrereleases(left.prerelease, right.prerelease)
  );
}

function comparePrereleases(left: string, right: string): number {
  if (left === right) return 0;
  if (left === "") return 1;
  if (right === "") return -1;
  const [mine, theirs] = [left.split("."), right.split(".")];
  for (let at = 0; at < Math.max(mine.length, theirs.length); at += 1) {
    const order = comparePart(mine[at], theirs[at]);
    if (order !== 0) return order;
  }
  return 0;
}

function comparePart(left: string | undefined, right: string | undefined): number {
  if (left === right) return 0;
  if (left === undefined) return -1;
  if (right === undefined) return 1;
  const [leftNumber, rightNumber] = [/^\d+$/.test(left), /^\d+$/.test(right)];
  if (leftNumber !== rightNumber) return leftNumber ? -1 : 1;
  if (leftNumber) return left.length - right.length || (left < right ? -1 : 1);
  return left < right ? -1 : 1;
}

/** Null when the text is no range. A single version is the range of itself, and `1.2` that of `1.2.x`. */
export function parseRange(text: string): VersionRange | null {
  if (text.length > rangeCharsMax) return null;
  const alternatives = text.replace(/(\S+)\s+-\s+(\S+)/g, ">=$1 <=$2").split("||");
  if (alternatives.length > groupsMax) return null;
  const groups: Group[] = [];
  for (const alternative of alternatives) {
    const words = alternative
      .trim()
      .replace(/([=!<>~^]) +/g, "$1")
      .split(/\s*,\s*|\s+/);
    const bounds = words.map(parseBound);
    if (!bounds.every((bound) => bound !== null)) return null;
    groups.push({ bounds, namesPrerelease: bounds.some(({ version }) => version.prerelease !== "") });
  }
  return { groups };
}

const spellings: Readonly<Record<string, Operator>> = { "": "=", "=>": ">=", "=<": "<=", "~>": "~" };

function parseBound(word: string): Bound | null {
  const found = boundForm.exec(word);
  if (found === null) return null;
  const spelled = found[1] ?? "";
  const numbers = [found[2], found[3], found[4]];
  const first = numbers.findIndex((part) => part === undefined || /^[xX*]$/.test(part));
  const precision = (first === -1 ? 3 : first) as Precision;
  const [major = 0, minor = 0, patch = 0] = numbers.map((part, at) => (at < precision ? Number(part) : 0));
  if (![major, minor, patch].every(Number.isSafeInteger)) return null;
  return {
    operator: spellings[spelled] ?? (spelled as Operator),
    version: { major, minor, patch, prerelease: found[5] ?? "" },
    precision,
  };
}

/** True when the version lies in the range. */
export function inRange(version: Version, range: VersionRange): boolean {
  return range.groups.some(
    ({ bounds, namesPrerelease }) =>
      (version.prerelease === "" || namesPrerelease) && bounds.every((bound) => holds[bound.operator](version, bound)),
  );
}

/** What an operator says of a version, where the bound may have fewer than three numbers. */
const holds = {
  "=": (version: Version, bound: Bound) => (bound.precision === 3 ? compareVersions(version, bound.version) === 0 : isNear(version, bound)),
  "!=": differs,
  ">": (version: Version, bound: Bound) => {
    if (bound.precision === 1) return version.major > bound.version.major;
    if (bound.precision === 2 && version.major === bound.version.major) return version.minor > bound.version.minor;
    return compareVersions(version, bound.version) > 0;
  },
  "<": (version: Version, bound: Bound) => compareVersions(version, bound.version) < 0,
  ">=": (version: Version, bound: Bound) => compareVersions(version, bound.version) >= 0,
  "<=": (version: Version, bound: Bound) => {
    if (bound.precision === 3) return compareVersions(version, bound.version) <= 0;
    if (version.major !== bound.version.major) return version.major < bound.version.major;
    return bound.precision === 1 || version.minor <= bound.version.minor;
  },
  "~": isNear,
  "^": isCompatible,
} as const;

function isNear(version: Version, { version: bound, precision }: Bound): boolean {
  if (compareVersions(version, bound) < 0) return false;
  if (bound.major + bound.minor + bound.patch === 0 && (precision === 0 || precision === 3)) return true;
  return version.major === bound.major && (precision === 1 || version.minor === bound.minor);
}

function isCompatible(version: Version, { version: bound, precision }: Bound): boolean {
  if (compareVersions(version, bound) < 0) return false;
  if (version.major !== bound.major) return false;
  if (bound.major > 0 || precision === 1) return true;
  if (bound.minor > 0 || precision === 2) return version.minor === bound.minor;
  return version.minor === 0 && version.patch === bound.patch;
}

function differs(version: Version, { version: bound, precision }: Bound): boolean {
  if (precision === 0 || precision === 3) return compareVersions(version, bound) !== 0;
  if (version.major !== bound.major) return true;
  if (precision === 1) return false;
  return version.minor !== bound.minor || version.prerelease !== bound.prerelease;
}

/** Of some texts the highest version in the range; of equal ones the first. Null when none is; what is no version does not count. */
export function highestInRange(texts: Iterable<string>, range: VersionRange): string | null {
  let best: { readonly text: string; readonly version: Version } | null = null;
  for (const text of texts) {
    const version = parseVersion(text);
    if (version === null || !inRange(version, range)) continue;
    if (best === null || compareVersions(version, best.version) > 0) best = { text, version };
  }
  return best?.text ?? null;
}
