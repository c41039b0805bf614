// What lets people and programs in: a token per user, the keys of service accounts, and kubeconfig files.

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A user whom the API server knows by a token. Groups give rights: `system:masters` may do everything. */
export interface User {
  readonly name: string;
  readonly groups?: readonly string[];
}

export const ADMIN: User = { name: "muster-test-admin", groups: ["system:masters"] };

/** Writes `tokens.csv` and the service account keys into `dir`; gives the token of each user by name. */
export async function writeCredentials(dir: string, users: readonly User[]): Promise<ReadonlyMap<string, string>> {
  const tokens = new Map(users.map((user) => [user.name, randomBytes(16).toString("hex")]));
  const lines = users.map((user) => [tokens.get(user.name), user.name, user.name, `"${(user.groups ?? []).join(",")}"`].join(","));
  const keys = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "sec1", format: "pem" },
  });
  await Promise.all([
    writeFile(join(dir, "tokens.csv"), lines.join("\n") + "\n", { mode: 0o600 }),
    writeFile(join(dir, "service-account.key"), keys.privateKey, { mode: 0o600 }),
    writeFile(join(dir, "service-account.pub"), keys.publicKey),
  ]);
  return tokens;
}

/** Writes a kubeconfig with one cluster, one user and one context, all called like the control plane. */
export async function writeKubeconfig(
  path: string,
  access: { readonly name: string; readonly url: string; readonly caFile: string; readonly token: string },
): Promise<void> {
  const ca = (await readFile(access.caFile)).toString("base64");
  const name = JSON.stringify(access.name);
  const text = `apiVersion: v1
kind: Config
clusters:
  - name: ${name}
    cluster: { server: ${JSON.stringify(access.url)}, certificate-authority-data: ${ca} }
users:
  - name: ${name}
    user: { token: ${JSON.stringify(access.token)} }
contexts:
  - name: ${name}
    context: { cluster: ${name}, user: ${name} }
current-context: ${name}
`;
  await writeFile(path, text, { mode: 0o600 });
}
