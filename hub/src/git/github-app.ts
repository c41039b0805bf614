// Tokens of a GitHub App: a statement signed with the App's key (JWT, RS256) is exchanged for a token of the installation, which is used
// until a minute before it ends. Form: docs.github.com, "Generating an installation access token for a GitHub App".

import { createPrivateKey, sign, type KeyObject } from "node:crypto";

import { isJsonObject } from "@muster/proto/model/json";
import { Secret } from "@muster/proto/model/secret";

import type { Network } from "../network/network.ts";
import { isLoopback } from "./address.ts";
import type { GithubApp } from "./credentials.ts";
import { gitError } from "./faults.ts";
import type { GitLimits } from "./limits.ts";
import { exchange } from "./web.ts";

/** How the API is reached. `ca`: PEM, in place of the system's authorities. */
export type AppServer = { readonly ca: string | undefined; readonly network: Network; readonly limits: GitLimits };

export type GithubAppTokens = {
  token(signal: AbortSignal): Promise<Secret>;
  /** A server refused this token: the next one is asked for, whatever its end was said to be. */
  refused(token: string): void;
};

const earlyMs = 60_000;
/** The server's clock may be behind ours. */
const backdatedS = 60;
const statementS = 540;
const answerBytesMax = 64 * 1024;

/**
 * Tokens for one Source. `token` throws E_SOURCE_AUTH when the App's key, id or installation is refused, and what `exchange` throws.
 */
export function githubAppTokens(
  name: string,
  app: GithubApp,
  { ca, network, limits }: AppServer,
  now: () => number = Date.now,
): GithubAppTokens {
  let held: { readonly token: Secret; readonly endsAt: number } | undefined;
  const url = apiUrl(name, app);
  const key = privateKey(name, app);
  return {
    async token(signal) {
      if (held !== undefined && now() < held.endsAt - earlyMs) return held.token;
      const answer = await exchange({
        name,
        remote: { url: app.apiUrl, ca },
        network,
        url,
        method: "POST",
        headers: {
          accept: "application/vnd.github+json",
          authorization: `Bearer ${statement(app.appId, key, now())}`,
          "user-agent": "muster",
          "content-length": "0",
          "x-github-api-version": "2022-11-28",
        },
        body: Buffer.alloc(0),
        bytesMax: answerBytesMax,
        limits,
        signal,
      });
      if (answer.next !== null) throw gitError("E_REDIRECT_FORBIDDEN", name, `the API ${url.host} redirects a request for a token`);
      held = tokenOf(name, answer.body);
      return held.token;
    },
    refused(token) {
      if (held?.token.reveal() === token) held = undefined;
    },
  };
}

function apiUrl(name: string, { apiUrl: base, installationId }: GithubApp): URL {
  const url = URL.parse(`${base.replace(/\/+$/, "")}/app/installations/${encodeURIComponent(installationId)}/access_tokens`);
  if (url === null || url.username !== "" || url.search !== "")
    throw gitError("E_URL_FORBIDDEN", name, "the API URL of the GitHub App is malformed");
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url.hostname)))
    throw gitError("E_CREDENTIALS_FORBIDDEN", name, `will not ask ${url.host} for a token over plain http`);
  return url;
}

function privateKey(name: string, app: GithubApp): KeyObject {
  try {
    const key = createPrivateKey(app.privateKey.reveal());
    if (key.asymmetricKeyType === "rsa") return key;
  } catch {
    // said below, without what OpenSSL quotes
  }
  throw gitError("E_CREDENTIALS_KIND", name, "the private key of the GitHub App is no RSA key in PEM");
}

/** Valid for nine minutes: GitHub takes ten at most. */
function statement(appId: string, key: KeyObject, nowMs: number): string {
  const nowS = Math.floor(nowMs / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "RS256", typ: "JWT" })}.${part({ iat: nowS - backdatedS, exp: nowS + statementS, iss: appId })}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
}

function tokenOf(name: string, body: Buffer): { readonly token: Secret; readonly endsAt: number } {
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch {
    value = undefined;
  }
  const token = isJsonObject(value) ? value["token"] : undefined;
  const endsAt = isJsonObject(value) ? Date.parse(String(value["expires_at"])) : Number.NaN;
  if (typeof token !== "string" || token === "" || Number.isNaN(endsAt))
    throw gitError("E_GIT_PROTOCOL", name, "the GitHub API gave no token that can be used");
  return { token: new Secret(token), endsAt };
}
