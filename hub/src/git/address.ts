// Which URLs and revisions are acceptable at all, decided before anything is sent.

import type { Secret } from "@muster/proto/model/secret";
import { printable } from "@muster/proto/model/printable";

import { gitError } from "./faults.ts";

export type Credentials =
  { readonly kind: "basic"; readonly username: string; readonly password: Secret } | { readonly kind: "token"; readonly token: Secret };

/** Where a Source is. Credentials go to exactly this scheme, host, port and path, nowhere else. */
export type SourceAddress = {
  readonly name: string;
  readonly url: string;
  /** Branch, tag, full ref name or full commit id (a branch wins over a tag of the same name); null is the remote's HEAD. */
  readonly revision: string | null;
  readonly credentials?: Credentials | undefined;
  /** PEM of the CA that the server's certificate is checked against, in place of the system's. */
  readonly ca?: string | undefined;
  /** Allows credentials over plain http to other hosts than loopback. */
  readonly insecure?: boolean | undefined;
};

const urlBytesMax = 2048;
const refBytesMax = 255;

/** The parsed URL. Throws E_URL_FORBIDDEN or E_CREDENTIALS_FORBIDDEN; no message carries a credential. */
export function checkAddress(address: SourceAddress): URL {
  const url = checkUrl(address.name, address.url);
  if (address.credentials && url.protocol === "http:" && !isLoopback(url.hostname) && !address.insecure)
    throw gitError("E_CREDENTIALS_FORBIDDEN", address.name, `will not send credentials over plain http to ${url.host}`);
  checkRevision(address.name, address.revision);
  return url;
}

function checkUrl(name: string, text: string): URL {
  const refuse = (why: string) => gitError("E_URL_FORBIDDEN", name, `cannot use the URL ${maskUrl(text)}: ${why}`);
  if (text.length > urlBytesMax) throw refuse(`it is longer than ${urlBytesMax} bytes`);
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== "http" && scheme !== "https") throw refuse("only http and https are supported");
  const url = URL.parse(text);
  if (!url || !/^https?:\/\/[^/\\]/i.test(text)) throw refuse("it is malformed");
  if (url.username !== "" || url.password !== "" || /^https?:\/\/[^/]*@/i.test(text)) throw refuse("it contains credentials");
  if (url.search !== "" || url.hash !== "" || text.includes("?") || text.includes("#")) throw refuse("it has a query or a fragment");
  // eslint-disable-next-line no-control-regex
  if (/[^\x21-\x7e]/.test(text) || text.includes("\\"))
    throw refuse("it has characters outside printable ASCII (write an IDN host as xn--...)");
  if (url.hostname.startsWith("[") && !isLoopback(url.hostname)) throw refuse("the host is an IPv6 literal; name the host");
  return url;
}

/** Throws E_REF_INVALID unless Git would accept the revision as a ref's name. */
export function checkRevision(name: string, revision: string | null): void {
  if (revision === null) return;
  const why = whyNoRef(revision);
  if (why !== null) throw gitError("E_REF_INVALID", name, `cannot follow revision ${printable(revision, 80)}: ${why}`);
}

function whyNoRef(ref: string): string | null {
  if (ref === "") return "it is empty";
  if (ref.length > refBytesMax) return `it is longer than ${refBytesMax} bytes`;
  if (ref.startsWith("-")) return "it begins with a dash";
  if (ref === "@" || ref.includes("@{")) return "it has @{";
  if (ref.includes("..")) return "it has two dots";
  // eslint-disable-next-line no-control-regex
  if (/[\x00-\x20\x7f~^:?*[\\]/.test(ref)) return "it has a character that no ref may have";
  if (/\p{Cf}/u.test(ref)) return "it has an invisible character";
  if (/^\/|\/$|\/\/|(^|\/)\.|\.$|\.lock(\/|$)/.test(ref)) return "a part of it is empty, begins or ends with a dot, or ends in .lock";
  return null;
}

/** True for a full SHA-1. */
export function isCommitId(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

/** A URL as it may be shown: without user, password, query and fragment. */
export function maskUrl(text: string): string {
  const shown = text.replace(/[?#].*$/s, "").replace(/^([a-z][a-z0-9+.-]*:\/\/)?[^/]*@/i, "$1***@");
  return printable(shown);
}
