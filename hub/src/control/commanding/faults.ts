// What can go wrong between a person and an agent, as a person is told it: code, what happened, what to do.

import { OperationError, type FailureCode } from "@muster/proto/model/failure";
import type { ClusterName } from "@muster/proto/model/identity";

const failure = (code: FailureCode, subject: string, fault: string, message: string, remedy: string, cause?: unknown): OperationError =>
  new OperationError(code, subject, message, cause, { code: fault, remedy });

/** `lastSeen` is milliseconds since 1970; 0 when it was never heard of, undefined when no agent has enrolled. */
export function agentOffline(cluster: ClusterName, lastSeen: number | undefined): OperationError {
  if (lastSeen === undefined)
    return failure(
      "notFound",
      cluster,
      "E_NOT_ENROLLED",
      `no agent has enrolled for cluster ${cluster}`,
      "muster token create, then start an agent with the token",
    );
  const seen = lastSeen === 0 ? "it was never seen" : `it was last seen at ${new Date(lastSeen).toISOString()}`;
  return failure(
    "unavailable",
    cluster,
    "E_AGENT_OFFLINE",
    `the agent of cluster ${cluster} is not connected: ${seen}`,
    "check that the agent runs and can reach the hub; muster apps shows what was reported last",
  );
}

export function agentTooOld(cluster: ClusterName, version: string): OperationError {
  return failure(
    "conflict",
    cluster,
    "E_AGENT_TOO_OLD",
    `the agent of cluster ${cluster} (version ${version}) does not know how to do this`,
    "upgrade the agent",
  );
}

export function agentSilent(cluster: ClusterName, waitedMs: number): OperationError {
  return failure(
    "unavailable",
    cluster,
    "E_TIMEOUT",
    `the agent of cluster ${cluster} did not answer within ${waitedMs / 1_000} s`,
    "try again; ask for less (--object); see the agent's log",
  );
}

export function busy(cluster: ClusterName): OperationError {
  return failure("unavailable", cluster, "E_BUSY", "too many looks at clusters are under way", "try again in a moment");
}

export function malformedAnswer(cluster: ClusterName, cause: unknown): OperationError {
  return failure(
    "corrupt",
    cluster,
    "E_ANSWER",
    `the agent of cluster ${cluster} gave an answer that cannot be read`,
    "check that hub and agent are of versions that go together",
    cause,
  );
}

/** Codes of agents, and what kind of failure each is. Any other is a failure of the agent. */
const byCode: { readonly [code: string]: FailureCode } = {
  E_NOT_HERE: "notFound",
  E_ANSWER_TOO_LARGE: "limit",
  E_LIMIT: "limit",
  E_BUSY: "unavailable",
  E_UNAVAILABLE: "unavailable",
  E_FORBIDDEN: "conflict",
  E_EXPIRED: "unavailable",
};

const remedies: { readonly [code: string]: string } = {
  E_NOT_HERE: "muster apps shows what is where",
  E_ANSWER_TOO_LARGE: "ask for one object (--object)",
  E_BUSY: "try again in a moment",
  E_EXPIRED: "compare the clocks of the hub and of the cluster",
  E_NOT_YET: "compare the clocks of the hub and of the cluster",
};

/** What an agent said no to. */
export function refusedByAgent(cluster: ClusterName, code: string, message: string): OperationError {
  const known = code === "" ? "E_AGENT" : code;
  const text = `the agent of cluster ${cluster} says: ${message === "" ? "it cannot" : message}`;
  return failure(byCode[known] ?? "conflict", cluster, known, text, remedies[known] ?? "see the agent's log");
}
