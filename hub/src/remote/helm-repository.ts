// A chart repository: `index.yaml` and archives on a web server. The index is asked for with its ETag, and kept by its digest.

import { digestOf, type Digest } from "@muster/proto/model/digest";
import { printable } from "@muster/proto/model/printable";

import { allowedUrl, baseOf, isBelow, maskUrl } from "./address.ts";
import type { ArchiveCache } from "./archive-cache.ts";
import { basicOf, readChallenge } from "./challenge.ts";
import { readChartEntries, type ChartEntry } from "./chart-index.ts";
import { remoteError } from "./faults.ts";
import { ask, expectOk, type Answer, type Errand, type Question } from "./http.ts";
import { mismatch } from "./registry.ts";

/** What is remembered of an index between two askings. */
type Kept = { readonly etag: string | undefined; readonly modified: string | undefined; readonly digest: Digest };

/** Remembers indexes, each under its address and URL, and what was read from them. */
export class IndexMemory {
  readonly #kept = new Map<string, Kept>();
  readonly #read = new Map<string, readonly ChartEntry[]>();
  readonly #cache: ArchiveCache;

  constructor(cache: ArchiveCache) {
    this.#cache = cache;
  }

  /** The versions of a chart as the index has them now. Throws what asking and reading throw, and `E_URL_FORBIDDEN` and its like. */
  async entries(errand: Errand, repo: string, chart: string): Promise<readonly ChartEntry[]> {
    const url = indexUrl(errand, repo);
    const { name } = errand.address;
    const key = `${name} ${url.href}`;
    const kept = this.#kept.get(key);
    const held = kept === undefined ? undefined : await this.#cache.get(kept.digest);
    const answer = await askIndex(errand, url, held === undefined ? undefined : kept);
    const isUnchanged = answer.status === 304 && held !== undefined && kept !== undefined;
    const body = isUnchanged ? held : expectOk(errand, answer).body;
    const digest = isUnchanged ? kept.digest : digestOf(body);
    const entries = this.#entriesOf(body, digest, chart, errand);
    if (!isUnchanged) {
      const { etag, "last-modified": modified } = answer.headers;
      await this.#cache.put(body);
      if (kept !== undefined && kept.digest !== digest) this.#forget(kept.digest);
      this.#kept.set(key, { etag, modified, digest });
    }
    return entries;
  }

  #entriesOf(body: Buffer, digest: Digest, chart: string, { address, limits }: Errand): readonly ChartEntry[] {
    const key = `${digest} ${chart}`;
    const entries = this.#read.get(key) ?? readChartEntries(body.toString("utf8"), chart, address.name, limits);
    this.#read.set(key, entries);
    return entries;
  }

  #forget(digest: Digest): void {
    for (const key of this.#read.keys()) if (key.startsWith(digest)) this.#read.delete(key);
  }
}

/** The bytes of an entry's archive from the first of its URLs that has them. `expected` is checked; throws what the last URL gave. */
export async function fetchChartArchive(errand: Errand, repo: string, entry: ChartEntry, expected: Digest | null): Promise<Buffer> {
  const base = directory(indexUrl(errand, repo));
  const { name } = errand.address;
  let failure: unknown = remoteError("E_INDEX", name, `the index names no URL for version ${printable(entry.version, 80)}`);
  for (const text of entry.urls) {
    try {
      const url = URL.parse(text, base);
      if (url === null || url.username !== "") throw remoteError("E_URL_FORBIDDEN", name, `the index names the URL ${maskUrl(text)}`);
      if (!/^https?:$/.test(url.protocol))
        throw remoteError("E_URL_FORBIDDEN", name, `the index names ${maskUrl(text)}, which is not http or https`);
      const { body } = expectOk(errand, await askSigned(errand, { url, bytesMax: errand.limits.archiveBytes, elsewhere: "bare" }));
      const got = digestOf(body);
      if (expected !== null && got !== expected) throw mismatch(errand, maskUrl(url.href), expected, got);
      return body;
    } catch (error) {
      errand.signal.throwIfAborted();
      failure = error;
    }
  }
  throw failure;
}

function indexUrl(errand: Errand, repo: string): URL {
  const url = allowedUrl(errand.address, repo);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/index.yaml`;
  return url;
}

const directory = (url: URL): URL => new URL(`${url.pathname.replace(/[^/]*$/, "")}${url.search}`, url);

function askIndex(errand: Errand, url: URL, kept: Kept | undefined): Promise<Answer> {
  const headers = {
    ...(kept?.etag === undefined ? {} : { "if-none-match": kept.etag }),
    ...(kept?.modified === undefined ? {} : { "if-modified-since": kept.modified }),
  };
  const elsewhere = errand.address.credentials === undefined ? "bare" : "never";
  return askSigned(errand, { url, headers, bytesMax: errand.limits.indexBytes, elsewhere });
}

/**
 * Asks with the address's credentials where the URL is below the address. A user and password go at once, as Helm sends them; a token goes
 * as a bearer, and as a password where the server says that it wants one.
 */
async function askSigned(errand: Errand, question: Omit<Question, "authorization">): Promise<Answer> {
  const { credentials } = errand.address;
  const below = baseOf(errand.address);
  if (credentials === undefined || !isBelow(below, question.url)) return ask(errand, question);
  const asBasic = { value: basicOf(credentials), below };
  if (credentials.kind === "basic") return ask(errand, { ...question, authorization: asBasic });
  const answer = await ask(errand, { ...question, authorization: { value: `Bearer ${credentials.token.reveal()}`, below } });
  const wantsPassword = answer.status === 401 && readChallenge(answer.headers["www-authenticate"])?.kind === "basic";
  return wantsPassword ? ask(errand, { ...question, authorization: asBasic }) : answer;
}
