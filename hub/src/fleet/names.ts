// The alphabets of names, as patterns that the parser and the JSON Schemas share.

/** DNS-1123 label: clusters, Apps, Tenants, groups, Sources, namespaces. Keeps `*`, `>`, `.` and `/` out of paths and subjects. */
export const labelName = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?";
/** DNS-1123 subdomain: names of objects and secrets. */
export const subdomainName = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*";
/** Helm's own limit for a release name. */
export const releaseName = "[a-z0-9](?:[-a-z0-9]{0,51}[a-z0-9])?";
/** Key of a label or annotation: an optional DNS prefix, one slash, a name of at most 63. */
export const labelKey = `(?:(?=[^/]{1,253}/)${subdomainName}/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?`;
/** Value of a label: may be empty. */
export const labelValue = "(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?";
/** `30s`, `10m`, `1h30m`. */
export const duration = "(?:[0-9]{1,9}(?:ms|s|m|h|d)){1,4}";
/** A path inside a repository: relative. Whether `..` leads out of it is checked where it is resolved. */
export const relativePath = "[^/\\\\\\u0000][^\\\\\\u0000]*";
export const jsonPointer = "(?:/[^/]*)+";

/** True when a text has exactly this form. */
export function hasForm(pattern: string, text: string): boolean {
  return compiled(pattern).test(text);
}

const cache = new Map<string, RegExp>();

function compiled(pattern: string): RegExp {
  const known = cache.get(pattern);
  if (known !== undefined) return known;
  const made = new RegExp(`^(?:${pattern})$`, "u");
  cache.set(pattern, made);
  return made;
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a duration such as `1h30m`; null when it is none. */
export function durationMs(text: string): number | null {
  if (!hasForm(duration, text)) return null;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/([0-9]+)(ms|s|m|h|d)/g)) total += Number(count) * (unitMs[unit ?? ""] ?? 0);
  return total;
}

/** `10m` for 600,000: how a duration is said in messages and schemas. */
export function showDuration(ms: number): string {
  if (ms === 0) return "0s";
  for (const unit of ["d", "h", "m", "s"]) {
    const size = unitMs[unit] ?? 1;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

/**
 * A path inside a repository in its one spelling: `.` for the root, no `./`, no final `/`. Null when `..` leads out of the root
 * or the path is absolute.
 */
export function normalPath(...parts: readonly string[]): string | null {
  const out: string[] = [];
  for (const part of parts) {
    if (part.startsWith("/") || part.includes("\\") || part.includes("\0")) return null;
    for (const step of part.split("/")) {
      if (step === "" || step === ".") continue;
      if (step === "..") {
        if (out.pop() === undefined) return null;
      } else out.push(step);
    }
  }
  return out.length === 0 ? "." : out.join("/");
}
