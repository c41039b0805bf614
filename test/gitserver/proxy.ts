// An HTTP proxy on the loopback: tunnels (CONNECT) and plain requests, with a user and a password, and a record of where they went.

import { once } from "node:events";
import { createServer, request as send, type IncomingMessage } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";

export interface Proxy extends AsyncDisposable {
  /** `http://USER:PASSWORD@127.0.0.1:PORT`. */
  readonly url: string;
  /** Where to, as it was asked: `localhost:8443` or a URL. */
  readonly seen: readonly string[];
  /** Asked without the password. */
  readonly refused: readonly string[];
}

/** Starts a proxy that leads to the loopback only. */
export async function startProxy(user: string, password: string): Promise<Proxy> {
  const wanted = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  const [seen, refused]: [string[], string[]] = [[], []];
  const sockets = new Set<Socket>();
  const admits = (request: IncomingMessage): boolean => {
    const right = request.headers["proxy-authorization"] === wanted;
    (right ? seen : refused).push(request.url ?? "");
    return right;
  };
  const server = createServer((request, response) => {
    if (!admits(request)) return void response.writeHead(407, { "proxy-authenticate": "Basic" }).end();
    const url = new URL(request.url ?? "");
    if (url.hostname !== "127.0.0.1") return void response.writeHead(403).end();
    const { "proxy-authorization": _own, ...headers } = request.headers;
    const onward = send(url, { method: request.method ?? "GET", headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  server.on("connect", (request: IncomingMessage, client: Socket) => {
    client.on("error", () => undefined); // it left
    const [host = "", port = ""] = (request.url ?? "").split(":");
    if (!admits(request))
      return void client.end("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n");
    if (host !== "localhost" && host !== "127.0.0.1") return void client.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    const onward = connect(Number(port), "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      onward.pipe(client).pipe(onward);
    });
    onward.on("error", () => client.destroy());
    for (const socket of [client, onward]) sockets.add(socket.on("close", () => sockets.delete(socket)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://${user}:${password}@127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    refused,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close().closeAllConnections();
    },
  };
}
