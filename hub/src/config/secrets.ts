// The hub's secrets folder: a secretRef is a file or a folder there. Read at each use, so that a rotated one counts at once; the values
// never leave the Secret type but for whom they are meant.

import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { OperationError } from "@muster/proto/model/failure";
import { isJsonObject } from "@muster/proto/model/json";
import { Secret } from "@muster/proto/model/secret";

type SourceCredentials =
  | { readonly kind: "basic"; readonly username: string; readonly password: Secret }
  | { readonly kind: "token"; readonly token: Secret }
  | { readonly kind: "ssh"; readonly identity: Secret; readonly knownHosts: string }
  | {
      readonly kind: "githubApp";
      readonly appId: string;
      readonly installationId: string;
      readonly privateKey: Secret;
      readonly apiUrl: string;
    };

/** What a secretRef of a Source may hold. */
export type SourceSecret = {
  readonly credentials: SourceCredentials | undefined;
  /** PEM */
  readonly ca: string | undefined;
  /** PEM */
  readonly clientCertificate: { readonly certificate: string; readonly key: Secret } | undefined;
  /** The servers that it is for, as lines of the file `hosts`; undefined: for all. */
  readonly hosts: readonly string[] | undefined;
};

/** Files by their names, trimmed. */
type Files = ReadonlyMap<string, string>;

type Way = { readonly files: readonly string[]; readonly read: (ref: string, files: Files) => SourceCredentials };

/** The ways to sign in, each by its files. `?` marks those that may be left out. */
const ways: readonly Way[] = [
  { files: ["token"], read: (_, files) => ({ kind: "token", token: secretOf(files, "token") }) },
  {
    files: ["username", "password"],
    read: (_, files) => ({ kind: "basic", username: textOf(files, "username"), password: secretOf(files, "password") }),
  },
  {
    files: ["identity", "known_hosts"],
    read: (_, files) => ({ kind: "ssh", identity: secretOf(files, "identity"), knownHosts: textOf(files, "known_hosts") }),
  },
  { files: ["githubApp"], read: (ref, files) => appOfJson(ref, textOf(files, "githubApp")) },
  {
    files: ["githubAppID", "githubAppInstallationID", "githubAppPrivateKey", "githubAppBaseURL?"],
    read: (ref, files) => {
      const [appId, installationId] = [textOf(files, "githubAppID"), textOf(files, "githubAppInstallationID")];
      return githubApp(ref, "githubAppID", {
        appId,
        installationId,
        privateKey: textOf(files, "githubAppPrivateKey"),
        apiUrl: files.get("githubAppBaseURL"),
      });
    },
  },
];
const certificate: readonly string[] = ["tls.crt", "tls.key"];
const remedy = `use one of: ${[...ways.map(({ files }) => files), certificate, ["ca.crt?"]].map((files) => files.join(" + ")).join(", or ")}; hosts may stand beside each`;

const refForm = /^[a-zA-Z0-9]([-._a-zA-Z0-9]{0,251}[a-zA-Z0-9])?$/;
const filesMax = 100;
const githubApi = "https://api.github.com";

/** The credentials under a name. Throws OperationError "invalid" with the code E_SECRET that names file and remedy, never a value. */
export async function readSourceSecret(dir: string | null, ref: string): Promise<SourceSecret> {
  const path = pathOf(dir, ref);
  if ((await stat(path).catch(() => undefined))?.isDirectory() !== true)
    return {
      credentials: { kind: "token", token: await readSecret(dir, ref) },
      ca: undefined,
      clientCertificate: undefined,
      hosts: undefined,
    };
  const files = await filesOf(path, ref);
  const known = [...ways.flatMap(({ files: names }) => names), ...certificate, "ca.crt", "hosts"].map(plainName);
  for (const name of files.keys()) if (!known.includes(name)) throw fault(ref, name, "no file of this name has a meaning there");
  const used = ways.filter(({ files: names }) => names.some((name) => files.has(plainName(name))));
  const [way, second] = used;
  if (way !== undefined && second !== undefined)
    throw fault(ref, firstOf(second, files), `it stands beside ${firstOf(way, files)}, which is another way to sign in`);
  if (way !== undefined) demand(ref, files, way.files);
  const shows = certificate.some((name) => files.has(name));
  if (shows) demand(ref, files, certificate);
  if (way === undefined && !shows && !files.has("ca.crt")) throw fault(ref, "", "it is empty");
  const credentials = way?.read(ref, files);
  if (credentials?.kind === "ssh" && (shows || files.has("ca.crt")))
    throw fault(ref, shows ? "tls.crt" : "ca.crt", "it has no meaning for ssh");
  return {
    credentials,
    ca: files.get("ca.crt"),
    hosts: hostsOf(ref, files),
    clientCertificate: shows ? { certificate: textOf(files, "tls.crt"), key: secretOf(files, "tls.key") } : undefined,
  };
}

/** One value under a name: a file. */
export async function readSecret(dir: string | null, ref: string): Promise<Secret> {
  const text = await readIfThere(pathOf(dir, ref));
  if (text === undefined || text.trim() === "")
    throw new OperationError("invalid", ref, `there is no secret ${ref} in the hub's secrets folder`);
  return new Secret(text.trim());
}

/** The files of a folder. What begins with two dots is how Kubernetes mounts a Secret, and no part of it. */
async function filesOf(path: string, ref: string): Promise<Files> {
  const names = (await readdir(path)).filter((name) => !name.startsWith("..")).toSorted();
  if (names.length > filesMax) throw fault(ref, "", `it holds more than ${filesMax} files`);
  const files = new Map<string, string>();
  for (const name of names) {
    const text = (await readIfThere(join(path, name)))?.trim();
    if (text !== undefined) files.set(name, text);
  }
  return files;
}

function hostsOf(ref: string, files: Files): readonly string[] | undefined {
  const text = files.get("hosts");
  if (text === undefined) return undefined;
  const lines = text.split("\n").map((line) => line.trim());
  const hosts = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (hosts.length === 0) throw fault(ref, "hosts", "it names no server");
  const strange = hosts.find((line) => /[\s?#\\]/.test(line) || line.includes("*"));
  if (strange !== undefined) throw fault(ref, "hosts", "a line is no host, host:port or URL");
  return hosts;
}

function demand(ref: string, files: Files, names: readonly string[]): void {
  const there = names.filter((name) => files.has(plainName(name)));
  for (const name of names) {
    const text = files.get(plainName(name));
    if (text === undefined && !name.endsWith("?")) throw fault(ref, name, `it is missing beside ${there.map(plainName).join(" and ")}`);
    if (text === "") throw fault(ref, plainName(name), "it is empty");
  }
}

function appOfJson(ref: string, text: string): SourceCredentials {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw fault(ref, "githubApp", "it is no JSON"); // what a parser quotes could be of the key
  }
  if (!isJsonObject(value)) throw fault(ref, "githubApp", "it is no JSON object");
  const stranger = Object.keys(value).find((key) => !["appId", "installationId", "privateKey", "apiUrl"].includes(key));
  if (stranger !== undefined) throw fault(ref, "githubApp", `it has an unknown field ${JSON.stringify(stranger.slice(0, 40))}`);
  return githubApp(ref, "githubApp", value);
}

type AppFields = { readonly [field: string]: unknown };

function githubApp(ref: string, file: string, fields: AppFields): SourceCredentials {
  const text = (name: string): string => {
    const value = fields[name];
    if (typeof value === "string" && value !== "") return value;
    if (typeof value === "number") return String(value);
    throw fault(ref, file, `${name} is missing`);
  };
  for (const name of ["appId", "installationId"])
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(text(name))) throw fault(ref, file, `${name} is no id`);
  const apiUrl = fields["apiUrl"] === undefined ? githubApi : text("apiUrl");
  if (URL.parse(apiUrl) === null) throw fault(ref, file, "apiUrl is no URL");
  return {
    kind: "githubApp",
    appId: text("appId"),
    installationId: text("installationId"),
    privateKey: new Secret(text("privateKey")),
    apiUrl,
  };
}

const plainName = (name: string): string => name.replace(/\?$/, "");
const firstOf = (way: Way, files: Files): string => way.files.map(plainName).find((name) => files.has(name)) ?? "";
const textOf = (files: Files, name: string): string => files.get(name) ?? "";
const secretOf = (files: Files, name: string): Secret => new Secret(textOf(files, name));

function fault(ref: string, file: string, why: string): OperationError {
  const what = file === "" ? `the secret ${ref}` : `the file ${file} of the secret ${ref}`;
  return new OperationError("invalid", ref, `cannot use ${what}: ${why}`, undefined, { code: "E_SECRET", remedy });
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
