// An answer on its way to the hub: chunks on a stream of its own, no faster than the hub reads.

import { once } from "node:events";
import type { ServiceError } from "@grpc/grpc-js";

import type { LinkServiceClient } from "@muster/proto/gen/muster/v1/link";
import { inspectionLimits } from "@muster/proto/model/inspection";
import { toFailure } from "./grpc-failure.ts";

export type Answer = { readonly commandId: string; readonly bytes: Uint8Array };

/** Resolves when the hub has taken all of it. Throws OperationError with the hub's reason. */
export async function sendAnswer(
  client: LinkServiceClient,
  address: string,
  { commandId, bytes }: Answer,
  signal: AbortSignal,
): Promise<void> {
  const settled = Promise.withResolvers<void>();
  const over = new AbortController();
  const call = client.answer((error: ServiceError | null) => {
    over.abort();
    if (error === null) settled.resolve();
    else settled.reject(toFailure(error, address));
  });
  const abort = (): void => call.cancel();
  signal.addEventListener("abort", abort, { once: true });
  // The hub's refusal comes as the call's end: what a write makes of it says less.
  call.on("error", () => undefined);
  try {
    const { chunkBytes } = inspectionLimits;
    for (let at = 0; at < bytes.length && !over.signal.aborted && !signal.aborted; at += chunkBytes) {
      const head = at === 0 ? { commandId, totalBytes: BigInt(bytes.length) } : { commandId: "", totalBytes: 0n };
      const room = call.write({ ...head, chunk: Buffer.from(bytes.subarray(at, at + chunkBytes)) });
      if (!room) await once(call, "drain", { signal: over.signal }).catch(() => undefined);
    }
    if (!over.signal.aborted) call.end();
    await settled.promise;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
