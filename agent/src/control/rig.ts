// For tests: a body on a real API server and a real disk, fed with bundles as the hub would make them.

import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { pinDigest, type AgentPolicy, type Bundle, type BundleApp, type Tombstone } from "@muster/proto/model/bundle";
import { bundleSchema } from "@muster/proto/model/bundle";
import { byCodeUnits } from "@muster/proto/model/canonical";
import type { Digest } from "@muster/proto/model/digest";
import { appKey, type AppKey, type ClusterName, type ObjectIdentity } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject } from "@muster/proto/model/json";
import { makeRelease } from "@muster/proto/model/release";
import type { AppStatus } from "@muster/proto/model/status";

import { openCache, type Cache } from "../cache/cache.ts";
import { connectKube, type Kube } from "../kube/kube.ts";
import { createBody, type Body, type BodyOptions } from "./body.ts";
import type { AgentLog } from "./log.ts";

export const plainPolicy: AgentPolicy = {
  namespace: null,
  createNamespace: true,
  prune: true,
  heal: true,
  adopt: "never",
  serviceAccount: null,
  timeoutMs: 600_000,
  ignore: [],
};

export type AppSpec = {
  readonly objects: readonly JsonObject[];
  readonly policy?: Partial<AgentPolicy>;
  readonly dependsOn?: readonly string[];
};

export type BundleSpec = {
  readonly apps: { readonly [name: string]: AppSpec };
  readonly tombstones?: readonly Tombstone[];
  readonly approvals?: readonly Digest[];
  readonly paused?: boolean;
};

export type Write = { readonly verb: "apply" | "create" | "patch" | "remove"; readonly object: string };

export type RigOptions = {
  readonly kubeconfig: string;
  /** Where the cache is; a folder of its own when not given. */
  readonly dir?: string;
  readonly key?: Uint8Array;
  readonly fleet?: string;
  /** The generation of the bundle before the first. */
  readonly generation?: number;
  readonly body?: Partial<BodyOptions>;
  /** Called after each write was answered, before the agent sees the answer. */
  readonly afterWrite?: (write: Write, count: number) => void;
};

export const keyFor = (name: string): AppKey => appKey("default", "", name);

/** The identity that an object has. */
export function identityIn(object: JsonObject): ObjectIdentity {
  const metadata = isJsonObject(object["metadata"]) ? object["metadata"] : {};
  const apiVersion = String(object["apiVersion"]);
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  return {
    group: apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "",
    kind: String(object["kind"]),
    namespace: text(metadata["namespace"]),
    name: text(metadata["name"]),
  };
}

export class Rig implements AsyncDisposable {
  readonly kube: Kube;
  readonly writes: Write[] = [];
  readonly lost: Digest[] = [];
  /** Apps that were said to be well for as long as was asked for. */
  readonly proven: AppKey[] = [];
  /** How many objects were read one by one. */
  reads = 0;
  readonly reports: { readonly status: AppStatus; readonly atMs: number }[] = [];
  readonly fleet: string;
  readonly dir: string;
  readonly #options: RigOptions;
  readonly #key: Uint8Array;
  #cache: Cache | null = null;
  #body: Body | null = null;
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #generation: number;
  #waiters: (() => void)[] = [];

  private constructor(options: RigOptions, kube: Kube, dir: string) {
    this.#options = options;
    this.dir = dir;
    this.fleet = options.fleet ?? "11111111-2222-3333-4444-555555555555";
    this.#key = options.key ?? randomBytes(32);
    this.#generation = options.generation ?? 0;
    this.kube = kube;
  }

  static async start(options: RigOptions): Promise<Rig> {
    const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "muster-body-")));
    const rig = new Rig(options, await connectKube({ kubeconfig: options.kubeconfig }), dir);
    await rig.begin();
    return rig;
  }

  get body(): Body {
    if (this.#body === null) throw new TypeError("the body is not running");
    return this.#body;
  }

  get cache(): Cache {
    if (this.#cache === null) throw new TypeError("the cache is not open");
    return this.#cache;
  }

  /** Opens the disk and runs a body on it. */
  async begin(): Promise<void> {
    this.#stop = new AbortController();
    this.#cache = await openCache({ dir: this.dir, key: this.#key, log: silent, now: Date.now });
    this.#body = createBody({
      kube: this.#counted(),
      cache: this.#cache,
      fleet: this.fleet,
      log: silent,
      now: Date.now,
      healthyAfterMs: 0,
      onStatus: (status) => {
        this.reports.push({ status, atMs: performance.now() });
        this.#tell();
      },
      onForgotten: () => this.#tell(),
      onProven: (app) => {
        this.proven.push(app);
        this.#tell();
      },
      onMissing: (digests) => this.lost.push(...digests),
      ...this.#options.body,
    });
    this.#running = this.#body.run(this.#stop.signal);
  }

  /** Ends the body in an orderly way. */
  async end(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#cache?.[Symbol.asyncDispose]();
    this.#cache = null;
    this.#body = null;
  }

  /** A bundle as the hub makes it, its Releases in the cache. */
  async bundle(spec: BundleSpec): Promise<Bundle> {
    const apps: BundleApp[] = [];
    for (const [name, app] of Object.entries(spec.apps)) {
      const release = makeRelease(app.objects.map((object) => ({ identity: identityIn(object), object })));
      await this.cache.saveRelease(release.manifest, release.objects);
      const dependsOn = (app.dependsOn ?? []).map(keyFor);
      apps.push({ app: keyFor(name), release: release.digest, policy: { ...plainPolicy, ...app.policy }, dependsOn });
    }
    this.#generation += 1;
    return {
      schema: bundleSchema,
      critical: [],
      fleet: this.fleet,
      cluster: "one" as ClusterName,
      clusterUid: "uid",
      epoch: 1,
      signer: "hub",
      generation: this.#generation,
      issuedAt: new Date().toISOString(),
      revision: { serial: this.#generation, sources: {} },
      paused: spec.paused ?? false,
      apps: apps.toSorted((a, b) => byCodeUnits(a.app, b.app)),
      tombstones: spec.tombstones ?? [],
      approvals: spec.approvals ?? [],
    };
  }

  /** Gives the body a bundle, and waits until each of its Apps has a status of the bundle's pin that `is` as wanted. */
  async accept(spec: BundleSpec, is: (status: AppStatus) => boolean = isSynced): Promise<void> {
    const bundle = await this.bundle(spec);
    this.body.accept(bundle);
    for (const app of bundle.apps) {
      const pin = pinDigest(app);
      await this.status(app.app, (status) => status.pin === pin && status.generation === bundle.generation && is(status));
    }
  }

  /** Waits until an App's status is as wanted. */
  async status(app: AppKey | string, is: (status: AppStatus) => boolean, withinMs = 20_000): Promise<AppStatus> {
    const key = app.includes("/") ? (app as AppKey) : keyFor(app);
    return this.until(
      () => {
        const status = this.body.statuses().get(key);
        return status !== undefined && is(status) ? status : null;
      },
      () => `status of ${key} is ${JSON.stringify(this.body.statuses().get(key), null, 1)}`,
      withinMs,
    );
  }

  /** Looks until there is something; the deadline is there to say what was seen instead. */
  async until<T>(look: () => T | null | Promise<T | null>, seen: () => string = () => "", withinMs = 20_000): Promise<T> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const found = await look();
      if (found !== null) return found;
      if (Date.now() > deadline) throw new Error(`waited in vain; ${seen()}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 10);
        this.#waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Waits until nothing is written for a while that is long for a healer and a round. */
  async quiet(): Promise<void> {
    let last = -1;
    for (let calm = 0; calm < 4; calm = last === this.writes.length ? calm + 1 : 0) {
      last = this.writes.length;
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
  }

  async live(object: JsonObject | ObjectIdentity): Promise<JsonObject | null> {
    const found = await this.kube.get("apiVersion" in object ? identityIn(object as JsonObject) : (object as ObjectIdentity));
    return found.kind === "found" ? found.object : null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#body !== null) await this.end();
    await this.kube.close();
    if (this.#options.dir === undefined) await rm(this.dir, { recursive: true, force: true });
  }

  #tell(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }

  /** The real API server; writes are counted. */
  #counted(): Kube {
    const noted = <T>(verb: Write["verb"], object: string, done: Promise<T>): Promise<T> =>
      done.then((answer) => {
        this.writes.push({ verb, object });
        this.#options.afterWrite?.({ verb, object }, this.writes.length);
        return answer;
      });
    const { kube } = this;
    const name = (id: ObjectIdentity): string => `${id.kind} ${id.namespace}/${id.name}`;
    return {
      ...kube,
      get: (id, options) => {
        this.reads += 1;
        return kube.get(id, options);
      },
      apply: (object, options) =>
        options?.dryRun === true ? kube.apply(object, options) : noted("apply", name(identityIn(object)), kube.apply(object, options)),
      create: (object, options) => noted("create", name(identityIn(object)), kube.create(object, options)),
      patchJson: (id, operations, options) => noted("patch", name(id), kube.patchJson(id, operations, options)),
      remove: (id, options) => noted("remove", name(id), kube.remove(id, options)),
    };
  }
}

export const isSynced = (status: AppStatus): boolean => status.reason === "Synced";

export const silent: AgentLog =
  process.env["MUSTER_TEST_LOG"] === undefined
    ? { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
    : { debug: console.error, info: console.error, warn: console.error, error: console.error };

/** A ConfigMap. */
export function configMap(namespace: string, name: string, data: { readonly [key: string]: string }): JsonObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data };
}

/** A Deployment of one container. */
export function deployment(namespace: string, name: string, replicas = 1): JsonObject {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "web", image: "nginx:1", ports: [{ containerPort: 80 }] }] } },
    },
  };
}
