// The hub's HTTP API: who calls is told by a bearer token, what comes in is checked by a schema, what goes out is in view/api. Knows
// nothing of how answers are made.

import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";

import { OperationError } from "@muster/proto/model/failure";
import { mayDo, type Action } from "../access/access.ts";
import {
  roles,
  type AppsAnswer,
  type ApproveAnswer,
  type ClustersAnswer,
  type DriftAnswer,
  type HeldAnswer,
  type Role,
  type StatusAnswer,
  type TokenAnswer,
  type TokenRequest,
} from "../view/api.ts";
import { addLive, type LivePort } from "./live.ts";
import { toProblem } from "./problem.ts";
import { addQuestions, type QuestionsPort } from "./questions.ts";
import { addSchemas, type Schemas } from "./schemas.ts";

export type { QuestionsPort } from "./questions.ts";

export type { LivePort } from "./live.ts";
export type Caller = { readonly name: string; readonly role: Role };
export type Filter = { readonly cluster?: string; readonly app?: string };
export type WebhookCall = { readonly forge: string; readonly headers: FastifyRequest["headers"]; readonly body: Uint8Array };

/** What the API needs of the hub. */
export type ApiPort = {
  /** undefined: no such token, or expired. */
  authenticate(token: string): Caller | undefined;
  ready(): boolean;
  status(): StatusAnswer;
  clusters(): ClustersAnswer;
  apps(filter: Filter): AppsAnswer;
  drift(filter: Filter): DriftAnswer;
  held(): HeldAnswer;
  approve(id: string, reason: string, caller: Caller): Promise<ApproveAnswer>;
  createToken(request: TokenRequest, caller: Caller): Promise<TokenAnswer>;
  /** Looks at clusters, and what people do by hand. */
  readonly live: LivePort;
  readonly questions: QuestionsPort;
  /** For everybody. */
  readonly schemas: Schemas;
  /** The status to answer a forge's call with. Never throws. */
  webhook(call: WebhookCall): Promise<number>;
};

export type ApiOptions = {
  readonly host: string;
  readonly port: number;
  /** PEM; without it plain http, which is for loopback only. */
  readonly tls: { readonly key: string; readonly cert: string } | null;
  readonly onError: (error: unknown) => void;
};

export const apiLimits = { bodyBytes: 64 * 1024, webhookBytes: 5 * 1024 * 1024 } as const;

export type Api = { readonly url: string; readonly port: number; [Symbol.asyncDispose](): Promise<void> };

export async function serveApi(options: ApiOptions, port: ApiPort): Promise<Api> {
  const server = fastify({
    bodyLimit: apiLimits.bodyBytes,
    requestTimeout: 30_000,
    routerOptions: { maxParamLength: 200 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
    ...(options.tls === null ? {} : { https: { ...options.tls, minVersion: "TLSv1.2" as const } }),
  }) as unknown as FastifyInstance;
  server.setErrorHandler((error, _request, reply) => answerError(reply, error, options.onError));
  server.setNotFoundHandler((_request, reply) => sendProblem(reply, 404, "E_NOT_FOUND", "there is nothing here", "see muster --help"));
  addHealth(server, port);
  addSchemas(server, port.schemas);
  addWebhooks(server, port);
  addReads(server, port);
  addActs(server, port);
  addLive(server, port.live, { allow: (action) => allow(port, action), callerOf });
  addQuestions(server, port.questions, (action) => allow(port, action));
  const url = await server.listen({ host: options.host, port: options.port });
  const address = server.server.address();
  return {
    url,
    port: typeof address === "object" && address !== null ? address.port : options.port,
    [Symbol.asyncDispose]: async () => {
      server.server.closeAllConnections();
      await server.close();
    },
  };
}

function addHealth(server: FastifyInstance, port: ApiPort): void {
  server.get("/livez", async () => ({ ok: true }));
  server.get("/readyz", async (_request, reply) => reply.code(port.ready() ? 200 : 503).send({ ok: port.ready() }));
}

/** A forge signs the exact bytes that it sends: they are kept as they come. */
function addWebhooks(server: FastifyInstance, port: ApiPort): void {
  void server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: apiLimits.webhookBytes }, (_request, body, done) => done(null, body));
    scope.post("/webhooks/:forge", async (request, reply) => {
      const { forge } = request.params as { forge: string };
      const body = Buffer.isBuffer(request.body) ? request.body : new Uint8Array();
      return reply.code(await port.webhook({ forge, headers: request.headers, body })).send();
    });
  });
}

const filter = {
  querystring: {
    type: "object",
    additionalProperties: false,
    properties: { cluster: { type: "string", maxLength: 100 }, app: { type: "string", maxLength: 300 } },
  },
} as const;
const nothing = { querystring: { type: "object", additionalProperties: false } } as const;

function addReads(server: FastifyInstance, port: ApiPort): void {
  const read = (path: string, schema: object, answer: (filter: Filter) => object): void => {
    server.get(`/api/v1/${path}`, { schema, onRequest: allow(port, "see") }, async (request) => answer(request.query as Filter));
  };
  read("status", nothing, () => port.status());
  read("clusters", nothing, () => port.clusters());
  read("apps", filter, (query) => port.apps(query));
  read("drift", filter, (query) => port.drift(query));
  read("held", nothing, () => port.held());
}

const name = { type: "string", minLength: 1, maxLength: 63 } as const;
const labels = { type: "object", maxProperties: 64, additionalProperties: { type: "string", maxLength: 63 } } as const;
const tokenBody = {
  body: {
    type: "object",
    required: ["kind"],
    oneOf: [
      {
        properties: {
          kind: { const: "join" },
          name,
          cluster: name,
          labels,
          uses: { type: "integer", minimum: 1, maximum: 1_000 },
          ttlSeconds: { type: "integer", minimum: 1, maximum: 604_800 },
          replace: name,
        },
        additionalProperties: false,
      },
      {
        properties: {
          kind: { const: "api" },
          name,
          role: { enum: [...roles] },
          ttlSeconds: { type: "integer", minimum: 1, maximum: 31_536_000 },
        },
        required: ["kind", "role"],
        additionalProperties: false,
      },
    ],
  },
} as const;
const approveBody = {
  body: {
    type: "object",
    required: ["reason"],
    additionalProperties: false,
    properties: { reason: { type: "string", minLength: 1, maxLength: 1_000 } },
  },
} as const;

function addActs(server: FastifyInstance, port: ApiPort): void {
  server.post("/api/v1/tokens", { schema: tokenBody, onRequest: authenticate(port) }, async (request, reply) => {
    const body = request.body as TokenRequest;
    const caller = callerOf(request);
    if (!mayDo(caller.role, body.kind === "api" ? "createApiToken" : "createJoinToken")) return forbidden(reply);
    return reply.code(201).send(await port.createToken(body, caller));
  });
  server.post("/api/v1/held/:id/approve", { schema: approveBody, onRequest: allow(port, "approve") }, async (request) => {
    const { id } = request.params as { id: string };
    return port.approve(id, (request.body as { reason: string }).reason, callerOf(request));
  });
}

const callers = new WeakMap<FastifyRequest, Caller>();

function callerOf(request: FastifyRequest): Caller {
  const caller = callers.get(request);
  if (caller === undefined) throw new TypeError("a route without authentication");
  return caller;
}

type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/** Runs before anything of the body is read or looked at: who is unknown learns nothing of what would be accepted. */
function authenticate(port: ApiPort): Hook {
  return async (request, reply) => {
    const [, token] = /^Bearer ([\x21-\x7e]{1,200})$/.exec(request.headers.authorization ?? "") ?? [];
    const caller = token === undefined ? undefined : port.authenticate(token);
    if (caller === undefined)
      return sendProblem(
        reply,
        401,
        "E_UNAUTHENTICATED",
        "the token is missing, wrong or expired",
        "set a valid API token: muster token create --ci makes one",
      );
    callers.set(request, caller);
    return undefined;
  };
}

function allow(port: ApiPort, action: Action): Hook {
  const known = authenticate(port);
  return async (request, reply) => {
    await known(request, reply);
    if (reply.sent) return reply;
    return mayDo(callerOf(request).role, action) ? undefined : forbidden(reply);
  };
}

const forbidden = (reply: FastifyReply): FastifyReply =>
  sendProblem(reply, 403, "E_FORBIDDEN", "the token's role does not allow this", "ask an admin");

function answerError(reply: FastifyReply, error: unknown, onError: ApiOptions["onError"]): FastifyReply {
  const { status, code, message, remedy } = toProblem(error);
  if (status >= 500 && !(error instanceof OperationError)) onError(error);
  return sendProblem(reply, status, code, message, remedy);
}

/** RFC 9457. */
function sendProblem(reply: FastifyReply, status: number, code: string, detail: string, remedy: string): FastifyReply {
  return reply.code(status).type("application/problem+json").send({ type: "about:blank", status, title: code, detail, code, remedy });
}
