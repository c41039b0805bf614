// An answer on its way in: bounded by what it promises, by what we take, and by how long its sender may be silent. Nothing is kept of
// one that nobody asked for.

import type { ServerReadableStream } from "@grpc/grpc-js";

import type { AnswerRequest, AnswerResponse } from "@muster/proto/gen/muster/v1/link";
import { OperationError, type FailureCode } from "@muster/proto/model/failure";
import type { LinkLimits } from "./port.ts";

export type TakenAnswer = { readonly commandId: string; readonly bytes: Uint8Array };

/** Reads one answer to its end. Throws OperationError: "notFound" when it is not awaited, "limit", "invalid", "unavailable". */
export function takeAnswer(
  call: ServerReadableStream<AnswerRequest, AnswerResponse>,
  { answerBytes, stalledMs }: Pick<LinkLimits, "answerBytes" | "stalledMs">,
  isAwaited: (commandId: string) => boolean,
): Promise<TakenAnswer> {
  const taken = Promise.withResolvers<TakenAnswer>();
  const chunks: Buffer[] = [];
  let commandId: string | undefined;
  let total = 0;
  let received = 0;
  let refused = false;
  const fail = (code: FailureCode, why: string): void => {
    clearTimeout(silence);
    if (refused) return;
    refused = true;
    chunks.length = 0;
    taken.reject(new OperationError(code, "answer", why));
  };
  let silence: NodeJS.Timeout | undefined;
  const listen = (): void => {
    clearTimeout(silence);
    silence = setTimeout(() => fail("unavailable", "the rest of the answer did not come"), stalledMs);
  };
  listen();
  call.on("data", (request: AnswerRequest) => {
    if (refused) return;
    listen();
    if (commandId === undefined) {
      commandId = request.commandId;
      total = Number(request.totalBytes);
      if (!isAwaited(commandId)) return fail("notFound", "nobody waits for an answer to this command");
      if (total > answerBytes) return fail("limit", `the answer has ${total} bytes; ${answerBytes} are allowed`);
    }
    received += request.chunk.length;
    if (received > total) return fail("invalid", "the answer is longer than promised");
    chunks.push(request.chunk);
  });
  call.on("end", () => {
    clearTimeout(silence);
    if (commandId === undefined || received !== total) return fail("invalid", "the answer ended early");
    taken.resolve({ commandId, bytes: Buffer.concat(chunks) });
  });
  call.on("cancelled", () => fail("cancelled", "the agent went away"));
  call.on("error", () => fail("unavailable", "the answer broke off"));
  return taken.promise;
}
