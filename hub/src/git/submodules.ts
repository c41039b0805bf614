// Submodules as folders of the tree: each is read from a repository of its own at the commit that the tree names. Object ids are hashes,
// so whoever has an object has the right one. Only servers that the Source allows are asked; what is not allowed stays a submodule, which
// is an error where somebody reads it and nowhere else.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { printable } from "@muster/proto/model/printable";

import type { Network } from "../network/network.ts";
import { checkRemote, isBelow, isCommitId, maskUrl, type RemoteAddress, type SourceAddress } from "./address.ts";
import { carrierFor } from "./carriers.ts";
import { gitError } from "./faults.ts";
import type { GitProgram } from "./git-program.ts";
import { absoluteUrl, parseGitmodules, type Submodule } from "./gitmodules.ts";
import { heldObjects } from "./held.ts";
import { writeWhole } from "./intake.ts";
import type { GitLimits } from "./limits.ts";
import type { GitObjects } from "./objects.ts";
import { Repository } from "./repository.ts";
import type { Log } from "./log.ts";
import type { Objects, RawEntry } from "./tree.ts";

export type Submodules = {
  /**
   * The files of a commit, with those of its submodules. With a signal what is missing is fetched; without one it has to be on disk. Throws
   * what a fetch throws: a commit is there with all its submodules or not at all.
   */
  of(objects: GitObjects, commit: string, signal: AbortSignal | null): Promise<Objects>;
};

export type SubmodulesOptions = {
  readonly dir: string;
  readonly address: SourceAddress;
  readonly network: Network;
  readonly limits: GitLimits;
  readonly log: Log;
  readonly program: GitProgram | null;
};

const depthMax = 4;
const countMax = 100;
const fileBytesMax = 256 * 1024;

/** What is known while the submodules of one commit are looked up. */
type Found = {
  /** The root tree of a submodule's commit. */
  readonly roots: Map<string, string>;
  /** Why a submodule's commit cannot be read. */
  readonly refused: Map<string, string>;
  readonly others: Map<string, { readonly objects: GitObjects; readonly has: (oid: string) => boolean }>;
};

export function openSubmodules(options: SubmodulesOptions): Submodules {
  const { name } = options.address;
  const repositories = new Map<string, Promise<Repository>>();

  const enter = async (
    found: Found,
    objects: GitObjects,
    commit: string,
    url: string,
    depth: number,
    signal: AbortSignal | null,
  ): Promise<void> => {
    const root = (await objects.commit(commit)).tree;
    for (const module of await modulesOf(name, objects, root)) {
      const line = await lineAt(objects, root, module.path);
      if (line?.kind !== "submodule" || found.roots.has(line.oid)) continue;
      if (found.roots.size >= countMax) throw gitError("E_LIMIT", name, `commit ${commit} has more than ${countMax} submodules`);
      const place = depth > depthMax ? `a submodule more than ${depthMax} deep` : placeOf(options.address, url, module);
      if (typeof place === "string") found.refused.set(line.oid, place);
      else await bring(found, line.oid, place, depth, signal);
    }
  };

  const bring = async (found: Found, commit: string, remote: RemoteAddress, depth: number, signal: AbortSignal | null): Promise<void> => {
    const repository = await repositoryAt(remote);
    await complete(options, repository, remote, commit, signal);
    const { objects, gitdir } = repository;
    found.roots.set(commit, (await objects.commit(commit)).tree);
    found.others.set(gitdir, { objects, has: await heldObjects(gitdir, name) });
    await enter(found, objects, commit, remote.url, depth + 1, signal);
  };

  const repositoryAt = (remote: RemoteAddress): Promise<Repository> => {
    const key = createHash("sha256").update(remote.url).digest("hex").slice(0, 24);
    const known = repositories.get(key);
    if (known !== undefined) return known;
    const { dir, limits, log } = options;
    const opened = (async () => {
      const repository = new Repository({ gitdir: join(dir, "submodules", `${key}.git`), name, limits, log, partial: false });
      await repository.prepare();
      return repository;
    })();
    repositories.set(key, opened);
    opened.catch(() => repositories.delete(key));
    return opened;
  };

  return {
    async of(objects, commit, signal) {
      const found: Found = { roots: new Map(), refused: new Map(), others: new Map() };
      await enter(found, objects, commit, options.address.url, 1, signal);
      return joined(objects, found);
    },
  };
}

/** Everything as one set of objects, in which a submodule that was found is a folder. */
function joined(own: Objects, { roots, refused, others }: Found): Objects {
  const holder = (oid: string): Objects => [...others.values()].find((other) => other.has(oid))?.objects ?? own;
  const asFolder = (line: RawEntry): RawEntry => {
    const root = line.kind === "submodule" ? roots.get(line.oid) : undefined;
    if (root !== undefined) return { name: line.name, kind: "tree", oid: root };
    return line.kind === "submodule" ? { ...line, why: refused.get(line.oid) ?? "a submodule that .gitmodules does not name" } : line;
  };
  return {
    tree: async (oid) => (await holder(oid).tree(oid)).map(asFolder),
    blob: (oid) => holder(oid).blob(oid),
  };
}

/** Makes a commit of a submodule's repository be there completely. */
async function complete(
  { address: { name }, network, limits, program }: SubmodulesOptions,
  repository: Repository,
  remote: RemoteAddress,
  commit: string,
  signal: AbortSignal | null,
): Promise<void> {
  const record = join(repository.gitdir, "muster-complete");
  const known = new Set((await readFile(record, "utf8").catch(() => "")).split("\n").filter(isCommitId));
  const here = async () =>
    known.has(commit) &&
    (await repository.objects.snapshot(commit).then(
      () => true,
      () => false,
    ));
  if (await here()) return;
  if (signal === null)
    throw gitError("E_COMMIT_MISSING", name, `commit ${commit} of submodule ${maskUrl(remote.url)} is not here any more, or never was`);
  const carrier = carrierFor({ name, remote, network, limits, partial: false }, program);
  const held = await repository.soundHeld();
  await repository.bring(carrier, { ref: null, oid: commit }, held, signal);
  await repository.hold(commit);
  await writeWhole(record, [...(held === null ? [] : known), commit].slice(-countMax).join("\n"));
}

async function modulesOf(name: string, objects: Objects, root: string): Promise<readonly Submodule[]> {
  const file = await lineAt(objects, root, ".gitmodules");
  if (file?.kind !== "blob") return [];
  const bytes = await objects.blob(file.oid);
  if (bytes.length > fileBytesMax) throw gitError("E_LIMIT", name, `.gitmodules is larger than ${fileBytesMax} bytes`);
  return parseGitmodules(new TextDecoder().decode(bytes));
}

/** The line of a path as it is stored: no link is followed. */
async function lineAt(objects: Objects, root: string, path: string): Promise<RawEntry | undefined> {
  let folder = root;
  const parts = path.split("/").filter((part) => part !== "");
  for (const [i, part] of parts.entries()) {
    const line = (await objects.tree(folder)).find((each) => each.name === part);
    if (i === parts.length - 1 || line?.kind !== "tree") return i === parts.length - 1 ? line : undefined;
    folder = line.oid;
  }
  return undefined;
}

/** Where a submodule is and what may be shown there; or why it is not allowed, as words after "is". */
function placeOf(address: SourceAddress, base: string, module: Submodule): RemoteAddress | string {
  const { name, remotes = [], credentials, ca } = address;
  const text = absoluteUrl(base, module.url);
  if (text === null) return `a submodule whose URL ${printable(module.url)} leaves its server`;
  const own = checkRemote(name, address);
  let url: URL;
  try {
    url = checkRemote(name, { url: text, credentials: text.includes("@") ? credentials : undefined });
  } catch {
    return `a submodule whose URL ${maskUrl(text)} is not allowed`;
  }
  const listed = closest(name, remotes, url);
  if (listed !== undefined) return { ...listed, url: text };
  if (url.protocol !== own.protocol || url.host !== own.host)
    return `a submodule on ${printable(url.host)}, which the Source does not allow`;
  if (isBelow(own, url)) return { ...address, url: text };
  // A key is never sent to the server, so the same account may be asked; a password or token stays with its own path.
  if (url.protocol === "ssh:") return url.username === own.username ? { url: text, credentials } : "a submodule of another account";
  return { url: text, ca };
}

/** Of the remotes that a URL lies below the one with the longest path: what is shown there was written for it. */
function closest(name: string, remotes: readonly RemoteAddress[], url: URL): RemoteAddress | undefined {
  const bases = remotes.map((remote) => ({ remote, base: checkRemote(name, remote) })).filter(({ base }) => isBelow(base, url));
  return bases.toSorted((a, b) => b.base.pathname.length - a.base.pathname.length)[0]?.remote;
}
