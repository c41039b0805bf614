// When the world fails: one error class with a closed code. What is expected is a value; a bug is an assertion.

/** What kind of failure it is, and so what a caller may do about it. */
export type FailureCode =
  | "unavailable" // the other side cannot be reached or is overloaded: try again later
  | "unauthenticated" // it does not know us
  | "forbidden" // it knows us and says no
  | "notFound"
  | "conflict"
  | "invalid" // what we sent is wrong: trying again does not help
  | "limit" // larger, deeper or longer than allowed
  | "corrupt" // what we read is not what was written
  | "cancelled";

/** What a person sees of a failure beside its message: the public code (`E_SOURCE_AUTH`) and what to do about it. */
export type Fault = { readonly code: string; readonly remedy: string };

export class OperationError extends Error {
  override readonly name = "OperationError";
  readonly code: FailureCode;
  /** What it was about: a Source, a cluster, a file. */
  readonly subject: string;
  /** Set where the failure is meant for a person's eyes. */
  readonly fault: Fault | null;

  constructor(code: FailureCode, subject: string, message: string, cause?: unknown, fault: Fault | null = null) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.subject = subject;
    this.fault = fault;
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** For the end of a switch over a union: does not compile when a case is missing. */
export function unreachable(value: never): never {
  throw new TypeError(`unreachable: ${JSON.stringify(value)}`);
}
