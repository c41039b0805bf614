// A forge's call that something was pushed, in Gitea's form. It is a hint to fetch, nothing more: the commit id in it is never read, and
// whoever cannot sign gets no further than a status.

import { createHmac, timingSafeEqual } from "node:crypto";

import { isJsonObject } from "@muster/proto/model/json";
import type { Secret } from "@muster/proto/model/secret";

export type Webhook =
  | { readonly kind: "push"; readonly ref: string; readonly repository: string; readonly delivery: string }
  /** Signed, but no push to a branch or tag: answer 2xx and do nothing. */
  | { readonly kind: "ignored"; readonly event: string }
  | { readonly kind: "refused"; readonly status: 400 | 401 | 413; readonly code: WebhookRefusal };

export type WebhookRefusal = "E_TOO_LARGE" | "E_SIGNATURE" | "E_MALFORMED";

export type WebhookCall = {
  /** Names in lower case. */
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined };
  readonly body: Uint8Array;
  readonly secret: Secret;
};

/** More than any push needs; a caller that streams stops reading there. */
export const webhookBytesMax = 5 << 20;

/** Judges a call. Size first, signature before parsing; never throws. */
export function verifyWebhook({ headers, body, secret }: WebhookCall): Webhook {
  if (body.length > webhookBytesMax) return refused(413, "E_TOO_LARGE");
  if (!isSigned(one(headers["x-gitea-signature"]), body, secret)) return refused(401, "E_SIGNATURE");
  const event = one(headers["x-gitea-event"]) ?? "";
  if (event !== "push") return { kind: "ignored", event: event.slice(0, 40) };
  const value = parsed(body);
  if (!isJsonObject(value) || !isJsonObject(value["repository"])) return refused(400, "E_MALFORMED");
  const ref = value["ref"];
  const repository = value["repository"]["clone_url"];
  const delivery = one(headers["x-gitea-delivery"]);
  if (!isShort(ref, 300) || !isShort(repository, 2_048) || !isShort(delivery, 100)) return refused(400, "E_MALFORMED");
  return { kind: "push", ref, repository, delivery };
}

const refused = (status: 400 | 401 | 413, code: WebhookRefusal): Webhook => ({ kind: "refused", status, code });
const one = (value: string | readonly string[] | undefined): string | undefined => (typeof value === "string" ? value : undefined);
const isShort = (value: unknown, max: number): value is string => typeof value === "string" && value !== "" && value.length <= max;

/** An empty secret signs nothing: a hub without a secret takes no webhooks. */
function isSigned(signature: string | undefined, body: Uint8Array, secret: Secret): boolean {
  const key = secret.reveal();
  if (key === "" || signature === undefined || !/^[0-9a-f]{64}$/.test(signature)) return false;
  return timingSafeEqual(createHmac("sha256", key).update(body).digest(), Buffer.from(signature, "hex"));
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

/** Remembers the last `max` deliveries, so that a recorded call that is sent again does nothing. */
export function webhookReplays(max = 10_000): { isNew(delivery: string): boolean } {
  const seen = new Set<string>();
  return {
    isNew(delivery) {
      if (seen.has(delivery)) return false;
      const oldest = seen.size >= max ? seen.values().next() : undefined;
      if (oldest && !oldest.done) seen.delete(oldest.value);
      seen.add(delivery);
      return true;
    },
  };
}
