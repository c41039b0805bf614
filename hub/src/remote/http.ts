// The one HTTP client of this room: answers bounded in time and size and complete before anybody reads them, credentials for the address's
// own URLs only, redirects as each call allows them.

import dns from "node:dns";
import http from "node:http";
import https from "node:https";
import type { LookupFunction } from "node:net";
import { addAbortSignal } from "node:stream";
import { rootCertificates } from "node:tls";

import { OperationError } from "@muster/proto/model/failure";
import { printable } from "@muster/proto/model/printable";

import { baseOf, checkProtocol, isBelow, maskUrl, type RemoteAddress } from "./address.ts";
import { guardedLookup, proxyFor, whyNoHost, type ProxyServer } from "../network/network.ts";
import type { SignIns } from "./sign-ins.ts";
import { remoteError, type FaultCode } from "./faults.ts";
import type { RemoteLimits } from "./limits.ts";

/** What every call of one piece of work shares. */
export type Errand = {
  readonly address: RemoteAddress;
  readonly limits: RemoteLimits;
  readonly signIns: SignIns;
  readonly signal: AbortSignal;
};

export type Question = {
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to this URL and those below it, also after a redirect; nowhere else. */
  readonly authorization?: { readonly value: string; readonly below: URL } | undefined;
  readonly bytesMax: number;
  /** Whether a redirect may lead to another host: never, or without credentials (for content that is checked by digest). */
  readonly elsewhere: "never" | "bare";
};

export type Answer = { readonly url: URL; readonly status: number; readonly headers: http.IncomingHttpHeaders; readonly body: Buffer };

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const complaintBytesMax = 64 << 10;

/** GETs; gives 200, 304, 401 and every other answer that is no redirect. Throws OperationErrors whose subject is the address's name. */
export async function ask(errand: Errand, question: Question): Promise<Answer> {
  const { address, limits } = errand;
  const origin = question.url.origin;
  let url = question.url;
  for (let hop = 0; hop <= limits.redirects; hop += 1) {
    checkHost(errand, url, hop);
    const answer = await exchange(errand, question, url, hop);
    const location = answer.headers.location;
    if (!redirectStatuses.has(answer.status) || location === undefined) return answer;
    url = redirected(errand, url, location);
    if (question.elsewhere === "never" && url.origin !== origin)
      throw remoteError(
        "E_REDIRECT_FORBIDDEN",
        address.name,
        `${maskUrl(question.url.href)} redirects to another server, ${printable(url.origin)}`,
      );
  }
  throw remoteError("E_REDIRECT_FORBIDDEN", address.name, `${maskUrl(question.url.href)} redirects more than ${limits.redirects} times`);
}

/** The answer, when it is 200. Throws what its status means. */
export function expectOk(errand: Errand, answer: Answer): Answer {
  if (answer.status !== 200) throw statusError(errand.address, answer);
  return answer;
}

const asHop = (hop: number): FaultCode => (hop === 0 ? "E_HOST_FORBIDDEN" : "E_REDIRECT_FORBIDDEN");

function checkHost({ address }: Errand, url: URL, hop: number): void {
  const why = whyNoHost(url.hostname, address.network.allow);
  if (why !== null) throw remoteError(asHop(hop), address.name, `will not ask ${printable(url.host)}: it is ${why}`);
}

function redirected({ address }: Errand, from: URL, location: string): URL {
  const url = URL.parse(location, from);
  const refuse = (why: string) => remoteError("E_REDIRECT_FORBIDDEN", address.name, `${maskUrl(from.href)} redirects to ${why}`);
  if (url === null) throw refuse("what is no URL");
  if (url.username !== "" || url.password !== "") throw refuse("a URL with credentials");
  if (url.protocol === "http:" && from.protocol === "https:" && address.insecure !== true) throw refuse("plain http");
  try {
    checkProtocol(address, url);
  } catch (error) {
    throw remoteError("E_REDIRECT_FORBIDDEN", address.name, `${maskUrl(from.href)} redirects to ${maskUrl(url.href)}`, error);
  }
  return url;
}

async function exchange(errand: Errand, question: Question, url: URL, hop: number): Promise<Answer> {
  const { address, limits } = errand;
  const deadline = AbortSignal.timeout(limits.requestMs);
  const signal = AbortSignal.any([errand.signal, deadline]);
  try {
    signal.throwIfAborted();
    const response = await send(errand, question, url, hop, signal);
    const status = response.statusCode ?? 0;
    const body = status === 200 ? await bounded(address, url, response, question.bytesMax) : await complaint(response);
    return { url, status, headers: response.headers, body };
  } catch (error) {
    throw translated(error, address, url, errand.signal, deadline);
  }
}

function send(errand: Errand, question: Question, url: URL, hop: number, signal: AbortSignal): Promise<http.IncomingMessage> {
  const { address, limits } = errand;
  const { authorization } = question;
  const headers: Record<string, string> = { "user-agent": "muster", "accept-encoding": "identity", ...question.headers };
  if (authorization !== undefined && isBelow(authorization.below, url)) headers["authorization"] = authorization.value;
  return new Promise((resolve, reject) => {
    const proxy = proxyFor(address.network, url);
    const connection = { ...tlsFor(address, url), ...(proxy === null ? { lookup: lookupFor(errand, url, hop) } : {}) };
    const request = (url.protocol === "https:" ? https : http).request(
      url,
      { method: "GET", headers, signal, agent: agentFor(proxy, url, connection), ...connection },
      (response) => resolve(addAbortSignal(signal, response)),
    );
    request.setTimeout(limits.idleMs, () => {
      request.destroy(remoteError("E_REMOTE_TIMEOUT", address.name, `${maskUrl(url.href)} said nothing for ${limits.idleMs / 1000} s`));
    });
    request.on("error", reject);
    request.end();
  });
}

/** The address's CA and client certificate are for its own host; elsewhere the system's authorities count as well. */
function tlsFor(address: RemoteAddress, url: URL): https.AgentOptions {
  if (url.protocol !== "https:") return {};
  const own = url.origin === baseOf(address).origin;
  if (!own) return address.ca === undefined ? {} : { ca: [...rootCertificates, address.ca] };
  const { ca, clientCertificate } = address;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(clientCertificate === undefined ? {} : { cert: clientCertificate.cert, key: clientCertificate.key.reveal() }),
  };
}

/** A proxy is the operator's word, and looks names up by itself. */
function lookupFor({ address }: Errand, url: URL, hop: number): LookupFunction {
  return guardedLookup(dns.lookup, address.network.allow, (why) =>
    remoteError(asHop(hop), address.name, `will not ask ${printable(url.host)}: its name leads to ${why}`),
  );
}

/** A connection of its own for each request: nothing of one address is left for another. */
function agentFor(proxy: ProxyServer | null, url: URL, connection: https.AgentOptions): http.Agent | false {
  if (proxy === null) return false;
  const href = new URL(proxy.url);
  href.username = encodeURIComponent(proxy.credentials?.username ?? "");
  href.password = encodeURIComponent(proxy.credentials?.password.reveal() ?? "");
  const proxyEnv = { HTTP_PROXY: href.href, HTTPS_PROXY: href.href };
  return url.protocol === "https:" ? new https.Agent({ ...connection, proxyEnv }) : new http.Agent({ proxyEnv });
}

async function bounded(address: RemoteAddress, url: URL, response: http.IncomingMessage, max: number): Promise<Buffer> {
  const encoding = response.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity" && encoding !== "") {
    response.destroy();
    throw remoteError(
      "E_REMOTE_PROTOCOL",
      address.name,
      `${maskUrl(url.href)} answers in the encoding ${printable(encoding, 40)}, unasked`,
    );
  }
  const tooMuch = () => remoteError("E_LIMIT", address.name, `${maskUrl(url.href)} answers with more than ${max} bytes`);
  if (Number(response.headers["content-length"] ?? 0) > max) {
    response.destroy();
    throw tooMuch();
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > max) throw tooMuch();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The first bytes of an answer that is no success; the rest is not waited for. */
async function complaint(response: http.IncomingMessage): Promise<Buffer> {
  if (redirectStatuses.has(response.statusCode ?? 0) || response.statusCode === 304) {
    response.destroy();
    return Buffer.alloc(0);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    if ((size += chunk.length) > complaintBytesMax) break;
  }
  return Buffer.concat(chunks).subarray(0, complaintBytesMax);
}

const statusFaults: { readonly [status: number]: FaultCode } = {
  401: "E_REMOTE_AUTH",
  403: "E_REMOTE_DENIED",
  404: "E_REMOTE_NOT_FOUND",
  410: "E_REMOTE_NOT_FOUND",
  429: "E_REMOTE_BUSY",
};

/** What a status means that nobody expected. The server's own words are not repeated: they may hold what was sent to it. */
export function statusError(address: RemoteAddress, { status, headers, url }: Answer): OperationError {
  const fault = statusFaults[status] ?? (status >= 500 ? "E_REMOTE_UNREACHABLE" : "E_REMOTE_PROTOCOL");
  const later = headers["retry-after"];
  const wait = later === undefined ? "" : `, retry after ${printable(later, 40)}`;
  return remoteError(fault, address.name, `${maskUrl(url.href)} answers ${status}${wait}`);
}

const isTls = (code: string): boolean => /^(CERT_|ERR_TLS_|ERR_SSL_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|EPROTO$)/.test(code);

function translated(error: unknown, address: RemoteAddress, url: URL, signal: AbortSignal, deadline: AbortSignal): OperationError {
  const shown = maskUrl(url.href);
  if (signal.aborted) return remoteError("E_CANCELLED", address.name, `asking ${shown} was cancelled`, error);
  if (error instanceof OperationError) return error;
  if (deadline.aborted) return remoteError("E_REMOTE_TIMEOUT", address.name, `${shown} did not finish its answer in time`, error);
  const { code = "", message = String(error) } = error as { code?: string; message?: string };
  return remoteError(
    isTls(code) ? "E_REMOTE_TLS" : "E_REMOTE_UNREACHABLE",
    address.name,
    `cannot reach ${shown}: ${printable(message.replaceAll(url.href, shown))}`,
    error,
  );
}
