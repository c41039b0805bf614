// Which servers a secret is for. Whoever may write documents may name any secret; where the secret says whom it is for, it goes nowhere else.

import { OperationError } from "@muster/proto/model/failure";

import { allowedRemote } from "../../fleet/fleet.ts";
import { maskUrl } from "../../git/git.ts";

/** `hosts`: `host` (at its scheme's own port), `host:port`, or a URL, which also counts for all below it; none: for every server. */
export type Bound = { readonly hosts?: readonly string[] | undefined };

/** Throws OperationError "forbidden" with E_SECRET_HOST unless the secret may be shown at a URL. */
export function checkBound(ref: string, { hosts }: Bound, url: string): void {
  if (hosts === undefined || hosts.some((line) => isFor(line, url))) return;
  throw new OperationError("forbidden", ref, `the secret ${ref} is not for ${maskUrl(url)}: its file hosts does not name that`, undefined, {
    code: "E_SECRET_HOST",
    remedy: "name a secret that is for this server, or add the server to the file hosts in the secret's folder",
  });
}

function isFor(line: string, url: string): boolean {
  if (/:\/\/|^[^:/]*@/.test(line)) return allowedRemote([{ url: line, secretRef: null }], url) !== null;
  const [given, wanted] = [serverOf(line), serverOf(url)];
  return given !== null && wanted !== null && given.host === wanted.host && (given.port ?? wanted.usual) === (wanted.port ?? wanted.usual);
}

const usualPorts: Readonly<Record<string, string>> = { http: "80", https: "443", oci: "443", ssh: "22" };

function serverOf(text: string): { readonly host: string; readonly port: string | undefined; readonly usual: string } | null {
  const scp = /^[^:/@]+@([^:/@]+):(?!\/\/)/.exec(text)?.[1];
  if (scp !== undefined) return { host: scp.toLowerCase(), port: undefined, usual: "22" };
  const [, scheme = "https", host, port] = /^(?:([a-z]+):\/\/)?(?:[^@/]*@)?(\[[^\]/]+\]|[^:/@[\]]+)(?::(\d+))?(?:\/|$)/i.exec(text) ?? [];
  return host === undefined ? null : { host: host.toLowerCase(), port, usual: usualPorts[scheme.toLowerCase()] ?? "" };
}
