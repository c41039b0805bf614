// What each forge sends when something was pushed: how it proves itself, what the event is, which repository and refs it is about. Shapes
// after the forges' public documentation; testdata/webhooks has one of each.

import { createHash, createHmac, timingSafeEqual } from "node:crypto";

import { isJsonObject, type JsonObject } from "@muster/proto/model/json";

export type Headers = { readonly [name: string]: string | readonly string[] | undefined };

export type ForgePush = { readonly urls: readonly string[]; readonly refs: readonly string[] };
export type ForgeEvent = { readonly kind: "push" } | { readonly kind: "ping" } | { readonly kind: "other"; readonly name: string };

type Row = {
  /** Whether the secret was used to make this call. Takes as long for a wrong secret as for a right one. */
  readonly proves: (headers: Headers, body: Uint8Array, key: string) => boolean;
  readonly event: (headers: Headers, body: unknown) => ForgeEvent;
  /** Null for what is no push in this forge's form. */
  readonly read: (body: JsonObject) => ForgePush | null;
};

const push: ForgeEvent = { kind: "push" };
const ping: ForgeEvent = { kind: "ping" };
const other = (name: string): ForgeEvent => ({ kind: "other", name });

/** A header's word as an event, by this forge's words. */
function eventOf(header: string | readonly string[] | undefined, words: Readonly<Record<string, ForgeEvent>>): ForgeEvent {
  const name = one(header);
  return (Object.hasOwn(words, name) ? words[name] : undefined) ?? other(name);
}

export const forges = {
  github: {
    proves: signed("x-hub-signature-256", "sha256="),
    event: (headers) => eventOf(headers["x-github-event"], { push, ping }),
    read: (body) => plain(body["ref"], textsOf(body["repository"], "clone_url", "ssh_url", "html_url")),
  },
  gitea: {
    proves: signed("x-gitea-signature", ""),
    event: (headers) => eventOf(headers["x-gitea-event"], { push }),
    read: (body) => plain(body["ref"], textsOf(body["repository"], "clone_url", "ssh_url", "html_url")),
  },
  forgejo: {
    proves: signed("x-forgejo-signature", ""),
    event: (headers) => eventOf(headers["x-forgejo-event"], { push }),
    read: (body) => plain(body["ref"], textsOf(body["repository"], "clone_url", "ssh_url", "html_url")),
  },
  gitlab: {
    proves: (headers, _, key) => same(one(headers["x-gitlab-token"]), key),
    event: (headers, body) => {
      // A system hook says what it is about in its body.
      const kind = isJsonObject(body) ? (body["object_kind"] ?? body["event_name"]) : undefined;
      return kind === "push" || kind === "tag_push" ? push : other(one(headers["x-gitlab-event"]));
    },
    read: (body) => plain(body["ref"], textsOf(body["project"], "git_http_url", "git_ssh_url", "web_url")),
  },
  bitbucket: {
    proves: signed("x-hub-signature", "sha256="),
    event: (headers) => eventOf(headers["x-event-key"], { "repo:push": push }),
    read: (body) => bitbucketCloud(body),
  },
  bitbucketServer: {
    proves: signed("x-hub-signature", "sha256="),
    event: (headers) => eventOf(headers["x-event-key"], { "repo:refs_changed": push, "diagnostics:ping": ping }),
    read: (body) => {
      const links = objectOf(body["repository"])["links"];
      const refs = listOf(body["changes"]).flatMap((change) => textsOf(objectOf(change)["ref"], "id"));
      return { urls: listOf(objectOf(links)["clone"]).flatMap((link) => textsOf(link, "href")), refs };
    },
  },
  azureDevOps: {
    proves: (headers, _, key) => same(passwordOf(one(headers["authorization"])), key),
    event: (_, body) => {
      const kind = isJsonObject(body) ? body["eventType"] : undefined;
      return kind === "git.push" ? push : other(typeof kind === "string" ? kind : "");
    },
    read: (body) => {
      const resource = objectOf(body["resource"]);
      const refs = listOf(resource["refUpdates"]).flatMap((update) => textsOf(update, "name"));
      return { urls: textsOf(resource["repository"], "remoteUrl", "sshUrl"), refs };
    },
  },
} as const satisfies Record<string, Row>;

export type Forge = keyof typeof forges;

export const isForge = (name: string): name is Forge => Object.hasOwn(forges, name);

function plain(ref: unknown, urls: readonly string[]): ForgePush | null {
  return typeof ref === "string" && urls.length > 0 ? { urls, refs: [ref] } : null;
}

/** Bitbucket's cloud names branches without `refs/heads/`, and gives one URL for people. */
function bitbucketCloud(body: JsonObject): ForgePush | null {
  const repository = objectOf(body["repository"]);
  const urls = textsOf(objectOf(repository["links"])["html"], "href");
  const folders: Readonly<Record<string, string>> = { branch: "refs/heads/", named_branch: "refs/heads/", tag: "refs/tags/" };
  const refs = listOf(objectOf(body["push"])["changes"]).flatMap((change) => {
    const { new: now, old } = objectOf(change) as { new?: unknown; old?: unknown };
    const moved = objectOf(isJsonObject(now) ? now : old);
    const folder = typeof moved["type"] === "string" && Object.hasOwn(folders, moved["type"]) ? folders[moved["type"]] : undefined;
    return folder === undefined || typeof moved["name"] !== "string" ? [] : [`${folder}${moved["name"]}`];
  });
  return { urls, refs };
}

/** A signature over the body: HMAC-SHA256 in hexadecimal, after a prefix. */
function signed(header: string, prefix: string): Row["proves"] {
  return (headers, body, key) => {
    const signature = one(headers[header]);
    if (!signature.startsWith(prefix) || !/^[0-9a-f]{64}$/.test(signature.slice(prefix.length))) return false;
    return timingSafeEqual(createHmac("sha256", key).update(body).digest(), Buffer.from(signature.slice(prefix.length), "hex"));
  };
}

/** Equal, found out in a time that says nothing of where they differ. */
function same(left: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return left !== "" && timingSafeEqual(digest(left), digest(right));
}

function passwordOf(authorization: string): string {
  const pair = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization)?.[1];
  const text = pair === undefined ? "" : Buffer.from(pair, "base64").toString("utf8");
  return text.includes(":") ? text.slice(text.indexOf(":") + 1) : "";
}

const one = (value: string | readonly string[] | undefined): string => (typeof value === "string" ? value : "");
const objectOf = (value: unknown): JsonObject => (isJsonObject(value) ? value : {});
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value.slice(0, 1_000) : []);
/** Those of the fields that are texts. */
const textsOf = (value: unknown, ...fields: readonly string[]): readonly string[] =>
  fields.map((field) => objectOf(value)[field]).filter((text): text is string => typeof text === "string" && text !== "");
