// How a cluster gets its identity: a token and the UID of kube-system for a certificate. Decides; the caller makes it durable before
// the answer leaves.

import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { ClusterName } from "@muster/proto/model/identity";
import { readJoinToken, sameHash } from "./token.ts";

export * from "./token.ts";

/** A join token as it is kept. Times are milliseconds since 1970. */
export type JoinToken = {
  readonly id: string;
  readonly hash: Digest;
  readonly tenant: string;
  /** The cluster's name, or null: the agent proposes one. */
  readonly cluster: ClusterName | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly usesLeft: number;
  readonly expiresAt: number;
  /** May take over the name of a cluster that is enrolled already: its old identity is revoked. */
  readonly replace: boolean;
};

export type EnrollRequest = {
  readonly token: string;
  readonly csr: Uint8Array;
  readonly clusterUid: string;
  readonly proposedName: string;
};

/** A cluster as far as enrolment is concerned. */
export type KnownCluster = { readonly name: ClusterName; readonly uid: string };

export type Enrollment = {
  readonly cluster: ClusterName;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly tokenId: string;
  /** True when another UID held the name before: its certificates are to be revoked. */
  readonly replaces: boolean;
};

const uidForm = /^[0-9a-zA-Z][0-9a-zA-Z-]{0,63}$/;
/** What a cluster may be called. */
export const clusterNameForm = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * Decides what a token and a UID entitle to. Throws OperationError: "unauthenticated" for a token that is wrong, used up or expired
 * (one message for all, B44), "invalid" for names, "conflict" for a name that another cluster holds.
 */
export function decideEnrollment(
  request: EnrollRequest,
  tokenOf: (id: string) => JoinToken | undefined,
  clusterOf: (name: string) => KnownCluster | undefined,
  now: number,
): Enrollment {
  const token = acceptToken(request.token, tokenOf, now);
  if (!uidForm.test(request.clusterUid))
    throw new OperationError("invalid", "cluster uid", "the UID of kube-system is missing or malformed");
  const name = token.cluster ?? request.proposedName;
  if (!clusterNameForm.test(name)) {
    throw new OperationError(
      "invalid",
      name,
      "E_NAME_INVALID: a cluster's name is a DNS label (a-z, 0-9, -, at most 63); name it with --cluster-name or in the token",
    );
  }
  const known = clusterOf(name);
  const taken = known !== undefined && known.uid !== request.clusterUid;
  if (taken && !token.replace) {
    throw new OperationError(
      "conflict",
      name,
      `cluster ${name} is enrolled with another kube-system UID; a rebuilt cluster comes back with: muster token create --replace ${name}`,
    );
  }
  // Anybody on a cluster may read the UID of kube-system: it is a name, not a proof. Only a token for this very cluster lets it in again.
  if (known !== undefined && token.cluster !== name && !token.replace) {
    throw new OperationError(
      "conflict",
      name,
      `cluster ${name} is enrolled already; to enrol it again make a token for it: muster token create --cluster ${name}`,
    );
  }
  return { cluster: name as ClusterName, uid: request.clusterUid, labels: token.labels, tokenId: token.id, replaces: taken };
}

/** The row of a token whose secret was given, used up and expired ones too; undefined for any other text. */
export function heldToken<Row extends { readonly hash: Digest }>(text: string, tokenOf: (id: string) => Row | undefined): Row | undefined {
  const parts = readJoinToken(text);
  const token = parts === undefined ? undefined : tokenOf(parts.id);
  return parts !== undefined && token !== undefined && sameHash(token.hash, parts.hash) ? token : undefined;
}

function acceptToken(text: string, tokenOf: (id: string) => JoinToken | undefined, now: number): JoinToken {
  const token = heldToken(text, tokenOf);
  if (token === undefined || token.usesLeft <= 0 || token.expiresAt <= now) {
    throw new OperationError(
      "unauthenticated",
      "join token",
      "the join token is wrong, used up or expired; make a new one: muster token create",
    );
  }
  return token;
}

/** The identity in an agent's certificate. */
export function agentUri(fleet: string, cluster: string, uid: string): string {
  return `spiffe://${fleet}/cluster/${cluster}/${uid}`;
}

export type AgentIdentity = { readonly cluster: ClusterName; readonly uid: string; readonly serial: string };

/** Reads the identity from the subject alternative names of a verified certificate; undefined when it is none of this fleet. */
export function readAgentIdentity(fleet: string, alternativeNames: string, serial: string): AgentIdentity | undefined {
  const [, host, cluster, uid] = /^URI:spiffe:\/\/([^/]+)\/cluster\/([^/]+)\/([^/,]+)$/.exec(alternativeNames) ?? [];
  if (host !== fleet || cluster === undefined || uid === undefined) return undefined;
  return { cluster: cluster as ClusterName, uid, serial: serial.toLowerCase() };
}
