// Our failures as gRPC statuses, and nothing of what lies behind them.

import { status, type StatusObject } from "@grpc/grpc-js";

import { OperationError, type FailureCode } from "@muster/proto/model/failure";

const codes = {
  unavailable: status.UNAVAILABLE,
  unauthenticated: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  notFound: status.NOT_FOUND,
  conflict: status.ALREADY_EXISTS,
  invalid: status.INVALID_ARGUMENT,
  limit: status.RESOURCE_EXHAUSTED,
  corrupt: status.DATA_LOSS,
  cancelled: status.CANCELLED,
} as const satisfies Record<FailureCode, status>;

export function toStatus(error: unknown): Pick<StatusObject, "code" | "details"> {
  if (error instanceof OperationError) return { code: codes[error.code], details: error.message };
  return { code: status.INTERNAL, details: "the hub failed; see its log" };
}

/** What ends a stream with this status when it is emitted as the stream's error. */
export const statusError = (code: status, details: string): Error & Pick<StatusObject, "code" | "details"> =>
  Object.assign(new Error(details), { code, details });
