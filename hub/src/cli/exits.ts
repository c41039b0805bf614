// Exit codes: the same for every command, never renumbered.

import { OperationError, type FailureCode } from "@muster/proto/model/failure";

export const exits = {
  ok: { code: 0, means: "ok" },
  failed: { code: 1, means: "failed" },
  usage: { code: 2, means: "wrong usage or configuration" },
  differs: { code: 3, means: "differs (drift, diff, preview), or not everything is synced (status --check)" },
  signIn: { code: 4, means: "the hub does not accept the token" },
  absent: { code: 5, means: "absent, or not yours to see" },
  unreachable: { code: 6, means: "the hub cannot be reached" },
  timedOut: { code: 7, means: "timed out" },
  partly: { code: 8, means: "done in part: standard error says what is missing" },
  interrupted: { code: 130, means: "interrupted" },
} as const;

export type Exit = (typeof exits)[keyof typeof exits]["code"];

const byFailure: { readonly [failure in FailureCode]: Exit } = {
  unavailable: exits.unreachable.code,
  unauthenticated: exits.signIn.code,
  forbidden: exits.absent.code,
  notFound: exits.absent.code,
  conflict: exits.failed.code,
  invalid: exits.failed.code,
  limit: exits.failed.code,
  corrupt: exits.failed.code,
  cancelled: exits.interrupted.code,
};

const byFault: { readonly [fault: string]: Exit } = {
  E_USAGE: exits.usage.code,
  E_CONFIG: exits.usage.code,
  E_NO_HUB: exits.usage.code,
  E_TIMEOUT: exits.timedOut.code,
  // The hub is there, the agent is not.
  E_AGENT_OFFLINE: exits.failed.code,
};

/** The exit code of what a command threw. */
export function exitOf(error: unknown): Exit {
  if (!(error instanceof OperationError)) return exits.failed.code;
  return byFault[error.fault?.code ?? ""] ?? byFailure[error.code];
}

/** For `muster --help`. */
export function exitHelp(): string {
  const lines = Object.values(exits).map(({ code, means }) => `  ${String(code).padEnd(5)}${means}`);
  return `\nExit codes:\n${lines.join("\n")}`;
}

/** A wrong flag or argument. */
export function usageError(message: string, remedy: string): OperationError {
  return new OperationError("invalid", "muster", message, undefined, { code: "E_USAGE", remedy });
}
