// The proxy that leads to a host, if any does: rules as programs of Go and curl read NO_PROXY.

import { Secret } from "@muster/proto/model/secret";

import { isIn, parseIp, parseRange } from "./ip.ts";

export type ProxyServer = {
  /** `http://host:port`, without user and password. */
  readonly url: string;
  readonly credentials?: { readonly username: string; readonly password: Secret } | undefined;
};

export type Proxies = {
  /** For URLs of http, and of https; null where there is none. */
  readonly http: ProxyServer | null;
  readonly https: ProxyServer | null;
  /** Reached without: `host` (and all below it), `.domain` (only what is below it), either with a port, an IP, a range of IPs, `*`. */
  readonly noProxy: readonly string[];
};

/** What of a URL counts here. */
export type Target = { readonly protocol: string; readonly hostname: string; readonly port: string };

/** The proxy for a URL; null for none. Other schemes than http and https have none. */
export function proxyFor({ http, https, noProxy }: Proxies, url: Target): ProxyServer | null {
  const proxy = url.protocol === "https:" ? https : url.protocol === "http:" ? http : null;
  if (proxy === null) return null;
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  return noProxy.some((rule) => isDirect(rule, host, port)) ? null : proxy;
}

function isDirect(rule: string, host: string, port: string): boolean {
  if (rule === "*") return true;
  const ip = parseIp(host);
  const range = parseRange(rule);
  if (range !== null) return ip !== null && isIn(range, ip);
  const [, name = "", only] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(rule.toLowerCase()) ?? [];
  if (only !== undefined && only !== port) return false;
  if (name.startsWith(".") || name.startsWith("*.")) return ip === null && host.endsWith(name.replace(/^\*/, ""));
  return name !== "" && (host === name || (ip === null && host.endsWith(`.${name}`)));
}

/** Reads `[http://][user:password@]host[:port]`, as it stands in HTTPS_PROXY. Null for what is no such thing, or of another scheme. */
export function parseProxy(text: string): ProxyServer | null {
  const [, user, host = "", port = "80"] = /^(?:http:\/\/)?(?:([^@/]*)@)?(\[[0-9a-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?\/?$/i.exec(text) ?? [];
  if (host === "" || Number(port) > 65_535) return null;
  const url = `http://${host}:${port}`;
  if (user === undefined) return { url };
  try {
    const [name = "", ...password] = user.split(":");
    return { url, credentials: { username: decodeURIComponent(name), password: new Secret(decodeURIComponent(password.join(":"))) } };
  } catch {
    return null; // a % that escapes nothing
  }
}
