// The bridge between a Node HTTP request and `git http-backend`, which speaks CGI.

import { spawn } from "node:child_process";
import type { IncomingMessage, ServerResponse } from "node:http";
import { gitEnvironment } from "./git.ts";

/** Where to cut an answer that holds a pack, counted from the start of the pack, to play a connection that breaks. */
export interface Cut {
  readonly afterBytes: number;
}

/** Serves one request from the repositories under `root`. `user` is who asked, as the hooks see it. Resolves when it is over. */
export function serve(root: string, user: string, request: IncomingMessage, response: ServerResponse, cut?: Cut): Promise<void> {
  const child = spawn("git", ["http-backend"], { env: { ...gitEnvironment(root), ...variables(root, user, request) }, stdio: "pipe" });
  for (const stream of [child.stdin, request, response]) stream.on("error", () => undefined); // the other side left: see "close"
  response.on("close", () => child.kill());
  request.pipe(child.stdin);
  child.stderr.resume();

  let head = Buffer.alloc(0);
  let left = Number.POSITIVE_INFINITY;
  const pass = (bytes: Buffer): void => {
    if (cut !== undefined && left === Number.POSITIVE_INFINITY && bytes.includes("PACK")) left = bytes.indexOf("PACK") + cut.afterBytes;
    const rest = bytes.subarray(0, Math.min(left, bytes.length));
    left -= bytes.length;
    if (left <= 0) response.write(rest, () => response.destroy());
    else if (rest.length > 0 && !response.write(rest)) {
      child.stdout.pause();
      response.once("drain", () => child.stdout.resume());
    }
  };
  child.stdout.on("data", (bytes: Buffer) => {
    if (left <= 0) return;
    if (response.headersSent) return pass(bytes);
    head = Buffer.concat([head, bytes]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    writeHead(response, head.subarray(0, end).toString("latin1"));
    pass(head.subarray(end + 4));
  });
  return new Promise((resolve) => {
    child.on("error", () => response.destroy());
    child.on("close", () => {
      if (!response.headersSent) response.writeHead(500);
      response.end();
      resolve();
    });
  });
}

function variables(root: string, user: string, request: IncomingMessage): Record<string, string> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const header = (name: string): string => String(request.headers[name] ?? "");
  return {
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: "1",
    GIT_PROTOCOL: header("git-protocol"),
    REQUEST_METHOD: request.method ?? "GET",
    PATH_INFO: decodeURIComponent(url.pathname),
    QUERY_STRING: url.search.slice(1),
    CONTENT_TYPE: header("content-type"),
    ...(request.headers["content-length"] === undefined ? {} : { CONTENT_LENGTH: header("content-length") }),
    HTTP_CONTENT_ENCODING: header("content-encoding"),
    REMOTE_USER: user,
    REMOTE_ADDR: request.socket.remoteAddress ?? "",
  };
}

function writeHead(response: ServerResponse, text: string): void {
  let status = 200;
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
    if (name.toLowerCase() === "status") status = Number.parseInt(value, 10);
    else response.setHeader(name, value);
  }
  response.writeHead(status);
}
