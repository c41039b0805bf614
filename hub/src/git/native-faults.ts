// What git and ssh say on their standard error, as our faults: a table of sentences, first match wins.

import type { OperationError } from "@muster/proto/model/failure";
import { printable } from "@muster/proto/model/printable";

import { gitError, type FaultCode } from "./faults.ts";
import type { RunEnd } from "./native-run.ts";
import { statusFault } from "./web.ts";

type About = { readonly name: string; readonly url: string; readonly want: { readonly ref: string | null; readonly oid: string } | null };

const sentences: readonly (readonly [RegExp, FaultCode])[] = [
  [/Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|No \S+ host key is known/i, "E_SSH_HOST_KEY"],
  [/Permission denied \(|Too many authentication failures|Load key .*: (invalid format|error in libcrypto|Permission)/, "E_SOURCE_AUTH"],
  [/Authentication failed|could not read (Username|Password)/, "E_SOURCE_AUTH"],
  [/couldn't find remote ref/, "E_REF_MISSING"],
  [/not our ref|unadvertised object|no such remote ref/i, "E_COMMIT_MISSING"],
  [/CONNECT tunnel failed|from proxy after CONNECT|response 407/, "E_SOURCE_UNREACHABLE"],
  [/Could not resolve (host|proxy)|Name or service not known/i, "E_SOURCE_UNREACHABLE"],
  [/SSL certificate|certificate verif|SSL peer certificate|gnutls_handshake|schannel|SSL_connect|TLS/i, "E_SOURCE_TLS"],
  [/Operation too slow|timed out|Timeout, server/i, "E_SOURCE_TIMEOUT"],
  [/out of memory|died of signal 25|File too large|Cannot allocate memory|mmap failed|exceeds maximum|File size limit/i, "E_LIMIT"],
  [
    /Connection (refused|reset|closed)|Network is unreachable|No route to host|kex_exchange_identification|Failed to connect|Couldn't connect/i,
    "E_SOURCE_UNREACHABLE",
  ],
  [/RPC failed|unexpected disconnect|transfer closed|Empty reply|Recv failure|Could not connect/i, "E_SOURCE_UNREACHABLE"],
  [/does not appear to be a git repository|repository .*not found|no such repository|not a git repository/i, "E_SOURCE_NOT_FOUND"],
  [
    /did not send all necessary objects|early EOF|bad pack header|index-pack|pack has|pack is corrupt|unresolved delta|inflate|bad object|missing (blob|tree|commit)|is corrupt|SHA1 COLLISION/i,
    "E_GIT_CORRUPT",
  ],
  [/hung up unexpectedly|Could not read from remote repository/i, "E_SOURCE_UNREACHABLE"],
];

/** The error for a run that was no success. */
export function nativeFault(end: Exclude<RunEnd, { readonly kind: "done" }>, { name, url, want }: About): OperationError {
  switch (end.kind) {
    case "cancelled":
      return gitError("E_CANCELLED", name, `fetching ${url} was cancelled`);
    case "timeout":
      return gitError("E_SOURCE_TIMEOUT", name, `${url} did not finish its answer in ${end.afterMs / 1000} s`);
    case "tooMuch":
      return gitError("E_LIMIT", name, `${url} answers with more than ${end.bytes} bytes`);
    case "failed": {
      const code = faultOf(end.stderr);
      const missing = code === "E_REF_MISSING" && want?.ref === null ? "E_COMMIT_MISSING" : code;
      return gitError(missing, name, `cannot fetch ${url}: ${said(end.stderr)}`);
    }
  }
}

/** A server's own words (`remote: ...`) decide nothing. */
function faultOf(stderr: string): FaultCode {
  const own = ownLines(stderr).join("\n");
  const status = /The requested URL returned error: (\d{3})/.exec(own)?.[1];
  if (status !== undefined) return statusFault(Number(status));
  return sentences.find(([form]) => form.test(own))?.[1] ?? "E_GIT_PROTOCOL";
}

const ownLines = (stderr: string): readonly string[] =>
  stderr.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("remote:"));

/** The first complaint: what follows are mostly its consequences. */
function said(stderr: string): string {
  const lines = ownLines(stderr);
  const first =
    lines.find((line) => /^(fatal|error|ssh|Host key|.*Permission denied)/.test(line)) ?? lines[0] ?? "git ended without a word";
  return printable(first.replace(/[a-z]+:\/\/[^\s/]*@/gi, "***@").trim(), 200);
}
