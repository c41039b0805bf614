// The routes where an agent or a person's hand is needed: looks at clusters, sync, pauses.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

import type { Action } from "../access/access.ts";
import type { Role } from "../view/api.ts";
import type {
  ActsAnswer,
  LiveAnswer,
  LiveQuery,
  PauseRequest,
  PauseRow,
  ResumeAnswer,
  ResumeRequest,
  SyncAnswer,
  SyncRequest,
} from "../view/live.ts";

type Caller = { readonly name: string; readonly role: Role };

/** What these routes need of the hub. All throw OperationError with a fault. */
export type LivePort = {
  /** Ends early when the signal says that nobody waits any more. */
  look(query: LiveQuery, caller: Caller, signal: AbortSignal): Promise<LiveAnswer>;
  sync(request: SyncRequest, caller: Caller): Promise<SyncAnswer>;
  pause(request: PauseRequest, caller: Caller): Promise<PauseRow>;
  resume(request: ResumeRequest, caller: Caller): Promise<ResumeAnswer>;
  acts(): ActsAnswer;
};

type Guards = {
  readonly allow: (action: Action) => (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;
  readonly callerOf: (request: FastifyRequest) => Caller;
};

/** Which part of a look each path shows, and who may see it: a difference is found by a dry run of every object. */
const looks = [
  { path: "tree", part: "tree", action: "see" },
  { path: "events", part: "events", action: "see" },
  { path: "objects", part: "objects", action: "see" },
  { path: "diff", part: "diff", action: "dryRun" },
] as const satisfies readonly { readonly path: string; readonly part: LiveQuery["part"]; readonly action: Action }[];

const name = { type: "string", minLength: 1, maxLength: 300 } as const;
const reason = { type: "string", minLength: 1, maxLength: 1_000, pattern: "\\S" } as const;

const lookQuery = {
  querystring: {
    type: "object",
    required: ["app", "cluster"],
    additionalProperties: false,
    properties: {
      app: name,
      cluster: name,
      /** `group/Kind/namespace/name`. */
      object: { type: "string", maxLength: 1_000, pattern: "^[^/]*/[^/]+/[^/]*/[^/]+$" },
      managedFields: { enum: ["true", "false"] },
    },
  },
} as const;

const object = (required: readonly string[], properties: object) => ({
  body: { type: "object", required, additionalProperties: false, properties },
});
const scope = { app: name, cluster: name, fleet: { const: true } } as const;
const bodies = {
  sync: object(["app"], { app: name, cluster: name, reason, redeliver: { type: "boolean" } }),
  pause: object(["reason"], { ...scope, reason, forSeconds: { type: "integer", minimum: 1, maximum: 31_536_000 } }),
  resume: object([], { ...scope, reason }),
};

export function addLive(server: FastifyInstance, port: LivePort, { allow, callerOf }: Guards): void {
  for (const { path, part, action } of looks) {
    server.get(`/api/v1/live/${path}`, { schema: lookQuery, onRequest: allow(action) }, async (request, reply) => {
      const query = request.query as { readonly [name: string]: string | undefined };
      const left = new AbortController();
      reply.raw.once("close", () => left.abort());
      const { app = "", cluster = "", managedFields } = query;
      return port.look(
        { app, cluster, part, object: identityOf(query["object"]), managedFields: managedFields === "true" },
        callerOf(request),
        left.signal,
      );
    });
  }
  server.get(
    "/api/v1/acts",
    { schema: { querystring: { type: "object", additionalProperties: false } }, onRequest: allow("see") },
    async () => port.acts(),
  );
  server.post("/api/v1/sync", { schema: bodies.sync, onRequest: allow("sync") }, async (request) =>
    port.sync(request.body as SyncRequest, callerOf(request)),
  );
  server.post("/api/v1/pauses", { schema: bodies.pause, onRequest: allow("pause") }, async (request, reply) =>
    reply.code(201).send(await port.pause(request.body as PauseRequest, callerOf(request))),
  );
  server.post("/api/v1/resume", { schema: bodies.resume, onRequest: allow("pause") }, async (request) =>
    port.resume(request.body as ResumeRequest, callerOf(request)),
  );
}

function identityOf(text: string | undefined): LiveQuery["object"] {
  if (text === undefined) return null;
  const [group = "", kind = "", namespace = "", ...rest] = text.split("/");
  return { group, kind, namespace, name: rest.join("/") };
}
