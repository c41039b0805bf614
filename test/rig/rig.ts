// A whole fleet for tests and the demo: a Git server, a hub and agents as processes of their own, real control planes. Everything ends
// with it, and everything can be killed in between.

import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import type { AppRow, AppsAnswer, DriftAnswer, HeldAnswer, StatusAnswer, TokenAnswer, TokenRequest } from "@muster/hub/view/api";
import { freePorts, startFleet, type ControlPlane } from "../controlplane/controlplane.ts";
import { startGitServer, type GitServer } from "../gitserver/gitserver.ts";
import { Program } from "./program.ts";

export { Program } from "./program.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));

export type RigOptions = {
  readonly clusters: readonly string[];
  readonly controllers?: boolean;
  /** Content of the fleet's repository: path -> text. */
  readonly files: Readonly<Record<string, string>>;
  /** Lines of the hub's configuration beside those that the rig writes. */
  readonly hub?: Readonly<Record<string, unknown>>;
  /** Lines of its root Source beside those that the rig writes. */
  readonly root?: Readonly<Record<string, unknown>>;
  /** Files of the hub's secrets folder, and folders of files, by their secretRef. */
  readonly secrets?: Secrets;
  /** Where everything is kept; a temporary folder without. */
  readonly dir?: string;
  /** Called with each step of the start. */
  readonly onStep?: (step: string) => void;
  /** Ends the start when aborted; what runs by then is ended by the rig's own end. */
  readonly signal?: AbortSignal;
};

/** The files of a sample repository in test/fleets. */
export async function sampleFleet(name: string): Promise<Record<string, string>> {
  const root = join(repository, "test", "fleets", name);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files: Record<string, string> = {};
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files[relative(root, path)] = await readFile(path, "utf8");
  }
  return files;
}

export const repositoryName = "fleet";

export class Rig implements AsyncDisposable {
  readonly dir: string;
  readonly git: GitServer;
  readonly planes: ReadonlyMap<string, ControlPlane>;
  readonly hub: Program;
  readonly apiUrl: string;
  readonly hubAddress: string;
  readonly #agents = new Map<string, Program>();
  readonly #owned: AsyncDisposableStack;

  private constructor(parts: Pick<Rig, "dir" | "git" | "planes" | "hub" | "apiUrl" | "hubAddress">, owned: AsyncDisposableStack) {
    this.dir = parts.dir;
    this.git = parts.git;
    this.planes = parts.planes;
    this.hub = parts.hub;
    this.apiUrl = parts.apiUrl;
    this.hubAddress = parts.hubAddress;
    this.#owned = owned;
  }

  /** Starts Git, the hub and the control planes; agents join by `join`. */
  static async start(options: RigOptions): Promise<Rig> {
    await using stack = new AsyncDisposableStack();
    const step = options.onStep ?? (() => undefined);
    const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "muster-rig-")));
    if (options.dir === undefined) stack.defer(() => rm(dir, { recursive: true, force: true }));
    const [agentsPort = 0, apiPort = 0] = await freePorts(2);
    const [token, secret] = [randomUUID(), randomUUID()];
    const apiUrl = `http://127.0.0.1:${apiPort}`;
    step("a Git server");
    const git = stack.use(await startGitServer({ token, webhook: { url: `${apiUrl}/webhooks/gitea`, secret }, dir: join(dir, "git") }));
    await git.createRepository(repositoryName, options.files);
    await writeSecrets(join(dir, "secrets"), { "git-token": token, "webhook-secret": secret, ...options.secrets });
    const config = {
      fleet: "rig",
      dataDir: join(dir, "hub"),
      secretsDir: join(dir, "secrets"),
      listen: {
        agents: { host: "127.0.0.1", port: agentsPort },
        api: { host: "127.0.0.1", port: apiPort },
        names: ["127.0.0.1", "localhost"],
      },
      root: { git: git.cloneUrl(repositoryName), revision: "main", secretRef: "git-token", poll: "10s", ...options.root },
      webhooks: [{ forge: "gitea", secretRef: "webhook-secret" }],
      // What the hub fetches stands on this machine.
      network: { proxy: null, allow: ["127.0.0.0/8", "::1"] },
      ...options.hub,
    };
    await writeFile(join(dir, "hub.yaml"), JSON.stringify(config, null, 2));
    const { controllers, signal } = options;
    const starting = startFleet(options.clusters, { ...(controllers && { controllers }), ...(signal && { signal }) });
    const started = starting.catch(() => undefined); // told where it is awaited below, if the hub comes up
    stack.defer(async () => (await started)?.stop());
    step("the hub");
    const hub = stack.use(
      new Program({
        name: "hub",
        script: "hub/src/main.ts",
        args: ["--config", join(dir, "hub.yaml")],
        ready: /"msg":"the hub is ready"/,
        log: join(dir, "hub.log"),
      }),
    );
    await hub.start();
    step(`${options.clusters.length} control planes`);
    const fleet = await starting;
    const planes = new Map(options.clusters.map((name) => [name, fleet.get(name)]));
    const rig = new Rig({ dir, git, planes, hub, apiUrl, hubAddress: `127.0.0.1:${agentsPort}` }, stack.move());
    await writeFile(join(dir, "muster.json"), JSON.stringify({ hub: apiUrl, tokenFile: join(dir, "hub", "keys", "admin.token") }));
    return rig;
  }

  plane(name: string): ControlPlane {
    return this.planes.get(name) ?? missing(name);
  }

  agent(name: string): Program {
    return this.#agents.get(name) ?? missing(name);
  }

  /** Makes a join token and starts an agent with it. */
  async join(name: string, token: Partial<Extract<TokenRequest, { kind: "join" }>> = {}): Promise<Program> {
    const answer = await this.createToken({
      kind: "join",
      cluster: name as NonNullable<Extract<TokenRequest, { kind: "join" }>["cluster"]>,
      ...token,
    });
    const file = join(this.dir, `${name}.token`);
    await writeFile(file, answer.token, { mode: 0o600 });
    const agent = this.newAgent(name, ["--token-file", file]);
    await agent.start();
    return agent;
  }

  /** An agent that is not started yet, for the control plane of this name. */
  newAgent(name: string, args: readonly string[], plane = name, dataDir = join(this.dir, `agent-${name}`)): Program {
    const common = ["--hub", this.hubAddress, "--data-dir", dataDir, "--kubeconfig", this.plane(plane).kubeconfig, "--cluster-name", name];
    const agent = new Program({
      name: `agent ${name}`,
      script: "agent/src/main.ts",
      args: [...common, ...args],
      log: join(this.dir, `agent-${name}.log`),
    });
    this.#agents.set(name, agent);
    this.#owned.use(agent);
    return agent;
  }

  createToken(request: TokenRequest): Promise<TokenAnswer> {
    return this.call<TokenAnswer>("POST", "/api/v1/tokens", request);
  }

  status(): Promise<StatusAnswer> {
    return this.call<StatusAnswer>("GET", "/api/v1/status");
  }

  async apps(filter = ""): Promise<readonly AppRow[]> {
    return (await this.call<AppsAnswer>("GET", `/api/v1/apps${filter}`)).items;
  }

  async drift(): Promise<DriftAnswer["items"]> {
    return (await this.call<DriftAnswer>("GET", "/api/v1/drift")).items;
  }

  async held(): Promise<HeldAnswer["items"]> {
    return (await this.call<HeldAnswer>("GET", "/api/v1/held")).items;
  }

  /** A call of the API as the first admin. Throws with the answer's text when it is no success. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const token = (await readFile(join(this.dir, "hub", "keys", "admin.token"), "utf8")).trim();
    const response = await fetch(`${this.apiUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }

  /** Commits to the fleet's repository; null removes a file. */
  commit(files: Readonly<Record<string, string | null>>, message: string): Promise<string> {
    return this.git.commit(repositoryName, files, message);
  }

  /** Waits until all Apps everywhere are as the latest decision on this commit wants them. */
  async settled(commit?: string, timeoutMs = 90_000): Promise<StatusAnswer> {
    return this.until(
      `everything synced at ${commit ?? "any commit"}`,
      async () => {
        const status = await this.status();
        const ok = status.clusters.every(
          (row) => row.state === "synced" && row.commit !== null && (commit === undefined || row.commit === commit),
        );
        return ok && status.clusters.length > 0 ? status : undefined;
      },
      timeoutMs,
    );
  }

  /** Waits until a program has said something: what it does and what it says of it are seen in any order. */
  async said(program: Program, pattern: RegExp): Promise<void> {
    await this.until(`it says ${pattern}`, async () => program.lines.some((line) => pattern.test(line)));
  }

  /** Waits until a look gives something. Throws with the fleet's present state when it takes too long. */
  async until<T>(what: string, look: () => Promise<T | undefined | false>, timeoutMs = 60_000): Promise<T> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const seen = await look().catch((error: unknown) => {
        if (Date.now() > end) throw error;
        return undefined;
      });
      if (seen !== undefined && seen !== false) return seen;
      if (Date.now() > end) throw new Error(`not in ${timeoutMs} ms: ${what}\n${await this.#describe()}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  async #describe(): Promise<string> {
    const rows = await this.apps().catch(() => []);
    const lines = rows.map(
      (row) => `  ${row.cluster} ${row.app} ${row.state} ${row.reason} ${row.message} ${JSON.stringify(row.problems.slice(0, 3))}`,
    );
    const status = await this.status().catch(() => undefined);
    const problems = [...(status?.problems ?? []), ...(status?.sources.flatMap((source) => source.problems) ?? [])].map(
      (problem) => `  ${problem.code} ${problem.message}`,
    );
    return [...lines, ...problems, this.logs(12)].join("\n");
  }

  /** The last lines of the hub and of each agent. */
  logs(count: number): string {
    return [this.hub, ...this.#agents.values()].map((program) => program.tail(count)).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

type Secrets = Readonly<Record<string, string | Readonly<Record<string, string>>>>;

async function writeSecrets(dir: string, secrets: Secrets): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  for (const [name, value] of Object.entries(secrets)) {
    if (typeof value === "string") await writeFile(join(dir, name), value, { mode: 0o600 });
    else await writeSecrets(join(dir, name), value);
  }
}

function missing(name: string): never {
  throw new Error(`the rig has no ${name}`);
}
