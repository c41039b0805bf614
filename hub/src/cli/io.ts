// What a command may touch of the process: so that a test runs the very command a person runs.

export type Out = { write(text: string): void; readonly isTTY: boolean; /** Width; 0 where unknown. */ readonly columns: number };

export type Io = {
  /** Data. Everything else goes to `stderr`. */
  readonly stdout: Out;
  readonly stderr: Out;
  readonly env: { readonly [name: string]: string | undefined };
  readonly cwd: string;
  /** The person's home folder. */
  readonly home: string;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Ends early, without throwing, when `signal` is aborted. */
  sleep(ms: number): Promise<void>;
};
