// The commands that were taken, until they expire by themselves: none is carried out twice.

import type { Command } from "@muster/proto/model/command";
import type { CommandResult } from "@muster/proto/model/session";

/** How many commands may be remembered; one more is refused, for to forget one would be to carry it out again. */
export const commandsRememberedMax = 1_000;

type Taken = { readonly kind: "new" | "full" } | { readonly kind: "again"; readonly result: CommandResult | null };
type Remembered = { readonly expiresAtMs: number; readonly result: CommandResult | null };

export class CommandBook {
  readonly #taken = new Map<string, Remembered>();

  /** `new`: it is taken now, and to be carried out. `again`: it was taken before; its result, if it has one by now. `full`: refused. */
  take({ id, expiresAt }: Command, now: number): Taken {
    const known = this.#taken.get(id);
    if (known !== undefined) return { kind: "again", result: known.result };
    for (const [old, { expiresAtMs }] of this.#taken) if (expiresAtMs <= now) this.#taken.delete(old);
    if (this.#taken.size >= commandsRememberedMax) return { kind: "full" };
    this.#taken.set(id, { expiresAtMs: Date.parse(expiresAt), result: null });
    return { kind: "new" };
  }

  /** What became of it, for whoever asks again. */
  settle(result: CommandResult): void {
    const known = this.#taken.get(result.id);
    if (known !== undefined) this.#taken.set(result.id, { ...known, result });
  }
}
