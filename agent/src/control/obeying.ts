// Does what the hub commands: verified, once each, one after the other. An act is answered with its result; a look with an answer on a
// stream of its own, so that it never stands in the way of a session. What goes wrong is a result with a code, never silence.

import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";

import { commandKinds, type Command, type InspectArgs, type RedeliverArgs } from "@muster/proto/model/command";
import type { Envelope } from "@muster/proto/model/envelope";
import { OperationError } from "@muster/proto/model/failure";
import { inspectionLimits, type Inspection } from "@muster/proto/model/inspection";
import { commandFeatures, type CommandResult } from "@muster/proto/model/session";
import type { Journal } from "../cache/cache.ts";
import type { AgentSession, HubLink } from "../link/link.ts";
import { verifyCommand, type Audience, type Trust } from "../verify/verify.ts";
import { CommandBook } from "./command-book.ts";
import type { AgentLog } from "./log.ts";
import { failureText } from "./site.ts";

/** What commands are carried out by. Both throw OperationError; one with a fault says its public code. */
export type Deeds = {
  inspect(args: InspectArgs, signal: AbortSignal): Promise<Inspection>;
  /** How many objects are applied again. */
  redeliver(args: RedeliverArgs): Promise<number>;
};

export type ObedienceOptions = {
  readonly audience: Audience;
  readonly deeds: Deeds;
  /** Where commands that were taken survive a restart. */
  readonly commands: Journal;
  readonly now: () => number;
  readonly log: AgentLog;
};

type Contact = { readonly link: Pick<HubLink, "answer">; readonly session: Pick<AgentSession, "send">; readonly signal: AbortSignal };
type Belief = { readonly trust: Trust; readonly epoch: number };

/** Commands that may wait for the one that is being carried out. */
const waitingMax = 16;

const compress = promisify(zstdCompress);

export class Obedience {
  /** For the hello. */
  readonly features: readonly string[] = commandKinds.map((kind) => commandFeatures[kind]);
  readonly #options: ObedienceOptions;
  readonly #book: CommandBook;
  #turn: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(options: ObedienceOptions) {
    this.#options = options;
    this.#book = new CommandBook(options.commands);
  }

  /** Takes a command up; the session hears what becomes of it. */
  hear(envelope: Envelope, { trust, epoch }: Belief, contact: Contact): void {
    const { audience, now, log } = this.#options;
    const verdict = verifyCommand(envelope, trust, audience, epoch, now());
    if (verdict.kind === "refused") {
      log.warn({ code: verdict.code, reason: verdict.message }, "a command was refused");
      if (verdict.id !== "") contact.session.send(failed(verdict.id, verdict.code, verdict.message));
      return;
    }
    const { command } = verdict;
    const taken = this.#book.take(command, now());
    if (taken.kind === "again") return taken.result === null ? undefined : contact.session.send(taken.result);
    if (taken.kind === "full" || this.#waiting >= waitingMax) {
      if (taken.kind === "new") this.#book.forget(command.id);
      log.warn({ code: "E_BUSY", kind: command.kind }, "a command was refused");
      return contact.session.send(failed(command.id, "E_BUSY", "too many commands at once"));
    }
    this.#waiting += 1;
    this.#turn = this.#turn
      .then(() => this.#carryOut(command, contact))
      .then((result) => this.#tell(result, contact))
      .catch((error: unknown) => log.error({ reason: failureText(error), err: error }, "a command's result was lost"))
      .finally(() => (this.#waiting -= 1));
  }

  /** Its result; null when an answer went out in place of one, or nobody is there to hear it. */
  async #carryOut(command: Command, contact: Contact): Promise<CommandResult | null> {
    const { log, now } = this.#options;
    const { id, kind, actor } = command;
    const began = now();
    try {
      if (contact.signal.aborted) {
        this.#book.forget(id); // nothing was done: it may come again
        return null;
      }
      await this.#book.keep(id);
      const message = await this.#do(command, contact);
      log.info({ kind, manager: actor, ms: now() - began }, "carried out a command");
      return message === null ? null : { kind: "commandResult", id, ok: true, message, code: "" };
    } catch (error) {
      if (contact.signal.aborted && kind === "inspect") return null;
      const code = error instanceof OperationError ? (error.fault?.code ?? `E_${error.code.toUpperCase()}`) : "E_INTERNAL";
      log.warn({ kind, code, reason: failureText(error) }, "a command could not be carried out");
      return failed(id, code, failureText(error));
    }
  }

  async #do(command: Command, { link, signal }: Contact): Promise<string | null> {
    const { deeds, now } = this.#options;
    switch (command.kind) {
      case "redeliver": {
        const count = await deeds.redeliver(command.args);
        return `${count} ${count === 1 ? "object is" : "objects are"} applied again`;
      }
      case "inspect": {
        // Nobody waits for yesterday's look.
        const lifeMs = Math.min(Date.parse(command.expiresAt) - now(), 2 ** 31 - 1);
        const inTime = AbortSignal.any([signal, AbortSignal.timeout(Math.max(0, lifeMs))]);
        const inspection = await deeds.inspect(command.args, inTime);
        await link.answer(command.id, await packed(inspection), inTime);
        return null;
      }
    }
  }

  async #tell(result: CommandResult | null, { session }: Contact): Promise<void> {
    if (result === null) return;
    try {
      await this.#book.settle(result);
    } finally {
      session.send(result);
    }
  }
}

const failed = (id: string, code: string, message: string): CommandResult => ({ kind: "commandResult", id, ok: false, message, code });

/** As it travels. Throws OperationError "limit": one that is too large is an error, not something to try again. */
async function packed(inspection: Inspection): Promise<Uint8Array> {
  const text = JSON.stringify(inspection);
  const tooLarge = (): OperationError =>
    new OperationError("limit", inspection.app, "the answer is too large", undefined, {
      code: "E_ANSWER_TOO_LARGE",
      remedy: "ask for one object (--object)",
    });
  if (text.length > inspectionLimits.answerTextBytes) throw tooLarge();
  const bytes = await compress(text, { params: { [constants.ZSTD_c_compressionLevel]: 3 } });
  if (bytes.length > inspectionLimits.answerBytes) throw tooLarge();
  return bytes;
}
