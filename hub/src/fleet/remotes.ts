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

/** `user@host:path` is ssh by another spelling. */
function parts(text: string): Parts | null {
  const scp = /^([-\w.]+@[-\w.]+):(?!\/\/)(.*)$/.exec(text);
  const url = URL.parse(scp === null ? text : `ssh://${scp[1]}/${scp[2]}`);
  if (url === null || url.host === "" || url.search !== "" || url.hash !== "") return null;
  const path = url.pathname.split("/").filter((part) => part !== "");
  if (path.some((part) => /^(\.|%2e){1,2}$/i.test(part) || /%2f|%5c/i.test(part))) return null;
  return { host: `${url.protocol}//${url.username}@${url.host.toLowerCase()}`, path };
}

const covers = (given: readonly string[], wanted: readonly string[]): boolean =>
  given.length <= wanted.length && given.every((part, i) => part === wanted[i]);
