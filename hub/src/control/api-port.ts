// What the API serves, as the loops and the record answer it.

import type { ApiPort } from "../api/api.ts";
import type { Keys } from "../keys/keys.ts";
import type { Renderer } from "../render/render.ts";
import { Answers } from "./answers.ts";
import { Questions } from "./asking/questions.ts";
import { spellWith } from "./asking/spell.ts";
import type { openCommanding } from "./commanding/commanding.ts";
import type { FleetLoop } from "./fleet-loop.ts";
import type { HubOptions } from "./hub-options.ts";
import { publishedSchemas } from "./published-schemas.ts";
import { recordCache } from "./record-cache.ts";
import type { HubRecord } from "./record.ts";
import type { Sessions } from "./sessions.ts";
import type { FleetSources } from "./sources/fleet-sources.ts";
import type { Tokens } from "./tokens.ts";
import { webhookHandler } from "./webhooks.ts";

export type Parts = {
  readonly record: HubRecord;
  readonly keys: Keys;
  readonly sessions: Sessions;
  readonly sources: FleetSources;
  readonly fleet: FleetLoop;
  readonly tokens: Tokens;
  readonly commanding: ReturnType<typeof openCommanding>;
  readonly renderer: Renderer;
};

export function apiPort(options: HubOptions, parts: Parts): ApiPort {
  const { now, secrets } = options;
  const { record, keys, sources, fleet, tokens, commanding, renderer } = parts;
  const answers = answersOf(options, parts);
  return {
    authenticate: (token) => tokens.authenticate(token),
    ready: () => record.store.failed === undefined,
    status: () => answers.status(),
    clusters: () => answers.clusters(),
    apps: (filter) => answers.apps(filter),
    drift: (filter) => answers.drift(filter),
    held: () => answers.held(),
    approve: async (id, reason, caller) => {
      const answer = await answers.approve(id, reason, caller.name);
      fleet.lookAtAll();
      return answer;
    },
    createToken: (request, caller) => tokens.create(request, caller),
    questions: new Questions({
      record,
      basis: () => fleet.basis,
      state: () => fleet.state,
      renders: { renderer, cache: recordCache(record, now), secret: keys.storeKey },
      sources,
      spell: spellWith(keys.storeKey),
      now,
    }),
    webhook: webhookHandler({ ...options, secret: (forge) => secrets.webhook(forge), hint: (urls) => sources.hint(urls) }),
    live: commanding.live,
    schemas: publishedSchemas(),
  };
}

function answersOf({ config, now }: HubOptions, { record, sessions, sources, fleet }: Parts): Answers {
  return new Answers({
    fleet: config.fleet,
    record,
    sessions,
    state: () => fleet.state,
    sources: () => sources.views(),
    contents: () => sources.contentViews(),
    staleAfterMs: config.staleAfter,
    now,
  });
}
