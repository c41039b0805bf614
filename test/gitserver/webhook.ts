// Tells a hub of a push in Gitea's form: a JSON body signed with HMAC-SHA256. A delivery that fails is not sent again.

import { createHmac, randomUUID } from "node:crypto";
import { git } from "./git.ts";

export interface Webhook {
  readonly url: string;
  readonly secret: string;
}

/** A branch that moved. `before` or `after` is forty zeros where the branch was made or removed. */
export interface Push {
  readonly repository: string;
  readonly cloneUrl: string;
  readonly ref: string;
  readonly before: string;
  readonly after: string;
  readonly pusher: string;
}

/** How one delivery went: the status of the answer, or why there was none. */
export interface Delivery {
  readonly id: string;
  readonly push: Push;
  readonly result: { readonly status: number } | { readonly error: string };
}

export const NO_COMMIT = "0".repeat(40);
const COMMITS_MAX = 30;
const TIMEOUT_MS = 5_000;
const FIELD = "\u001f";
const RECORD = "\u001e";

/** The signature that Gitea sends: HMAC-SHA256 of the body in hexadecimal. */
export function signature(body: string, secret: string): string {
  return createHmac("sha256", secret).update(body).digest("hex");
}

/** Sends one push and says how it went; it never throws. `directory` is the bare repository. */
export async function deliver(home: string, directory: string, webhook: Webhook, push: Push): Promise<Delivery> {
  const id = randomUUID();
  try {
    const body = JSON.stringify(await payload(home, directory, push));
    const headers = {
      "content-type": "application/json",
      "x-gitea-event": "push",
      "x-gitea-event-type": "push",
      "x-gitea-delivery": id,
      "x-gitea-signature": signature(body, webhook.secret),
    };
    const answer = await fetch(webhook.url, { method: "POST", headers, body, signal: AbortSignal.timeout(TIMEOUT_MS) });
    await answer.arrayBuffer();
    return { id, push, result: { status: answer.status } };
  } catch (error) {
    return { id, push, result: { error: String(error instanceof Error && error.cause !== undefined ? error.cause : error) } };
  }
}

async function payload(home: string, directory: string, push: Push): Promise<object> {
  const commits = push.after === NO_COMMIT ? [] : await newCommits(home, directory, push);
  return {
    ref: push.ref,
    before: push.before,
    after: push.after,
    compare_url: "",
    commits,
    total_commits: commits.length,
    head_commit: commits[0] ?? null,
    repository: {
      name: push.repository.slice(push.repository.lastIndexOf("/") + 1),
      full_name: push.repository,
      clone_url: push.cloneUrl,
      html_url: push.cloneUrl.replace(/\.git$/, ""),
      default_branch: "main",
      private: true,
    },
    pusher: { login: push.pusher, username: push.pusher },
    sender: { login: push.pusher, username: push.pusher },
  };
}

/** Newest first, as Gitea lists them. */
async function newCommits(home: string, directory: string, push: Push): Promise<readonly object[]> {
  const range = push.before === NO_COMMIT ? [push.after] : [push.after, `^${push.before}`];
  const format = `--format=${RECORD}${["%H", "%an", "%ae", "%aI", "%B"].join(FIELD)}${FIELD}`;
  const options = ["log", `--max-count=${COMMITS_MAX}`, format, "--name-status", "--no-renames", "-z", "--root"];
  const text = await git(home, ["-C", directory, ...options, ...range]);
  return text.split(RECORD).slice(1).map(commitOf);
}

function commitOf(record: string): object {
  const [id = "", name = "", email = "", timestamp = "", message = "", names = ""] = record.split(FIELD);
  const words = names
    .split("\0")
    .map((word) => word.trim())
    .filter((word) => word !== "");
  const touched = (letter: string): string[] => words.filter((_, index) => index % 2 === 1 && words[index - 1] === letter);
  const author = { name, email, username: "" };
  const paths = { added: touched("A"), removed: touched("D"), modified: touched("M") };
  return { id, message, timestamp, author, committer: author, ...paths };
}
