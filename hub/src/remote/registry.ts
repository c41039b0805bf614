// The part of the OCI distribution protocol that reading needs: manifests, blobs and tags of one repository, with its ways to sign in.
// Everything named by a digest is checked against it.

import { digestOf, isDigest, type Digest } from "@muster/proto/model/digest";
import { isJsonObject, type JsonObject } from "@muster/proto/model/json";
import { printable } from "@muster/proto/model/printable";

import { allowedUrl, maskUrl } from "./address.ts";
import { basicOf, mayLearn, readChallenge, type Challenge } from "./challenge.ts";
import { remoteError } from "./faults.ts";
import { passwordMs, tokenMs } from "./sign-ins.ts";
import { ask, expectOk, type Answer, type Errand, type Question } from "./http.ts";
import type { Reference } from "./reference.ts";

export type Descriptor = {
  readonly mediaType: string;
  /** SHA-256 */
  readonly digest: Digest;
  readonly bytes: number;
  readonly platform: string | null;
};

export type Manifest =
  | { readonly kind: "manifest"; readonly digest: Digest; readonly config: Descriptor; readonly layers: readonly Descriptor[] }
  | { readonly kind: "index"; readonly digest: Digest; readonly manifests: readonly Descriptor[] };

export type Repository = {
  /** By tag or digest. Throws E_REMOTE_NOT_FOUND, E_DIGEST_MISMATCH, E_REMOTE_PROTOCOL. */
  readonly manifest: (reference: { readonly tag: string } | { readonly digest: Digest }) => Promise<Manifest>;
  /** The bytes of a digest. Throws E_DIGEST_MISMATCH when other bytes come. */
  readonly blob: (digest: Digest) => Promise<Buffer>;
  readonly tags: () => Promise<readonly string[]>;
};

const manifestTypes = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
].join(", ");

/** Nothing is asked yet. Throws what is wrong with the reference's address. */
export function openRepository(errand: Errand, reference: Reference): Repository {
  const { address, limits } = errand;
  const host = allowedUrl(address, reference.repositoryUrl);
  const base = new URL(`/v2/${reference.repository}/`, host.origin);
  const signIn = signer(errand, base, reference.repository);

  const get = async (path: string | URL, more: Omit<Question, "url" | "authorization">): Promise<Answer> => {
    const url = new URL(path, base);
    const first = await ask(errand, { ...more, url, authorization: signIn.present() });
    if (first.status !== 401) return expectOk(errand, first);
    const authorization = await signIn.answer(readChallenge(first.headers["www-authenticate"]), first);
    return expectOk(errand, await ask(errand, { ...more, url, authorization }));
  };

  return {
    async manifest(wanted) {
      const name = "tag" in wanted ? wanted.tag : `sha256:${wanted.digest}`;
      const question = { headers: { accept: manifestTypes }, bytesMax: limits.documentBytes, elsewhere: "never" } as const;
      const answer = await get(`manifests/${name}`, question);
      const digest = digestOf(answer.body);
      const said = answer.headers["docker-content-digest"];
      const expected = "digest" in wanted ? wanted.digest : typeof said === "string" && said.startsWith("sha256:") ? said.slice(7) : digest;
      if (digest !== expected) throw mismatch(errand, `the manifest ${reference.repository}:${name}`, expected, digest);
      return readManifest(errand, answer, digest);
    },
    async blob(digest) {
      const { body } = await get(`blobs/sha256:${digest}`, { bytesMax: limits.archiveBytes, elsewhere: "bare" });
      const got = digestOf(body);
      if (got !== digest) throw mismatch(errand, `a blob of ${reference.repository}`, digest, got);
      return body;
    },
    async tags() {
      const tags: string[] = [];
      let next: URL | null = new URL(`tags/list?n=${limits.tagsPerPage}`, base);
      const seen = new Set<string>();
      while (next !== null) {
        if (seen.has(next.href)) throw protocol(errand, next, "sends the same page of tags again");
        seen.add(next.href);
        const answer = await get(next, { bytesMax: limits.documentBytes, elsewhere: "never" });
        tags.push(...tagsOf(errand, answer));
        if (tags.length > limits.tags || seen.size > limits.tags)
          throw remoteError("E_LIMIT", address.name, `${maskUrl(reference.repositoryUrl)} has more than ${limits.tags} tags`);
        next = nextPage(errand, base, answer);
      }
      return tags;
    },
  };
}

/** An error that names both digests. */
export function mismatch({ address }: Errand, what: string, expected: string, got: string): Error {
  return remoteError("E_DIGEST_MISMATCH", address.name, `${what} has the SHA-256 ${got}, not ${printable(expected, 80)}`);
}

type Authorization = Question["authorization"];
type Signer = {
  readonly present: () => Authorization;
  readonly answer: (challenge: Challenge | null, refused: Answer) => Promise<Authorization>;
};

/** Signs in once, and again when what it was given has ended or is refused. */
function signer(errand: Errand, base: URL, repository: string): Signer {
  const { address, signIns } = errand;
  return {
    present() {
      const value = signIns.get(address, base);
      return value === undefined ? undefined : { value, below: base };
    },
    async answer(challenge, refused) {
      signIns.forget(address, base);
      const anonymous = challenge?.kind === "bearer" && address.credentials === undefined;
      if (challenge === null || (address.credentials === undefined && !anonymous)) expectOk(errand, refused);
      const given =
        challenge?.kind === "bearer"
          ? await fetchToken(errand, base, challenge, repository)
          : address.credentials && { value: basicOf(address.credentials), lifeMs: passwordMs };
      if (given === undefined) return undefined;
      signIns.keep(address, base, given.value, given.lifeMs);
      return { value: given.value, below: base };
    },
  };
}

type Given = { readonly value: string; readonly lifeMs: number };

async function fetchToken(errand: Errand, base: URL, challenge: Challenge & { kind: "bearer" }, repository: string): Promise<Given> {
  const { address, limits } = errand;
  const realm = URL.parse(challenge.realm);
  if (realm === null || realm.username !== "" || !/^https?:$/.test(realm.protocol))
    throw protocol(errand, base, "names no URL for its tokens");
  if (address.credentials !== undefined && !mayLearn(address, base, realm))
    throw remoteError(
      "E_CREDENTIALS_FORBIDDEN",
      address.name,
      `${base.host} wants the credentials of ${address.name} to be sent to ${printable(realm.origin)}; name that host in tokenHosts if it is right`,
    );
  if (challenge.service !== null) realm.searchParams.set("service", challenge.service);
  realm.searchParams.set("scope", `repository:${repository}:pull`);
  const answer = await ask(errand, {
    url: realm,
    authorization: address.credentials && { value: basicOf(address.credentials), below: new URL(realm.pathname, realm) },
    bytesMax: limits.documentBytes,
    elsewhere: "never",
  });
  const { token, access_token: other, expires_in: seconds } = jsonOf(errand, expectOk(errand, answer));
  const value = token ?? other;
  if (typeof value !== "string" || !/^[\x21-\x7e]+$/.test(value)) throw protocol(errand, realm, "answers without a token");
  const lifeMs = typeof seconds === "number" && seconds > 0 ? Math.min(seconds * 1_000, tokenMs.max) : tokenMs.usual;
  return { value: `Bearer ${value}`, lifeMs };
}

function readManifest(errand: Errand, answer: Answer, digest: Digest): Manifest {
  const json = jsonOf(errand, answer);
  const broken = (): Error => protocol(errand, answer.url, "answers with a broken manifest");
  if (json["schemaVersion"] !== 2) throw broken();
  const listOf = (value: unknown): readonly Descriptor[] => {
    if (!Array.isArray(value) || value.length > 1_000) throw broken();
    return value.map((each) => descriptorOf(each) ?? raise(broken()));
  };
  if (json["manifests"] !== undefined) return { kind: "index", digest, manifests: listOf(json["manifests"]) };
  const config = descriptorOf(json["config"]) ?? raise(broken());
  return { kind: "manifest", digest, config, layers: listOf(json["layers"]) };
}

function descriptorOf(value: unknown): Descriptor | null {
  if (!isJsonObject(value)) return null;
  const { mediaType, digest, size, platform } = value;
  if (typeof mediaType !== "string" || typeof digest !== "string" || typeof size !== "number" || !(size >= 0)) return null;
  const sha256 = digest.replace(/^sha256:/, "");
  if (!digest.startsWith("sha256:") || !isDigest(sha256)) return null;
  const place = isJsonObject(platform) ? `${String(platform["os"])}/${String(platform["architecture"])}` : null;
  return { mediaType, digest: sha256, bytes: size, platform: place };
}

function tagsOf(errand: Errand, answer: Answer): readonly string[] {
  const { tags } = jsonOf(errand, answer);
  if (tags === null) return [];
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === "string"))
    throw protocol(errand, answer.url, "answers with no list of tags");
  return tags;
}

function nextPage(errand: Errand, base: URL, { headers, url }: Answer): URL | null {
  const link = /<([^>]*)>\s*;[^,]*\brel="?next\b/i.exec(String(headers["link"] ?? ""))?.[1];
  if (link === undefined) return null;
  const next = URL.parse(link, url);
  if (next === null || next.origin !== base.origin || next.pathname !== new URL("tags/list", base).pathname)
    throw protocol(errand, url, "continues its tags elsewhere");
  return next;
}

function jsonOf(errand: Errand, { body, url }: Answer): JsonObject {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    if (isJsonObject(value)) return value;
  } catch {
    // Said below: the parser's own message would quote the answer.
  }
  throw protocol(errand, url, "does not answer in JSON");
}

function protocol({ address }: Errand, url: URL, what: string): Error {
  return remoteError("E_REMOTE_PROTOCOL", address.name, `${maskUrl(url.href)} ${what}`);
}

function raise(error: Error): never {
  throw error;
}
