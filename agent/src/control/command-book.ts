// The commands that were taken, until they expire by themselves: none is carried out twice. Those that change something are on disk before
// they are carried out, so that neither a crash nor a restart makes one run again.

import type { Command, CommandKind } from "@muster/proto/model/command";
import type { JsonObject } from "@muster/proto/model/json";
import type { CommandResult } from "@muster/proto/model/session";
import type { Journal } from "../cache/cache.ts";

/** How many commands may be remembered; one more is refused, for to forget one would be to carry it out again. */
export const commandsRememberedMax = 1_000;

/** Kinds that change something; to look again does no harm. */
const acts = { inspect: false, redeliver: true } as const satisfies Record<CommandKind, boolean>;

type Taken = { readonly kind: "new" | "full" } | { readonly kind: "again"; readonly result: CommandResult | null };
type Remembered = { readonly expiresAtMs: number; readonly kept: boolean; readonly result: CommandResult | null };

export class CommandBook {
  readonly #taken = new Map<string, Remembered>();
  readonly #journal: Journal;

  constructor(journal: Journal) {
    this.#journal = journal;
    for (const [id, record] of journal.entries()) this.#taken.set(id, readBack(id, record));
  }

  /** `new`: it is taken now, and to be carried out. `again`: it was taken before; its result, if it has one by now. `full`: refused. */
  take({ id, expiresAt, kind }: Command, now: number): Taken {
    const known = this.#taken.get(id);
    if (known !== undefined) return { kind: "again", result: known.result };
    for (const [old, { expiresAtMs }] of this.#taken) if (expiresAtMs <= now) this.#taken.delete(old);
    if (this.#taken.size >= commandsRememberedMax) return { kind: "full" };
    this.#taken.set(id, { expiresAtMs: Date.parse(expiresAt), kept: acts[kind], result: null });
    return { kind: "new" };
  }

  /** Gives a command back that was taken and not begun. */
  forget(id: string): void {
    this.#taken.delete(id);
  }

  /** Resolves when it is safe to carry a taken command out. Rejects when the disk refuses: then it must not be. */
  async keep(id: string): Promise<void> {
    const taken = this.#taken.get(id);
    if (taken?.kept !== true) return;
    const spent = [...this.#journal.entries()].map(([old]) => old).filter((old) => !this.#taken.has(old));
    await this.#journal.put([...spent.map((old) => ({ key: old, record: null })), { key: id, record: recordOf(taken) }]);
  }

  /** What became of it, for whoever asks again. */
  async settle(result: CommandResult): Promise<void> {
    const known = this.#taken.get(result.id);
    if (known === undefined) return;
    const settled = { ...known, result };
    this.#taken.set(result.id, settled);
    if (known.kept) await this.#journal.put([{ key: result.id, record: recordOf(settled) }]);
  }
}

function recordOf({ expiresAtMs, result }: Remembered): JsonObject {
  return { expiresAtMs, result: result === null ? null : { ok: result.ok, message: result.message, code: result.code } };
}

/** One without a result was cut off: nobody knows how far it came, so whoever gave it has to decide. A damaged record counts as taken. */
function readBack(id: string, { expiresAtMs, result }: JsonObject): Remembered {
  const { ok, message, code } = (result ?? {}) as { readonly ok?: unknown; readonly message?: unknown; readonly code?: unknown };
  return {
    expiresAtMs: typeof expiresAtMs === "number" ? expiresAtMs : Infinity,
    kept: true,
    result: {
      kind: "commandResult",
      id,
      ok: ok === true,
      message:
        typeof message === "string" ? message : "the agent ended while it carried this out; give the order again if it is still needed",
      code: typeof code === "string" ? code : "E_INTERRUPTED",
    },
  };
}
