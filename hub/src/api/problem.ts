// Failures as the API tells them: a status, a public code, what happened, what to do.

import { OperationError, type FailureCode } from "@muster/proto/model/failure";

export type ApiProblem = { readonly status: number; readonly code: string; readonly message: string; readonly remedy: string };

const statuses = {
  unavailable: 503,
  unauthenticated: 401,
  forbidden: 403,
  notFound: 404,
  conflict: 409,
  invalid: 400,
  limit: 413,
  corrupt: 500,
  cancelled: 499,
} as const satisfies Record<FailureCode, number>;

/** Nothing of what lies behind an error of ours leaves: the log has it. */
export function toProblem(error: unknown): ApiProblem {
  if (error instanceof OperationError) {
    return {
      status: statuses[error.code],
      code: error.fault?.code ?? `E_${error.code.toUpperCase()}`,
      message: error.message,
      remedy: error.fault?.remedy ?? "",
    };
  }
  const { statusCode, code, message } = error as { statusCode?: number; code?: string; message?: string };
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return { status: statusCode, code: code ?? "E_REQUEST", message: message ?? "", remedy: "" };
  return { status: 500, code: "E_INTERNAL", message: "the hub failed; see its log", remedy: "" };
}
