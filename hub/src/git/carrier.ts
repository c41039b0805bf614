// The port between a repository on our disk and a server: what a server has, and bringing some of it here. Two carriers stand behind it,
// isomorphic-git and the git program; both leave the same bare repository, that the same code reads. See docs/adr/0010-two-git-carriers.md.

import type { Network } from "../network/network.ts";
import type { RemoteAddress } from "./address.ts";
import type { GitLimits } from "./limits.ts";

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
  readonly network: Network;
  readonly limits: GitLimits;
  /** Leave files out until they are asked for. */
  readonly partial: boolean;
};
