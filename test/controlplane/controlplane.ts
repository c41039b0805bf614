// Real Kubernetes control planes as processes: etcd and kube-apiserver, on request with real controllers and a played kubelet.
// Nothing outlives the process that started it. Where the programs come from is test/tools.

import { spawn } from "node:child_process";
import { access, mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CONTROLLERS, CORE, startScript, type Component, type Layout } from "./components.ts";
import { ADMIN, writeCredentials, writeKubeconfig, type User } from "./credentials.ts";
import { Keeper } from "./keeper.ts";
import { fakeNodes } from "./nodes.ts";
import { freePorts } from "./ports.ts";
import { answers, etcdHealthy, until } from "./readiness.ts";

export type { Component } from "./components.ts";
export type { User } from "./credentials.ts";
export { freePorts } from "./ports.ts";

export interface ControlPlaneOptions {
  readonly name: string;
  /** Where its folder is made (the system's folder for temporary files). The folder itself is removed at the end. */
  readonly dir?: string;
  /** Also controller manager, scheduler and kwok: Deployments become Available, Jobs finish, namespaces go. */
  readonly controllers?: boolean;
  /** Nodes that kwok plays (2). */
  readonly nodes?: number;
  /** Users beside the administrator; `kubeconfigFor` gives them their access. */
  readonly users?: readonly User[];
  /** Ends the control plane when aborted. */
  readonly signal?: AbortSignal;
}

export interface ControlPlane extends AsyncDisposable {
  readonly name: string;
  /** `https://127.0.0.1:PORT`, the same after a restart. */
  readonly url: string;
  /** Path of a kubeconfig that may do everything. */
  readonly kubeconfig: string;
  readonly caFile: string;
  readonly adminToken: string;
  readonly dir: string;
  /** Process ids of what runs now. */
  pids(): Readonly<Partial<Record<Component, number>>>;
  /** Runs kubectl as the administrator and gives its standard output; throws an error that holds what it said. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** Path of a kubeconfig of one of `users`. */
  kubeconfigFor(user: string): Promise<string>;
  /** Path of a kubeconfig with a fresh token (10 h) of an existing service account. */
  kubeconfigForServiceAccount(namespace: string, name: string): Promise<string>;
  /** Ends a component with SIGKILL and waits for its end. */
  kill(component: Component): Promise<void>;
  /** Freezes a component: it keeps its port and its connections and answers nothing. */
  pause(component: Component): void;
  resume(component: Component): void;
  /** Starts a killed component again (kills it first when it runs) and waits until the API server is ready. */
  restart(component: Component): Promise<void>;
  /** What a component wrote so far. */
  log(component: Component): Promise<string>;
  /** Ends every process and removes the folder. */
  stop(): Promise<void>;
}

export interface Fleet extends AsyncDisposable {
  readonly members: readonly ControlPlane[];
  /** Throws for a name that was not started. */
  get(name: string): ControlPlane;
  stop(): Promise<void>;
}

const BIN = fileURLToPath(new URL("../../.tools/bin", import.meta.url));
const STAGES = fileURLToPath(new URL("./stages", import.meta.url));
const READY_TIMEOUT_MS = 120_000;
const START_ATTEMPTS_MAX = 5;
const PARALLEL_STARTS_MAX = 3;

/** Starts a control plane and returns when it is ready. Throws with the end of the log of the component that failed. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (!(error instanceof PortTakenError) || attempt === START_ATTEMPTS_MAX) throw error;
    }
  }
}

/** Starts one control plane for each name, a few at a time. When one fails, the others are ended. */
export async function startFleet(names: readonly string[], options: Omit<ControlPlaneOptions, "name"> = {}): Promise<Fleet> {
  const started = new Map<string, ControlPlane>();
  const queue = [...names];
  const worker = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      started.set(name, await startControlPlane({ ...options, name }));
    }
  };
  const stop = async (): Promise<void> => void (await Promise.all([...started.values()].map((member) => member.stop())));
  const results = await Promise.allSettled(Array.from({ length: PARALLEL_STARTS_MAX }, worker));
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  const get = (name: string): ControlPlane => {
    const member = started.get(name);
    if (member === undefined) throw new Error(`no control plane ${name} was started`);
    return member;
  };
  return { members: names.map(get), get, stop, [Symbol.asyncDispose]: stop };
}

/** A component could not have a port that was free a moment ago. */
class PortTakenError extends Error {}

async function startOnce(options: ControlPlaneOptions): Promise<ControlPlane> {
  const controllers = options.controllers ?? false;
  await requirePrograms(controllers ? [...CORE, ...CONTROLLERS] : CORE);
  const dir = await makeFolder(options);
  const keeper = new Keeper(dir);
  try {
    const [etcdPort = 0, etcdPeerPort = 0, apiPort = 0] = await freePorts(3);
    const layout: Layout = { dir, etcdPort, etcdPeerPort, apiPort, controllers, stages: join(dir, "stages.yaml") };
    const plane = new Plane(options, layout, keeper, await writeCredentials(dir, [ADMIN, ...(options.users ?? [])]));
    await plane.start();
    keeper.release();
    options.signal?.addEventListener("abort", () => void plane.stop(), { once: true });
    return plane;
  } catch (error) {
    await keeper.end();
    throw error;
  }
}

async function requirePrograms(components: readonly Component[]): Promise<void> {
  for (const program of [...components, "kubectl"]) {
    await access(join(BIN, program)).catch(() => {
      throw new Error(`cannot start a control plane: ${program} is not in .tools/bin; run \`make setup\``);
    });
  }
}

async function makeFolder(options: ControlPlaneOptions): Promise<string> {
  const parent = options.dir ?? tmpdir();
  await mkdir(parent, { recursive: true });
  return mkdtemp(join(parent, `muster-${options.name}-`));
}

class Plane implements ControlPlane {
  readonly name: string;
  readonly url: string;
  readonly kubeconfig: string;
  readonly caFile: string;
  readonly adminToken: string;
  readonly dir: string;
  readonly #nodes: number;
  readonly #layout: Layout;
  readonly #keeper: Keeper;
  readonly #tokens: ReadonlyMap<string, string>;
  readonly #signal: AbortSignal | undefined;

  constructor(options: ControlPlaneOptions, layout: Layout, keeper: Keeper, tokens: ReadonlyMap<string, string>) {
    this.name = options.name;
    this.url = `https://127.0.0.1:${layout.apiPort}`;
    this.kubeconfig = join(layout.dir, "admin.kubeconfig");
    this.caFile = join(layout.dir, "pki", "apiserver.crt");
    this.adminToken = tokens.get(ADMIN.name) ?? "";
    this.dir = layout.dir;
    this.#nodes = options.nodes ?? 2;
    this.#layout = layout;
    this.#keeper = keeper;
    this.#tokens = tokens;
    this.#signal = options.signal;
  }

  async start(): Promise<void> {
    await this.#run("etcd");
    await this.#run("kube-apiserver");
    await this.#writeAccess(this.kubeconfig, this.adminToken);
    if (this.#layout.controllers) await this.#startControllers();
  }

  pids(): Readonly<Partial<Record<Component, number>>> {
    return this.#keeper.pids();
  }

  kubectl(args: readonly string[], input = ""): Promise<string> {
    const common = [`--kubeconfig=${this.kubeconfig}`, `--cache-dir=${join(this.dir, "kubectl-cache")}`];
    return output(join(BIN, "kubectl"), [...common, ...args], input);
  }

  async kubeconfigFor(user: string): Promise<string> {
    const token = this.#tokens.get(user);
    if (token === undefined) throw new Error(`control plane ${this.name} was started without a user ${user}`);
    const path = join(this.dir, `user-${user.replaceAll(/[^A-Za-z0-9_.-]/g, "_")}.kubeconfig`);
    await this.#writeAccess(path, token);
    return path;
  }

  async kubeconfigForServiceAccount(namespace: string, name: string): Promise<string> {
    const token = await this.kubectl(["create", "token", name, `--namespace=${namespace}`, "--duration=10h"]);
    const path = join(this.dir, `service-account-${namespace}-${name}.kubeconfig`);
    await this.#writeAccess(path, token.trim());
    return path;
  }

  async kill(component: Component): Promise<void> {
    this.#keeper.signal(component, "SIGKILL");
    await this.#keeper.exited(component);
  }

  pause(component: Component): void {
    this.#keeper.signal(component, "SIGSTOP");
  }

  resume(component: Component): void {
    this.#keeper.signal(component, "SIGCONT");
  }

  async restart(component: Component): Promise<void> {
    if (this.#keeper.get(component)?.kind === "running") await this.kill(component);
    await this.#run(component);
    await this.#ready(component, () => this.#serves("/readyz"));
  }

  async log(component: Component): Promise<string> {
    return readFile(join(this.dir, `${component}.log`), "utf8").catch(() => "");
  }

  async stop(): Promise<void> {
    await this.#keeper.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #writeAccess(path: string, token: string): Promise<void> {
    return writeKubeconfig(path, { name: this.name, url: this.url, caFile: this.caFile, token });
  }

  async #run(component: Component): Promise<void> {
    await writeFile(join(this.dir, `${component}.sh`), startScript(join(BIN, component), component, this.#layout));
    await this.#keeper.start(component);
    if (component === "etcd") await this.#ready("etcd", () => etcdHealthy(this.#layout.etcdPort));
    if (component === "kube-apiserver") await this.#ready("kube-apiserver", () => this.#served());
  }

  async #startControllers(): Promise<void> {
    const stages = await Promise.all(["nodes.yaml", "pods.yaml"].map((file) => readFile(join(STAGES, file), "utf8")));
    await writeFile(this.#layout.stages, stages.join("\n---\n"));
    await this.kubectl(["create", "-f", "-"], JSON.stringify(fakeNodes(this.#nodes, new Date().toISOString())));
    for (const component of CONTROLLERS) await this.#run(component);
    await this.#ready("kube-controller-manager", () => this.#serves("/api/v1/namespaces/default/serviceaccounts/default"));
  }

  /** Ready, and its own namespaces exist: they are made a moment after it calls itself ready. */
  async #served(): Promise<boolean> {
    const paths = ["/readyz", "/api/v1/namespaces/default", "/api/v1/namespaces/kube-system"];
    for (const path of paths) if (!(await this.#serves(path))) return false;
    return true;
  }

  #serves(path: string): Promise<boolean> {
    return answers({ caFile: this.caFile, apiPort: this.#layout.apiPort, token: this.adminToken }, path);
  }

  async #ready(component: Component, look: () => Promise<boolean>): Promise<void> {
    const timeout = AbortSignal.timeout(READY_TIMEOUT_MS);
    const signal = this.#signal === undefined ? timeout : AbortSignal.any([this.#signal, timeout]);
    try {
      const ended = (): Error | undefined => (this.#keeper.get(component)?.kind === "exited" ? new Error("it ended") : undefined);
      await until(look, ended, signal);
    } catch (cause) {
      const log = await this.log(component);
      const text = `cannot start ${component} of control plane ${this.name}: ${String(cause)}\n${log.slice(-2_000)}`;
      throw log.includes("address already in use") ? new PortTakenError(text) : new Error(text, { cause });
    }
  }
}

function output(program: string, args: readonly string[], input: string): Promise<string> {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) child[name].setEncoding("utf8").on("data", (text: string) => (texts[name] += text));
  child.stdin.on("error", () => undefined); // a program that does not read its input is not at fault
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(texts.stdout);
      else reject(new Error(`kubectl ${args.slice(2).join(" ")} ended with ${code}: ${(texts.stderr || texts.stdout).trim()}`));
    });
  });
}
