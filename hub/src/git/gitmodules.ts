// Reads `.gitmodules`: which submodule lies at which path, and where its repository is. It is a file of Git's configuration form, of which
// this takes what git itself writes there.

export type Submodule = { readonly path: string; readonly url: string };

/** The submodules in the order of the file; what lacks a path or a URL is left out. Keys other than those have no effect here. */
export function parseGitmodules(text: string): readonly Submodule[] {
  const found = new Map<string, { path?: string; url?: string }>();
  let section: { path?: string; url?: string } | undefined;
  for (const line of text.split(/\r?\n/)) {
    const head = /^\s*\[\s*(\S+?)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]/.exec(line);
    if (head !== null) {
      const name = head[1]?.toLowerCase() === "submodule" ? head[2] : undefined;
      section = name === undefined ? undefined : (found.get(name) ?? {});
      if (name !== undefined && section !== undefined) found.set(name, section);
      continue;
    }
    const [, key = "", value = ""] = /^\s*([A-Za-z][A-Za-z0-9-]*)\s*=\s*(.*)$/.exec(line) ?? [];
    if (section !== undefined && key.toLowerCase() === "path") section.path = valueOf(value);
    if (section !== undefined && key.toLowerCase() === "url") section.url = valueOf(value);
  }
  return [...found.values()].flatMap(({ path, url }) => (path === undefined || url === undefined ? [] : [{ path, url }]));
}

/** Quotes and escapes undone, a comment outside of quotes cut off. */
function valueOf(text: string): string {
  let value = "";
  let quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i] ?? "";
    if (char === "\\") {
      i += 1;
      value += { n: "\n", t: "\t", b: "\b" }[text[i] ?? ""] ?? text[i] ?? "";
    } else if (char === '"') quoted = !quoted;
    else if (!quoted && (char === "#" || char === ";")) break;
    else value += char;
  }
  return value.trimEnd();
}

/** A URL of `.gitmodules` as a whole: `./x` and `../x` are relative to the repository that says them. Null for one that leaves its server. */
export function absoluteUrl(base: string, url: string): string | null {
  if (!/^\.\.?\//.test(url)) return url;
  const [, server = "", path = ""] = /^([a-z]+:\/\/[^/]+\/|[^@/]+@[^:/]+:)(.*)$/i.exec(base) ?? [];
  if (server === "") return null;
  const parts = path.split("/").filter((part) => part !== "");
  for (const part of url.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return null;
  }
  return `${server}${server.endsWith(":") && path.startsWith("/") ? "/" : ""}${parts.join("/")}`;
}
