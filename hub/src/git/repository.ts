// The bare repository of a Source on our disk: brings commits into it, tells when one is there completely, throws away what is damaged and
// puts many packs together. Which commit to bring, and from whom, is for others to say.

import { rm } from "node:fs/promises";

import git from "isomorphic-git";

import { messageOf } from "@muster/proto/model/failure";

import { isAncestor } from "./ancestry.ts";
import type { Carrier } from "./carrier.ts";
import { checkComplete } from "./complete.ts";
import { heldRef, movePacks, moveShallow, packsIn, prepareGitdir, removePacks } from "./gitdir.ts";
import { heldCommit, heldObjects } from "./held.ts";
import { intakeFs } from "./intake.ts";
import type { GitLimits } from "./limits.ts";
import { openObjects, type GitObjects } from "./objects.ts";
import { gatherer } from "./gather.ts";
import type { Log } from "./log.ts";
import type { Tip } from "./revision.ts";

/** Later fetches bring at least so many commits, so that a force push is told from a fast-forward; a second look brings more. */
const historyDepth = 200;
const historyDepthMax = 2_000;

export type RepositoryOptions = {
  readonly gitdir: string;
  /** The Source's, for errors and the log. */
  readonly name: string;
  readonly limits: GitLimits;
  readonly log: Log;
  readonly partial: boolean;
};

export class Repository {
  readonly objects: GitObjects;
  readonly gitdir: string;
  readonly #name: string;
  readonly #limits: GitLimits;
  readonly #log: Log;
  readonly #partial: boolean;
  readonly #missing: (oid: string) => Promise<boolean>;
  #damaged = false;
  /** Whom to ask for files that a partial fetch left out. */
  #later: Carrier["objects"];

  constructor({ gitdir, name, limits, log, partial }: RepositoryOptions) {
    this.gitdir = gitdir;
    this.#name = name;
    this.#limits = limits;
    this.#log = log;
    this.#partial = partial;
    this.#missing = gatherer(async (oids) => {
      if (this.#later === undefined) return false;
      await this.#later(this.gitdir, oids, AbortSignal.timeout(limits.requestMs));
      this.objects.forget();
      return true;
    });
    this.objects = openObjects(gitdir, name, { onDamage: () => (this.#damaged = true), ...(partial ? { missing: this.#missing } : {}) });
  }

  prepare(): Promise<void> {
    return prepareGitdir(this.gitdir, this.#fs());
  }

  /** The commit of the last complete fetch, after throwing away what is damaged. Call it only when a server answers: some may still be readable. */
  async soundHeld(): Promise<string | null> {
    const held = await heldCommit(this.gitdir);
    if (held !== null && !this.#damaged) await this.objects.commit(held).catch(() => undefined); // tells of damage by itself
    if (!this.#damaged) return held;
    this.#log.warn({ source: this.#name }, "the local repository is damaged: fetching it again");
    await rm(this.gitdir, { recursive: true, force: true });
    this.objects.forget();
    await this.prepare();
    this.#damaged = false;
    return null;
  }

  /** Brings a tip: one commit at first, some history when there is a commit before. Gives the commit, complete but not yet held. */
  async bring(carrier: Carrier, { ref, oid }: Pick<Tip, "ref" | "oid">, held: string | null, signal: AbortSignal): Promise<string> {
    const commit = await this.#fetch(carrier, ref, oid, held === null ? 1 : historyDepth, signal);
    await checkComplete(this.gitdir, this.objects, this.#name, this.#limits.files, commit, held, !this.#partial);
    return commit;
  }

  /** Whether `ancestor` is in the history of `commit`; asks for more history once when what is here ends too early. */
  async descends(
    carrier: Carrier,
    { ref, oid }: Pick<Tip, "ref" | "oid">,
    commit: string,
    ancestor: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    const near = await isAncestor(this.gitdir, this.objects, commit, ancestor);
    if (near !== "unknown") return near === "yes";
    await this.#fetch(carrier, ref, oid, historyDepthMax, signal);
    return (await isAncestor(this.gitdir, this.objects, commit, ancestor)) === "yes";
  }

  /** From now on this is the last complete commit. */
  async hold(commit: string): Promise<void> {
    await git.writeRef({ fs: this.#fs(), gitdir: this.gitdir, ref: heldRef, value: commit, force: true });
  }

  /** Between two looks without news nobody needs the packs in memory, and there is time to tidy up. */
  async rest(carrier: Carrier, commit: string, ref: string | null, signal: AbortSignal): Promise<void> {
    this.objects.forget();
    const packs = await packsIn(this.gitdir);
    if (packs.length <= this.#limits.packs) return;
    await this.#compact(carrier, commit, ref, packs, signal).catch((error: unknown) => {
      this.#log.warn({ source: this.#name, reason: messageOf(error) }, "cannot tidy up the local repository");
    });
  }

  /** Brings files that a partial fetch left out, together. */
  async prefetch(oids: readonly string[]): Promise<void> {
    const has = await heldObjects(this.gitdir, this.#name);
    await Promise.all([...new Set(oids)].filter((oid) => !has(oid)).map((oid) => this.#missing(oid)));
  }

  /** Whom to ask for what a partial fetch leaves out. */
  leaveTo(carrier: Carrier): void {
    this.#later = carrier.objects;
  }

  /** Replaces many packs by one that was fetched for it. Only the last Snapshot is kept; it can be read all the while. */
  async #compact(carrier: Carrier, held: string, ref: string | null, old: readonly string[], signal: AbortSignal): Promise<void> {
    const scratch = `${this.gitdir}.fresh`;
    try {
      await rm(scratch, { recursive: true, force: true });
      await prepareGitdir(scratch, this.#fs(scratch));
      const objects = openObjects(scratch, this.#name);
      const brought = await carrier.fetch(scratch, { ref, oid: held, depth: 1 }, signal);
      if ((await objects.peel(brought)) !== held) return; // The branch has moved: next time.
      await checkComplete(scratch, objects, this.#name, this.#limits.files, held, null, !this.#partial);
      const fresh = await packsIn(scratch);
      await movePacks(scratch, this.gitdir, fresh);
      await moveShallow(scratch, this.gitdir);
      this.objects.forget();
      await removePacks(
        this.gitdir,
        old.filter((pack) => !fresh.includes(pack)),
      );
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }

  async #fetch(carrier: Carrier, ref: string | null, oid: string, depth: number, signal: AbortSignal): Promise<string> {
    // What was read stays in memory until there is a rest: new packs are found beside it.
    return this.objects.peel(await carrier.fetch(this.gitdir, { ref, oid, depth }, signal));
  }

  #fs(gitdir = this.gitdir) {
    return intakeFs(gitdir, this.#name, this.#limits);
  }
}
