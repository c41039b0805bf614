// What a registry asks for when it answers 401, and whether the credentials may go where it sends them.

import { isIP } from "node:net";

import { isLoopback, type Credentials, type RemoteAddress } from "./address.ts";

export type Challenge =
  | { readonly kind: "basic" }
  | { readonly kind: "bearer"; readonly realm: string; readonly service: string | null; readonly scope: string | null };

/** Reads WWW-Authenticate; a bearer challenge is preferred. Null when it holds neither. */
export function readChallenge(header: string | undefined): Challenge | null {
  const text = (header ?? "").slice(0, 8_192);
  const bearer = /(?:^|,)\s*bearer\s+(.*)$/is.exec(text)?.[1];
  if (bearer !== undefined) {
    const values = new Map<string, string>();
    for (const [, key = "", quoted, plain] of bearer.matchAll(/([a-z_]+)=(?:"([^"]*)"|([^\s",]+))/gi))
      if (!values.has(key.toLowerCase())) values.set(key.toLowerCase(), quoted ?? plain ?? "");
    const realm = values.get("realm");
    if (realm !== undefined) return { kind: "bearer", realm, service: values.get("service") ?? null, scope: values.get("scope") ?? null };
  }
  return /(?:^|,)\s*basic\b/i.test(text) ? { kind: "basic" } : null;
}

/** The header of user and password. Servers take a token as the password of any user. */
export function basicOf(credentials: Credentials): string {
  const pair =
    credentials.kind === "basic"
      ? `${credentials.username}:${credentials.password.reveal()}`
      : `x-access-token:${credentials.token.reveal()}`;
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

/**
 * Whether the server that gives tokens may be told the credentials: it is the registry's own host, a sibling or parent of it
 * (images-1.hub.example and auth.hub.example), or named in `tokenHosts`; over https, or where both are this machine.
 */
export function mayLearn(address: RemoteAddress, registry: URL, realm: URL): boolean {
  if (realm.protocol !== "https:" && !(isLoopback(realm.hostname) && isLoopback(registry.hostname)) && realm.origin !== registry.origin)
    return false;
  return (
    realm.hostname === registry.hostname || (address.tokenHosts ?? []).includes(realm.host) || isSameSite(registry.hostname, realm.hostname)
  );
}

function isSameSite(left: string, right: string): boolean {
  if (isIP(left.replace(/^\[|\]$/g, "")) !== 0 || isIP(right.replace(/^\[|\]$/g, "")) !== 0) return false;
  const [mine, theirs] = [siteOf(left), siteOf(right)];
  return mine !== null && mine === theirs;
}

/** The last two labels of a host; three where the second is one of the short names under which countries sell (`co.uk`). */
function siteOf(host: string): string | null {
  const labels = host.toLowerCase().replace(/\.$/, "").split(".");
  const [country = "", second = ""] = labels.toReversed();
  const size = country.length === 2 && second.length <= 3 ? 3 : 2;
  return labels.length < size ? null : labels.slice(-size).join(".");
}
