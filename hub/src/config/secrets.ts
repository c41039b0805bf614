// The hub's secrets folder: a secretRef is a file or a folder there. Read at each use, so that a rotated one counts at once; the values
// never leave the Secret type but for whom they are meant.

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { OperationError } from "@muster/proto/model/failure";
import { Secret } from "@muster/proto/model/secret";

/** What a secretRef of a Source may hold. */
export type SourceSecret = {
  readonly credentials:
    | { readonly kind: "basic"; readonly username: string; readonly password: Secret }
    | { readonly kind: "token"; readonly token: Secret }
    | undefined;
  /** PEM */
  readonly ca: string | undefined;
};

const refForm = /^[a-zA-Z0-9]([-._a-zA-Z0-9]{0,251}[a-zA-Z0-9])?$/;

/** The credentials under a name. Throws OperationError "invalid" that names what is missing, never a value. */
export async function readSourceSecret(dir: string | null, ref: string): Promise<SourceSecret> {
  const path = pathOf(dir, ref);
  if ((await stat(path).catch(() => undefined))?.isDirectory() !== true)
    return { credentials: { kind: "token", token: await readSecret(dir, ref) }, ca: undefined };
  const part = async (name: string): Promise<string | undefined> => (await readIfThere(join(path, name)))?.trim();
  const [username, password, token, ca] = [await part("username"), await part("password"), await part("token"), await part("ca.crt")];
  if (token !== undefined) return { credentials: { kind: "token", token: new Secret(token) }, ca };
  if (username !== undefined && password !== undefined)
    return { credentials: { kind: "basic", username, password: new Secret(password) }, ca };
  if (ca !== undefined) return { credentials: undefined, ca };
  throw new OperationError("invalid", ref, `the secret ${ref} holds neither token nor username and password`);
}

/** One value under a name: a file. */
export async function readSecret(dir: string | null, ref: string): Promise<Secret> {
  const text = await readIfThere(pathOf(dir, ref));
  if (text === undefined || text.trim() === "")
    throw new OperationError("invalid", ref, `there is no secret ${ref} in the hub's secrets folder`);
  return new Secret(text.trim());
}

function pathOf(dir: string | null, ref: string): string {
  if (dir === null) throw new OperationError("invalid", ref, `secretRef ${ref} needs secretsDir in the hub's configuration`);
  if (!refForm.test(ref)) throw new OperationError("invalid", ref, "a secretRef is the name of a file or folder, without a path");
  return join(dir, ref);
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}
