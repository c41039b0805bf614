// The bytes of a file in a repository as text that may hold documents. What speaks of Muster and cannot be read is an error of that file:
// a wrong letter is never replaced in silence, and a file in another encoding is not passed over.

import { mentionsMuster, type ParsedFile } from "../fleet/fleet.ts";

export type FleetText =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "unreadable"; readonly code: "E_LIMIT" | "E_ENCODING"; readonly why: string };

export const fleetTextBytesMax = 4 * 1024 * 1024;

const strict = new TextDecoder("utf-8", { fatal: true });

/** Undefined: there is nothing for Muster in it. `held`: it held documents before, and is looked into whatever it looks like now. */
export function fleetText(bytes: Uint8Array, held: boolean): FleetText | undefined {
  const text = decoded(bytes);
  if (!held && !mentionsMuster(text ?? lettersOf(bytes))) return undefined;
  if (bytes.length > fleetTextBytesMax) return { kind: "unreadable", code: "E_LIMIT", why: `it is larger than ${fleetTextBytesMax} bytes` };
  if (text === undefined) return { kind: "unreadable", code: "E_ENCODING", why: "it is not UTF-8" };
  return { kind: "text", text };
}

type Fault = { readonly code: string; readonly why: string; readonly remedy?: string | undefined };

/** A file of which nothing is known now: what it held before stays. */
export function unreadableFile(source: string, path: string, { code, why, remedy }: Fault): ParsedFile {
  const message = why.startsWith("cannot ") ? why : `cannot read ${path}: ${why}`;
  const problem = { code, severity: "error", message, ...(remedy !== undefined && { remedy }), place: { source, path, line: 1 } } as const;
  return { source, path, documents: [], brokenKeys: [], broken: true, problems: [problem] };
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** What can be told of a text in any encoding that has ASCII in it: UTF-16 is that with NULs between. */
function lettersOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1").replaceAll("\0", "");
}
