// The folder in which one run of git works: a bare repository written by us, with all its configuration in it and nobody else's beside
// it. What is secret is in files that only we can read, never in arguments or the environment, and goes with the folder.

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { proxyFor, type Network, type ProxyServer } from "../network/network.ts";
import type { RemoteAddress } from "./address.ts";
import type { SshIdentity } from "./credentials.ts";
import { copyShallow } from "./gitdir.ts";
import type { GitLimits } from "./limits.ts";
import { heldCommit } from "./held.ts";
import type { Pins } from "./pins.ts";

export type RoomOptions = {
  readonly remote: RemoteAddress;
  readonly network: Network;
  /** Where the host of `url` was found; ssh takes the first. */
  readonly pins: Pins;
  /** What ssh calls the server in known_hosts: `host`, or `[host]:port`. */
  readonly host: string;
  /** What git is to talk to. */
  readonly url: string;
  readonly authorization: string | undefined;
  readonly showsCertificate: boolean;
  readonly partial: boolean;
  readonly limits: GitLimits;
  /** The repository whose objects are there already; null when nothing is fetched. */
  readonly gitdir: string | null;
  readonly use: "incoming" | "incoming-files";
};

export type Room = AsyncDisposable & { readonly dir: string };

/** Makes the folder, beside the repository so that packs can be moved from it. A fetch and a bringing of files may go on at once. */
export async function openRoom(options: RoomOptions): Promise<Room> {
  const { gitdir, remote, use } = options;
  const dir = gitdir === null ? await mkdtemp(join(tmpdir(), "muster-git-")) : `${resolve(gitdir)}.${use}`;
  const room = { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true, maxRetries: 3 }) };
  try {
    if (gitdir !== null) await rm(dir, { recursive: true, force: true }); // what a crash left
    for (const folder of ["objects/pack", "objects/info", "refs/muster", "auth"])
      await mkdir(join(dir, folder), { recursive: true, mode: 0o700 });
    await writeFile(join(dir, "HEAD"), "ref: refs/heads/main\n");
    await writeFile(join(dir, "config"), configOf(options, dir), { mode: 0o600 });
    if (gitdir !== null) await lend(gitdir, dir);
    if (remote.credentials?.kind === "ssh") await writeSsh(dir, remote.credentials, options);
    await writeCertificates(dir, remote);
    return room;
  } catch (error) {
    await room[Symbol.asyncDispose]();
    throw error;
  }
}

/** The objects that are there need not be sent again: what we hold is said to the server. */
async function lend(gitdir: string, dir: string): Promise<void> {
  await writeFile(join(dir, "objects", "info", "alternates"), `${join(resolve(gitdir), "objects")}\n`);
  await copyShallow(gitdir, dir);
  const held = await heldCommit(gitdir);
  if (held !== null) await writeFile(join(dir, "refs", "muster", "held"), `${held}\n`);
}

/** Paths are relative to the folder, so that its name is quoted nowhere. */
const paths = {
  ca: "auth/ca.crt",
  certificate: "auth/tls.crt",
  key: "auth/tls.key",
  identity: "auth/identity",
  knownHosts: "auth/known_hosts",
  sshConfig: "auth/ssh_config",
} as const;

function configOf({ remote, network, url, pins, authorization, showsCertificate, partial, limits }: RoomOptions, dir: string): string {
  const target = /^https?:/i.test(url) ? new URL(url) : null;
  const proxy = target === null ? null : proxyFor(network, target);
  const show = showsCertificate && remote.clientCertificate !== undefined;
  const sections: Readonly<Record<string, Readonly<Record<string, string | number | boolean | undefined>>>> = {
    core: {
      repositoryFormatVersion: partial ? 1 : 0,
      bare: true,
      hooksPath: "/dev/null",
      fsmonitor: false,
      askPass: "",
      packedGitLimit: "256m",
      packedGitWindowSize: "16m",
      bigFileThreshold: limits.objectBytes,
    },
    ...(partial ? { extensions: { partialClone: "origin" } } : {}),
    'remote "origin"': { url, ...(partial ? { promisor: true, partialCloneFilter: "blob:none" } : {}) },
    fetch: { unpackLimit: 1, writeCommitGraph: false, recurseSubmodules: false },
    transfer: { unpackLimit: 1, bundleURI: false },
    gc: { auto: 0 },
    pack: { threads: 1, writeReverseIndex: false },
    protocol: { version: 2 },
    credential: { helper: "" },
    http: {
      followRedirects: false,
      sslVerify: true,
      proxy: proxy === null ? "" : hrefOf(proxy),
      proxyAuthMethod: "basic",
      lowSpeedLimit: 1,
      lowSpeedTime: Math.max(1, Math.ceil(limits.idleMs / 1000)),
      curloptResolve: target === null || pins.length === 0 ? undefined : resolution(target, pins),
      sslCAInfo: remote.ca === undefined ? undefined : join(dir, paths.ca),
      sslCert: show ? join(dir, paths.certificate) : undefined,
      sslKey: show ? join(dir, paths.key) : undefined,
    },
    [`http "${escaped(url)}"`]: { extraHeader: authorization === undefined ? undefined : `Authorization: ${authorization}` },
  };
  return Object.entries(sections)
    .map(([name, settings]) => {
      const lines = Object.entries(settings).filter(([, value]) => value !== undefined);
      return [`[${name}]`, ...lines.map(([key, value]) => `\t${key} = "${escaped(String(value))}"`), ""].join("\n");
    })
    .join("");
}

/** As curl reads it: the host's addresses, and no looking up. */
function resolution({ hostname, port, protocol }: URL, pins: Pins): string {
  const number = port === "" ? (protocol === "https:" ? "443" : "80") : port;
  return `${hostname}:${number}:${pins.map((ip) => (ip.includes(":") ? `[${ip}]` : ip)).join(",")}`;
}

/** Of a file that only we can read, so with the password. */
function hrefOf({ url, credentials }: ProxyServer): string {
  const href = new URL(url);
  if (credentials !== undefined) {
    href.username = encodeURIComponent(credentials.username);
    href.password = encodeURIComponent(credentials.password.reveal());
  }
  // libcurl takes 1080 where no port is written.
  return href.port === ""
    ? href.href.replace(`${href.hostname}/`, `${href.hostname}:${href.protocol === "https:" ? 443 : 80}/`)
    : href.href;
}

const escaped = (text: string): string => text.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n");

async function writeCertificates(dir: string, { ca, clientCertificate }: RemoteAddress): Promise<void> {
  if (ca !== undefined) await writeFile(join(dir, paths.ca), ca);
  if (clientCertificate === undefined) return;
  await writeFile(join(dir, paths.certificate), clientCertificate.certificate, { mode: 0o600 });
  await writeFile(join(dir, paths.key), clientCertificate.key.reveal(), { mode: 0o600 });
}

/** No user's or machine's ssh configuration, no agent, no password, no host that is not known. */
async function writeSsh(dir: string, { identity, knownHosts }: SshIdentity, { limits, pins, host }: RoomOptions): Promise<void> {
  const seconds = Math.max(1, Math.ceil(limits.idleMs / 1000));
  const [pin] = pins;
  const settings = {
    // The key is looked for under the name that people wrote, as ssh itself would write it.
    ...(pin === undefined ? {} : { HostName: pin, HostKeyAlias: host }),
    BatchMode: "yes",
    StrictHostKeyChecking: "yes",
    UserKnownHostsFile: paths.knownHosts,
    GlobalKnownHostsFile: "/dev/null",
    UpdateHostKeys: "no",
    CheckHostIP: "no",
    VerifyHostKeyDNS: "no",
    IdentitiesOnly: "yes",
    IdentityFile: paths.identity,
    IdentityAgent: "none",
    PreferredAuthentications: "publickey",
    PasswordAuthentication: "no",
    KbdInteractiveAuthentication: "no",
    ForwardAgent: "no",
    ClearAllForwardings: "yes",
    ControlMaster: "no",
    ControlPath: "none",
    ProxyCommand: "none",
    PermitLocalCommand: "no",
    ConnectTimeout: String(seconds),
    ServerAliveInterval: String(Math.max(1, Math.ceil(seconds / 3))),
    ServerAliveCountMax: "3",
    LogLevel: "ERROR",
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} ${value}`);
  await writeFile(join(dir, paths.sshConfig), `${lines.join("\n")}\n`, { mode: 0o600 });
  await writeFile(join(dir, paths.knownHosts), `${knownHosts.trim()}\n`, { mode: 0o600 });
  await writeFile(join(dir, paths.identity), `${identity.reveal().trim()}\n`, { mode: 0o600 }); // ssh wants the line's end
}

/** The file that ssh is started with, from within the folder. */
export const sshConfigPath: string = paths.sshConfig;
