// A TLS socket to the API server that speaks HTTP/2: directly, or through the proxy of the kubeconfig or the environment.

import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { messageOf, OperationError } from "@muster/proto/model/failure";
import type { Credential } from "./credentials.ts";

/** Opens it. Throws an OperationError("unavailable") that names the address and what went wrong. */
export async function openSocket(credential: Credential, timeoutMs: number): Promise<TLSSocket> {
  const { server } = credential;
  const proxy = proxyFor(server, credential.proxyUrl, process.env);
  const attempt = new AbortController();
  const timer = setTimeout(() => attempt.abort(new Error(`no connection within ${timeoutMs / 1000} s`)), timeoutMs);
  try {
    const tunnel = proxy === undefined ? undefined : await throughProxy(proxy, server, attempt.signal);
    return await secure(credential, tunnel, attempt.signal);
  } catch (cause) {
    const via = proxy === undefined ? "" : ` through proxy ${proxy.host}`;
    throw new OperationError("unavailable", server.host, `cannot reach the API server ${server.host}${via}: ${messageOf(cause)}`, cause);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The proxy for an API server, from its kubeconfig or from HTTPS_PROXY and NO_PROXY (names, `.suffix`, `*`). Throws a TypeError for a
 * proxy that is not http://.
 */
export function proxyFor(server: URL, configured: string | undefined, env: NodeJS.ProcessEnv): URL | undefined {
  const host = server.hostname.replace(/^\[|\]$/g, "");
  const fromEnv = env["HTTPS_PROXY"] || env["https_proxy"];
  const address = configured ?? (isExempt(host, env["NO_PROXY"] ?? env["no_proxy"] ?? "") ? undefined : fromEnv);
  if (!address) return undefined;
  const proxy = new URL(address);
  if (proxy.protocol !== "http:") throw new TypeError(`only http:// proxies are supported, not ${proxy.protocol}//`);
  return proxy;
}

function isExempt(host: string, noProxy: string): boolean {
  return noProxy
    .split(",")
    .map((entry) => entry.trim().replace(/^\*?\./, ""))
    .some((entry) => entry === "*" || (entry !== "" && (host === entry || host.endsWith(`.${entry}`))));
}

function throughProxy(proxy: URL, server: URL, signal: AbortSignal): Promise<Socket> {
  const target = `${server.hostname}:${server.port || 443}`;
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const authorization = proxy.username ? `Proxy-Authorization: Basic ${Buffer.from(credentials).toString("base64")}\r\n` : "";
  return new Promise((resolve, reject) => {
    const socket = connectTcp(Number(proxy.port || 80), proxy.hostname);
    let head = "";
    const fail = (reason: unknown): void => {
      socket.destroy();
      reject(reason instanceof Error ? reason : new Error(String(reason)));
    };
    signal.addEventListener("abort", () => fail(signal.reason), { once: true });
    socket.on("error", fail);
    socket.on("connect", () => socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${authorization}\r\n`));
    // The server speaks only after our TLS hello, so the answer's head ends what there is to read.
    socket.on("data", (chunk) => {
      head += chunk.toString("latin1");
      if (!head.includes("\r\n\r\n")) return head.length > 16_384 ? fail("its answer does not end") : undefined;
      if (!/^HTTP\/1\.[01] 200 /.test(head)) return fail(head.slice(0, head.indexOf("\r\n")));
      socket.removeAllListeners();
      return resolve(socket);
    });
  });
}

function secure(credential: Credential, tunnel: Socket | undefined, signal: AbortSignal): Promise<TLSSocket> {
  const { server, tls } = credential;
  const hostname = server.hostname.replace(/^\[|\]$/g, "");
  const options: ConnectionOptions = {
    host: hostname,
    port: Number(server.port || 443),
    ALPNProtocols: ["h2"],
    ...(tunnel === undefined ? {} : { socket: tunnel }),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(tls.rejectUnauthorized === undefined ? {} : { rejectUnauthorized: tls.rejectUnauthorized }),
    ...serverName(tls.servername, hostname),
  };
  return new Promise((resolve, reject) => {
    const socket = connectTls(options);
    const fail = (reason: unknown): void => {
      socket.destroy();
      reject(reason instanceof Error ? reason : new Error(String(reason)));
    };
    const abort = (): void => fail(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    socket.once("error", fail);
    socket.once("secureConnect", () => {
      if (socket.alpnProtocol !== "h2") return fail("it does not offer HTTP/2 (something in between may end TLS)");
      signal.removeEventListener("abort", abort);
      socket.off("error", fail);
      socket.setNoDelay(true);
      return resolve(socket);
    });
  });
}

function serverName(given: string | undefined, hostname: string): { readonly servername?: string } {
  if (given !== undefined) return { servername: given };
  return /^[\d.]+$|:/.test(hostname) ? {} : { servername: hostname };
}
