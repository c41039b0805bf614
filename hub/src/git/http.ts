// The HTTP that isomorphic-git speaks through: answers are bounded in time and size and complete before anybody reads them; credentials
// go to the Source's own scheme, host, port and path only; redirects to anywhere else are refused.

import http from "node:http";
import https from "node:https";
import { addAbortSignal } from "node:stream";

import type { GitHttpRequest, GitHttpResponse, HttpClient } from "isomorphic-git";

import { OperationError } from "@muster/proto/model/failure";
import { printable } from "@muster/proto/model/printable";

import { checkAddress, maskUrl, type Credentials, type SourceAddress } from "./address.ts";
import { gitError, type FaultCode } from "./faults.ts";
import type { GitLimits } from "./limits.ts";

const redirectsMax = 3;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** The client for one fetch of one Source. Everything it throws is an OperationError whose subject is the Source's name. */
export function gitHttp(address: SourceAddress, limits: GitLimits, signal: AbortSignal): HttpClient {
  const base = checkAddress(address);
  const authorization = address.credentials && authorizationOf(address.credentials);
  return {
    async request(request) {
      const body = await collected(request.body);
      let url = new URL(request.url);
      for (let hop = 0; hop <= redirectsMax; hop += 1) {
        const headers: Record<string, string> = { ...request.headers, "user-agent": "git/muster", "content-length": String(body.length) };
        if (authorization !== undefined && isBelow(base, url)) headers["authorization"] = authorization;
        const answer = await exchange({ address, url, method: request.method ?? "GET", headers, body, limits, signal });
        if (answer.next === null) return answered(address, request, answer);
        if (answer.next.origin !== base.origin)
          throw gitError(
            "E_REDIRECT_FORBIDDEN",
            address.name,
            `${shown(address)} redirects to another server, ${printable(answer.next.origin)}`,
          );
        url = answer.next;
      }
      throw gitError("E_REDIRECT_FORBIDDEN", address.name, `${shown(address)} redirects more than ${redirectsMax} times`);
    },
  };
}

function authorizationOf(credentials: Credentials): string {
  // Forges take a token as the password of any user.
  const pair =
    credentials.kind === "basic"
      ? `${credentials.username}:${credentials.password.reveal()}`
      : `x-access-token:${credentials.token.reveal()}`;
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

/** True where the credentials may go: same scheme, host and port, and the repository's path or below it. */
function isBelow(base: URL, url: URL): boolean {
  const path = base.pathname.replace(/\/+$/, "");
  return url.origin === base.origin && (url.pathname === path || url.pathname.startsWith(`${path}/`));
}

type Exchange = {
  readonly address: SourceAddress;
  readonly url: URL;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  readonly limits: GitLimits;
  readonly signal: AbortSignal;
};
type Answer = { readonly next: URL | null; readonly url: URL; readonly response: http.IncomingMessage; readonly body: Buffer };

async function exchange(request: Exchange): Promise<Answer> {
  const { address, url, limits } = request;
  const deadline = AbortSignal.timeout(limits.requestMs);
  try {
    const response = await send(request, AbortSignal.any([request.signal, deadline]));
    const status = response.statusCode ?? 0;
    const location = response.headers.location;
    if (redirects.has(status) && location !== undefined) {
      response.destroy();
      return { next: URL.parse(location, url), url, response, body: Buffer.alloc(0) };
    }
    if (status !== 200) {
      response.destroy();
      throw statusError(address, status, response);
    }
    return {
      next: null,
      url,
      response,
      body: await bounded(address, response, url.pathname.endsWith("/info/refs") ? limits.refsBytes : limits.packBytes),
    };
  } catch (error) {
    throw translated(error, address, request.signal, deadline);
  }
}

function send({ address, url, method, headers, body, limits }: Exchange, signal: AbortSignal): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { method, headers, signal, agent: false as const, ...(address.ca === undefined ? {} : { ca: address.ca }) };
    const request = (url.protocol === "https:" ? https : http).request(url, options, (response) => {
      resolve(addAbortSignal(signal, response));
    });
    request.setTimeout(limits.idleMs, () => {
      request.destroy(gitError("E_SOURCE_TIMEOUT", address.name, `${shown(address)} said nothing for ${limits.idleMs / 1000} s`));
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function bounded(address: SourceAddress, response: http.IncomingMessage, max: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > max) throw gitError("E_LIMIT", address.name, `${shown(address)} answers with more than ${max} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const statusFaults: { readonly [status: number]: FaultCode } = {
  401: "E_SOURCE_AUTH",
  403: "E_SOURCE_FORBIDDEN",
  404: "E_SOURCE_NOT_FOUND",
  410: "E_SOURCE_NOT_FOUND",
  429: "E_SOURCE_BUSY",
};

function statusError(address: SourceAddress, status: number, response: http.IncomingMessage): OperationError {
  const fault = statusFaults[status] ?? (status >= 500 ? "E_SOURCE_UNREACHABLE" : "E_GIT_PROTOCOL");
  const later = response.headers["retry-after"];
  const wait = later === undefined ? "" : `, retry after ${printable(later, 40)}`;
  return gitError(fault, address.name, `${shown(address)} answers ${status} ${printable(response.statusMessage ?? "", 60)}${wait}`);
}

const isTls = (code: string): boolean => /^(CERT_|ERR_TLS_|ERR_SSL_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|EPROTO$)/.test(code);

function translated(error: unknown, address: SourceAddress, signal: AbortSignal, deadline: AbortSignal): OperationError {
  if (signal.aborted) return gitError("E_CANCELLED", address.name, `fetching ${shown(address)} was cancelled`, error);
  if (error instanceof OperationError) return error;
  if (deadline.aborted) return gitError("E_SOURCE_TIMEOUT", address.name, `${shown(address)} did not finish its answer in time`, error);
  const { code = "", message = String(error) } = error as { code?: string; message?: string };
  const fault = isTls(code) ? "E_SOURCE_TLS" : "E_SOURCE_UNREACHABLE";
  return gitError(fault, address.name, `cannot reach ${shown(address)}: ${printable(message)}`, error);
}

/** What isomorphic-git gets. A server's own error line is ours to say: isomorphic-git would take it for an empty pack. */
function answered(address: SourceAddress, request: GitHttpRequest, { response, body, url }: Answer): GitHttpResponse {
  const complaint = /^[0-9a-f]{4}ERR ([^\n]*)/.exec(body.subarray(0, 1_000).toString("latin1"))?.[1];
  if (complaint !== undefined) {
    const missing = /not our ref|unadvertised object/.test(complaint);
    throw gitError(missing ? "E_COMMIT_MISSING" : "E_GIT_PROTOCOL", address.name, `${shown(address)} refuses: ${printable(complaint)}`);
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) if (typeof value === "string") headers[name] = value;
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

const shown = (address: SourceAddress): string => maskUrl(address.url);
