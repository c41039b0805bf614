// Who may be asked, with what: decided from the text of a URL before anything is sent.

import { printable } from "@muster/proto/model/printable";
import type { Secret } from "@muster/proto/model/secret";

import type { Network } from "../network/network.ts";
import { remoteError } from "./faults.ts";

export type Credentials =
  { readonly kind: "basic"; readonly username: string; readonly password: Secret } | { readonly kind: "token"; readonly token: Secret };

/** What is allowed to be asked: everything at this URL or below it. Credentials go nowhere else. */
export type RemoteAddress = {
  /** For messages. */
  readonly name: string;
  /** `https://charts.example/stable` or `oci://registry.example/team`. */
  readonly url: string;
  readonly credentials?: Credentials | undefined;
  /** PEM of the CA that the server's certificate is checked against, in place of the system's. */
  readonly ca?: string | undefined;
  /** PEM of both; shown to this host only. */
  readonly clientCertificate?: { readonly cert: string; readonly key: Secret } | undefined;
  /** Allows plain http to other hosts than loopback. */
  readonly insecure?: boolean | undefined;
  /** Through which proxy, where names are looked up then; and what of this machine may be asked. */
  readonly network: Network;
  /** Hosts, beside the registry's own and its siblings, that may be given the credentials in exchange for a token. */
  readonly tokenHosts?: readonly string[] | undefined;
};

const urlCharsMax = 2048;

/** The address's own URL as one that can be asked. Throws E_URL_FORBIDDEN or E_CREDENTIALS_FORBIDDEN; no message carries a credential. */
export function baseOf(address: RemoteAddress): URL {
  return askable(address, address.url);
}

/**
 * A URL below the address, as one that can be asked; `oci:` becomes `https:`, or `http:` where that is allowed and no CA is given.
 * Throws E_URL_FORBIDDEN, E_REMOTE_FORBIDDEN where it is not below the address, E_CREDENTIALS_FORBIDDEN.
 */
export function allowedUrl(address: RemoteAddress, text: string): URL {
  const base = baseOf(address);
  const url = askable(address, text);
  if (!isBelow(base, url))
    throw remoteError(
      "E_REMOTE_FORBIDDEN",
      address.name,
      `${maskUrl(text)} is not below ${maskUrl(address.url)}, which is what is allowed`,
    );
  return url;
}

/** Of several addresses the one that allows a URL most closely; undefined when none does. */
export function addressFor(addresses: readonly RemoteAddress[], text: string): RemoteAddress | undefined {
  const allowing = addresses.filter((address) => {
    const [base, url] = [URL.parse(httpForm(address, address.url)), URL.parse(httpForm(address, text))];
    return base !== null && url !== null && isOci(address.url) === isOci(text) && isBelow(base, url);
  });
  return allowing.toSorted((left, right) => right.url.length - left.url.length)[0];
}

/** True for the same scheme, host and port, and the path itself or one below it. */
export function isBelow(base: URL, url: URL): boolean {
  const path = base.pathname.replace(/\/+$/, "");
  // An encoded slash or dot is a part of a name to us, and may be more to a server.
  if (/%2f|%2e|%5c/i.test(url.pathname)) return false;
  return url.origin === base.origin && (url.pathname === path || url.pathname.startsWith(`${path}/`));
}

export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

/** A URL as it may be shown: without user, password, query and fragment. */
export function maskUrl(text: string): string {
  return printable(text.replace(/[?#].*$/s, "").replace(/^([a-z][a-z0-9+.-]*:\/\/)?[^/]*@/i, "$1***@"));
}

/** Throws unless the protocol of a URL is one that this address may speak to it. */
export function checkProtocol(address: RemoteAddress, url: URL): void {
  if (url.protocol === "https:") return;
  if (url.protocol === "http:" && (address.insecure === true || isLoopback(url.hostname))) return;
  if (url.protocol !== "http:")
    throw remoteError("E_URL_FORBIDDEN", address.name, `cannot use ${maskUrl(url.href)}: it is not http or https`);
  const what = address.credentials === undefined ? "E_REMOTE_FORBIDDEN" : "E_CREDENTIALS_FORBIDDEN";
  throw remoteError(what, address.name, `will not speak plain http to ${url.host}`);
}

function askable(address: RemoteAddress, text: string): URL {
  const refuse = (why: string) => remoteError("E_URL_FORBIDDEN", address.name, `cannot use the URL ${maskUrl(text)}: ${why}`);
  if (text.length > urlCharsMax) throw refuse(`it is longer than ${urlCharsMax} characters`);
  if (!/^(?:https?|oci):\/\/[^/\\]/i.test(text)) throw refuse("it does not begin with https:// or oci://");
  if (/^[a-z]+:\/\/[^/?#]*@/i.test(text)) throw refuse("it contains credentials");
  if (text.includes("#")) throw refuse("it has a fragment");
  if (/[^\x21-\x7e]/.test(text) || text.includes("\\"))
    throw refuse("it has characters outside printable ASCII (write an IDN host as xn--...)");
  const url = URL.parse(httpForm(address, text));
  if (url === null) throw refuse("it is malformed");
  checkProtocol(address, url);
  return url;
}

const isOci = (text: string): boolean => /^oci:/i.test(text);

function httpForm(address: RemoteAddress, text: string): string {
  if (!isOci(text)) return text;
  const host = URL.parse(text.replace(/^oci/i, "http"))?.hostname ?? "";
  const plain = address.ca === undefined && (address.insecure === true || isLoopback(host));
  return text.replace(/^oci/i, plain ? "http" : "https");
}
