// OpenSSH's server for tests of Git over ssh: the machine's own, else Debian's package unpacked into the cache, never installed.

import { access, readdir } from "node:fs/promises";
import { join } from "node:path";
import { Cache, cacheRoot } from "./cache.ts";
import { run } from "./run.ts";

export interface Sshd {
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  /** Helpers that a newer sshd starts, where they are not in their usual place. */
  readonly helpers: Readonly<Record<string, string>>;
}

const PACKAGES = ["openssh-server", "libwrap0"];
const HELPERS = { SshdSessionPath: "usr/lib/openssh/sshd-session", SshdAuthPath: "usr/lib/openssh/sshd-auth" };

/** Finds sshd, or brings it. Throws an error that says what to install. */
export async function findSshd(environment: Readonly<Record<string, string | undefined>> = process.env): Promise<Sshd> {
  const folders = [...(environment["PATH"] ?? "").split(":"), "/usr/sbin", "/usr/local/sbin", "/sbin"].filter((folder) => folder !== "");
  for (const folder of folders) if (await exists(join(folder, "sshd"))) return { program: join(folder, "sshd"), env: {}, helpers: {} };
  try {
    return await unpacked(await new Cache(cacheRoot(environment)).entry(`tools/sshd/debian-${process.arch}`, unpack));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`there is no sshd on this machine, and Debian's package cannot be had; install openssh-server. ${why}`, {
      cause: error,
    });
  }
}

async function unpack(dir: string): Promise<void> {
  const download = (): Promise<string> => run("apt-get", ["download", ...PACKAGES], { cwd: dir });
  await download().catch(async () => {
    await run("apt-get", ["update"]); // a fresh machine knows no packages yet
    await download();
  });
  for (const file of (await readdir(dir)).filter((name) => name.endsWith(".deb"))) await run("dpkg", ["-x", join(dir, file), dir]);
  await run(join(dir, "usr/sbin/sshd"), ["-?"], { env: (await unpacked(dir)).env }).catch((error: Error) => {
    if (!error.message.includes("usage:")) throw error; // it asks for what it lacks: a library
  });
}

async function unpacked(dir: string): Promise<Sshd> {
  const libraries = (await readdir(join(dir, "usr/lib"))).map((name) => join(dir, "usr/lib", name));
  const helpers: Record<string, string> = {};
  for (const [setting, path] of Object.entries(HELPERS)) if (await exists(join(dir, path))) helpers[setting] = join(dir, path);
  return { program: join(dir, "usr/sbin/sshd"), env: { LD_LIBRARY_PATH: libraries.join(":") }, helpers };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
