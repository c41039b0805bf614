// A forge's call that something was pushed. It is a hint to fetch, nothing more: the commit ids in it are never read, and whoever cannot
// sign gets no further than a status. What each forge sends is a row in forges.ts.

import { createHash } from "node:crypto";

import { isJsonObject } from "@muster/proto/model/json";
import type { Secret } from "@muster/proto/model/secret";

import { forges, type Forge, type Headers } from "./forges.ts";

export type Webhook =
  | {
      readonly kind: "push";
      /** URLs that the forge gives its repository, http(s) and ssh; none when it says none. */
      readonly urls: readonly string[];
      /** Full names of the refs that moved. */
      readonly refs: readonly string[];
      /** Names the call by what is signed of it: SHA-256 of its body. An id in a header could be changed by whoever sends it again. */
      readonly delivery: string;
    }
  /** The forge tries whether somebody answers. */
  | { readonly kind: "ping" }
  /** Signed, but no push to a branch or tag: answer 2xx and do nothing. */
  | { readonly kind: "ignored"; readonly event: string }
  | { readonly kind: "refused"; readonly status: 400 | 401 | 413; readonly code: WebhookRefusal };

export type WebhookRefusal = "E_TOO_LARGE" | "E_SIGNATURE" | "E_MALFORMED";

export type WebhookCall = {
  readonly forge?: Forge;
  /** Names in lower case. */
  readonly headers: Headers;
  readonly body: Uint8Array;
  readonly secret: Secret;
};

/** More than any push needs; a caller that streams stops reading there. */
export const webhookBytesMax = 5 << 20;

const urlsMax = 8;
const refsMax = 1_000;

/** Judges a call. Size first, signature before parsing; never throws. */
export function verifyWebhook({ forge = "gitea", headers, body, secret }: WebhookCall): Webhook {
  const { proves, event, read } = forges[forge];
  if (body.length > webhookBytesMax) return refused(413, "E_TOO_LARGE");
  const key = secret.reveal();
  // An empty secret signs nothing: a hub without a secret takes no webhooks.
  if (key === "" || !proves(headers, body, key)) return refused(401, "E_SIGNATURE");
  const value = parsed(body);
  const what = event(headers, value);
  if (what.kind === "ping") return what;
  if (what.kind === "other") return { kind: "ignored", event: what.name.slice(0, 40) };
  const push = isJsonObject(value) ? read(value) : null;
  if (push === null || push.refs.length === 0 || !push.refs.every((ref) => isShort(ref, 300))) return refused(400, "E_MALFORMED");
  if (!push.urls.every((url) => isShort(url, 2_048))) return refused(400, "E_MALFORMED");
  const delivery = createHash("sha256").update(body).digest("hex");
  return { kind: "push", urls: push.urls.slice(0, urlsMax), refs: push.refs.slice(0, refsMax), delivery };
}

const refused = (status: 400 | 401 | 413, code: WebhookRefusal): Webhook => ({ kind: "refused", status, code });
const isShort = (text: string, max: number): boolean => text !== "" && text.length <= max;

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

/** Whether one of a forge's URLs is that of a Source: its ways in, http(s) and ssh, and its spellings, `.git` or not, are one repository. */
export function isSameRepository(urls: readonly string[], source: string): boolean {
  const wanted = canonical(source);
  return wanted !== null && urls.some((url) => canonical(url) === wanted);
}

function canonical(text: string): string | null {
  const scp = /^[^@/:]+@([^:/]+):(.*)$/.exec(text);
  const url = URL.parse(scp === null ? text : `ssh://${scp[1]}/${scp[2]}`);
  if (url === null || url.hostname === "") return null;
  const path = url.pathname
    .toLowerCase()
    .replace(/\/+$/, "")
    .replace(/\.git$/, "");
  return `${url.hostname.toLowerCase()}${path}`;
}
