// What a person has to know of an expired certificate: to the agent, the hub only looks unreachable.

import type { AgentLog } from "./control/log.ts";

export const expiryNoticeMs = 3_600_000;

/** Says at most once an hour that the certificate ended at `expiresAt`, if it did. Times in milliseconds since 1970. */
export function expiryNotice(identityDir: string, log: Pick<AgentLog, "error">): (expiresAt: number, now: number) => void {
  let saidAt = -Infinity;
  return (expiresAt, now) => {
    if (now <= expiresAt || now - saidAt < expiryNoticeMs) return;
    saidAt = now;
    const reason =
      `it expired on ${new Date(expiresAt).toISOString()}, and the hub takes no session with it: move ${identityDir} away ` +
      "and start the agent with a new join token; until then healing goes on from what is on disk";
    log.error({ code: "unauthenticated", reason }, "the certificate expired");
  };
}
