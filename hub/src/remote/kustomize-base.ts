// Reads an entry of `resources`, `components` or `bases` as Kustomize does: a Git repository with a folder in it, a file on a web server,
// or neither. Fetching a repository is Git's matter.

export type GitBase = {
  readonly kind: "git";
  /** What `git clone` would be given: `https://github.com/org/repo`, `git@host:org/repo.git`, `ssh://…`. */
  readonly url: string;
  /** The folder in it; "" for its root. */
  readonly path: string;
  /** Branch, tag or commit; null is the remote's HEAD. */
  readonly ref: string | null;
};

export type RemoteBase =
  | GitBase
  /** Kustomize asks for a web address as a file first; `otherwise` is what it clones when that fails. */
  | { readonly kind: "file"; readonly url: string; readonly otherwise: GitBase | null };

const schemes = ["ssh://", "https://", "http://", "file://"] as const;

/** Null for what is a path in the same repository, and for what would lead out of the remote one. */
export function parseRemoteBase(text: string): RemoteBase | null {
  const git = parseGit(text);
  if (!/^https?:\/\//i.test(text)) return git;
  // These are never files: a web server has nothing at such an address that Kustomize could take.
  if (git !== null && isMarked(text)) return git;
  return { kind: "file", url: text, otherwise: git };
}

/** True for an address that says that it is a repository, by a mark that no file's address has, or that names none of a file's endings. */
function isMarked(text: string): boolean {
  const [place, query] = cut(text, "?");
  const path = place.replace(/^https?:\/\//i, "");
  if (/\/\/|\.git(?:\/|$)|_git\//.test(path) || /(?:^|&)(?:ref|version)=/.test(query)) return true;
  return /^github\.com\//i.test(path) && !/\.(?:ya?ml|json)$/i.test(path);
}

function parseGit(text: string): GitBase | null {
  if (text.startsWith("/")) return null;
  const [place, query] = cut(text, "?");
  const parts = splitHost(place.replace(/^git::/i, ""));
  if (parts === null) return null;
  const { host, rest, isFile } = parts;
  const [repository, path] = splitPath(rest, isFile);
  if (repository === "" || leavesRoot(path)) return null;
  return { kind: "git", url: host + repository, path: path.replace(/^\//, ""), ref: refOf(query) };
}

function splitHost(place: string): { readonly host: string; readonly rest: string; readonly isFile: boolean } | null {
  const lower = place.toLowerCase();
  const scheme = schemes.find((each) => lower.startsWith(each)) ?? "";
  const afterScheme = place.slice(scheme.length);
  const user = /^[a-zA-Z][a-zA-Z0-9-]*@/.exec(afterScheme)?.[0] ?? "";
  const named = afterScheme.slice(user.length);
  const isGitHub = /^github\.com[/:]/i.test(named);
  const isScp = scheme === "" && (user !== "" || isGitHub);
  if (scheme === "" && !isScp) return null;
  if (scheme === "file://") return { host: scheme, rest: user + named, isFile: true };
  const end = hostEnd(named, isScp);
  if (end === -1) return null;
  const rest = named.slice(end + 1);
  if (!isGitHub) return { host: scheme + user + named.slice(0, end + 1), rest, isFile: false };
  // GitHub has two spellings, whatever was written.
  return { host: scheme === "ssh://" || user !== "" ? `${user}github.com:` : "https://github.com/", rest, isFile: false };
}

/** Where the host ends: at the first slash, or at a colon before it in `user@host:path`. */
function hostEnd(named: string, isScp: boolean): number {
  const slash = named.indexOf("/");
  const colon = isScp ? named.indexOf(":") : -1;
  return slash === -1 || (colon > 0 && colon < slash) ? (isScp ? colon : slash) : slash;
}

/** Repository and folder: parted by `_git/NAME`, `//` or `.git`; else the first two segments are the repository. */
function splitPath(rest: string, isFile: boolean): readonly [string, string] {
  const azure = rest.indexOf("_git/");
  if (azure !== -1) {
    const end = rest.indexOf("/", azure + 5);
    return end === -1 ? [rest, ""] : [rest.slice(0, end), rest.slice(end + 1)];
  }
  const slashes = rest.indexOf("//");
  if (slashes !== -1) return [rest.slice(0, slashes), rest.slice(slashes + 2)];
  const suffix = rest.indexOf(".git");
  if (suffix !== -1) return [rest.slice(0, suffix + 4), rest.slice(suffix + 4)];
  if (isFile) return [rest, ""];
  const segments = rest.split("/");
  return segments.length < 2 ? ["", ""] : [segments.slice(0, 2).join("/"), segments.slice(2).join("/")];
}

function leavesRoot(path: string): boolean {
  let depth = 0;
  for (const segment of path.replace(/^\//, "").split("/")) {
    if (segment === "..") depth -= 1;
    else if (segment !== "" && segment !== ".") depth += 1;
    if (depth < 0) return true;
  }
  return false;
}

function refOf(query: string): string | null {
  // Go refuses a whole query for one semicolon or one broken escape, and Kustomize then goes on without it.
  if (query.includes(";") || /%(?![0-9a-f]{2})/i.test(query)) return null;
  const values = new URLSearchParams(query);
  const [ref, version] = [values.get("ref"), values.get("version")].map((value) => value ?? "");
  return ref || version || null;
}

function cut(text: string, mark: string): readonly [string, string] {
  const at = text.indexOf(mark);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + mark.length)];
}
