// Several servers for one chart or artifact: its own, then its mirrors in their order. The own one is believed. A mirror is believed when it
// says what is held, or a higher version; bytes are taken from whoever has them, because their digest is known.

import { messageOf, OperationError } from "@muster/proto/model/failure";
import type { Digest } from "@muster/proto/model/digest";
import { maskUrl } from "../../git/git.ts";
import type { RemoteFiles } from "../../remote/remote.ts";
import { compareVersions, parseVersion } from "../../version/version.ts";

export type Pin = { readonly version: string; readonly digest: Digest };

/** How one server is asked. */
export type Server = {
  readonly url: string;
  readonly resolve: (signal: AbortSignal) => Promise<Pin>;
  readonly fetch: (pin: Pin, signal: AbortSignal) => Promise<RemoteFiles>;
};

export type Resolved = { readonly pin: Pin; readonly servedBy: string };

/** What a version means now. Throws the own server's error, with the mirrors' words, when nobody can be believed. */
export async function resolveAt(key: string, servers: readonly Server[], held: Pin | null, signal: AbortSignal): Promise<Resolved> {
  return firstOf(key, servers, signal, async (server, index) => {
    const pin = await server.resolve(signal);
    if (index > 0 && held !== null) believe(key, server.url, pin, held);
    return { pin, servedBy: maskUrl(server.url) };
  });
}

/** The files of a pin, from the first that has them. */
export function fetchAt(key: string, servers: readonly Server[], pin: Pin, signal: AbortSignal): Promise<RemoteFiles> {
  return firstOf(key, servers, signal, (server) => server.fetch(pin, signal));
}

function believe(key: string, url: string, pin: Pin, held: Pin): void {
  if (pin.version === held.version && pin.digest === held.digest) return;
  if (isHigher(pin.version, held.version)) return;
  const behind = isHigher(held.version, pin.version);
  const why = behind ? `which is older than the held version ${held.version}` : `which does not follow the held one`;
  throw new OperationError("conflict", key, `${maskUrl(url)} has version ${pin.version} of ${key}, ${why}`, undefined, {
    code: behind ? "E_MIRROR_BEHIND" : "E_MIRROR_DIVERGED",
    remedy: "nothing: what is held stays until the Source itself answers, or the mirror has it",
  });
}

/** A tag such as `latest` has no order. */
function isHigher(text: string, other: string): boolean {
  const [left, right] = [parseVersion(text), parseVersion(other)];
  return left !== null && right !== null && compareVersions(left, right) > 0;
}

async function firstOf<T>(
  key: string,
  servers: readonly Server[],
  signal: AbortSignal,
  work: (server: Server, index: number) => Promise<T>,
): Promise<T> {
  const failures: unknown[] = [];
  for (const [index, server] of servers.entries()) {
    try {
      return await work(server, index);
    } catch (error) {
      if (signal.aborted) throw error;
      failures.push(error);
    }
  }
  const [first, ...others] = failures;
  if (others.length === 0 || !(first instanceof OperationError)) throw first;
  const said = others.map(messageOf).join("; ");
  throw new OperationError(first.code, key, `${first.message}; no mirror helps: ${said}`, first, first.fault);
}
