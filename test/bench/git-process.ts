// The test Git server in a process of its own, so that its CPU is not taken for the hub's. Speaks over the channel of its parent.

import { fork, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { startGitServer, type Changes } from "../gitserver/gitserver.ts";

type Order = { readonly id: number; readonly kind: "create" | "commit"; readonly changes: Changes };
type Answer = { readonly id: number; readonly commit: string } | { readonly id: number; readonly error: string };
type Hello = { readonly url: string; readonly token: string };

const repository = "fleet";

/** A Git server with one repository, elsewhere. */
export class GitProcess implements AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly #process: ChildProcess;
  readonly #open = new Map<number, PromiseWithResolvers<string>>();
  #orders = 0;

  private constructor(child: ChildProcess, { url, token }: Hello) {
    this.#process = child;
    this.url = url;
    this.token = token;
    child.on("message", (answer: Answer) => {
      const waiting = this.#open.get(answer.id);
      this.#open.delete(answer.id);
      if ("commit" in answer) waiting?.resolve(answer.commit);
      else waiting?.reject(new Error(answer.error));
    });
    child.once("exit", (code) => {
      for (const waiting of this.#open.values()) waiting.reject(new Error(`the Git server ended with ${code}`));
    });
  }

  static async start(): Promise<GitProcess> {
    const child = fork(fileURLToPath(import.meta.url), { execArgv: [] });
    const [hello] = (await once(child, "message")) as [Hello];
    return new GitProcess(child, hello);
  }

  /** The first commit. */
  create(changes: Changes): Promise<string> {
    return this.#order("create", changes);
  }

  /** A further commit; gives its id. */
  commit(changes: Changes): Promise<string> {
    return this.#order("commit", changes);
  }

  #order(kind: Order["kind"], changes: Changes): Promise<string> {
    const waiting = Promise.withResolvers<string>();
    const order: Order = { id: (this.#orders += 1), kind, changes };
    this.#open.set(order.id, waiting);
    this.#process.send(order);
    return waiting.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#process, "exit");
    this.#process.disconnect();
    await gone;
  }
}

async function serve(send: (message: Hello | Answer) => void): Promise<void> {
  const token = randomUUID();
  await using server = await startGitServer({ token });
  const left = once(process, "disconnect");
  const answer = async ({ id, kind, changes }: Order): Promise<void> => {
    try {
      const commit = await (kind === "create"
        ? server.createRepository(repository, changes)
        : server.commit(repository, changes, "Change"));
      send({ id, commit });
    } catch (error) {
      send({ id, error: String(error) });
    }
  };
  process.on("message", (order: Order) => void answer(order));
  send({ url: server.cloneUrl(repository), token });
  await left;
}

if (import.meta.main) await serve((message) => void process.send?.(message));
