// Free TCP ports on the loopback, for servers that must be told their port before they start.
// A port can still be taken between the look and the use: who starts a server tries again with others.

import { createServer } from "node:net";

/** Below the range that systems hand out for outgoing connections, so that only other servers compete. */
const FIRST = 20_000;
const LAST = 32_000;
const ATTEMPTS_MAX = 200;

const handedOut = new Set<number>();

/** Gives `count` different ports that are free now and were not given before by this process. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  for (let attempt = 0; ports.length < count; attempt++) {
    if (attempt === ATTEMPTS_MAX) throw new Error(`cannot find ${count} free ports between ${FIRST} and ${LAST}`);
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (handedOut.has(port) || !(await isFree(port))) continue;
    handedOut.add(port);
    ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
