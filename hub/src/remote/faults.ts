// Everything that can be wrong with content from elsewhere, as a closed table: the public code, what kind of failure it is, the remedy.

import { OperationError, type FailureCode } from "@muster/proto/model/failure";

type Row = { readonly failure: FailureCode; readonly remedy: string };

const faults = {
  E_URL_FORBIDDEN: {
    failure: "invalid",
    remedy: "write an https or oci URL without user, password and fragment; credentials go to secretRef",
  },
  E_REMOTE_FORBIDDEN: { failure: "forbidden", remedy: "allow the address in the Source's remotes, or keep the content in the repository" },
  E_HOST_FORBIDDEN: {
    failure: "forbidden",
    remedy:
      "name a server of the network; the hub's own machine has to be in network.allow, link-local and metadata addresses are never asked",
  },
  E_CREDENTIALS_FORBIDDEN: { failure: "invalid", remedy: "use https, or set insecure: true for this address" },
  E_REDIRECT_FORBIDDEN: { failure: "forbidden", remedy: "write the URL that the server redirects to, if you trust it" },
  E_REMOTE_UNREACHABLE: { failure: "unavailable", remedy: "check that the server runs and can be reached from the hub" },
  E_REMOTE_TIMEOUT: { failure: "unavailable", remedy: "check the server's load and the network between" },
  E_REMOTE_TLS: { failure: "unavailable", remedy: "renew the server's certificate, or give its CA to the address" },
  E_REMOTE_AUTH: { failure: "unauthenticated", remedy: "check the user and the password or token in secretRef" },
  E_REMOTE_DENIED: { failure: "forbidden", remedy: "give the user or token the right to read this" },
  E_REMOTE_NOT_FOUND: {
    failure: "notFound",
    remedy: "check the URL and the name; servers also answer so when the credentials are missing",
  },
  E_REMOTE_BUSY: { failure: "unavailable", remedy: "wait; poll less often if it stays" },
  E_REMOTE_PROTOCOL: { failure: "corrupt", remedy: "check that the URL is that of a chart repository or an OCI registry" },
  E_INDEX: { failure: "corrupt", remedy: "make the repository's index again: helm repo index" },
  E_CHART_MISSING: { failure: "notFound", remedy: "check the chart's name" },
  E_VERSION_MISSING: { failure: "notFound", remedy: "publish such a version, or change the one that is asked for" },
  E_VERSION_INVALID: { failure: "invalid", remedy: "write a version (1.2.3) or a range (^1.2, >=1 <2, 1.x)" },
  E_NAME_INVALID: { failure: "invalid", remedy: "name the chart with letters, digits, dash, dot and underscore" },
  E_DIGEST_MISMATCH: {
    failure: "corrupt",
    remedy: "the content is not the pinned one and was thrown away: find out who changed it, and publish changes as a new version",
  },
  E_ARCHIVE: { failure: "corrupt", remedy: "pack it again without the named entry: helm package, flux push artifact, oras push" },
  E_LIMIT: { failure: "limit", remedy: "make it smaller, or raise the limit" },
  E_CANCELLED: { failure: "cancelled", remedy: "try again" },
} as const satisfies Record<string, Row>;

export type FaultCode = keyof typeof faults;

/** An OperationError with a code and remedy for people. `subject` is the name of the address. */
export function remoteError(code: FaultCode, subject: string, message: string, cause?: unknown): OperationError {
  const { failure, remedy } = faults[code];
  return new OperationError(failure, subject, message, cause, { code, remedy });
}
