// One HTTP/2 session with an API server: exchanges and streams on it, PING, GOAWAY. What to do when it ends is the transport's matter.

import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from "node:http2";
import { messageOf, OperationError } from "@muster/proto/model/failure";
import type { AllBounds } from "./bounds.ts";
import type { Credential } from "./credentials.ts";
import { openSocket } from "./socket.ts";

export type Outgoing = {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  readonly path: string;
  readonly headers: { readonly [name: string]: string | readonly string[] };
  readonly body?: string;
};
export type Head = { readonly status: number; readonly headers: IncomingHttpHeaders };
export type Answer = Head & { readonly body: string };

/** The stream ended before its answer was complete. `executed: "no"` says that the server surely did not act on it. */
export class StreamEnded extends Error {
  readonly executed: "no" | "unknown";
  constructor(executed: "no" | "unknown", message: string, cause?: unknown) {
    super(message, { cause });
    this.executed = executed;
  }
}

/** How much the server may send ahead of us: a stalled watch must not stall the others of its session. */
const windows = {
  requests: { stream: 4 * 1024 * 1024, session: 32 * 1024 * 1024 },
  watches: { stream: 128 * 1024, session: 16 * 1024 * 1024 },
} as const;

export class Session {
  readonly credential: Credential;
  readonly #session: ClientHttp2Session;
  readonly #limits: AllBounds;
  readonly #pinger: NodeJS.Timeout;
  #lastStreamId = Infinity;
  #retired = false;

  /** Connects. Throws an OperationError("unavailable"). */
  static async connect(credential: Credential, use: keyof typeof windows, limits: AllBounds): Promise<Session> {
    const socket = await openSocket(credential, limits.connectTimeoutMs);
    const session = connect(credential.server, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: windows[use].stream },
    });
    await new Promise<void>((resolve, reject) => {
      session.once("connect", () => resolve());
      session.once("error", reject);
    }).catch((cause: unknown) => {
      throw new OperationError(
        "unavailable",
        credential.server.host,
        `cannot talk HTTP/2 with ${credential.server.host}: ${messageOf(cause)}`,
        cause,
      );
    });
    session.setLocalWindowSize(windows[use].session);
    return new Session(credential, session, limits);
  }

  private constructor(credential: Credential, session: ClientHttp2Session, limits: AllBounds) {
    this.credential = credential;
    this.#session = session;
    this.#limits = limits;
    this.#pinger = setInterval(() => this.#ping(), limits.pingEveryMs).unref();
    // Its streams report the error, each to its own caller.
    session.on("error", () => undefined);
    session.on("goaway", (_code, lastStreamId) => {
      this.#lastStreamId = lastStreamId;
      this.retire();
    });
    session.on("close", () => {
      this.#retired = true;
      clearInterval(this.#pinger);
    });
  }

  /** May new streams be opened on it? */
  get usable(): boolean {
    return !this.#retired && !this.#session.closed && !this.#session.destroyed;
  }

  /** Opens no more streams; ends when the running ones have ended. */
  retire(): void {
    this.#retired = true;
    if (!this.#session.closed) this.#session.close();
  }

  destroy(): void {
    this.#retired = true;
    clearInterval(this.#pinger);
    this.#session.destroy();
  }

  #ping(): void {
    const late = setTimeout(
      () => this.#session.destroy(new Error(`no answer to a PING within ${this.#limits.pingAnswerMs / 1000} s`)),
      this.#limits.pingAnswerMs,
    ).unref();
    const sent = !this.#session.destroyed && this.#session.ping(() => clearTimeout(late));
    if (!sent) clearTimeout(late);
  }

  /** Sends and reads the whole answer. Throws StreamEnded, an OperationError("limit"), or the signal's reason. */
  async exchange(out: Outgoing, signal: AbortSignal): Promise<Answer> {
    const running = this.#start(out, signal);
    const body = await this.#collect(running, out);
    return { ...(await running.head), body: body.toString("utf8") };
  }

  /**
   * Sends and gives the answer's head; `body` yields chunks until the server ends the stream, or throws like `exchange`. The body of
   * anything but a 200 has been read already. `ended` is called once, when the stream is over.
   */
  async stream(out: Outgoing, signal: AbortSignal, ended: () => void): Promise<Head & { readonly body: AsyncIterable<Buffer> }> {
    const running = this.#start(out, signal);
    running.incoming.once("close", ended);
    const head = await running.head;
    return { ...head, body: head.status === 200 ? chunksOf(running) : only(await this.#collect(running, out)) };
  }

  async #collect(running: RunningStream, out: Outgoing): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = 0;
    running.incoming.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > this.#limits.bodyMaxBytes)
        running.incoming.destroy(new OperationError("limit", out.path, `the answer to ${out.method} ${out.path} is too long`));
      else chunks.push(chunk);
    });
    await running.closed;
    return Buffer.concat(chunks);
  }

  #start(out: Outgoing, signal: AbortSignal): RunningStream {
    signal.throwIfAborted();
    let incoming: ClientHttp2Stream;
    try {
      if (!this.usable) throw new Error("the session is closing");
      // Node ends the stream of a GET, HEAD and DELETE at once unless told otherwise: a DELETE's preconditions would never leave.
      incoming = this.#session.request({ ":method": out.method, ":path": out.path, ...out.headers }, { endStream: out.body === undefined });
    } catch (cause) {
      throw new StreamEnded("no", messageOf(cause), cause);
    }
    const running = follow(incoming, signal, () => this.#lastStreamId);
    if (out.body !== undefined) incoming.end(out.body);
    return running;
  }
}

type RunningStream = { readonly incoming: ClientHttp2Stream; readonly head: Promise<Head>; readonly closed: Promise<void> };

async function* only(chunk: Buffer): AsyncGenerator<Buffer> {
  yield chunk;
}

async function* chunksOf(running: RunningStream): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of running.incoming) yield chunk as Buffer;
  } catch {
    // `closed` says why.
  }
  await running.closed;
}

/** Both promises fail with the same reason; nobody has to await both. */
function follow(incoming: ClientHttp2Stream, signal: AbortSignal, lastStreamId: () => number): RunningStream {
  const head = Promise.withResolvers<Head>();
  const closed = Promise.withResolvers<void>();
  head.promise.catch(() => undefined);
  closed.promise.catch(() => undefined);
  let failure: unknown;
  let ended = false;
  const abort = (): void => {
    failure ??= signal.reason;
    incoming.close(constants.NGHTTP2_CANCEL);
  };
  signal.addEventListener("abort", abort, { once: true });
  incoming.on("response", (headers) => head.resolve({ status: Number(headers[":status"]), headers }));
  incoming.on("end", () => (ended = true));
  incoming.on("error", (error) => (failure ??= error));
  incoming.on("close", () => {
    signal.removeEventListener("abort", abort);
    const complete = ended && !incoming.aborted && incoming.rstCode === constants.NGHTTP2_NO_ERROR;
    if (failure === undefined && complete) closed.resolve();
    const reason =
      signal.aborted || failure instanceof OperationError
        ? failure
        : new StreamEnded(executed(incoming, lastStreamId()), why(failure), failure);
    head.reject(reason);
    closed.reject(reason);
  });
  return { incoming, head: head.promise, closed: closed.promise };
}

/** A stream that the server refused, or that comes after the last one that its GOAWAY names, was not executed. */
function executed(stream: ClientHttp2Stream, lastStreamId: number): "no" | "unknown" {
  return stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || (stream.id ?? 0) > lastStreamId ? "no" : "unknown";
}

function why(failure: unknown): string {
  return failure === undefined ? "the connection ended before the answer" : messageOf(failure);
}
