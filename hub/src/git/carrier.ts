// The port between a repository on our disk and a server: what a server has, and bringing some of it here. Two carriers stand behind it,
// isomorphic-git and the git program; both leave the same bare repository, that the same code reads. See docs/adr/0010-two-git-carriers.md.

import type { RemoteAddress } from "./address.ts";
import { gitError } from "./faults.ts";
import type { GitProgram } from "./git-program.ts";
import { isomorphicCarrier } from "./isomorphic.ts";
import type { GitLimits } from "./limits.ts";
import { nativeCarrier } from "./native.ts";

/** A ref of a server. `peeled` is the commit of an annotated tag, `target` the branch that HEAD stands for. */
export type RemoteRef = { readonly ref: string; readonly oid: string; readonly peeled: string | null; readonly target: string | null };

/** What to bring: the tip of a ref, or an object by its id where `ref` is null; with so many commits of history. */
export type Want = { readonly ref: string | null; readonly oid: string; readonly depth: number };

export type Carrier = {
  readonly kind: "isomorphic" | "native";
  /** The refs whose full names begin with `prefix`. */
  refs(prefix: string, signal: AbortSignal): Promise<readonly RemoteRef[]>;
  /**
   * Brings what is wanted into the repository and gives the id that came; for a ref it may be newer than `oid`. The packs were looked
   * through before they are in their place, and nothing is there when it throws. What was brought may still be incomplete.
   */
  fetch(gitdir: string, want: Want, signal: AbortSignal): Promise<string>;
  /** Brings single objects, where the carrier can leave them out at first. */
  readonly objects?: ((gitdir: string, oids: readonly string[], signal: AbortSignal) => Promise<void>) | undefined;
};

/** All throw OperationErrors whose subject is `name`. */
export type CarrierOptions = {
  readonly name: string;
  readonly remote: RemoteAddress;
  readonly limits: GitLimits;
  /** Leave files out until they are asked for. */
  readonly partial: boolean;
};

/** The git program where there is one, because it is faster and needs less memory; isomorphic-git otherwise, which speaks no ssh. */
export function carrierFor(options: CarrierOptions, program: GitProgram | null): Carrier {
  if (program !== null) return nativeCarrier(options, program);
  if (!/^https?:/i.test(options.remote.url))
    throw gitError(
      "E_GIT_MISSING",
      options.name,
      "cannot use an ssh URL: there is no git 2.32 or newer, or no ssh, on this machine's PATH",
    );
  return isomorphicCarrier(options);
}
