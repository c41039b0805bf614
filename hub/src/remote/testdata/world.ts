// What tests of this room share: opening it, addresses, tar files that no tar program would write.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { Secret } from "@muster/proto/model/secret";

import { USER } from "../../../../test/registry/registry.ts";
import type { Network } from "../../network/network.ts";
import type { RemoteAddress } from "../address.ts";
import type { RemoteLimits } from "../limits.ts";
import { openRemote, type Remote } from "../remote.ts";

export const signal = new AbortController().signal;
export const password = { kind: "basic", username: USER.name, password: new Secret(USER.password) } as const;

export async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "muster-remote-"));
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

export type Opened = Remote & { readonly dir: string; readonly warnings: string[] };

export async function open(t: TestContext, limits: Partial<RemoteLimits> = {}, dir?: string): Promise<Opened> {
  const warnings: string[] = [];
  const where = dir ?? (await folder(t));
  const log = { warn: (_: object, message: string) => void warnings.push(message) };
  return { ...(await openRemote({ dir: where, limits, log })), dir: where, warnings };
}

/** The servers of tests stand on this machine. */
export const onLoopback: Network = { http: null, https: null, noProxy: [], allow: ["127.0.0.0/8", "::1"] };

export const at = (url: string, more: Partial<RemoteAddress> = {}): RemoteAddress => ({ name: "shop", url, network: onLoopback, ...more });

/** The public code of what was thrown; its message must carry no password. */
export async function codeOf(work: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof work === "function" ? work() : work);
    return "accepted";
  } catch (error) {
    const { fault, message } = error as Error & { fault?: { code: string; remedy: string } };
    if (fault === undefined || fault === null) throw error;
    if (fault.remedy === "" || message.includes(USER.password)) throw new Error(`a message that must not be: ${message}`, { cause: error });
    return fault.code;
  }
}

export type Entry = {
  readonly name: string;
  readonly content?: string | Buffer;
  readonly type?: string;
  readonly link?: string;
  readonly prefix?: string;
};

/** A tar file of exactly these entries, whatever they are. */
export function tarOf(entries: readonly Entry[], end = true): Buffer {
  return Buffer.concat([...entries.flatMap(blocksOf), ...(end ? [Buffer.alloc(1024)] : [])]);
}

function blocksOf({ name, content = "", type = "0", link = "", prefix = "" }: Entry): readonly Buffer[] {
  const body = Buffer.from(content);
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write("0000644\0", 100);
  header.write(`${body.length.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write(type, 156);
  header.write(link, 157, 100);
  header.write("ustar\0" + "00", 257);
  header.write(prefix, 345, 155);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
}

/** A record of a PAX header. */
export function pax(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest);
  while (Buffer.byteLength(String(length)) + Buffer.byteLength(rest) !== length) length += 1;
  return `${length}${rest}`;
}
