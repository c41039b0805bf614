// A plain web server over a folder, as chart repositories stand on: ETags, a password where one is set, and a note of every request.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { join, normalize } from "node:path";
import type { Certificate } from "./certificate.ts";

export interface SeenRequest {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly status: number;
}

export interface StaticServer extends AsyncDisposable {
  /** `http(s)://127.0.0.1:PORT` */
  readonly url: string;
  readonly requests: SeenRequest[];
}

export interface StaticServerOptions {
  readonly user?: { readonly name: string; readonly password: string };
  readonly certificate?: Certificate;
  /** Accepts `Authorization: Bearer TOKEN`; any other answer is 401 without a challenge. */
  readonly bearer?: string;
}

export async function serveFolder(dir: string, options: StaticServerOptions = {}): Promise<StaticServer> {
  const requests: SeenRequest[] = [];
  const server = await startServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname);
    const { authorization } = request.headers;
    const answer = (status: number, headers: http.OutgoingHttpHeaders = {}, body?: Buffer): void => {
      requests.push({ path, authorization, status });
      response.writeHead(status, headers).end(body);
    };
    if (!isLetIn(authorization, options))
      return answer(401, options.bearer === undefined ? { "www-authenticate": 'Basic realm="charts"' } : {});
    const body = await readFile(join(dir, normalize(path))).catch(() => undefined);
    if (body === undefined) return answer(404);
    const etag = `"${createHash("sha256").update(body).digest("hex").slice(0, 16)}"`;
    if (request.headers["if-none-match"] === etag) return answer(304, { etag });
    answer(200, { etag, "content-length": body.length }, body);
  }, options.certificate);
  return { ...server, requests };
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** A server on a free port of 127.0.0.1 that answers as it is told. */
export async function startServer(handler: Handler, certificate?: Certificate): Promise<{ readonly url: string } & AsyncDisposable> {
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    response.on("error", () => undefined); // the other side left
    Promise.resolve(handler(request, response)).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  };
  const server = certificate === undefined ? http.createServer(listener) : https.createServer({ ...certificate }, listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `${certificate === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function isLetIn(authorization: string | undefined, { user, bearer }: StaticServerOptions): boolean {
  if (bearer !== undefined) return authorization === `Bearer ${bearer}`;
  return user === undefined || authorization === `Basic ${Buffer.from(`${user.name}:${user.password}`).toString("base64")}`;
}
