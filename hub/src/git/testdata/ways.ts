// The ways to a server that tests take: each carrier with each protocol that it speaks.

import { rename } from "node:fs/promises";
import type { TestContext } from "node:test";

import { Secret } from "@muster/proto/model/secret";

import type { GitServer } from "../../../../test/gitserver/gitserver.ts";
import type { SshServer } from "../../../../test/gitserver/sshd.ts";
import type { RemoteAddress } from "../address.ts";
import { findGitProgram, type GitProgram } from "../git-program.ts";
import type { GitLimits } from "../limits.ts";
import { gitServer, open as openAt, type More, type Opened } from "./servers.ts";

type Limits = Partial<GitLimits>;

export type Served = {
  readonly server: GitServer;
  /** Opens a Source on a repository of the server. */
  readonly open: (repository: string, more?: More, limits?: Limits, dir?: string) => Promise<Opened>;
};

export type Way = {
  readonly name: string;
  readonly scheme: "http" | "ssh";
  open(t: TestContext, url: string, more?: More, limits?: Limits, dir?: string): Promise<Opened>;
  serve(t: TestContext): Promise<Served>;
  /** Does something while the server cannot be used. */
  without(server: GitServer, work: () => Promise<void>): Promise<void>;
};

export async function machineGit(): Promise<GitProgram> {
  const program = await findGitProgram(process.env["PATH"]);
  if (program === null) throw new Error("these tests need git 2.37 or newer on PATH");
  return program;
}

function httpWay(name: string, program: () => Promise<GitProgram | null>): Way {
  const open: Way["open"] = async (t, url, more, limits, dir) => openAt(t, url, more, limits, dir, await program());
  return {
    name,
    scheme: "http",
    open,
    async serve(t) {
      const server = await gitServer(t);
      return { server, open: (repository, more, limits, dir) => open(t, server.cloneUrl(repository), more, limits, dir) };
    },
    async without(server, work) {
      await server.stop();
      await work();
      await server.start();
    },
  };
}

export const isomorphicHttp: Way = httpWay("isomorphic over http", () => Promise.resolve(null));
export const nativeHttp: Way = httpWay("native over http", machineGit);
export const httpWays: readonly Way[] = [isomorphicHttp, nativeHttp];

/** What is shown to a server of ours. */
export function sshCredentials(ssh: SshServer, knownHosts: string = ssh.knownHosts): NonNullable<RemoteAddress["credentials"]> {
  return { kind: "ssh", identity: new Secret(ssh.identity), knownHosts };
}

/** Repositories of a Git server over sshd: what it serves lies on this machine. */
export function nativeSsh(sshOf: () => SshServer): Way {
  const open: Way["open"] = async (t, url, more, limits, dir) =>
    openAt(t, url, { credentials: sshCredentials(sshOf()), ...more }, limits, dir, await machineGit());
  return {
    name: "native over ssh",
    scheme: "ssh",
    open,
    async serve(t) {
      const server = await gitServer(t);
      return { server, open: (repository, more, limits, dir) => open(t, sshOf().url(server.path(repository)), more, limits, dir) };
    },
    async without(server, work) {
      await rename(server.dir, `${server.dir}.away`);
      await work();
      await rename(`${server.dir}.away`, server.dir);
    },
  };
}
