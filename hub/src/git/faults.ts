// Everything that can be wrong with a Source, as a closed table: the public code, what kind of failure it is, and the remedy.

import { OperationError, type FailureCode } from "@muster/proto/model/failure";

type Row = { readonly failure: FailureCode; readonly remedy: string };

const faults = {
  E_URL_FORBIDDEN: {
    failure: "invalid",
    remedy: "write an http(s) or ssh URL without password, query or fragment; credentials go to secretRef",
  },
  E_CREDENTIALS_FORBIDDEN: { failure: "invalid", remedy: "use https, or set insecure: true for this Source" },
  E_CREDENTIALS_KIND: {
    failure: "invalid",
    remedy: "give an ssh URL a secretRef with identity and known_hosts, an https URL one with a token, a password, a GitHub App or tls",
  },
  E_HOST_FORBIDDEN: {
    failure: "forbidden",
    remedy:
      "name a server of the network; the hub's own machine has to be in network.allow, link-local and metadata addresses are never asked",
  },
  E_GIT_MISSING: { failure: "invalid", remedy: "install git 2.37 or newer and ssh where the hub runs, or use an https URL" },
  E_REF_INVALID: { failure: "invalid", remedy: "name a branch, a tag, a range of versions or a full commit id" },
  E_REF_MISSING: { failure: "notFound", remedy: "push the branch or tag again, or correct revision" },
  E_SOURCE_EMPTY: { failure: "notFound", remedy: "push a commit" },
  E_SOURCE_UNREACHABLE: { failure: "unavailable", remedy: "check that the Git server runs and can be reached from the hub" },
  E_SOURCE_TIMEOUT: { failure: "unavailable", remedy: "check the Git server's load and the network between" },
  E_SOURCE_TLS: { failure: "unavailable", remedy: "renew the server's certificate, or give its CA to the Source" },
  E_SSH_HOST_KEY: {
    failure: "unauthenticated",
    remedy: "compare the server's key with what its operator publishes, and put that line into known_hosts of secretRef",
  },
  E_SOURCE_AUTH: { failure: "unauthenticated", remedy: "check the user, password, token or key in secretRef" },
  E_SOURCE_FORBIDDEN: { failure: "forbidden", remedy: "give the token the right to read this repository" },
  E_SOURCE_NOT_FOUND: { failure: "notFound", remedy: "check the URL; forges also answer so when the credentials are missing" },
  E_SOURCE_BUSY: { failure: "unavailable", remedy: "wait; poll less often if it stays" },
  E_REDIRECT_FORBIDDEN: { failure: "forbidden", remedy: "write the URL that the server redirects to, if you trust it" },
  E_GIT_PROTOCOL: { failure: "corrupt", remedy: "check that the URL is that of a Git repository" },
  E_GIT_CORRUPT: { failure: "corrupt", remedy: "it is fetched again; if it stays, run git fsck on the server" },
  E_COMMIT_MISSING: {
    failure: "notFound",
    remedy: "check the commit id; the server must be willing to send it, or follow a branch or tag",
  },
  E_MIRROR_BEHIND: {
    failure: "conflict",
    remedy: "nothing: the commit that is held stays until the Source itself answers or the mirror has it",
  },
  E_MIRROR_DIVERGED: { failure: "conflict", remedy: "check the mirror: what it says does not follow what the Source said" },
  E_LIMIT: { failure: "limit", remedy: "make the repository smaller, or raise the limit" },
  E_PATH_ESCAPE: { failure: "invalid", remedy: "write a path inside the repository, relative to its root" },
  E_PATH_MISSING: { failure: "notFound", remedy: "correct the path, or bring the folder back" },
  E_SYMLINK: { failure: "invalid", remedy: "let the link point to a file inside the repository" },
  E_SUBMODULE: {
    failure: "invalid",
    remedy: "set submodules: true for the Source and allow the server, or make the submodule a Source of its own",
  },
  E_LFS_POINTER: { failure: "invalid", remedy: "store the file in Git itself: git lfs migrate export --include=PATH" },
  E_NAME_UNSAFE: { failure: "invalid", remedy: "rename the file" },
  E_NAME_COLLISION: { failure: "invalid", remedy: "rename one of the two" },
  E_CANCELLED: { failure: "cancelled", remedy: "" },
} as const satisfies Record<string, Row>;

export type FaultCode = keyof typeof faults;

/** The error of a fault. `subject` is the Source's name, or the path in it; `message` says what was tried and why it failed. */
export function gitError(code: FaultCode, subject: string, message: string, cause?: unknown): OperationError {
  const { failure, remedy } = faults[code];
  return new OperationError(failure, subject, message, cause, { code, remedy });
}
