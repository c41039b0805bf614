// For tests of commands: a hub of canned answers, and a terminal that keeps what was written.

import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

import type { Io } from "../io.ts";
import { run } from "../program.ts";

export const TOKEN = "canary-51cd";

export type Seen = { readonly method: string; readonly url: string; readonly authorization: string | undefined; readonly body: string };
export type Answers = { readonly [methodAndPath: string]: { readonly status?: number; readonly body: unknown } };

export async function hub(t: TestContext, answers: Answers): Promise<{ readonly url: string; readonly seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = http.createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      seen.push({ method, url, authorization: headers.authorization, body });
      const answer = answers[`${method} ${url}`] ?? { status: 404, body: {} };
      response
        .writeHead(answer.status ?? 200, { "content-type": "application/json" })
        .end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

export type Ran = { readonly exit: number; readonly out: string; readonly err: string };
export type Terminal = Partial<Pick<Io, "env" | "cwd" | "home" | "sleep" | "signal">> & { readonly tty?: boolean };

export async function muster(args: readonly string[], { tty = false, ...more }: Terminal = {}): Promise<Ran> {
  const texts = { out: "", err: "" };
  const output = (name: "out" | "err") => ({ write: (text: string) => void (texts[name] += text), isTTY: tty, columns: tty ? 200 : 0 });
  const io: Io = {
    stdout: output("out"),
    stderr: output("err"),
    env: {},
    cwd: "/",
    home: "/nonexistent",
    signal: new AbortController().signal,
    sleep: () => Promise.resolve(),
    ...more,
  };
  const exit = await run(io, { args, version: "1.2.3" });
  return { exit, ...texts };
}

export const on = (url: string, env: Record<string, string> = {}): Terminal => ({ env: { MUSTER_HUB: url, MUSTER_TOKEN: TOKEN, ...env } });
