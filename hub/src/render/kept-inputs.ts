// Inputs that were found before, for the next request that looks at the same files: a folder's id names all that lies in it, so that no
// file is read again to say that nothing changed. What was looked at then is looked at now, by id; so whoever watches sees it, too.

import { inputsOf, withValues, type Inputs, type InputsFailed, type InputsQuery } from "./inputs.ts";
import { resolvePath } from "./paths.ts";
import { noRemotes } from "./remotes.ts";
import type { Remotes } from "./rendered.ts";
import type { Tree, TreeEntry } from "./tree.ts";

/** What was seen of a tree, in order: a path, what was asked of it, and the ids that stood there. */
type Look = { readonly path: string; readonly what: "entry" | "list"; readonly shown: string };
type Kept = { readonly inputs: Inputs; readonly looks: readonly Look[] };

const looksMaxDefault = 200_000;
/** Git's names of contents. A tree that names files in another way may change behind its names. */
const namesContent = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** Finds inputs as `inputsOf` does. Holds at most `looksMax` looks (about 30 MB), the latest used ones. */
export class KeptInputs {
  readonly #kept = new Map<string, Kept>();
  readonly #looksMax: number;
  #looks = 0;

  constructor(looksMax = looksMaxDefault) {
    this.#looksMax = looksMax;
  }

  /** As `inputsOf`. Only what was found without `remotes` is kept. */
  async of(tree: Tree, query: InputsQuery, remotes: Remotes = noRemotes): Promise<Inputs | InputsFailed> {
    const root = resolvePath("", query.path);
    const entry = remotes.size > 0 || root === undefined ? undefined : await tree.entry(root);
    if (entry === undefined || !namesContent.test(entry.oid)) return inputsOf(tree, query, remotes);
    const { values, ...where } = query;
    const key = `${entry.oid} ${JSON.stringify(where)}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined && (await isAsSeen(tree, kept.looks))) {
      this.#keep(key, kept);
      return withValues(kept.inputs, values);
    }
    const looks: Look[] = [];
    const inputs = await inputsOf(recorded(tree, looks), where);
    if (inputs.kind === "failed") return inputs;
    if ([...inputs.files.values()].every((oid) => namesContent.test(oid))) this.#keep(key, { inputs, looks });
    return withValues(inputs, values);
  }

  #keep(key: string, kept: Kept): void {
    this.#looks += kept.looks.length - (this.#kept.get(key)?.looks.length ?? 0);
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    for (const [oldest, { looks }] of this.#kept) {
      if (this.#looks <= this.#looksMax) return;
      this.#looks -= looks.length;
      this.#kept.delete(oldest);
    }
  }
}

function recorded(tree: Tree, looks: Look[]): Tree {
  return {
    async entry(path) {
      const found = await tree.entry(path);
      looks.push({ path, what: "entry", shown: entryShown(found) });
      return found;
    },
    async list(path) {
      const found = await tree.list(path);
      looks.push({ path, what: "list", shown: listShown(found) });
      return found;
    },
    read: (oid) => tree.read(oid),
  };
}

async function isAsSeen(tree: Tree, looks: readonly Look[]): Promise<boolean> {
  for (const { path, what, shown } of looks) {
    const now = what === "entry" ? entryShown(await tree.entry(path)) : listShown(await tree.list(path));
    if (now !== shown) return false;
  }
  return true;
}

const entryShown = (entry: TreeEntry | undefined): string => (entry === undefined ? "" : `${entry.kind} ${entry.oid}`);

function listShown(lines: readonly (TreeEntry & { readonly name: string })[]): string {
  let shown = "";
  for (const { name, kind, oid } of lines) shown += `${kind} ${oid} ${name}\0`;
  return shown;
}
