// A Source: fetches what its branch, tag, version or commit means now into a bare repository, and gives it out as a Snapshot only when it
// is there completely. No working tree is ever written. When to fetch is for others to say.
//
// Depth: the first fetch takes one commit; later ones add what is new, and at least 200 commits, so that a force push is told from a
// fast-forward. A full history would cost most repositories far more than what they deploy.

import { join } from "node:path";

import type { Network } from "../network/network.ts";
import { checkAddress, type SourceAddress } from "./address.ts";
import { findGitProgram, type GitProgram } from "./git-program.ts";
import { defaultLimits, type GitLimits } from "./limits.ts";
import type { Log } from "./log.ts";
import { openRemotes, type Remotes } from "./remotes.ts";
import { Repository } from "./repository.ts";
import type { Snapshot } from "./snapshot.ts";
import { openSubmodules, type Submodules } from "./submodules.ts";

/**
 * What a fetch found. `forced`: the last Snapshot is not among the new one's ancestors. `ref`: what was followed, so which tag a range of
 * versions means now; null for a commit id. `servedBy`: the URL that answered, the Source's own or a mirror's, without credentials.
 */
export type Fetched =
  | {
      readonly kind: "snapshot";
      readonly snapshot: Snapshot;
      readonly forced: boolean;
      readonly ref: string | null;
      readonly servedBy: string;
    }
  | { readonly kind: "unchanged"; readonly commit: string; readonly ref: string | null; readonly servedBy: string };

export type GitSource = {
  /** One at a time. Throws OperationErrors with a `fault` when Git cannot be read: that is never an empty Snapshot. */
  fetch(signal: AbortSignal): Promise<Fetched>;
  /** A commit that was fetched before, from disk. */
  snapshot(commit: string): Promise<Snapshot>;
};

export type SourceOptions = {
  /** The Source's own folder; made where missing. What is in it belongs to this room. */
  readonly dir: string;
  readonly address: SourceAddress;
  /** Through which proxy, and what of this machine may be asked. */
  readonly network: Network;
  readonly log: Log;
  readonly limits?: Partial<GitLimits>;
  /** The git program to use; undefined looks for one on PATH, null does without. */
  readonly program?: GitProgram | null;
};

/**
 * Opens a Source's folder. Throws E_URL_FORBIDDEN, E_CREDENTIALS_FORBIDDEN, E_CREDENTIALS_KIND, E_REF_INVALID or, for an ssh URL
 * without a git program, E_GIT_MISSING; sends nothing yet.
 */
export async function openSource(options: SourceOptions): Promise<GitSource> {
  checkAddress(options.address);
  const program = options.program === undefined ? await findGitProgram(process.env["PATH"]) : options.program;
  const source = new Source(options, program);
  await source.repository.prepare();
  let last: Promise<unknown> = Promise.resolve();
  return {
    fetch(signal) {
      const next = last.then(() => source.fetch(signal));
      last = next.catch(() => undefined);
      return next;
    },
    snapshot: (commit) => source.snapshot(commit),
  };
}

class Source {
  readonly repository: Repository;
  readonly #address: SourceAddress;
  readonly #partial: boolean;
  readonly #log: Log;
  readonly #remotes: Remotes;
  readonly #submodules: Submodules | null;

  constructor({ dir, address, network, log, limits: given }: SourceOptions, program: GitProgram | null) {
    const limits = { ...defaultLimits, ...given };
    const partial = address.partial === true && program !== null;
    this.#partial = partial;
    this.#address = address;
    this.#log = log;
    this.repository = new Repository({ gitdir: join(dir, "repository.git"), name: address.name, limits, log, partial });
    this.#remotes = openRemotes({ address, network, limits, log, program, partial, repository: this.repository });
    this.#submodules = address.submodules === true ? openSubmodules({ dir, address, network, limits, log, program }) : null;
  }

  async fetch(signal: AbortSignal): Promise<Fetched> {
    const found = await this.#remotes.look(signal);
    const { commit, ref, servedBy, before } = found;
    if (before === commit) return { kind: "unchanged", commit, ref, servedBy };
    const snapshot = await this.#snapshot(commit, signal);
    await this.#remotes.hold(found);
    if (found.forced)
      this.#log.warn({ source: this.#address.name, before, commit }, "the branch was rewritten: the last commit is not an ancestor");
    return { kind: "snapshot", snapshot, forced: found.forced, ref, servedBy };
  }

  snapshot(commit: string): Promise<Snapshot> {
    return this.#snapshot(commit, null);
  }

  /** `signal`: what is missing of submodules may be fetched. */
  async #snapshot(commit: string, signal: AbortSignal | null): Promise<Snapshot> {
    const { objects } = this.repository;
    const files = this.#submodules === null ? undefined : await this.#submodules.of(objects, commit, signal);
    const snapshot = await objects.snapshot(commit, files);
    return this.#partial ? { ...snapshot, prefetch: (oids) => this.repository.prefetch(oids) } : snapshot;
  }
}
