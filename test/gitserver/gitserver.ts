// A real Git server on the loopback for tests and the demo: `git http-backend` behind HTTP with a token, signed push webhooks,
// quick commits without a work tree, and faults on request.

import { randomUUID, timingSafeEqual, createHash } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { serve } from "./backend.ts";
import { writeCommit, type Author, type Changes } from "./commits.ts";
import { git } from "./git.ts";
import { deliver, NO_COMMIT, type Delivery, type Push, type Webhook } from "./webhook.ts";

export type { Author, Change, Changes } from "./commits.ts";
export type { Delivery, Push, Webhook } from "./webhook.ts";
export { signature } from "./webhook.ts";

export interface GitServerOptions {
  /** Where repositories are kept; given, it is left at the end. None: a temporary folder that is removed at the end. */
  readonly dir?: string;
  /** The password of every user, also accepted as a bearer token. */
  readonly token: string;
  readonly webhook?: Webhook;
  /** Serves https on `localhost`; with `clientCa` only to clients with a certificate of that CA. All PEM. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly clientCa?: string };
}

/** What the server does wrong from now on. */
export type Fault =
  | { readonly kind: "status"; readonly status: 401 | 403 | 404 | 429 | 500 | 503; readonly retryAfterSeconds?: number }
  | { readonly kind: "hang" }
  /** Answers that hold a pack break off so many bytes into the pack. */
  | { readonly kind: "truncate"; readonly afterBytes: number };

/** A request as it came, answered or not. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly user: string | undefined;
}

export interface GitServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, or `https://localhost:PORT`; the same after stop and start. */
  readonly url: string;
  readonly dir: string;
  /** The address to clone, without the token. */
  cloneUrl(repository: string): string;
  /** The path of the bare repository. */
  path(repository: string): string;
  /** Makes a repository (`fleet` or `team/fleet`) with a first commit on `main`; gives the commit. */
  createRepository(repository: string, files: Changes): Promise<string>;
  /** Commits on a branch (`main`) as a push by the author would, webhook included; gives the commit. */
  commit(repository: string, changes: Changes, message: string, options?: CommitOptions): Promise<string>;
  /** Sets a branch to a commit that need not follow the present one; with changes, to a new commit on top of `onto` (null: without parent). */
  forcePush(repository: string, onto: string | null, changes?: Changes, message?: string, options?: CommitOptions): Promise<string>;
  /** The commit of a branch (`main`). */
  head(repository: string, branch?: string): Promise<string>;
  setWebhook(webhook: Webhook | undefined): void;
  /** Every delivery so far, oldest first. Those under way are waited for. */
  deliveries(): Promise<readonly Delivery[]>;
  /** From now on requests fail in this way; `undefined` ends it and releases the hanging ones. */
  setFault(fault: Fault | undefined): void;
  requests(): readonly SeenRequest[];
  /** Refuses connections until `start`; open ones are cut. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface CommitOptions {
  readonly author?: Author;
  readonly branch?: string;
}

const HOOK = fileURLToPath(new URL("./post-receive.ts", import.meta.url));
const HOOK_PATH = "/-/pushed/";
const SOMEBODY: Author = { name: "Ada Example", email: "ada@example.com" };

/** Starts a Git server on a free port of 127.0.0.1. */
export async function startGitServer(options: GitServerOptions): Promise<GitServer> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "muster-git-")));
  await mkdir(dir, { recursive: true });
  const server = new LocalGitServer(dir, options);
  await server.start();
  return server;
}

class LocalGitServer implements GitServer {
  readonly dir: string;
  readonly #temporary: boolean;
  readonly #token: string;
  readonly #tls: GitServerOptions["tls"];
  readonly #hookSecret = randomUUID();
  readonly #seen: SeenRequest[] = [];
  readonly #delivered: Promise<Delivery>[] = [];
  readonly #hanging = new Set<ServerResponse>();
  readonly #turns = new Map<string, Promise<unknown>>();
  #webhook: Webhook | undefined;
  #fault: Fault | undefined;
  #server: Server | undefined;
  #port = 0;

  constructor(dir: string, options: GitServerOptions) {
    this.dir = dir;
    this.#temporary = options.dir === undefined;
    this.#token = options.token;
    this.#webhook = options.webhook;
    this.#tls = options.tls;
  }

  get url(): string {
    return this.#tls === undefined ? `http://127.0.0.1:${this.#port}` : `https://localhost:${this.#port}`;
  }

  cloneUrl(repository: string): string {
    return `${this.url}/${repository}.git`;
  }

  path(repository: string): string {
    return join(this.dir, `${repository}.git`);
  }

  async start(): Promise<void> {
    if (this.#server !== undefined) return;
    const answer = (request: IncomingMessage, response: ServerResponse): void => void this.#answer(request, response);
    const server = this.#tls === undefined ? createServer(answer) : createTlsServer(tlsOptions(this.#tls), answer);
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Promise.all(this.#delivered);
    if (this.#temporary) await rm(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }

  async createRepository(repository: string, files: Changes): Promise<string> {
    const path = this.path(repository);
    await mkdir(dirname(path), { recursive: true });
    await git(this.dir, ["init", "--quiet", "--bare", "--initial-branch=main", path]);
    for (const [key, value] of SETTINGS) await git(this.dir, ["-C", path, "config", key, value]);
    await this.#installHook(repository);
    return this.#push(repository, "main", SOMEBODY, async (ref) => this.#write(repository, ref, null, files, "Start", SOMEBODY));
  }

  async commit(repository: string, changes: Changes, message: string, options: CommitOptions = {}): Promise<string> {
    const author = options.author ?? SOMEBODY;
    return this.#push(repository, options.branch ?? "main", author, async (ref, before) =>
      this.#write(repository, ref, before === NO_COMMIT ? null : before, changes, message, author),
    );
  }

  async forcePush(
    repository: string,
    onto: string | null,
    changes: Changes = {},
    message = "Rewrite",
    options: CommitOptions = {},
  ): Promise<string> {
    const author = options.author ?? SOMEBODY;
    return this.#push(repository, options.branch ?? "main", author, async (ref) => {
      if (onto === null || Object.keys(changes).length > 0) return this.#write(repository, ref, onto, changes, message, author);
      await git(this.dir, ["-C", this.path(repository), "update-ref", ref, onto]);
      return onto;
    });
  }

  async head(repository: string, branch = "main"): Promise<string> {
    return (await git(this.dir, ["-C", this.path(repository), "rev-parse", "--verify", `refs/heads/${branch}`])).trim();
  }

  setWebhook(webhook: Webhook | undefined): void {
    this.#webhook = webhook;
  }

  async deliveries(): Promise<readonly Delivery[]> {
    return Promise.all(this.#delivered);
  }

  setFault(fault: Fault | undefined): void {
    this.#fault = fault;
    for (const response of this.#hanging) response.destroy();
    this.#hanging.clear();
  }

  requests(): readonly SeenRequest[] {
    return [...this.#seen];
  }

  /** Moves a branch by `move`, one move at a time in each repository, and tells the webhook. */
  #push(repository: string, branch: string, author: Author, move: (ref: string, before: string) => Promise<string>): Promise<string> {
    const turn = (this.#turns.get(repository) ?? Promise.resolve()).then(async () => {
      const ref = `refs/heads/${branch}`;
      const before = await this.head(repository, branch).catch(() => NO_COMMIT);
      const after = await move(ref, before);
      this.#notify({ repository, cloneUrl: this.cloneUrl(repository), ref, before, after, pusher: loginOf(author) });
      return after;
    });
    this.#turns.set(
      repository,
      turn.catch(() => undefined),
    );
    return turn;
  }

  #write(repository: string, ref: string, parent: string | null, changes: Changes, message: string, author: Author): Promise<string> {
    return writeCommit(this.dir, this.path(repository), { ref, parent, changes, message, author, at: Date.now() });
  }

  #notify(push: Push): void {
    if (this.#webhook !== undefined) this.#delivered.push(deliver(this.dir, this.path(push.repository), this.#webhook, push));
  }

  async #installHook(repository: string): Promise<void> {
    const path = join(this.path(repository), "hooks", "post-receive");
    const address = `${this.url}${HOOK_PATH}${repository}`;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `#!/bin/sh\nexec '${process.execPath}' '${HOOK}' '${address}' '${this.#hookSecret}'\n`);
    await chmod(path, 0o700);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? "/";
    if (url.startsWith(HOOK_PATH)) return this.#pushed(url.slice(HOOK_PATH.length), request, response);
    const user = this.#userOf(request.headers.authorization);
    this.#seen.push({ method: request.method ?? "", url, user });
    const fault = this.#fault;
    if (fault?.kind === "hang") return void this.#hanging.add(response);
    if (fault?.kind === "status") return refuse(response, fault.status, fault.retryAfterSeconds);
    if (user === undefined) return refuse(response, 401);
    const cut = fault?.kind === "truncate" && url.endsWith("/git-upload-pack") ? fault : undefined;
    await serve(this.dir, user, request, response, cut);
  }

  /** The post-receive hook speaks: lines of "BEFORE AFTER REF". */
  async #pushed(repository: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.headers["x-hook-secret"] !== this.#hookSecret) return refuse(response, 403);
    const pusher = String(request.headers["x-hook-user"]);
    const lines = (await text(request)).split("\n").filter((line) => line !== "");
    for (const line of lines) {
      const [before = NO_COMMIT, after = NO_COMMIT, ref = ""] = line.split(" ");
      this.#notify({ repository, cloneUrl: this.cloneUrl(repository), ref, before, after, pusher });
    }
    response.writeHead(204).end();
  }

  /** The name of who asks, when the token is right: Basic with any name and the token as password, or Bearer. */
  #userOf(authorization: string | undefined): string | undefined {
    const [scheme = "", value = ""] = (authorization ?? "").split(" ");
    if (scheme.toLowerCase() === "bearer") return same(value, this.#token) ? "token" : undefined;
    if (scheme.toLowerCase() !== "basic") return undefined;
    const pair = Buffer.from(value, "base64").toString("utf8");
    const colon = pair.indexOf(":");
    return same(pair.slice(colon + 1), this.#token) ? pair.slice(0, colon) || "token" : undefined;
  }
}

/** What a forge allows: pushes of every kind, partial clones, commits asked for by their id. */
const SETTINGS = [
  ["http.receivepack", "true"],
  ["uploadpack.allowFilter", "true"],
  ["uploadpack.allowAnySHA1InWant", "true"],
  ["receive.denyDeleteCurrent", "ignore"],
  ["gc.auto", "0"],
] as const;

function tlsOptions({ key, cert, clientCa }: NonNullable<GitServerOptions["tls"]>) {
  return { key, cert, ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }) };
}

function refuse(response: ServerResponse, status: number, retryAfterSeconds?: number): void {
  if (status === 401) response.setHeader("www-authenticate", 'Basic realm="muster test"');
  if (retryAfterSeconds !== undefined) response.setHeader("retry-after", String(retryAfterSeconds));
  response.writeHead(status, { "content-type": "text/plain" }).end(`refused with ${status}\n`);
}

function loginOf(author: Author): string {
  return author.email.slice(0, author.email.indexOf("@"));
}

function same(left: string, right: string): boolean {
  const digest = (value: string): Buffer => createHash("sha256").update(value).digest();
  return timingSafeEqual(digest(left), digest(right));
}
