// What a Source allows to be fetched from elsewhere. Credentials go to exactly what they were written for (S15): the same scheme, host and
// port, and a path that begins with the allowed one, whole segments only.

import type { AllowedRemote } from "./kinds.ts";

/** The longest entry that covers a URL; null where none does, or where the URL cannot be read. */
export function allowedRemote(remotes: readonly AllowedRemote[], url: string): AllowedRemote | null {
  const wanted = parts(url);
  if (wanted === null) return null;
  const covering = remotes.filter((each) => {
    const given = parts(each.url);
    return given !== null && given.host === wanted.host && covers(given.path, wanted.path);
  });
  return covering.toSorted((a, b) => b.url.length - a.url.length)[0] ?? null;
}

type Parts = { readonly host: string; readonly path: readonly string[] };

const defaultPorts: Readonly<Record<string, string>> = { http: "80", https: "443", oci: "443", ssh: "22" };

/** `user@host:path` is ssh by another spelling. What is not plain (dots, escapes, a password, a query) is nothing that can be allowed. */
function parts(text: string): Parts | null {
  const scp = /^([-\w.]+@[-\w.]+):(?!\/\/)(.*)$/.exec(text);
  const url = scp === null ? text : `ssh://${scp[1]}/${scp[2]}`;
  const [, scheme = "", user = "", host = "", port, rest = ""] =
    /^([a-z]+):\/\/(?:([-\w.]+)@)?([-\w.]+)(?::(\d+))?(?:\/([^?#\\]*))?$/i.exec(url) ?? [];
  if (host === "") return null;
  const path = rest.split("/").filter((part) => part !== "");
  if (path.some((part) => part === "." || part === ".." || /%(2e|2f|5c)/i.test(part))) return null;
  const at = scheme.toLowerCase();
  return { host: `${at}://${user}@${host.toLowerCase()}:${port ?? defaultPorts[at] ?? ""}`, path };
}

const covers = (given: readonly string[], wanted: readonly string[]): boolean =>
  given.length <= wanted.length && given.every((part, i) => part === wanted[i]);
