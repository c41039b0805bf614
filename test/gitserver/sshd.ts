// Git over a real sshd on the loopback: as the current user, on a port, with a host key and a client's key of its own.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { run } from "../tools/run.ts";
import { findSshd, type Sshd } from "../tools/sshd.ts";

export interface SshServer extends AsyncDisposable {
  readonly port: number;
  readonly user: string;
  /** A private key that is let in. */
  readonly identity: string;
  /** The line of a known_hosts file for this server. */
  readonly knownHosts: string;
  /** The address of a repository by its path on this machine. */
  url(path: string): string;
  /** What sshd said so far. */
  said(): string;
}

const STARTS_MAX = 5;
const GIT_FOLDERS = ["/usr/local/bin", "/usr/bin", "/bin"];

/** Starts sshd. Throws what it said when it does not listen. */
export async function startSshServer(): Promise<SshServer> {
  const sshd = await findSshd();
  const dir = await mkdtemp(join(tmpdir(), "muster-sshd-"));
  try {
    for (const name of ["host", "client"]) await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", join(dir, name)]);
    await writeFile(join(dir, "authorized_keys"), `restrict ${await readFile(join(dir, "client.pub"), "utf8")}`, { mode: 0o600 });
    const { port, child, said } = await listening(sshd, dir);
    const hostKey = (await readFile(join(dir, "host.pub"), "utf8")).split(" ").slice(0, 2).join(" ");
    const user = userInfo().username;
    return {
      port,
      user,
      said,
      identity: await readFile(join(dir, "client"), "utf8"),
      knownHosts: `[127.0.0.1]:${port} ${hostKey}\n`,
      url: (path) => `ssh://${user}@127.0.0.1:${port}${path}`,
      async [Symbol.asyncDispose]() {
        await end(child);
        await rm(dir, { recursive: true, force: true, maxRetries: 3 });
      },
    };
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

interface Listening {
  readonly port: number;
  readonly child: ChildProcess;
  readonly said: () => string;
}

/** sshd wants its port by number: another one is tried when somebody else was faster. */
async function listening(sshd: Sshd, dir: string): Promise<Listening> {
  for (let start = 1; ; start += 1) {
    const port = await freePort();
    await writeFile(join(dir, "sshd_config"), configOf(sshd, dir, port));
    const { program, args } = await commandFor(sshd, dir);
    const child = spawn(program, args, { env: { PATH: process.env["PATH"] ?? "", ...sshd.env }, stdio: ["ignore", "ignore", "pipe"] });
    let text = "";
    child.stderr.setEncoding("utf8").on("data", (part: string) => (text += part));
    const ended = once(child, "close").then(() => "ended");
    const listens = new Promise<string>((resolve) =>
      child.stderr.on("data", () => text.includes("Server listening on") && resolve("listens")),
    );
    if ((await Promise.race([ended, listens])) === "listens") return { port, child, said: () => text };
    if (start === STARTS_MAX || !text.includes("Address already in use")) throw new Error(`sshd does not start: ${text}`);
  }
}

function configOf({ helpers }: Sshd, dir: string, port: number): string {
  const settings = {
    ListenAddress: "127.0.0.1",
    Port: String(port),
    HostKey: join(dir, "host"),
    AuthorizedKeysFile: join(dir, "authorized_keys"),
    PidFile: "none",
    StrictModes: "no", // the folder of temporary files may be anybody's
    UsePAM: "no",
    PasswordAuthentication: "no",
    KbdInteractiveAuthentication: "no",
    PermitRootLogin: "prohibit-password",
    AcceptEnv: "GIT_PROTOCOL",
    SetEnv: `PATH=${[...new Set([...(process.env["PATH"] ?? "").split(":"), ...GIT_FOLDERS])].filter((folder) => /^\/[\w./-]+$/.test(folder)).join(":")}`,
    MaxStartups: "100",
    KexAlgorithms: "curve25519-sha256", // the quickest: tests connect often
    ...helpers,
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key} ${value}\n`)
    .join("");
}

/** For root sshd insists on an account and a folder for its lesser half. Where the machine lacks them it gets them in a mount namespace. */
async function commandFor({ program }: Sshd, dir: string): Promise<{ readonly program: string; readonly args: readonly string[] }> {
  const own = ["-D", "-e", "-f", join(dir, "sshd_config")];
  const accounts = await readFile("/etc/passwd", "utf8").catch(() => "");
  if (process.getuid?.() !== 0 || process.platform !== "linux") return { program, args: own };
  const ready = await access("/run/sshd").then(
    () => /^sshd:/m.test(accounts),
    () => false,
  );
  if (ready) return { program, args: own };
  await writeFile(join(dir, "passwd"), `${accounts.trimEnd()}\nsshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n`, { mode: 0o644 });
  const inside = 'mount --bind "$1" /etc/passwd && mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && shift && exec "$@"';
  return { program: "unshare", args: ["-m", "/bin/sh", "-c", inside, "mount", join(dir, "passwd"), program, ...own] };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, "close");
  child.kill();
  await closed;
}
