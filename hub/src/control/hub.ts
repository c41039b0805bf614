// The hub as a whole: opens what is kept, wires the loops, serves both ports, and ends them in order.

import { join } from "node:path";

import { messageOf } from "@muster/proto/model/failure";
import { Renderer } from "../render/render.ts";
import { serveApi, type Api, type ApiPort } from "../api/api.ts";
import type { HubConfig } from "../config/config.ts";
import { rootSourceName } from "../fleet/fleet.ts";
import { openKeys, type Keys } from "../keys/keys.ts";
import { listenGrpc, type Link } from "../link/link.ts";
import { openRemote, type Remote } from "../remote/remote.ts";
import { lockStore, openStore } from "../store/store.ts";
import { apiPort } from "./api-port.ts";
import { openCommanding } from "./commanding/commanding.ts";
import { FleetLoop } from "./fleet-loop.ts";
import type { HubOptions } from "./hub-options.ts";
import type { HubLog } from "./log.ts";
import { openRecord, type HubRecord } from "./record.ts";
import { rebuiltKey, Sessions } from "./sessions.ts";
import { FleetSources } from "./sources/fleet-sources.ts";
import { discardContent, openContent, type OpeningOptions } from "./sources/opening.ts";
import { Tokens } from "./tokens.ts";

export type { HubOptions, SecretReader } from "./hub-options.ts";

export type Hub = {
  readonly agentsPort: number;
  readonly apiUrl: string;
  readonly fleet: string;
  /** Runs until the signal; what is under way is finished. */
  run(signal: AbortSignal): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Opens everything and starts to listen. Throws OperationError with the remedy when it cannot. */
export async function openHub(options: HubOptions): Promise<Hub> {
  await using stack = new AsyncDisposableStack();
  const { config, log, now } = options;
  const database = join(config.dataDir, "hub.db");
  // Before the keys: two hubs at the very first start would make two fleets.
  const lock = stack.use(await lockStore(database));
  const keys = await openKeys(join(config.dataDir, "keys"), now());
  const store = stack.use(await openStore(database, keys.storeKey, lock));
  const record = openRecord(store);
  const renderer = stack.use(
    await Renderer.open({ workers: config.render.workers, timeoutMs: config.render.timeout, memoryMaxMb: config.render.memoryMb }),
  );
  let link: Link | undefined;
  const commanding = openCommanding({
    record,
    keys,
    live: (cluster) => sessions.live(cluster),
    state: () => fleet.state,
    now,
    log,
    onChange: () => fleet.lookAtAll(),
  });
  const sessions: Sessions = new Sessions({
    record,
    keys,
    now,
    log,
    onChange: (cluster) => fleet.look(cluster),
    onRevoked: (serial) => link?.cut(serial),
    commands: commanding.port,
  });
  const remote = await openRemote({ dir: join(config.dataDir, "remote"), log });
  const sources = fleetSources(options, record, remote, () => fleet.lookAtAll());
  const fleet: FleetLoop = new FleetLoop({
    record,
    keys,
    sessions,
    renderer,
    sources,
    removeDelayMs: config.removeDelay,
    leaveDelayMs: config.leaveDelay,
    now,
    log,
  });
  link = stack.use(await listen(config, keys, sessions, log, now()));
  const agentsPort = link.port;
  const tokens = new Tokens({
    record,
    authority: keys.authority.certificate,
    now,
    hubAddress: () => `${config.listen.names[0] ?? "HUB"}:${agentsPort}`,
  });
  if (record.memory.tokens.size === 0) await firstStart(record, keys, tokens, log, now());
  const port = apiPort(options, { record, keys, sessions, sources, fleet, tokens, commanding, renderer });
  const api: Api = stack.use(await listenApi(config, keys, port, log, now()));
  log.info({ port: agentsPort }, "listening for agents");
  const owned = stack.move();
  return {
    agentsPort,
    apiUrl: api.url,
    fleet: keys.fleet,
    run: async (signal) => {
      // Without its record the hub may promise nothing: it ends, and whoever watches it starts it again.
      const lost = store.died.then((error) => Promise.reject(error));
      await Promise.race([Promise.all([sources.run(signal), fleet.run(signal), commanding.run(signal)]), lost]);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A new database: of a new hub, or of one that lost it. Either way somebody has to be let in. */
async function firstStart(record: HubRecord, keys: Keys, tokens: Tokens, log: HubLog, now: number): Promise<void> {
  if (!keys.firstStart) {
    await record.commit([{ kind: "meta", key: rebuiltKey, value: String(now) }]);
    log.warn({}, "the database is new, the keys are not: rebuilding from Git and the agents; tokens, approvals and revocations are lost");
  }
  await keys.writeAdminToken(await tokens.createFirstAdmin());
  log.info({ path: keys.adminTokenFile }, "made an admin token");
}

function fleetSources(
  { config, secrets, network, log, now, random }: HubOptions,
  record: HubRecord,
  remote: Remote,
  onChange: () => void,
): FleetSources {
  const { git, poll, ...rest } = config.root;
  const { memory } = record;
  const opening: OpeningOptions = {
    dataDir: config.dataDir,
    secret: (ref) => secrets.source(ref),
    network,
    partial: config.git.partial,
    remote,
    log,
  };
  return new FleetSources({
    root: { name: rootSourceName, kind: "git", url: git, pollMs: poll, ...rest },
    open: (address, held) => openContent(opening, address, held),
    discard: (key) => discardContent(config.dataDir, key),
    lastCommit: (key) => memory.sources.get(key)?.commit ?? null,
    heldPaths: (source) => new Set([...memory.documents.values()].flatMap((row) => (row.source === source ? [row.path] : []))),
    now,
    random,
    log,
    onChange,
  });
}

async function listen(config: HubConfig, keys: Keys, sessions: Sessions, log: HubLog, now: number): Promise<Link> {
  const { names, agents } = config.listen;
  const own = await keys.authority.issueServer(names, now);
  return listenGrpc(
    {
      ...agents,
      ...own,
      authority: keys.authority.certificate,
      onError: (where, error) => tellOf(log, where, error),
    },
    sessions,
  );
}

/** Strangers' failed connections are noise; a refused enrolment is for whoever watches, a failure of ours for whoever mends. */
function tellOf(log: HubLog, where: string, err: unknown): void {
  if (where === "enrollment") log.warn({ where, reason: messageOf(err) }, "an enrolment was refused");
  else if (where === "renewal" || where === "fetch") log.error({ where, err }, "a call of an agent failed");
  else log.debug({ where, err }, "a connection failed");
}

/** Plain http is for loopback only: tokens do not cross a network in the clear. */
async function listenApi(config: HubConfig, keys: Keys, port: ApiPort, log: HubLog, now: number): Promise<Api> {
  const { host, port: number } = config.listen.api;
  const loopback = host === "localhost" || host === "::1" || host.startsWith("127.");
  const own = loopback ? null : await keys.authority.issueServer(config.listen.names, now);
  return serveApi(
    {
      host,
      port: number,
      tls: own && { key: own.key, cert: `${own.certificate}\n${keys.authority.certificate}` },
      onError: (err) => log.error({ err, where: "api" }, "a request failed"),
    },
    port,
  );
}
