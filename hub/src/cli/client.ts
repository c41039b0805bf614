// Speaks to the hub's API. Every failure becomes one error with the code and the remedy that the hub gave, or our own where it gave none.

import http from "node:http";
import https from "node:https";

import { OperationError, type FailureCode } from "@muster/proto/model/failure";
import { isJsonObject } from "@muster/proto/model/json";

import type { Page } from "../view/api.ts";
import type { HubSettings } from "./settings.ts";

export type HubClient = {
  /** `path` below `/api/v1`, `query` without undefined values. */
  get<Answer>(path: string, query?: Query): Promise<Answer>;
  post<Answer>(path: string, body: object): Promise<Answer>;
  /** All pages of a list. */
  list<Row>(path: string, query?: Query): Promise<Page<Row>>;
};

type Query = { readonly [name: string]: string | undefined };

const timeoutMs = 30_000;
/** Questions that the hub renders for: it gives up itself after two minutes each, and they may wait for one another. */
const slowMs = 300_000;
const slow: ReadonlySet<string> = new Set(["/explain", "/preview", "/why-changed"]);
const answerBytesMax = 256 << 20;

export function hubClient({ url, token, ca }: HubSettings, signal: AbortSignal): HubClient {
  const call = async <Answer>(method: string, path: string, query: Query, body?: object): Promise<Answer> => {
    const target = new URL(url);
    target.pathname = `${url.pathname.replace(/\/+$/, "")}/api/v1${path}`;
    for (const [name, value] of Object.entries(query)) if (value !== undefined) target.searchParams.set(name, value);
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const headers = {
      authorization: `Bearer ${token.reveal()}`,
      accept: "application/json",
      ...(payload && { "content-type": "application/json", "content-length": String(payload.length) }),
    };
    const timeout = slow.has(path) ? slowMs : timeoutMs;
    const { status, text } = await exchange(
      target,
      { method, headers, signal, timeout, agent: false, ...(ca !== undefined && { ca }) },
      payload,
    );
    const value = parsed(text);
    if (status < 200 || status > 299) throw refusal(url, status, value);
    if (value === undefined)
      throw failure("corrupt", url, "E_NOT_A_HUB", `${url.origin} does not answer as a hub does`, "check the hub's address");
    return value as Answer;
  };
  const get = <Answer>(path: string, query: Query = {}) => call<Answer>("GET", path, query);
  return {
    get,
    post: (path, body) => call("POST", path, {}, body),
    async list<Row>(path: string, query: Query = {}) {
      let page = await get<Page<Row>>(path, query);
      const items = [...page.items];
      while (page.next !== null) {
        page = await get<Page<Row>>(path, { ...query, after: page.next });
        items.push(...page.items);
      }
      return { ...page, items };
    },
  };
}

type Answer = { readonly status: number; readonly text: string };

function exchange(target: URL, options: https.RequestOptions, payload: Buffer | undefined): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(translated(error, target, options.signal));
    const request = (target.protocol === "https:" ? https : http).request(target, options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > answerBytesMax) request.destroy(failure("limit", target, "E_LIMIT", "the hub's answer is too large", "ask for less"));
        chunks.push(chunk);
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }));
      response.on("error", fail);
    });
    request.on("timeout", () => {
      request.destroy(
        failure(
          "unavailable",
          target,
          "E_TIMEOUT",
          `the hub at ${target.origin} did not answer within ${(options.timeout ?? timeoutMs) / 1000} s`,
          "try again; see the hub's log",
        ),
      );
    });
    request.on("error", fail);
    request.end(payload);
  });
}

function translated(error: unknown, target: URL, signal: AbortSignal | undefined): OperationError {
  if (error instanceof OperationError) return error;
  if (signal?.aborted) return failure("cancelled", target, "E_INTERRUPTED", "interrupted", "");
  const { code = "", message = String(error) } = error as { code?: string; message?: string };
  const why = message === "" ? code : message;
  const remedy = /^(CERT_|ERR_TLS_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_)/.test(code)
    ? "give the hub's CA as ca: in the configuration file"
    : "check that the hub runs, and the address in the configuration";
  return failure("unavailable", target, "E_HUB_UNREACHABLE", `cannot reach the hub at ${target.origin}: ${why}`, remedy);
}

const byStatus: { readonly [status: number]: readonly [FailureCode, string, string] } = {
  400: ["invalid", "E_REQUEST", "see muster --help"],
  401: ["unauthenticated", "E_SIGN_IN", "check the token: muster token create --ci makes one"],
  403: ["forbidden", "E_FORBIDDEN", "ask for a role that may do this"],
  404: ["notFound", "E_NOT_FOUND", "check the name"],
  409: ["conflict", "E_CONFLICT", "look again: it changed meanwhile"],
  429: ["unavailable", "E_BUSY", "try again in a moment"],
  503: ["unavailable", "E_UNAVAILABLE", "try again in a moment"],
};

function refusal(hub: URL, status: number, value: unknown): OperationError {
  const [failureCode, code, remedy] = byStatus[status] ?? (["corrupt", "E_HUB_FAILED", "see the hub's log"] as const);
  const field = (name: string): string | undefined => {
    const text = isJsonObject(value) ? value[name] : undefined;
    return typeof text === "string" && text !== "" ? text : undefined;
  };
  const detail = field("detail") ?? field("title") ?? `the hub answers ${status}`;
  return failure(failureCode, hub, field("code") ?? code, detail, field("remedy") ?? remedy);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const failure = (code: FailureCode, hub: URL, fault: string, message: string, remedy: string): OperationError =>
  new OperationError(code, hub.origin, message, undefined, { code: fault, remedy });
