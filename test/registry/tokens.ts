// Gives tokens to whoever shows the right password, as the registry's own token protocol wants them: signed, and for one repository.

import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { startServer } from "./static-server.ts";
import type { Certificate } from "./certificate.ts";

export const SERVICE = "muster-test-registry";
export const ISSUER = "muster-test-tokens";
const LIFE_SECONDS = 300;

export interface TokenServer extends AsyncDisposable {
  readonly url: string;
  /** What was asked for, with the user or null. */
  readonly asked: { readonly scope: string; readonly user: string | null }[];
}

/** Starts it, and writes the key set that the registry trusts to `keySetFile`. Only `user` is let in; `anonymous` may pull. */
export async function startTokenServer(
  keySetFile: string,
  user: { readonly name: string; readonly password: string },
  anonymous: boolean,
  certificate?: Certificate,
): Promise<TokenServer> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const kid = randomUUID();
  await writeFile(keySetFile, JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid, use: "sig", alg: "ES256" }] }));
  const asked: { readonly scope: string; readonly user: string | null }[] = [];
  const server = await startServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://x");
    const who = userOf(request.headers.authorization, user);
    const scopes = url.searchParams.getAll("scope");
    for (const scope of scopes) asked.push({ scope, user: who });
    if (who === null && (request.headers.authorization !== undefined || !anonymous)) return void response.writeHead(401).end("no");
    const access = scopes.map((scope) => {
      const [type = "", name = "", actions = ""] = scope.split(":");
      return { type, name, actions: who === null ? ["pull"] : actions.split(",") };
    });
    const now = Math.floor(Date.now() / 1_000);
    const claims = {
      iss: ISSUER,
      sub: who ?? "",
      aud: SERVICE,
      exp: now + LIFE_SECONDS,
      nbf: now - 10,
      iat: now,
      jti: randomUUID(),
      access,
    };
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const text = `${encode({ typ: "JWT", alg: "ES256", kid })}.${encode(claims)}`;
    const signature = sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url");
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ token: `${text}.${signature}` }));
  }, certificate);
  return { ...server, asked };
}

function userOf(authorization: string | undefined, user: { readonly name: string; readonly password: string }): string | null {
  const right = `Basic ${Buffer.from(`${user.name}:${user.password}`).toString("base64")}`;
  return authorization === right ? user.name : null;
}
