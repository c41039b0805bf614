// Which URLs and revisions are acceptable at all, decided before anything is sent.

import { printable } from "@muster/proto/model/printable";

import { checkFit, type ClientCertificate, type Credentials } from "./credentials.ts";
import { gitError } from "./faults.ts";
import { parseRange } from "./versions.ts";

/** A server that has the repository, and what is shown to it. Credentials go to exactly this scheme, host, port and path, nowhere else. */
export type RemoteAddress = {
  /** `https://host/path`, `ssh://user@host:port/path` or `user@host:path`. */
  readonly url: string;
  readonly credentials?: Credentials | undefined;
  /** PEM of the CA that the server's certificate is checked against, in place of the system's. */
  readonly ca?: string | undefined;
  readonly clientCertificate?: ClientCertificate | undefined;
  /** Allows credentials over plain http to other hosts than loopback. */
  readonly insecure?: boolean | undefined;
};

/** Where a Source is. */
export type SourceAddress = RemoteAddress & {
  readonly name: string;
  /**
   * Branch, tag, full ref name, full commit id (a branch wins over a tag of the same name), or a range of versions over the tags
   * (`^1.2`, `>=1.2 <2`); null is the remote's HEAD.
   */
  readonly revision: string | null;
  /** Tried in order when the Source itself cannot be read. Each has credentials of its own, or none. */
  readonly mirrors?: readonly RemoteAddress[] | undefined;
  /** Reads submodules as folders. */
  readonly submodules?: boolean | undefined;
  /** URLs below which submodules may be, beside the Source's own server; the credentials there are for what is below them. */
  readonly remotes?: readonly RemoteAddress[] | undefined;
  /** Fetches files only when they are read. Needs a git program. */
  readonly partial?: boolean | undefined;
};

const urlBytesMax = 2048;
const refBytesMax = 255;

/** The parsed URL of what a Source says. Throws E_URL_FORBIDDEN, E_CREDENTIALS_FORBIDDEN or the like; no message carries a credential. */
export function checkAddress(address: SourceAddress): URL {
  checkRevision(address.name, address.revision);
  for (const remote of [...(address.mirrors ?? []), ...(address.remotes ?? [])]) checkRemote(address.name, remote);
  return checkRemote(address.name, address);
}

/** The same for one server; `name` is the Source's. A `user@host:path` comes back as `ssh://user@host/path`. */
export function checkRemote(name: string, remote: RemoteAddress): URL {
  const url = checkUrl(name, remote.url);
  checkFit(name, url, remote.credentials);
  const shows = remote.credentials !== undefined || remote.clientCertificate !== undefined;
  if (shows && url.protocol === "http:" && !isLoopback(url.hostname) && !remote.insecure)
    throw gitError("E_CREDENTIALS_FORBIDDEN", name, `will not send credentials over plain http to ${url.host}`);
  return url;
}

function checkUrl(name: string, text: string): URL {
  const refuse = (why: string) => gitError("E_URL_FORBIDDEN", name, `cannot use the URL ${maskUrl(text)}: ${why}`);
  if (text.length > urlBytesMax) throw refuse(`it is longer than ${urlBytesMax} bytes`);
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === "ssh" || /^[^:/]*@/.test(text)) return sshUrl(text, refuse);
  if (scheme !== "http" && scheme !== "https") throw refuse("only http, https and ssh are supported");
  const url = URL.parse(text);
  if (!url || !/^https?:\/\/[^/\\]/i.test(text)) throw refuse("it is malformed");
  if (url.username !== "" || url.password !== "" || /^https?:\/\/[^/]*@/i.test(text)) throw refuse("it contains credentials");
  if (url.search !== "" || url.hash !== "" || text.includes("?") || text.includes("#")) throw refuse("it has a query or a fragment");
  // eslint-disable-next-line no-control-regex
  if (/[^\x21-\x7e]/.test(text) || text.includes("\\"))
    throw refuse("it has characters outside printable ASCII (write an IDN host as xn--...)");
  if (url.hostname.startsWith("[") && !isLoopback(url.hostname)) throw refuse("the host is an IPv6 literal; name the host");
  return url;
}

const sshForm = /^ssh:\/\/(?:([^@/:]+)@)?([^@/:[\]]+)(?::(\d{1,5}))?\/(.*)$/i;
const scpForm = /^([^@/:]+)@([^@/:[\]]+):(?!\/\/)(.*)$/;

/** Only what no shell, no option parser and no ssh_config could read as something else. */
function sshUrl(text: string, refuse: (why: string) => Error): URL {
  const scp = scpForm.exec(text);
  const [, user = "", host = "", port, path = ""] = scp === null ? (sshForm.exec(text) ?? []) : [text, scp[1], scp[2], undefined, scp[3]];
  if (host === "") throw refuse("it is malformed, or contains a password");
  if (!/^[A-Za-z0-9_][\w.-]*$/.test(user)) throw refuse("an ssh URL needs a plain user, mostly git");
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(host)) throw refuse("the host is no plain name (write an IDN host as xn--...)");
  if (!/^[A-Za-z0-9._~/][A-Za-z0-9._~/+@%=,-]*$/.test(path)) throw refuse("the path has characters that are not allowed over ssh");
  const url = URL.parse(`ssh://${user}@${host.toLowerCase()}${port === undefined ? "" : `:${port}`}/${path.replace(/^\/+/, "")}`);
  if (url === null) throw refuse("it is malformed");
  return url;
}

/** Throws E_REF_INVALID unless Git would accept the revision as a ref's name, or it is a range of versions. */
export function checkRevision(name: string, revision: string | null): void {
  if (revision === null || (revision.length <= refBytesMax && parseRange(revision) !== null)) return;
  const why = whyNoRef(revision);
  if (why !== null) throw gitError("E_REF_INVALID", name, `cannot follow revision ${printable(revision, 80)}: ${why}`);
}

/** True for what Git takes as a ref's name. */
export const isRefName = (text: string): boolean => whyNoRef(text) === null;

function whyNoRef(ref: string): string | null {
  if (ref === "") return "it is empty";
  if (ref.length > refBytesMax) return `it is longer than ${refBytesMax} bytes`;
  if (ref.startsWith("-")) return "it begins with a dash";
  if (ref === "@" || ref.includes("@{")) return "it has @{";
  if (ref.includes("..")) return "it has two dots";
  // eslint-disable-next-line no-control-regex
  if (/[\x00-\x20\x7f~^:?*[\\]/.test(ref)) return "it has a character that no ref may have";
  if (/\p{Cf}/u.test(ref)) return "it has an invisible character";
  if (/^\/|\/$|\/\/|(^|\/)\.|\.$|\.lock(\/|$)/.test(ref)) return "a part of it is empty, begins or ends with a dot, or ends in .lock";
  return null;
}

/** True for a full SHA-1. */
export function isCommitId(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

/** True where what belongs to `base` may go: same scheme, user, host and port, and its path or below it. */
export function isBelow(base: URL, url: URL): boolean {
  const path = base.pathname.replace(/\/+$/, "");
  const sameServer = url.protocol === base.protocol && url.host === base.host && url.username === base.username;
  return sameServer && (url.pathname === path || url.pathname.startsWith(`${path}/`));
}

/** A URL as it may be shown: without user, password, query and fragment; `git@` of an ssh URL is no secret. */
export function maskUrl(text: string): string {
  const shown = text.replace(/[?#].*$/s, "");
  if (/^(ssh:\/\/)?git@[^@]*$/i.test(shown)) return printable(shown);
  return printable(shown.replace(/^([a-z][a-z0-9+.-]*:\/\/)?[^/]*@/i, "$1***@"));
}
