// What a Source may show to its server, and whether it fits the URL. Values never leave the Secret type but for whom they are meant.

import type { Secret } from "@muster/proto/model/secret";

import { gitError } from "./faults.ts";

/** The identity of a GitHub App: hands out tokens that live for an hour. */
export type GithubApp = {
  readonly appId: string;
  readonly installationId: string;
  /** PEM of its RSA key. */
  readonly privateKey: Secret;
  /** Base of the API: `https://api.github.com`, or `https://HOST/api/v3` of a GitHub Enterprise Server. */
  readonly apiUrl: string;
};

/** A key for ssh, and who the server has to be: lines of a known_hosts file. Without them nobody is trusted. */
export type SshIdentity = { readonly identity: Secret; readonly knownHosts: string };

export type Credentials =
  | { readonly kind: "basic"; readonly username: string; readonly password: Secret }
  | { readonly kind: "token"; readonly token: Secret }
  | ({ readonly kind: "githubApp" } & GithubApp)
  | ({ readonly kind: "ssh" } & SshIdentity);

/** PEM. */
export type ClientCertificate = { readonly certificate: string; readonly key: Secret };

/** Throws E_CREDENTIALS_KIND when an ssh URL has no key and known hosts, or an http(s) URL has those. */
export function checkFit(name: string, url: URL, credentials: Credentials | undefined): void {
  const refuse = (why: string) => gitError("E_CREDENTIALS_KIND", name, `cannot use the credentials for ${url.host}: ${why}`);
  if (url.protocol !== "ssh:") {
    if (credentials?.kind === "ssh") throw refuse("a key and known hosts are for ssh URLs");
    return;
  }
  if (credentials?.kind !== "ssh") throw refuse("an ssh URL needs a key (identity) and the server's own key (known_hosts)");
  if (!credentials.knownHosts.split("\n").some((line) => /^[^#\s]\S*\s+\S+\s+\S+/.test(line)))
    throw refuse("known_hosts has no line with a host and its key; a server is never trusted at first sight");
}
