// Opens what an address names: with its secret, in a folder of its own.

import { rm } from "node:fs/promises";
import { join } from "node:path";

import { OperationError } from "@muster/proto/model/failure";
import { allowedRemote } from "../../fleet/fleet.ts";
import { openSource, type RemoteAddress as GitAddress } from "../../git/git.ts";
import type { Remote, RemoteAddress } from "../../remote/remote.ts";
import type { Network } from "../../network/network.ts";
import type { HubLog } from "../log.ts";
import { checkBound, type Bound } from "./bound.ts";
import { contentFolder, type ContentAddress } from "./content.ts";
import { watchRemote, type Allowed } from "./remote-watched.ts";
import type { Watched } from "./watch.ts";

export type OpeningOptions = {
  readonly dataDir: string;
  /** Reads a secret by its ref, anew at each opening. */
  readonly secret: (ref: string) => Promise<Omit<GitAddress, "url"> & Bound>;
  /** Through which proxy, and what of this machine may be asked: read anew at each opening. */
  readonly network: () => Promise<Network>;
  /** Repositories are fetched without their files, which come when they are read. */
  readonly partial: boolean;
  /** Fetches what is not in Git; one for the whole hub. */
  readonly remote: Remote;
  readonly log: HubLog;
};

/** Throws OperationErrors: a secret that is missing, a URL that is not acceptable. Sends nothing yet. */
export async function openContent(options: OpeningOptions, address: ContentAddress, held: string | null): Promise<Watched> {
  const { key, url, secretRef, insecure, scope, mirrors, remotes } = address;
  if (address.kind === "git") return openRepository(options, address);
  const allowed = (at: string, below: string, ref: string | null): Allowed => ({
    url: at,
    address: async () =>
      remoteAddress({ ...(await shownAt(options, below, ref)), name: key, url: below, insecure }, await options.network()),
  });
  const others = mirrors.map((mirror) => {
    const covering = allowedRemote(remotes, mirror);
    return allowed(mirror, covering?.url ?? mirror, covering?.secretRef ?? null);
  });
  return watchRemote(options.remote, address, [allowed(url, scope, secretRef), ...others], held);
}

/** What a secret gives to be shown at a URL. Throws E_SECRET_HOST where it is for others (S15). */
async function shownAt({ secret }: Pick<OpeningOptions, "secret">, url: string, ref: string | null): Promise<Omit<GitAddress, "url">> {
  if (ref === null) return {};
  const { hosts, ...shown } = await secret(ref);
  checkBound(ref, { hosts }, url);
  return shown;
}

/** Removes the folder of a repository that nobody names any more. What was fetched by digest is shared, and bounded where it lies. */
export function discardContent(dataDir: string, key: string): Promise<void> {
  return rm(join(dataDir, "git", contentFolder(key)), { recursive: true, force: true });
}

async function openRepository({ dataDir, secret, network, partial, log }: OpeningOptions, address: ContentAddress): Promise<Watched> {
  const { key, url, revision, secretRef, submodules, mirrors, remotes, insecure } = address;
  const server = async (at: string, ref: string | null): Promise<GitAddress> => ({
    url: at,
    insecure,
    ...(await shownAt({ secret }, at, ref)),
  });
  return openSource({
    dir: join(dataDir, "git", contentFolder(key)),
    network: await network(),
    log,
    address: {
      name: key,
      revision,
      submodules,
      partial,
      ...(await server(url, secretRef)),
      // A mirror is shown what a remote of its URL is shown, never what the Source itself is shown (S15).
      mirrors: await Promise.all(mirrors.map((mirror) => server(mirror, allowedRemote(remotes, mirror)?.secretRef ?? null))),
      remotes: submodules ? await Promise.all(remotes.filter(isGit).map((remote) => server(remote.url, remote.secretRef))) : [],
    },
  });
}

const isGit = ({ url }: { readonly url: string }): boolean => !url.startsWith("oci:");

function remoteAddress(
  { credentials, clientCertificate, ca, insecure, name, url }: GitAddress & { readonly name: string },
  network: Network,
): RemoteAddress {
  if (credentials?.kind === "ssh" || credentials?.kind === "githubApp")
    throw new OperationError("invalid", name, `the secret of ${name} holds what only a Git repository takes`, undefined, {
      code: "E_CREDENTIALS_KIND",
      remedy: "give a token, or a username and a password",
    });
  const shown = clientCertificate && { cert: clientCertificate.certificate, key: clientCertificate.key };
  return { name, url, credentials, ca, network, insecure, clientCertificate: shown };
}
