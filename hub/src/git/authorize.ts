// The Authorization header for a server: from a password, a token, or a GitHub App's own token, which is asked for when it is needed.

import type { RemoteAddress } from "./address.ts";
import { githubAppTokens } from "./github-app.ts";
import type { GitLimits } from "./limits.ts";

/** Gives the header's value, undefined without credentials. What it throws says why there is no token. */
export type Authorize = (signal: AbortSignal) => Promise<string | undefined>;

/** For one server; keep it, because it remembers a token that was asked for. */
export function authorizer(name: string, remote: RemoteAddress, limits: GitLimits): Authorize {
  const { credentials } = remote;
  switch (credentials?.kind) {
    case undefined:
    case "ssh":
      return () => Promise.resolve(undefined);
    case "basic":
      return () => Promise.resolve(basic(credentials.username, credentials.password.reveal()));
    case "token":
      return () => Promise.resolve(basic(anyUser, credentials.token.reveal()));
    case "githubApp": {
      const tokens = githubAppTokens(name, credentials, remote, limits);
      return async (signal) => basic(anyUser, (await tokens.token(signal)).reveal());
    }
  }
}

/** Forges take a token as the password of any user. */
const anyUser = "x-access-token";
const basic = (user: string, password: string): string => `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
