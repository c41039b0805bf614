// gRPC statuses as our failures.

import { status, type ServiceError } from "@grpc/grpc-js";

import { OperationError, type FailureCode } from "@muster/proto/model/failure";

const codes: { readonly [code: number]: FailureCode } = {
  [status.UNAVAILABLE]: "unavailable",
  [status.DEADLINE_EXCEEDED]: "unavailable",
  [status.INTERNAL]: "unavailable", // a stream that was reset, or a bug of the hub: both pass
  [status.UNKNOWN]: "unavailable",
  [status.ABORTED]: "unavailable",
  [status.UNAUTHENTICATED]: "unauthenticated",
  [status.PERMISSION_DENIED]: "forbidden",
  [status.NOT_FOUND]: "notFound",
  [status.ALREADY_EXISTS]: "conflict",
  [status.INVALID_ARGUMENT]: "invalid",
  [status.RESOURCE_EXHAUSTED]: "limit",
  [status.DATA_LOSS]: "corrupt",
  [status.CANCELLED]: "cancelled",
};

export function toFailure(error: unknown, address: string): OperationError {
  const { code, details, message } = error as Partial<ServiceError>;
  return new OperationError(
    codes[code ?? status.UNKNOWN] ?? "unavailable",
    address,
    `hub ${address}: ${details ?? message ?? "unknown failure"}`,
    error,
  );
}
