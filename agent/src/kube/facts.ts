// What the cluster says of itself: its version, its APIs, and the uid that tells it from its clones.

import { OperationError } from "@muster/proto/model/failure";
import { metadataOf, objectIn, read, type Caller } from "./caller.ts";
import { readFailure, readStatus } from "./kube-answer.ts";
import { get } from "./read.ts";

export type KubeFacts = {
  readonly kubernetesVersion: string;
  /** Sorted: `apps/v1`, `apps/v1/Deployment`. What the newest answer has, and what it could not describe as it was known before. */
  readonly apiVersions: readonly string[];
  /** Of the discovery that says so, as Discovery has them. */
  readonly complete: boolean;
  readonly at: number;
};

/** Throws an OperationError when the server does not say. */
export async function version(caller: Caller): Promise<{ readonly gitVersion: string }> {
  const about = { subject: "/version", group: "", kind: "" };
  const answer = await read(caller, about.subject, "/version", "application/json");
  if (answer.status !== 200) throw readFailure(readStatus(answer.status, answer.body), about);
  const gitVersion = objectIn(answer, about.subject)["gitVersion"];
  if (typeof gitVersion !== "string") throw new OperationError("unavailable", about.subject, "/version does not name a version");
  return { gitVersion };
}

export async function facts(caller: Caller): Promise<KubeFacts> {
  const { complete, at } = await caller.kinds.discover(false);
  const { gitVersion } = await version(caller);
  return { kubernetesVersion: gitVersion, apiVersions: caller.kinds.apiVersions(), complete, at };
}

/** The uid of the namespace kube-system. Throws an OperationError when it cannot be read. */
export async function kubeSystemUid(caller: Caller): Promise<string> {
  const found = await get(caller, { group: "", kind: "Namespace", namespace: "", name: "kube-system" }, { metadataOnly: true });
  const uid = found.kind === "found" ? metadataOf(found.object)["uid"] : undefined;
  if (typeof uid !== "string")
    throw new OperationError("unavailable", "namespace kube-system", "the namespace kube-system is not there (yet)");
  return uid;
}
