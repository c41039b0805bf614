// Where a server's name leads, looked up and checked by us, for programs that would look it up again: git and ssh are told these addresses,
// so that what was checked is what is connected to.

import dns from "node:dns";
import { isIP } from "node:net";

import { OperationError } from "@muster/proto/model/failure";
import { printable } from "@muster/proto/model/printable";

import { guardedLookup, proxyFor, whyNoHost, type Network } from "../network/network.ts";
import { gitError } from "./faults.ts";
import { hostError } from "./web.ts";

/** What git and ssh are to connect to; none: the URL itself says it, or a proxy finds it out. */
export type Pins = readonly string[];

/** Throws E_HOST_FORBIDDEN for what may not be asked, E_SOURCE_UNREACHABLE for a name that leads nowhere. */
export async function pinsOf(name: string, url: URL, network: Network, signal: AbortSignal): Promise<Pins> {
  const why = whyNoHost(url.hostname, network.allow);
  if (why !== null) throw hostError(name, url, `it is ${why}`);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 || proxyFor(network, url) !== null) return [];
  const look = guardedLookup(dns.lookup, network.allow, (reason) => hostError(name, url, `its name leads to ${reason}`));
  return new Promise((resolve, reject) => {
    const cancel = (): void => reject(gitError("E_CANCELLED", name, `looking up ${printable(url.host)} was cancelled`));
    if (signal.aborted) return cancel();
    signal.addEventListener("abort", cancel, { once: true });
    look(host, { all: true }, (error, found) => {
      signal.removeEventListener("abort", cancel);
      if (error === null && typeof found !== "string") return resolve(found.map(({ address }) => address));
      if (error instanceof OperationError) return reject(error);
      reject(gitError("E_SOURCE_UNREACHABLE", name, `cannot look up ${printable(url.host)}: ${printable(String(error?.message))}`, error));
    });
  });
}
