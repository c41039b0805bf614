// What of a cluster a chart's text asks for with `.Capabilities`, so that a Variant depends on that and on nothing more. Pure.

export type AskedCapabilities = {
  /** The version of Kubernetes. */
  readonly version: boolean;
  /** What it asks `.Capabilities.APIVersions.Has` for (`apps/v1`, `apps/v1/Deployment`), sorted; "all" where that is computed. */
  readonly groups: readonly string[] | "all";
};

export const askedNothing: AskedCapabilities = { version: false, groups: [] };
export const askedAll: AskedCapabilities = { version: true, groups: "all" };

const word = "Capabilities";
const asksFor = /^\.APIVersions\.Has\s*\(?\s*(?:"([^"\\]*)"|`([^`]*)`)/;
const textMax = 400;

/** What one file asks for. A file that says the word in another way than in `.Capabilities.X` asks for everything. */
export function askedBy(text: string): AskedCapabilities {
  let asked = askedNothing;
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + word.length)) {
    const before = text[at - 1] ?? "";
    if (before === "." || before === '"' || before === "`" || before === "'")
      asked = united(asked, meaning(text.slice(at + word.length, at + textMax)));
  }
  return asked;
}

/** What two files ask for together. */
export function united(a: AskedCapabilities, b: AskedCapabilities): AskedCapabilities {
  const groups = a.groups === "all" || b.groups === "all" ? "all" : [...new Set([...a.groups, ...b.groups])].toSorted();
  return { version: a.version || b.version, groups };
}

function meaning(rest: string): AskedCapabilities {
  if (/^\.HelmVersion\b/.test(rest)) return askedNothing;
  if (/^\.KubeVersion\b/.test(rest)) return { version: true, groups: [] };
  const literal = asksFor.exec(rest);
  if (literal !== null) return { version: false, groups: [literal[1] ?? literal[2] ?? ""] };
  return /^\.APIVersions\b/.test(rest) ? { version: false, groups: "all" } : askedAll;
}
