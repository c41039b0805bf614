// What this room says beside its results: that somebody may want to know, and nobody has to act on.

export type Log = { info(fields: object, message: string): void; warn(fields: object, message: string): void };
