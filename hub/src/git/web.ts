// One HTTP exchange in bounds: the server is who its certificate says, the answer is complete before anybody reads it, and every way to
// fail has its code.

import dns from "node:dns";
import http from "node:http";
import https from "node:https";
import { addAbortSignal } from "node:stream";

import { OperationError } from "@muster/proto/model/failure";
import { printable } from "@muster/proto/model/printable";

import { guardedLookup, whyNoHost, type Network } from "../network/network.ts";
import { maskUrl, type RemoteAddress } from "./address.ts";
import { gitError, type FaultCode } from "./faults.ts";
import type { GitLimits } from "./limits.ts";
import { throughProxy } from "./proxy.ts";

export type WebRequest = {
  /** The Source that it is for: the subject of errors. */
  readonly name: string;
  /** Says whom to trust; `clientCertificate` is shown to `url` whatever it is, so leave it out for others. */
  readonly remote: RemoteAddress;
  readonly network: Network;
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly bytesMax: number;
  readonly limits: GitLimits;
  readonly signal: AbortSignal;
};

/** `next`: where a redirect leads; then there is no body. */
export type WebAnswer = { readonly next: URL | null; readonly response: http.IncomingMessage; readonly body: Buffer };

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Sends a request and gives its answer of status 2xx, or where it redirects to. Throws OperationErrors whose subject is the Source. */
export async function exchange(request: WebRequest): Promise<WebAnswer> {
  const { url, limits } = request;
  const deadline = AbortSignal.timeout(limits.requestMs);
  try {
    const response = await send(request, AbortSignal.any([request.signal, deadline]));
    const status = response.statusCode ?? 0;
    const location = response.headers.location;
    if (redirects.has(status) && location !== undefined) {
      response.destroy();
      return { next: URL.parse(location, url), response, body: Buffer.alloc(0) };
    }
    if (status < 200 || status > 299) {
      response.destroy();
      throw statusError(request, status, response);
    }
    return { next: null, response, body: await bounded(request, response) };
  } catch (error) {
    throw translated(error, request, deadline);
  }
}

async function send(request: WebRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
  const { name, remote, network, url, method, headers, body, limits } = request;
  const why = whyNoHost(url.hostname, network.allow);
  if (why !== null) throw hostError(name, url, `it is ${why}`);
  const { ca, clientCertificate } = remote;
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    ...(clientCertificate === undefined ? {} : { cert: clientCertificate.certificate, key: clientCertificate.key.reveal() }),
  };
  const way = await throughProxy({ name, network, url, tls, limits, signal });
  // A proxy is the operator's word, and looks names up by itself.
  const refuse = (reason: string) => hostError(name, url, `its name leads to ${reason}`);
  const direct = { agent: false, lookup: guardedLookup(dns.lookup, network.allow, refuse) };
  const options = { method, headers: { ...headers, ...way?.headers }, signal, ...tls };
  return new Promise((resolve, reject) => {
    const sender = (way?.plain === true || url.protocol === "http:" ? http : https).request;
    const outgoing = sender(url, { ...options, ...(way?.options ?? direct) }, (response) => {
      resolve(addAbortSignal(signal, response));
    });
    outgoing.setTimeout(limits.idleMs, () => {
      outgoing.destroy(gitError("E_SOURCE_TIMEOUT", name, `${shown(request)} said nothing for ${limits.idleMs / 1000} s`));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** The error of a host that may not be asked. */
export const hostError = (name: string, url: URL, why: string): OperationError =>
  gitError("E_HOST_FORBIDDEN", name, `will not ask ${printable(url.host)}: ${why}`);

async function bounded(request: WebRequest, response: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > request.bytesMax)
      throw gitError("E_LIMIT", request.name, `${shown(request)} answers with more than ${request.bytesMax} bytes`);
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

/** The fault that a status means; both carriers judge alike. */
export function statusFault(status: number): FaultCode {
  return (
    statusFaults[status] ?? (status >= 500 ? "E_SOURCE_UNREACHABLE" : redirects.has(status) ? "E_REDIRECT_FORBIDDEN" : "E_GIT_PROTOCOL")
  );
}

function statusError(request: WebRequest, status: number, response: http.IncomingMessage): OperationError {
  const later = response.headers["retry-after"];
  const wait = later === undefined ? "" : `, retry after ${printable(later, 40)}`;
  const said = `${shown(request)} answers ${status} ${printable(response.statusMessage ?? "", 60)}${wait}`;
  return gitError(statusFault(status), request.name, said);
}

const isTls = (code: string): boolean => /^(CERT_|ERR_TLS_|ERR_SSL_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|EPROTO$)/.test(code);

function translated(error: unknown, request: WebRequest, deadline: AbortSignal): OperationError {
  const { name, signal } = request;
  if (signal.aborted) return gitError("E_CANCELLED", name, `fetching ${shown(request)} was cancelled`, error);
  if (error instanceof OperationError) return error;
  if (deadline.aborted) return gitError("E_SOURCE_TIMEOUT", name, `${shown(request)} did not finish its answer in time`, error);
  const { code = "", message = String(error) } = error as { code?: string; message?: string };
  const fault = isTls(code) ? "E_SOURCE_TLS" : "E_SOURCE_UNREACHABLE";
  return gitError(fault, name, `cannot reach ${shown(request)}: ${printable(message)}`, error);
}

const shown = ({ url, remote }: WebRequest): string => maskUrl(URL.parse(remote.url)?.origin === url.origin ? remote.url : url.href);
