// The way through an HTTP proxy: https in a tunnel (CONNECT), so that the proxy sees a host name and nothing else; http as it is.

import http from "node:http";
import { isIP, type Socket } from "node:net";
import tls from "node:tls";

import { printable } from "@muster/proto/model/printable";

import { proxyFor, type Network, type ProxyServer } from "../network/network.ts";
import { gitError } from "./faults.ts";
import type { GitLimits } from "./limits.ts";

export type ProxyRequest = {
  readonly name: string;
  readonly network: Network;
  readonly url: URL;
  readonly tls: tls.ConnectionOptions;
  readonly limits: GitLimits;
  readonly signal: AbortSignal;
};

/** What a request needs to go through the proxy. `plain`: the request itself goes to the proxy, over http. */
type Way = {
  readonly plain: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly options: http.RequestOptions;
};

/** The way to a URL; undefined when no proxy is on it. Throws E_SOURCE_UNREACHABLE when the proxy refuses. */
export async function throughProxy(request: ProxyRequest): Promise<Way | undefined> {
  const proxy = proxyFor(request.network, request.url);
  if (proxy === null) return undefined;
  const { url } = request;
  const authorization = authorizationOf(proxy);
  const { hostname, port } = new URL(proxy.url);
  const address = { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 80 : Number(port) };
  if (url.protocol === "http:")
    return { plain: true, headers: { ...authorization, host: url.host }, options: { ...address, path: url.href, agent: false } };
  const socket = await tunnel(request, address, authorization);
  const secured = {
    ...request.tls,
    socket,
    servername: isIP(url.hostname) === 0 ? url.hostname : "",
    host: url.hostname,
    ALPNProtocols: ["http/1.1"],
  };
  return { plain: false, headers: {}, options: { createConnection: () => tls.connect(secured) } };
}

function authorizationOf({ credentials }: ProxyServer): Record<string, string> {
  if (credentials === undefined) return {};
  const pair = `${credentials.username}:${credentials.password.reveal()}`;
  return { "proxy-authorization": `Basic ${Buffer.from(pair).toString("base64")}` };
}

function tunnel(
  { name, url, limits, signal }: ProxyRequest,
  address: { readonly host: string; readonly port: number },
  headers: Record<string, string>,
): Promise<Socket> {
  const target = `${url.hostname}:${url.port === "" ? 443 : url.port}`;
  const refused = (why: string) =>
    gitError("E_SOURCE_UNREACHABLE", name, `the proxy ${address.host}:${address.port} does not lead to ${printable(target)}: ${why}`);
  return new Promise((resolve, reject) => {
    const request = http.request({
      ...address,
      method: "CONNECT",
      path: target,
      headers: { ...headers, host: target },
      signal,
      agent: false,
    });
    request.setTimeout(limits.idleMs, () => request.destroy(refused("it says nothing")));
    request.on("error", reject);
    request.on("response", (response) => {
      response.destroy();
      reject(refused(`it answers ${response.statusCode}`));
    });
    request.on("connect", (response, socket, head) => {
      if (response.statusCode === 200 && head.length === 0) return resolve(socket.setTimeout(0));
      socket.destroy();
      reject(refused(`it answers ${response.statusCode}`));
    });
    request.end();
  });
}
