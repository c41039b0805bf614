// A real OCI registry on the loopback, with the sign-in and TLS that a test asks for. It ends with the process that started it.

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { selfSigned } from "./certificate.ts";
import { ISSUER, SERVICE, startTokenServer, type TokenServer } from "./tokens.ts";

/** The one user of a registry with sign-in. */
export const USER = { name: "ada", password: "canary-registry-5b1e" };
/** What `htpasswd -B` makes of it: the registry takes bcrypt only. */
const HTPASSWD = `${USER.name}:$2a$05$d9lm.x0BcWzNCkM0YSvV4OCTrfTwNUJEJO.fgZj7DS3oq76745XG.\n`;

export interface RegistryOptions {
  /** Who may do what: everybody everything; the user, by password; the user, by a token of another server; that, and pulls by everybody. */
  readonly auth: "none" | "password" | "token" | "token-or-anonymous";
  readonly tls?: boolean;
}

export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Where blobs and tags lie on disk. */
  readonly dir: string;
  /** PEM, with TLS. */
  readonly ca: string | undefined;
  readonly caFile: string | undefined;
  readonly tokens: TokenServer | undefined;
}

const PROGRAM = fileURLToPath(new URL("../../.tools/bin/registry", import.meta.url));
/** Runs the registry until the standard input is closed, which the end of this process does in any case. */
const KEEPER = 'exec 3<&0; "$0" serve "$1" </dev/null & pid=$!; (cat <&3; kill $pid) >/dev/null 2>&1 & wait $pid';

/** Starts it, and returns when it listens. Throws with its last words. */
export async function startRegistry(options: RegistryOptions): Promise<Registry> {
  const dir = await mkdtemp(join(tmpdir(), "muster-registry-"));
  const certificate = options.tls === true ? await selfSigned("registry") : undefined;
  const file = (name: string): string => join(dir, name);
  if (certificate !== undefined) {
    await writeFile(file("cert.pem"), certificate.cert);
    await writeFile(file("key.pem"), certificate.key, { mode: 0o600 });
  }
  await writeFile(file("htpasswd"), HTPASSWD);
  const tokens = options.auth.startsWith("token")
    ? await startTokenServer(file("keys.json"), USER, options.auth === "token-or-anonymous", certificate)
    : undefined;
  await writeFile(file("config.json"), JSON.stringify(configOf(file, options, tokens)));
  const { port, stop } = await run(file("config.json"));
  return {
    host: `127.0.0.1:${port}`,
    dir: file("data"),
    ca: certificate?.cert,
    caFile: certificate === undefined ? undefined : file("cert.pem"),
    tokens,
    async [Symbol.asyncDispose]() {
      await stop();
      await tokens?.[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function configOf(file: (name: string) => string, { auth, tls }: RegistryOptions, tokens: TokenServer | undefined): object {
  const ways = {
    none: undefined,
    password: { htpasswd: { realm: "test", path: file("htpasswd") } },
    token: {
      token: { realm: `${tokens?.url}/token`, service: SERVICE, issuer: ISSUER, jwks: file("keys.json"), signingalgorithms: ["ES256"] },
    },
  };
  const way = auth === "none" || auth === "password" ? ways[auth] : ways.token;
  return {
    version: 0.1,
    log: { level: "info", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: file("data") }, tag: { concurrencylimit: 2 } },
    http: { addr: "127.0.0.1:0", ...(tls === true ? { tls: { certificate: file("cert.pem"), key: file("key.pem") } } : {}) },
    ...(way === undefined ? {} : { auth: way }),
  };
}

async function run(config: string): Promise<{ readonly port: number; readonly stop: () => Promise<void> }> {
  const child = spawn("sh", ["-c", KEEPER, PROGRAM, config], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], OTEL_TRACES_EXPORTER: "none" },
  });
  child.stdin.on("error", () => undefined); // it is gone: its exit says so
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const port = await new Promise<number>((resolve, reject) => {
    let said = "";
    const read = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-20_000);
      const found = /listening on 127\.0\.0\.1:(\d+)/.exec(said)?.[1];
      if (found !== undefined) resolve(Number(found));
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("error", reject);
    void gone.then(() => reject(new Error(`the registry ended:\n${said}`)));
  });
  return {
    port,
    async stop() {
      child.stdin.end();
      await gone;
    },
  };
}
