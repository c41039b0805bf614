// The carrier without a git program: isomorphic-git over our own HTTP, written through our own file system.

import git from "isomorphic-git";

import { OperationError } from "@muster/proto/model/failure";
import { printable } from "@muster/proto/model/printable";

import { maskUrl } from "./address.ts";
import type { Carrier, CarrierOptions, RemoteRef } from "./carrier.ts";
import { gitError } from "./faults.ts";
import { gitHttp, type GitHttp } from "./http.ts";
import { intakeFs } from "./intake.ts";
import { heldRef } from "./gitdir.ts";

export function isomorphicCarrier({ name, remote, network, limits }: CarrierOptions): Carrier {
  const open = gitHttp(name, remote, network, limits);
  return {
    kind: "isomorphic",
    refs: (prefix, signal) => serverRefs(open(signal), name, remote.url, prefix),
    async fetch(gitdir, want, signal) {
      const fs = intakeFs(gitdir, name, limits);
      const how = { ref: heldRef, remoteRef: want.ref ?? want.oid, singleBranch: true, tags: false, depth: want.depth };
      const { fetchHead } = await translated(name, () =>
        git.fetch({ fs, gitdir, http: open(signal).client, url: remote.url, remote: "origin", ...how }),
      );
      if (fetchHead === null) throw gitError("E_SOURCE_EMPTY", name, `${maskUrl(remote.url)} has no commit`);
      return fetchHead;
    },
  };
}

/** What a server has below a prefix, over our own HTTP: for both carriers, because a look needs no program. */
export async function serverRefs({ client }: GitHttp, name: string, url: string, prefix: string): Promise<readonly RemoteRef[]> {
  const found = await translated(name, () => git.listServerRefs({ http: client, url, prefix, symrefs: true, peelTags: true }));
  return found.map(({ ref, oid, peeled, target }) => ({ ref, oid, peeled: peeled ?? null, target: target ?? null }));
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
