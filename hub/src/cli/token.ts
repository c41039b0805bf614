// `muster token create`: what an agent joins with, or what a program signs in with.

import type { ClusterName } from "@muster/proto/model/identity";
import { printable } from "@muster/proto/model/printable";

import { roles, type Role, type TokenAnswer, type TokenRequest } from "../view/api.ts";
import type { HubClient } from "./client.ts";
import { exits, usageError, type Exit } from "./exits.ts";
import type { Io } from "./io.ts";
import { writeData, type Output } from "./output.ts";

export type TokenFlags = {
  readonly name?: string | undefined;
  readonly cluster?: string | undefined;
  readonly labels?: string | undefined;
  readonly uses?: string | undefined;
  readonly ttl?: string | undefined;
  readonly replace?: string | undefined;
  readonly ci?: boolean | undefined;
  readonly role?: string | undefined;
};

export async function createToken(io: Io, client: HubClient, flags: TokenFlags, output: Output): Promise<Exit> {
  const answer = await client.post<TokenAnswer>("/tokens", tokenRequest(flags));
  if (await writeData(io, output, answer)) return exits.ok.code;
  io.stdout.write(`token    ${printable(answer.token)}\nexpires  ${printable(answer.expiresAt)}\n`);
  if (answer.command !== "") io.stdout.write(`run      ${printable(answer.command, 4_000)}\n`);
  io.stderr.write("the token is shown only once\n");
  return exits.ok.code;
}

/** What the flags ask for. Throws E_USAGE for what does not go together. */
export function tokenRequest(flags: TokenFlags): TokenRequest {
  const { name, cluster, labels, uses, ttl, replace, ci, role } = flags;
  const shared = { ...(name !== undefined && { name }), ...(ttl !== undefined && { ttlSeconds: secondsOf(ttl) }) };
  if (ci) {
    const joinOnly = Object.entries({ cluster, labels, uses, replace }).find(([, value]) => value !== undefined)?.[0];
    if (joinOnly !== undefined) throw usageError(`--${joinOnly} is for join tokens, not for --ci`, "leave one of them out");
    return { kind: "api", role: roleOf(role), ...shared };
  }
  if (role !== undefined) throw usageError("--role is for --ci", "add --ci, or leave --role out");
  if (cluster !== undefined && replace !== undefined && cluster !== replace)
    throw usageError("--cluster and --replace name two clusters", "leave --cluster out");
  return {
    kind: "join",
    ...shared,
    ...(cluster !== undefined && { cluster: cluster as ClusterName }),
    ...(labels !== undefined && { labels: labelsOf(labels) }),
    ...(uses !== undefined && { uses: usesOf(uses) }),
    ...(replace !== undefined && { replace: replace as ClusterName }),
  };
}

function roleOf(role: string | undefined): Role {
  const found = roles.find((each) => each === role);
  if (found === undefined)
    throw usageError(role === undefined ? "--ci needs a role" : `there is no role ${role}`, `--role ${roles.join(" | ")}`);
  return found;
}

function labelsOf(text: string): Record<string, string> {
  const pairs = text.split(",").map((pair) => /^([^=]+)=(.*)$/.exec(pair.trim()));
  if (pairs.some((pair) => pair === null)) throw usageError(`cannot read the labels ${text}`, "write them as key=value,key=value");
  return Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? "", pair?.[2] ?? ""]));
}

function usesOf(text: string): number {
  const uses = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (uses < 1) throw usageError(`cannot read --uses ${text}`, "write a whole number from 1 up");
  return uses;
}

const units: { readonly [unit: string]: number } = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** `30m`, `2h`, `1d12h` in seconds. Throws E_USAGE that names the flag. */
export function secondsOf(text: string, flag = "--ttl"): number {
  const parts = /^(?:\d+[smhd])+$/.test(text) ? [...text.matchAll(/(\d+)([smhd])/g)] : [];
  const seconds = parts.reduce((sum, [, number, unit]) => sum + Number(number) * (units[unit ?? ""] ?? 0), 0);
  if (seconds < 1) throw usageError(`cannot read ${flag} ${text}`, "write it as 30m, 1h or 7d");
  return seconds;
}
