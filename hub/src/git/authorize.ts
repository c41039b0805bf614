// The Authorization header for a server: from a password, a token, or a GitHub App's own token, which is asked for when it is needed.

import { OperationError } from "@muster/proto/model/failure";

import type { Network } from "../network/network.ts";
import type { RemoteAddress } from "./address.ts";
import { githubAppTokens } from "./github-app.ts";
import type { GitLimits } from "./limits.ts";

export type Authorize = {
  /** The header's value, undefined without credentials. What it throws says why there is no token. */
  value(signal: AbortSignal): Promise<string | undefined>;
  /** A server refused this value; true when there may be another one. */
  refused(value: string | undefined): boolean;
};

/**
 * Does `work` with the header's value; once more with a fresh one where the server refuses it and there may be one: a GitHub App's token
 * can be revoked before its end.
 */
export async function authorized<T>(
  authorize: Authorize,
  signal: AbortSignal,
  work: (authorization: string | undefined) => Promise<T>,
): Promise<T> {
  const value = await authorize.value(signal);
  try {
    return await work(value);
  } catch (error) {
    const isRefusal = error instanceof OperationError && error.fault?.code === "E_SOURCE_AUTH";
    if (!isRefusal || !authorize.refused(value)) throw error;
    return await work(await authorize.value(signal));
  }
}

/** For one server; keep it, because it remembers a token that was asked for. */
export function authorizer(name: string, remote: RemoteAddress, network: Network, limits: GitLimits): Authorize {
  const { credentials } = remote;
  switch (credentials?.kind) {
    case undefined:
    case "ssh":
      return always(undefined);
    case "basic":
      return always(basic(credentials.username, credentials.password.reveal()));
    case "token":
      return always(basic(anyUser, credentials.token.reveal()));
    case "githubApp": {
      const tokens = githubAppTokens(name, credentials, { ca: remote.ca, network, limits });
      let last = "";
      return {
        value: async (signal) => basic(anyUser, (last = (await tokens.token(signal)).reveal())),
        refused(value) {
          if (value !== basic(anyUser, last)) return false;
          tokens.refused(last);
          return true;
        },
      };
    }
  }
}

const always = (value: string | undefined): Authorize => ({ value: () => Promise.resolve(value), refused: () => false });

/** Forges take a token as the password of any user. */
const anyUser = "x-access-token";
const basic = (user: string, password: string): string => `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
