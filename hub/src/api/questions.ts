// The routes of people's questions: explain, diff, preview, where, why-changed, and the names for completion. All of them only look.

import type { FastifyInstance, FastifyRequest } from "fastify";

import type { Action } from "../access/access.ts";
import type { DiffAnswer, ExplainAnswer, NamesAnswer, ParityAnswer, PreviewAnswer, WhereAnswer, WhyAnswer } from "../view/questions.ts";

/** What the API needs of the hub to answer questions. All throw OperationErrors with a code and a remedy. */
export type QuestionsPort = {
  explain(query: ExplainWords): Promise<ExplainAnswer>;
  diff(query: { readonly app?: string; readonly cluster?: string }): Promise<DiffAnswer>;
  parity(query: { readonly left: string; readonly right: string; readonly app?: string }): Promise<ParityAnswer>;
  preview(query: { readonly revision: string; readonly source?: string }): Promise<PreviewAnswer>;
  where(query: { readonly what: string; readonly after?: string }): Promise<WhereAnswer>;
  /** `what`: a cluster or an App; with `app` a cluster. */
  why(query: { readonly what: string; readonly app?: string; readonly after?: string }): Promise<WhyAnswer>;
  names(): Promise<NamesAnswer>;
};

export type ExplainWords = {
  readonly app: string;
  readonly cluster: string;
  readonly path?: string;
  readonly object?: string;
  readonly all?: boolean;
};

type Hook = (request: FastifyRequest, reply: never) => Promise<unknown>;

const word = (maxLength: number) => ({ type: "string", minLength: 1, maxLength }) as const;
const words = (required: readonly string[], properties: Readonly<Record<string, object>>): object => ({
  querystring: { type: "object", additionalProperties: false, required, properties },
});
const [app, cluster] = [word(300), word(100)];

/** `allow`: lets through who may do it. */
export function addQuestions(server: FastifyInstance, port: QuestionsPort, allow: (action: Action) => Hook): void {
  const ask = <Query>(path: string, schema: object, answer: (query: Query) => Promise<object>, action: Action = "see"): void => {
    server.get(`/api/v1/${path}`, { schema, onRequest: allow(action) as never }, async (request) => answer(request.query as Query));
  };
  const explainWords = words(["app", "cluster"], { app, cluster, path: word(1_000), object: word(600), all: { enum: ["true", "false"] } });
  ask<Omit<ExplainWords, "all"> & { all?: string }>("explain", explainWords, ({ all, ...query }) =>
    port.explain({ ...query, all: all === "true" }),
  );
  ask<Parameters<QuestionsPort["diff"]>[0]>("diff", words([], { app, cluster }), (query) => port.diff(query));
  ask<Parameters<QuestionsPort["parity"]>[0]>("parity", words(["left", "right"], { left: word(300), right: word(300), app }), (query) =>
    port.parity(query),
  );
  const previewWords = words(["revision"], { revision: word(300), source: word(100) });
  ask<Parameters<QuestionsPort["preview"]>[0]>("preview", previewWords, (query) => port.preview(query), "preview");
  const after = word(4_000);
  ask<Parameters<QuestionsPort["where"]>[0]>("where", words(["what"], { what: word(600), after }), (query) => port.where(query));
  ask<Parameters<QuestionsPort["why"]>[0]>("why-changed", words(["what"], { what: word(300), app, after }), (query) => port.why(query));
  ask("names", words([], {}), () => port.names());
}
