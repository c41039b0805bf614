// A hub's loops on real parts, in this process: a Git repository behind http, a database on disk, keys, a renderer. Only the agents are
// played: sessions that keep what they were sent, without a network between.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openSource } from "@muster/hub/git/git";
import { FleetLoop } from "@muster/hub/control/fleet-loop";
import type { HubLog } from "@muster/hub/control/log";
import { openRecord, type HubRecord } from "@muster/hub/control/record";
import { Sessions } from "@muster/hub/control/sessions";
import { FleetSources } from "@muster/hub/control/sources/fleet-sources";
import { rootSourceName } from "@muster/hub/fleet/fleet";
import { openKeys, type Keys } from "@muster/hub/keys/keys";
import { Renderer } from "@muster/hub/render/render";
import { openStore, type Write } from "@muster/hub/store/store";
import { digestOf } from "@muster/proto/model/digest";
import type { ClusterName } from "@muster/proto/model/identity";
import { Secret } from "@muster/proto/model/secret";
import type { FromHub } from "@muster/proto/model/session";
import type { BuiltFleet } from "./fleet-files.ts";
import { GitProcess } from "./git-process.ts";

export type HubWorld = AsyncDisposable & {
  readonly record: HubRecord;
  readonly keys: Keys;
  /** Changes files in Git; resolves with the commit, of which the hub does not know yet. */
  commit(files: Readonly<Record<string, string>>): Promise<string>;
  /** Tells the hub to look, and waits until these clusters were sent a new bundle. */
  delivered(clusters: readonly string[]): Promise<void>;
};

const delays = { removeDelayMs: 1_800_000, leaveDelayMs: 86_400_000 } as const;
const never = 86_400_000;
/** Nobody asks these agents anything. */
const commands = {
  greeted: async () => undefined,
  gone: () => undefined,
  result: async () => undefined,
  awaits: () => false,
  answered: () => Promise.reject(new TypeError("nothing was asked for")),
};
const plainSource = {
  kind: "git",
  revision: "main",
  path: "",
  pollMs: never,
  secretRef: null,
  submodules: false,
  mirrors: [],
  remotes: [],
  insecure: false,
} as const;
/** The Git server of the bench stands on this machine. */
const network = { http: null, https: null, noProxy: [], allow: ["127.0.0.0/8"] };
const deliveryMs = 280_000;

/** Opens the hub on the fleet and waits until every cluster that has an App was sent its first bundle. */
export async function openHubWorld(fleet: BuiltFleet): Promise<HubWorld> {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "muster-bench-"));
  stack.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  const git = stack.use(await GitProcess.start());
  await git.create(fleet.files);
  const keys = await openKeys(join(dir, "keys"), Date.now());
  const store = stack.use(await openStore(join(dir, "hub.db"), keys.storeKey));
  const record = openRecord(store);
  const renderer = stack.use(await Renderer.open());
  const failures: string[] = [];
  const log = logTo(failures);
  let loop: FleetLoop | undefined;
  const look = (): void => loop?.lookAtAll();
  const sessions = new Sessions({ record, keys, now: Date.now, log, onChange: () => undefined, onRevoked: () => undefined, commands });
  const token = new Secret(git.token);
  const sources = new FleetSources({
    root: { ...plainSource, name: rootSourceName, url: git.url },
    open: ({ key, url, revision }) =>
      openSource({ dir: join(dir, "git"), address: { name: key, url, revision, credentials: { kind: "token", token } }, network, log }),
    discard: () => Promise.resolve(),
    lastCommit: () => null,
    heldPaths: () => new Set([...record.memory.documents.values()].map(({ path }) => path)),
    now: Date.now,
    random: () => 0.5,
    log,
    onChange: look,
  });
  loop = new FleetLoop({ record, keys, sessions, renderer, sources, ...delays, now: Date.now, log });
  const mail = new Mail(failures);
  await enrol(fleet.clusterNames, record, sessions, mail);
  const stop = new AbortController();
  const running = Promise.all([sources.run(stop.signal), loop.run(stop.signal)]);
  stack.defer(async () => {
    stop.abort();
    await running;
  });
  const used = new Set(fleet.appNames.flatMap((_, app) => (app < fleet.slots ? fleet.clustersOf(app) : [])));
  await mail.each([...used]);
  const owned = stack.move();
  return {
    record,
    keys,
    commit: (files) => git.commit(files),
    delivered: (clusters) => {
      const all = mail.each(clusters);
      sources.hint([git.url]);
      return all;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Clusters as they are in the record after their enrolment, each with a session that has said hello. */
async function enrol(names: readonly string[], record: HubRecord, sessions: Sessions, mail: Mail): Promise<void> {
  const rows = names.map((name): Write => {
    const known = { labels: {}, facts: null, ackedGeneration: 0, ackedDigest: "", refusal: null, refusalMessage: "" } as const;
    return { kind: "cluster", row: { name: name as ClusterName, uid: `uid-${name}`, enrolledAt: 1, lastSeen: 1, ...known } };
  });
  await record.commit(rows);
  for (const name of names) {
    const uid = `uid-${name}`;
    const identity = { cluster: name as ClusterName, uid, serial: name };
    const session = { remote: "bench", send: (message: FromHub) => mail.take(name, message), end: () => mail.refused(name) };
    await sessions.session(identity, session).message({
      kind: "hello",
      protocolMin: 1,
      protocolMax: 1,
      features: [],
      agentVersion: "bench",
      clusterUid: uid,
      instance: name,
      accepted: null,
      statusRoot: digestOf(""),
      trustVersion: 1,
      facts: null,
    });
  }
}

/** What the sessions were sent, as far as somebody waits for it. */
class Mail {
  readonly #failures: readonly string[];
  readonly #awaited = new Set<string>();
  #done: PromiseWithResolvers<void> | undefined;

  constructor(failures: readonly string[]) {
    this.#failures = failures;
  }

  take(cluster: string, message: FromHub): void {
    if (message.kind !== "bundle") return;
    this.#awaited.delete(cluster);
    if (this.#awaited.size === 0) this.#done?.resolve();
  }

  refused(cluster: string): void {
    this.#done?.reject(new Error(`the hub ended the session of ${cluster}`));
  }

  /** Waits until each of these was sent a bundle. */
  async each(clusters: readonly string[]): Promise<void> {
    for (const cluster of clusters) this.#awaited.add(cluster);
    this.#done = Promise.withResolvers();
    const late = setTimeout(() => this.#done?.reject(new Error(this.#lateness())), deliveryMs);
    if (this.#awaited.size === 0) this.#done.resolve();
    await this.#done.promise.finally(() => clearTimeout(late));
  }

  #lateness(): string {
    return [`${this.#awaited.size} clusters were sent nothing in ${deliveryMs} ms`, ...this.#failures].join("\n");
  }
}

function logTo(failures: string[]): HubLog {
  const keep = (fields: { readonly reason?: string }, message: string): void => void failures.push(`${message}: ${fields.reason ?? ""}`);
  return { debug: () => undefined, info: () => undefined, warn: keep, error: keep };
}
