// A watch's answer: one JSON document a line, in chunks that end anywhere.

import { OperationError } from "@muster/proto/model/failure";
import { isJsonObject, type JsonObject } from "@muster/proto/model/json";

export type WatchLine = { readonly type: string; readonly object: JsonObject };

/** The lines as they become complete. Throws an OperationError: "limit" for a line that does not end, "unavailable" for one that is none. */
export async function* watchLines(chunks: AsyncIterable<Buffer>, lineMaxBytes: number): AsyncGenerator<WatchLine> {
  let begun: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10, from); end >= 0; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...begun, chunk.subarray(from, end)]);
      begun = [];
      size = 0;
      from = end + 1;
      if (line.length > 0) yield parsed(line);
    }
    begun.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > lineMaxBytes) throw new OperationError("limit", "watch", `an event of a watch is longer than ${lineMaxBytes} bytes`);
  }
}

function parsed(line: Buffer): WatchLine {
  let value: unknown;
  try {
    value = JSON.parse(line.toString("utf8"));
  } catch (cause) {
    throw new OperationError("unavailable", "watch", "an event of a watch is not JSON", cause);
  }
  if (!isJsonObject(value) || typeof value["type"] !== "string" || !isJsonObject(value["object"]))
    throw new OperationError("unavailable", "watch", "an event of a watch has no type or object");
  return { type: value["type"], object: value["object"] };
}
