// Webhooks of forges. One says "go and fetch", nothing else: what it says was pushed is not believed (S40).

import type { Secret } from "@muster/proto/model/secret";
import type { ApiPort } from "../api/api.ts";
import { isForge, verifyWebhook, webhookPace, webhookReplays, type Pace } from "../git/git.ts";
import type { HubLog } from "./log.ts";

export type WebhooksOptions = {
  /** Undefined: this forge is not in the hub's configuration. */
  readonly secret: (forge: string) => Promise<Secret | undefined>;
  /** Somebody pushed to the repository with these URLs; none: to one that the forge does not name. */
  readonly hint: (urls: readonly string[]) => void;
  readonly now: () => number;
  readonly log: HubLog;
};

/** A proof costs the hashing of one body, which is bounded, and is looked at always; what is written down of those without one is not. */
const strangersPace: Pace = { burst: 20, perSecond: 1 };

/** Answers a forge's call with a status. */
export function webhookHandler({ secret, hint, now, log }: WebhooksOptions): ApiPort["webhook"] {
  const replays = webhookReplays();
  const pace = webhookPace();
  const strangers = webhookPace(strangersPace);
  return async ({ forge, headers, body }) => {
    const key = isForge(forge) ? await secret(forge).catch(() => undefined) : undefined;
    if (!isForge(forge) || key === undefined) return 404;
    const call = verifyWebhook({ forge, headers, body, secret: key });
    if (call.kind === "refused") {
      // Whoever cannot sign has a pace of their own, for the log: they take nothing from those who can.
      if (!strangers.admits(forge, now())) return 429;
      log.warn({ code: call.code, where: forge }, "a webhook was refused");
      return call.status;
    }
    if (!pace.admits(forge, now())) return 429;
    if (call.kind === "push" && replays.isNew(call.delivery)) hint(call.urls);
    return 204;
  };
}
