// A Source: fetches what its branch, tag or commit means now into a bare repository, and gives it out as a Snapshot only when it is
// there completely. No working tree is ever written. When to fetch is for others to say.
//
// Depth: the first fetch takes one commit; later ones add what is new, and at least `historyDepth` commits, so that a force push is told
// from a fast-forward. A full history would cost most repositories far more than what they deploy.

import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import git, { type HttpClient } from "isomorphic-git";

import { messageOf, OperationError } from "@muster/proto/model/failure";
import { printable } from "@muster/proto/model/printable";

import { checkAddress, checkRevision, isCommitId, maskUrl, type SourceAddress } from "./address.ts";
import { checkComplete } from "./complete.ts";
import { gitError } from "./faults.ts";
import { movePacks, packsIn, prepareGitdir, removePacks } from "./gitdir.ts";
import { gitHttp } from "./http.ts";
import { intakeFs } from "./intake.ts";
import { defaultLimits, type GitLimits } from "./limits.ts";
import { openObjects, type GitObjects } from "./objects.ts";
import type { Snapshot } from "./snapshot.ts";

/** What a fetch found. `forced`: the last Snapshot is not among the new one's ancestors. `ref`: what was followed; null for a commit id. */
export type Fetched =
  | { readonly kind: "snapshot"; readonly snapshot: Snapshot; readonly forced: boolean; readonly ref: string | null }
  | { readonly kind: "unchanged"; readonly commit: string; readonly ref: string | null };

export type GitSource = {
  /** One at a time. Throws OperationErrors with a `fault` when Git cannot be read: that is never an empty Snapshot. */
  fetch(signal: AbortSignal): Promise<Fetched>;
  /** A commit that was fetched before, from disk. */
  snapshot(commit: string): Promise<Snapshot>;
};

export type Log = { info(fields: object, message: string): void; warn(fields: object, message: string): void };

export type SourceOptions = {
  /** The Source's own folder; made where missing. What is in it belongs to this room. */
  readonly dir: string;
  readonly address: SourceAddress;
  readonly log: Log;
  readonly limits?: Partial<GitLimits>;
};

const heldRef = "refs/muster/held";
const historyDepth = 200;
const historyDepthMax = 2_000;

/** Opens a Source's folder. Throws E_URL_FORBIDDEN, E_CREDENTIALS_FORBIDDEN or E_REF_INVALID; sends nothing yet. */
export async function openSource(options: SourceOptions): Promise<GitSource> {
  checkAddress(options.address);
  const source = new Repository(options);
  await source.prepare();
  let last: Promise<unknown> = Promise.resolve();
  return {
    fetch(signal) {
      const next = last.then(() => source.fetch(signal));
      last = next.catch(() => undefined);
      return next;
    },
    snapshot: (commit) => source.objects.snapshot(commit),
  };
}

class Repository {
  readonly objects: GitObjects;
  readonly #address: SourceAddress;
  readonly #gitdir: string;
  readonly #limits: GitLimits;
  readonly #log: Log;
  #damaged = false;

  constructor({ dir, address, log, limits }: SourceOptions) {
    this.#address = address;
    this.#gitdir = join(dir, "repository.git");
    this.#limits = { ...defaultLimits, ...limits };
    this.#log = log;
    this.objects = openObjects(this.#gitdir, address.name, () => {
      this.#damaged = true;
    });
  }

  prepare(): Promise<void> {
    return prepareGitdir(this.#gitdir, this.#fs());
  }

  async fetch(signal: AbortSignal): Promise<Fetched> {
    const http = gitHttp(this.#address, this.#limits, signal);
    const tip = await this.#tip(http);
    const held = await this.#soundHeld();
    if (tip.commit !== null && tip.commit === held) return this.#unchanged(http, held, tip.ref);

    const commit = await this.#fetchCommit(http, this.#gitdir, tip.ref ?? tip.oid, held === null ? 1 : historyDepth);
    if (commit === held) return this.#unchanged(http, held, tip.ref);
    await checkComplete(this.#gitdir, this.objects, this.#address.name, this.#limits.files, commit, held);
    const forced = held !== null && !(await this.#descends(http, tip, commit, held));
    await git.writeRef({ fs: this.#fs(), gitdir: this.#gitdir, ref: heldRef, value: commit, force: true });
    if (forced)
      this.#log.warn({ source: this.#address.name, before: held, commit }, "the branch was rewritten: the last commit is not an ancestor");
    return { kind: "snapshot", snapshot: await this.objects.snapshot(commit), forced, ref: tip.ref };
  }

  /** Between two polls without news nobody needs the packs in memory, and there is time to tidy up. */
  async #unchanged(http: HttpClient, commit: string, ref: string | null): Promise<Fetched> {
    this.objects.forget();
    const packs = await packsIn(this.#gitdir);
    if (packs.length > this.#limits.packs) {
      await this.#compact(http, commit, ref, packs).catch((error: unknown) => {
        this.#log.warn({ source: this.#address.name, reason: messageOf(error) }, "cannot tidy up the local repository");
      });
    }
    return { kind: "unchanged", commit, ref };
  }

  /** Replaces many packs by one that was fetched for it. Only the last Snapshot is kept; it can be read all the while. */
  async #compact(http: HttpClient, held: string, ref: string | null, old: readonly string[]): Promise<void> {
    const { name } = this.#address;
    const scratch = `${this.#gitdir}.fresh`;
    try {
      await rm(scratch, { recursive: true, force: true });
      await prepareGitdir(scratch, this.#fs(scratch));
      if ((await this.#fetchCommit(http, scratch, ref ?? held, 1)) !== held) return; // The branch has moved: next time.
      await checkComplete(scratch, openObjects(scratch, name), name, this.#limits.files, held, null);
      const fresh = await packsIn(scratch);
      await movePacks(scratch, this.#gitdir, fresh);
      this.objects.forget();
      await removePacks(
        this.#gitdir,
        old.filter((pack) => !fresh.includes(pack)),
      );
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }

  #fs(gitdir = this.#gitdir) {
    return intakeFs(gitdir, this.#address.name, this.#limits);
  }

  /** The commit of the last complete fetch. */
  async #held(): Promise<string | null> {
    const id = await readFile(join(this.#gitdir, heldRef), "utf8").catch(() => "");
    return isCommitId(id.trim()) ? id.trim() : null;
  }

  /** The same, after throwing away what is damaged: only now that the server has answered, for some of it may still be readable. */
  async #soundHeld(): Promise<string | null> {
    const held = await this.#held();
    if (held !== null && !this.#damaged) await this.objects.commit(held).catch(() => undefined); // tells of damage by itself
    if (!this.#damaged) return held;
    await this.#startAnew();
    return null;
  }

  /** What is damaged on disk is fetched again into an empty repository. */
  async #startAnew(): Promise<void> {
    this.#log.warn({ source: this.#address.name }, "the local repository is damaged: fetching it again");
    await rm(this.#gitdir, { recursive: true, force: true });
    this.objects.forget();
    await this.prepare();
    this.#damaged = false;
  }

  /** What the revision means on the server now: its full ref name, the id there, and the commit where that is known. */
  async #tip(http: HttpClient): Promise<Tip> {
    const { revision, name, url } = this.#address;
    if (revision !== null && isCommitId(revision)) return { ref: null, oid: revision, commit: revision };
    for (const ref of candidates(revision)) {
      const found = await translated(name, () => git.listServerRefs({ http, url, prefix: ref, symrefs: true, peelTags: true }));
      const exact = found.find((line) => line.ref === ref);
      if (exact === undefined) continue;
      checkRevision(name, exact.target ?? exact.ref);
      const commit = exact.peeled ?? (ref.startsWith("refs/tags/") ? null : exact.oid);
      return { ref: exact.target ?? exact.ref, oid: exact.oid, commit };
    }
    if (revision === null) throw gitError("E_SOURCE_EMPTY", name, `${maskUrl(url)} has no commit on its HEAD branch`);
    throw gitError("E_REF_MISSING", name, `${maskUrl(url)} has no branch or tag ${printable(revision)}`);
  }

  async #fetchCommit(http: HttpClient, gitdir: string, remoteRef: string, depth: number): Promise<string> {
    const { name, url } = this.#address;
    const repository = { fs: this.#fs(gitdir), gitdir };
    const { fetchHead } = await translated(name, () =>
      git.fetch({ ...repository, http, url, remote: "origin", ref: heldRef, remoteRef, singleBranch: true, depth }),
    );
    this.objects.forget();
    if (fetchHead === null) throw gitError("E_SOURCE_EMPTY", name, `${maskUrl(url)} has no commit`);
    return (gitdir === this.#gitdir ? this.objects : openObjects(gitdir, name)).peel(fetchHead);
  }

  /** True when `ancestor` is in the history of `commit`; asks for more history once when what is here ends too early. */
  async #descends(http: HttpClient, tip: Tip, commit: string, ancestor: string): Promise<boolean> {
    const near = await this.#isAncestor(commit, ancestor);
    if (near !== "unknown") return near === "yes";
    await this.#fetchCommit(http, this.#gitdir, tip.ref ?? tip.oid, historyDepthMax);
    return (await this.#isAncestor(commit, ancestor)) === "yes";
  }

  async #isAncestor(commit: string, ancestor: string): Promise<"yes" | "no" | "unknown"> {
    const boundary = new Set((await readFile(join(this.#gitdir, "shallow"), "utf8").catch(() => "")).split("\n"));
    const seen = new Set([commit]);
    let ended = false;
    for (const oid of seen) {
      if (oid === ancestor) return "yes";
      if (boundary.has(oid) || seen.size > historyDepthMax) ended = true;
      else for (const parent of (await this.objects.commit(oid)).parents) seen.add(parent);
    }
    return ended ? "unknown" : "no";
  }
}

type Tip = { readonly ref: string | null; readonly oid: string; readonly commit: string | null };

/** The full names that a revision may mean, in the order in which they win. */
function candidates(revision: string | null): readonly string[] {
  if (revision === null) return ["HEAD"];
  return revision.startsWith("refs/") ? [revision] : [`refs/heads/${revision}`, `refs/tags/${revision}`];
}

/** isomorphic-git's own errors as ours; those of our HTTP and file system pass. */
async function translated<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof OperationError) throw error;
    const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    if (error instanceof git.Errors.NotFoundError)
      throw gitError("E_REF_MISSING", name, `the branch or tag is gone: ${printable(why)}`, error);
    throw gitError("E_GIT_PROTOCOL", name, `the server's answer makes no sense: ${printable(why)}`, error);
  }
}
