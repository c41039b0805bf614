// Which names a tree may hold. Git servers are not trusted: what git itself would refuse, and what only looks like something else, is refused here.

/** Why a name is refused, or null. `name` is undefined when its bytes are no UTF-8. */
export function whyUnsafe(name: string | undefined): string | null {
  if (name === undefined) return "it is not UTF-8";
  if (name === "") return "it is empty";
  if (name.length > 255) return "it is longer than 255 characters";
  if (name === "." || name === "..") return "it means another folder";
  if (/[/\\]/.test(name)) return "it has a slash or backslash";
  if (/\p{Cc}/u.test(name)) return "it has a control character";
  if (/[\p{Cf}\p{Zl}\p{Zp}]/u.test(name)) return "it has an invisible character";
  if (isDotGit(name)) return "it names Git's own folder on some file system";
  return null;
}

/** `.git` as Linux, macOS or Windows may read it: any case, trailing dots and blanks, a stream (`.git::$DATA`), the short name `git~1`. */
function isDotGit(name: string): boolean {
  const plain = (name.split(":")[0] ?? "").toLowerCase().replace(/[. ]+$/, "");
  return plain === ".git" || /^\.?git~[0-9]+$/.test(plain);
}

/** The names that some file system takes for the same one: equal but for case or Unicode form. */
export function collisions(names: readonly string[]): ReadonlySet<string> {
  const first = new Map<string, string>();
  const found = new Set<string>();
  for (const name of names) {
    const folded = name.normalize("NFC").toLowerCase();
    const other = first.get(folded);
    if (other === undefined) first.set(folded, name);
    else {
      found.add(other);
      found.add(name);
    }
  }
  return found;
}
