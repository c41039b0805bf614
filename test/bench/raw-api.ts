// The API server spoken to directly: the least that an applied change costs, and the moment at which a change is there.

import { readFile } from "node:fs/promises";
import { request, Agent, type RequestOptions } from "node:https";
import { createInterface } from "node:readline";
import type { IncomingMessage } from "node:http";

import type { ControlPlane } from "../controlplane/controlplane.ts";

export class RawApi implements Disposable {
  readonly #options: RequestOptions;
  readonly #token: string;
  readonly #agent: Agent;
  readonly #watches: IncomingMessage[] = [];

  private constructor(options: RequestOptions, agent: Agent, token: string) {
    this.#token = token;
    this.#options = options;
    this.#agent = agent;
  }

  static async open({ url, caFile, adminToken }: ControlPlane): Promise<RawApi> {
    const { hostname, port } = new URL(url);
    const agent = new Agent({ keepAlive: true, ca: await readFile(caFile) });
    return new RawApi({ hostname, port, agent }, agent, adminToken);
  }

  /** Server-side apply of one object, forced, under a field manager of its own. */
  async apply(path: string, object: object): Promise<void> {
    const answer = await this.#send("PATCH", `${path}?fieldManager=bench&force=true`, JSON.stringify(object));
    answer.resume();
    if (answer.statusCode !== 200 && answer.statusCode !== 201) throw new Error(`the API server answered ${answer.statusCode}`);
    await new Promise((resolve) => answer.once("end", resolve));
  }

  /** Calls with every state of one object from now on, as it is written. */
  async watch(path: string, name: string, seen: (object: { readonly data?: Readonly<Record<string, string>> }) => void): Promise<void> {
    const answer = await this.#send("GET", `${path}?watch=1&fieldSelector=metadata.name%3D${name}`);
    if (answer.statusCode !== 200) throw new Error(`the API server answered ${answer.statusCode}`);
    this.#watches.push(answer);
    answer.on("error", () => undefined); // cut at the end
    createInterface({ input: answer }).on("line", (line) => seen((JSON.parse(line) as { object: object }).object));
  }

  #send(method: string, path: string, body?: string): Promise<IncomingMessage> {
    const headers = { authorization: `Bearer ${this.#token}`, "content-type": "application/apply-patch+yaml" };
    return new Promise((resolve, reject) => {
      const call = request({ ...this.#options, method, path, headers }, resolve);
      call.once("error", reject);
      call.end(body);
    });
  }

  [Symbol.dispose](): void {
    for (const watch of this.#watches) watch.destroy();
    this.#agent.destroy();
  }
}
