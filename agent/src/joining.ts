// How an agent becomes a member of a fleet: it asks until the hub answers, always with the same request, so that a hub whose answer was
// lost knows it again.

import { OperationError } from "@muster/proto/model/failure";
import { pause } from "@muster/proto/waiting/waiting";
import type { AgentLog } from "./control/log.ts";
import { enrollingRequest, saveIdentity, toPem, type Identity } from "./identity/identity.ts";
import type { EnrollOptions, Enrolled } from "./link/link.ts";
import { walkTrust } from "./verify/verify.ts";

export type JoinOptions = Omit<EnrollOptions, "csr"> & {
  /** The identity's folder. */
  readonly dir: string;
  readonly log: AgentLog;
  readonly enroll: (options: EnrollOptions) => Promise<Enrolled>;
};

/** The identity that the hub gave, on disk; undefined when the signal came first. Throws OperationError when the hub says no. */
export async function joinFleet({ dir, log, enroll, ...call }: JoinOptions, signal: AbortSignal): Promise<Identity | undefined> {
  const { key, csr } = await enrollingRequest(dir);
  for (let waitMs = 250; !signal.aborted; waitMs = Math.min(waitMs * 2, 30_000)) {
    try {
      const { certificates, cluster, fleet, authority, keyManifests } = await enroll({ ...call, csr });
      walkTrust(null, keyManifests);
      const identity: Identity = {
        cluster,
        fleet,
        clusterUid: call.clusterUid,
        key,
        certificate: toPem(certificates),
        authority,
        keyManifests,
      };
      await saveIdentity(dir, identity);
      log.info({ cluster }, "enrolled");
      return identity;
    } catch (error) {
      if (!(error instanceof OperationError) || error.code !== "unavailable") throw error;
      log.warn({ reason: error.message }, "waiting for the hub to enrol");
      await pause(waitMs, signal);
    }
  }
  return undefined;
}
