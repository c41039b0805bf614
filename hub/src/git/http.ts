// The HTTP that Git is spoken through: credentials go to the Source's own scheme, host, port and path only; redirects to anywhere else
// are refused.

import type { GitHttpRequest, GitHttpResponse, HttpClient } from "isomorphic-git";

import { printable } from "@muster/proto/model/printable";

import type { Network } from "../network/network.ts";
import { checkRemote, isBelow, maskUrl, type RemoteAddress } from "./address.ts";
import { authorized, authorizer, type Authorize } from "./authorize.ts";
import { gitError } from "./faults.ts";
import type { GitLimits } from "./limits.ts";
import { exchange, type WebAnswer } from "./web.ts";

const redirectsMax = 3;

export type GitHttp = {
  readonly client: HttpClient;
  /** Where the last answer came from, redirects followed: the repository's URL. */
  cameFrom(): URL;
};

/** The HTTP of one server, for one fetch at a time. What it throws are OperationErrors whose subject is `name`. */
export function gitHttp(
  name: string,
  remote: RemoteAddress,
  network: Network,
  limits: GitLimits,
  authorize: Authorize = authorizer(name, remote, network, limits),
): (signal: AbortSignal) => GitHttp {
  const base = checkRemote(name, remote);
  const { clientCertificate, ...open } = remote;
  return (signal) => {
    let last = base;
    const ask = async (request: GitHttpRequest, body: Buffer, authorization: string | undefined): Promise<GitHttpResponse> => {
      let url = new URL(request.url);
      for (let hop = 0; hop <= redirectsMax; hop += 1) {
        const own = isBelow(base, url);
        const headers: Record<string, string> = {
          ...request.headers,
          "user-agent": "git/muster",
          "content-length": String(body.length),
        };
        if (authorization !== undefined && own) headers["authorization"] = authorization;
        const bytesMax = url.pathname.endsWith("/info/refs") ? limits.refsBytes : limits.packBytes;
        const shown = own && clientCertificate !== undefined ? { ...open, clientCertificate } : open;
        const method = request.method ?? "GET";
        const answer = await exchange({ name, remote: shown, network, url, method, headers, body, bytesMax, limits, signal });
        if (answer.next === null) {
          last = repositoryOf(url);
          return answered(name, remote, request, url, answer);
        }
        if (answer.next.origin !== base.origin)
          throw gitError("E_REDIRECT_FORBIDDEN", name, `${shownUrl(remote)} redirects to another server, ${printable(answer.next.origin)}`);
        url = answer.next;
      }
      throw gitError("E_REDIRECT_FORBIDDEN", name, `${shownUrl(remote)} redirects more than ${redirectsMax} times`);
    };
    return {
      cameFrom: () => last,
      client: {
        async request(request) {
          const body = await collected(request.body);
          return authorized(authorize, signal, (authorization) => ask(request, body, authorization));
        },
      },
    };
  };
}

function repositoryOf(url: URL): URL {
  return new URL(url.pathname.replace(/\/(info\/refs|git-upload-pack)$/, ""), url.origin);
}

/** What isomorphic-git gets. A server's own error line is ours to say: isomorphic-git would take it for an empty pack. */
function answered(name: string, remote: RemoteAddress, request: GitHttpRequest, url: URL, { response, body }: WebAnswer): GitHttpResponse {
  const complaint = /^[0-9a-f]{4}ERR ([^\n]*)/.exec(body.subarray(0, 1_000).toString("latin1"))?.[1];
  if (complaint !== undefined) {
    const missing = /not our ref|unadvertised object/.test(complaint);
    throw gitError(missing ? "E_COMMIT_MISSING" : "E_GIT_PROTOCOL", name, `${shownUrl(remote)} refuses: ${printable(complaint)}`);
  }
  const headers: Record<string, string> = {};
  for (const [key, value] of Object.entries(response.headers)) if (typeof value === "string") headers[key] = value;
  return {
    url: url.href,
    method: request.method,
    statusCode: response.statusCode ?? 0,
    statusMessage: response.statusMessage ?? "",
    headers,
    body: [body] as unknown as AsyncIterableIterator<Uint8Array>,
  };
}

async function collected(body: unknown): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array> | Iterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const shownUrl = (remote: RemoteAddress): string => maskUrl(remote.url);
