// An eyewitness beside Muster: a watch of its own on one object of one API server, so that what is measured is what the API server holds.
// It may see a thing late, never early.

import { readFile } from "node:fs/promises";
import { request } from "node:https";
import type { ClientRequest, IncomingMessage } from "node:http";

import type { ControlPlane } from "../controlplane/controlplane.ts";
import { Unexpected } from "./checks.ts";

const timeoutMs = 60_000;

export class Witness<T> implements Disposable {
  readonly #what: string;
  readonly #request: ClientRequest;
  /** Every state so far, with the time of `performance.now()` when it was told. */
  readonly #seen: { readonly atMs: number; readonly object: T }[] = [];
  readonly #waiting = new Set<() => void>();
  /** How many of them were looked at. */
  #past = 0;
  #broken: Error | undefined;

  private constructor(what: string, asked: ClientRequest) {
    this.#what = what;
    this.#request = asked;
  }

  /** Watches the object `name` of a collection like `/api/v1/namespaces/shop/configmaps`; has seen its present state when it returns. */
  static async of<T>(plane: ControlPlane, collection: string, name: string): Promise<Witness<T>> {
    const url = new URL(`${plane.url}${collection}?watch=true&fieldSelector=metadata.name%3D${encodeURIComponent(name)}`);
    const headers = { authorization: `Bearer ${plane.adminToken}` };
    const asked = request(url, { ca: await readFile(plane.caFile), headers, agent: false });
    const witness = new Witness<T>(`${name} on ${plane.name}`, asked);
    asked.on("error", (error) => witness.#end(error));
    asked.on("response", (response) => witness.#listen(response));
    asked.end();
    await witness.next("is there", () => true);
    return witness;
  }

  /**
   * The next state, after the one that was given last, for which `holds`; gives the time when it was told. Throws Unexpected when none
   * comes in time.
   */
  async next(expected: string, holds: (object: T) => boolean): Promise<number> {
    const endMs = performance.now() + timeoutMs;
    const late = setTimeout(() => this.#wake(), timeoutMs + 1);
    try {
      for (;;) {
        while (this.#past < this.#seen.length) {
          const seen = this.#seen[this.#past++];
          if (seen !== undefined && holds(seen.object)) return seen.atMs;
        }
        if (this.#broken !== undefined) throw this.#broken;
        if (performance.now() >= endMs) throw new Unexpected(`${this.#what} ${expected}`, this.#seen.at(-1)?.object ?? "nothing");
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
    } finally {
      clearTimeout(late);
    }
  }

  /** The newest state. */
  get latest(): T {
    const last = this.#seen.at(-1);
    if (last === undefined) throw new Error(`${this.#what} was not seen yet`);
    return last.object;
  }

  [Symbol.dispose](): void {
    this.#request.destroy();
  }

  #listen(response: IncomingMessage): void {
    response.on("error", (error) => this.#end(error));
    response.on("close", () => this.#end(new Error("the API server ended the watch")));
    let rest = "";
    response.setEncoding("utf8").on("data", (chunk: string) => {
      const atMs = performance.now();
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#hear(line, atMs);
      this.#wake();
    });
  }

  #hear(line: string, atMs: number): void {
    const { type, object } = JSON.parse(line) as { type: string; object: T };
    if (type === "ADDED" || type === "MODIFIED") this.#seen.push({ atMs, object });
    else this.#broken ??= new Error(`watching ${this.#what}: ${line}`);
  }

  #end(error: Error): void {
    this.#broken ??= new Error(`watching ${this.#what}: ${error.message}`, { cause: error });
    this.#wake();
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
