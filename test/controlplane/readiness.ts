// Asks an API server, over verified TLS, whether it is ready: the only requests that this folder sends itself.

import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { request as plainRequest } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const PAUSE_MS = 50;

/** Polls `look` until it gives true; throws what `failed` returns as soon as that is an error, or when the signal aborts. */
export async function until(look: () => Promise<boolean>, failed: () => Error | undefined, signal: AbortSignal): Promise<void> {
  for (;;) {
    const error = failed();
    if (error !== undefined) throw error;
    signal.throwIfAborted();
    if (await look()) return;
    await sleep(PAUSE_MS, undefined, { signal });
  }
}

/** True when an etcd answers that it is healthy. */
export async function etcdHealthy(port: number): Promise<boolean> {
  return (await statusOf((answer) => plainRequest({ host: "127.0.0.1", port, path: "/health", timeout: 2_000 }, answer))) === 200;
}

/** True when the API server answers 200 on the path. False while its certificate does not exist yet. */
export async function answers(
  access: { readonly caFile: string; readonly apiPort: number; readonly token: string },
  path: string,
): Promise<boolean> {
  const ca = await readFile(access.caFile).catch(() => undefined);
  if (ca === undefined) return false;
  const headers = { authorization: `Bearer ${access.token}` };
  const options = { host: "127.0.0.1", port: access.apiPort, path, ca, headers, agent: false, timeout: 5_000 } as const;
  return (await statusOf((answer) => request(options, answer))) === 200;
}

type Answer = (response: { readonly statusCode?: number | undefined; resume(): unknown }) => void;
type Started = { on(event: "error" | "timeout", listener: () => void): Started; destroy(): unknown; end(): unknown };

function statusOf(send: (answer: Answer) => Started): Promise<number | undefined> {
  return new Promise((resolve) => {
    const sent = send((response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on("error", () => resolve(undefined));
    sent.on("timeout", () => {
      sent.destroy();
      resolve(undefined);
    });
    sent.end();
  });
}
