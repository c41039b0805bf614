// Requests and streams to one API server. Replays what was surely not executed, renews the credentials once on a 401, and lets the whole
// client wait on a 429.

import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, OperationError } from "@muster/proto/model/failure";
import type { AllBounds } from "./bounds.ts";
import type { Credential, Credentials } from "./credentials.ts";
import { deadline } from "./deadline.ts";
import { StreamEnded, type Answer, type Head, type Outgoing, type Session } from "./session.ts";
import { Sessions, type Use } from "./sessions.ts";
import { slots, type Slots } from "./slots.ts";

export type { Answer, Head } from "./session.ts";

/** `subject` is what messages name; `write`: an unknown outcome matters, and a 429 is the caller's to see. */
export type Request = Outgoing & { readonly subject: string; readonly write: boolean; readonly timeoutMs: number };
export type StreamingAnswer = Head & { readonly body: AsyncIterable<Buffer> };

/** Runs a request on a session until it has a status. */
type Try<T extends Head> = (session: Session, out: Outgoing, until: AbortSignal, release: () => void) => Promise<T>;

export class Transport implements AsyncDisposable {
  readonly #credentials: Credentials;
  readonly #limits: AllBounds;
  readonly #sessions: Sessions;
  readonly #slots: Slots;
  readonly #ending = new AbortController();
  #holdUntil = 0;

  constructor(credentials: Credentials, limits: AllBounds) {
    this.#credentials = credentials;
    this.#limits = limits;
    this.#sessions = new Sessions(limits);
    this.#slots = slots(limits.requestsInFlightMax);
  }

  /**
   * Sends a request and returns whatever the server answered, of any status but 401. A 429 holds the whole client; reads are then sent
   * again, a write's is returned. Throws an OperationError: "unavailable" (of a write: its outcome is not known), "unauthenticated",
   * "limit", "cancelled".
   */
  async request(request: Request, signal?: AbortSignal): Promise<Answer> {
    using _slot = await this.#slot(request, signal);
    return await this.#settle("requests", request, signal, async (session, out, until, release) => {
      try {
        return await session.exchange(out, until);
      } finally {
        release();
      }
    });
  }

  /** Opens a stream that ends with `signal`. Throws like `request` while it opens; its body throws a StreamEnded. */
  stream(request: Request, signal: AbortSignal): Promise<StreamingAnswer> {
    return this.#settle("watches", request, signal, async (session, out, until, release) => {
      const opening = new AbortController();
      const giveUp = (): void => opening.abort(until.reason);
      until.addEventListener("abort", giveUp, { once: true });
      try {
        const answer = await session.stream(out, AbortSignal.any([signal, this.#ending.signal, opening.signal]), release);
        return answer;
      } finally {
        until.removeEventListener("abort", giveUp);
      }
    });
  }

  /** Ends every session; what runs is "cancelled". */
  async close(): Promise<void> {
    this.#ending.abort(new OperationError("cancelled", "API server", "the client was closed"));
    this.#sessions.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #slot(request: Request, signal: AbortSignal | undefined): Promise<Disposable> {
    const ends = signal === undefined ? this.#ending.signal : AbortSignal.any([signal, this.#ending.signal]);
    try {
      return await this.#slots.take(ends);
    } catch (error) {
      throw this.#translated(error, request, signal);
    }
  }

  async #settle<T extends Head>(use: Use, request: Request, signal: AbortSignal | undefined, attempt: Try<T>): Promise<T> {
    let renewed = false;
    for (let replays = 0; ; replays += 1) {
      using until = deadline(request.timeoutMs, [this.#ending.signal, ...(signal === undefined ? [] : [signal])]);
      const again = replays < this.#limits.replaysMax;
      try {
        await this.#released(until.signal);
        const credential = await this.#credentials.current();
        const answer = await this.#once(use, request, credential, until.signal, attempt);
        if (answer.status === 429) this.#hold(answer);
        if (answer.status === 401) {
          if (renewed) throw new OperationError("unauthenticated", request.subject, `the API server does not accept our credentials`);
          renewed = true;
          await this.#credentials.renew(credential);
        } else if (answer.status !== 429 || request.write || !again) return answer;
      } catch (error) {
        const replay = error instanceof StreamEnded && error.executed === "no" && again;
        if (!replay) throw this.#translated(error, request, signal);
      }
    }
  }

  async #once<T extends Head>(use: Use, request: Request, credential: Credential, until: AbortSignal, attempt: Try<T>): Promise<T> {
    const place = this.#sessions.take(use, credential);
    try {
      const session = await orAborted(place.session, until);
      const out = { ...request, headers: { ...credential.headers, ...request.headers } };
      const answer = await attempt(session, out, until, place.release);
      // The server closes the session after a 401 anyway; a replay has to start on a new one.
      if (answer.status === 401) session.retire();
      return answer;
    } catch (error) {
      place.release();
      throw error;
    }
  }

  #hold(answer: Head): void {
    this.#holdUntil = Math.max(this.#holdUntil, Date.now() + retryAfterMs(answer, this.#limits));
  }

  async #released(signal: AbortSignal): Promise<void> {
    for (let left = this.#holdUntil - Date.now(); left > 0; left = this.#holdUntil - Date.now()) await sleep(left, undefined, { signal });
  }

  #translated(error: unknown, request: Request, signal: AbortSignal | undefined): OperationError {
    if (error instanceof OperationError) return error;
    const what = `${request.method} ${request.subject}`;
    if (signal?.aborted || this.#ending.signal.aborted)
      return new OperationError("cancelled", request.subject, `${what} was cancelled`, error);
    const unknown =
      request.write && !(error instanceof StreamEnded && error.executed === "no") ? "; whether it was written is not known" : "";
    return new OperationError("unavailable", request.subject, `${what}: ${messageOf(error)}${unknown}`, error);
  }
}

/** What a 429 or 503 asks for, in milliseconds, within our own bounds. */
export function retryAfterMs(answer: Head, limits: AllBounds): number {
  const seconds = Number(answer.headers["retry-after"]);
  const asked = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : limits.retryAfterDefaultMs;
  return Math.min(asked, limits.retryAfterMaxMs);
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
