// Which hub, and with which token: flag, then environment, then the nearest configuration file. Unknown keys are errors.

import { readFile, realpath } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve, sep } from "node:path";

import { z } from "zod";

import { messageOf, OperationError } from "@muster/proto/model/failure";
import { Secret } from "@muster/proto/model/secret";

import type { Io } from "./io.ts";

export type HubSettings = {
  readonly url: URL;
  readonly token: Secret;
  /** PEM of the CA that the hub's certificate must come from; undefined: the system's. */
  readonly ca: string | undefined;
};

const fileSchema = z.strictObject({
  hub: z.string().optional(),
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  ca: z.string().optional(),
  insecure: z.boolean().optional(),
});
/** `within`: for a file that was found beside a clone, the clone, which its tokenFile may not leave. A cloned repository is not trusted. */
type File = z.infer<typeof fileSchema> & { readonly folder: string; readonly within: string | null };

const noHub =
  "write ~/.config/muster/config.yaml with `hub:` and `tokenFile:`, or set MUSTER_HUB and MUSTER_TOKEN_FILE; `make demo` writes .muster/config";

/** Finds the hub. Throws OperationErrors with the code E_NO_HUB or E_CONFIG, which name every fault of the file at once. */
export async function hubSettings(io: Io, flags: { readonly hub?: string | undefined }): Promise<HubSettings> {
  const file = await readConfig(io);
  const address = flags.hub ?? io.env["MUSTER_HUB"] ?? file?.hub;
  if (address === undefined) throw fault("E_NO_HUB", "no hub is configured", noHub);
  const url = URL.parse(address);
  if (url?.protocol !== "http:" && url?.protocol !== "https:")
    throw fault("E_CONFIG", "the hub's address is no http(s) URL", "write it as https://host:port");
  if (url.username !== "" || url.password !== "")
    throw fault("E_CONFIG", "the hub's address contains credentials", "put them into tokenFile");
  if (url.protocol === "http:" && !isLoopback(url.hostname) && file?.insecure !== true)
    throw fault(
      "E_CONFIG",
      `will not send a token over plain http to ${url.host}`,
      "use https, or set insecure: true in the configuration file",
    );
  return { url, token: await tokenOf(io, file), ca: await caOf(file) };
}

async function tokenOf(io: Io, file: File | undefined): Promise<Secret> {
  const { MUSTER_TOKEN: direct, MUSTER_TOKEN_FILE: named } = io.env;
  if (direct !== undefined) return new Secret(direct.trim());
  if (named !== undefined) return new Secret((await contentOf(io.cwd, named)).trim());
  if (file?.token !== undefined) return new Secret(file.token.trim());
  if (file?.tokenFile === undefined) throw fault("E_NO_HUB", "no token is configured", noHub);
  if (file.within !== null && !(await liesIn(file.within, resolve(file.folder, file.tokenFile))))
    throw fault(
      "E_CONFIG",
      `the tokenFile of ${file.folder} lies outside of ${file.within}`,
      "name the configuration in $MUSTER_CONFIG if you trust it",
    );
  return new Secret((await contentOf(file.folder, file.tokenFile)).trim());
}

/** True when a path, links followed, is below a folder; also for what is not there. */
async function liesIn(folder: string, path: string): Promise<boolean> {
  const [outer, inner] = await Promise.all([folder, path].map((each) => realpath(each).catch(() => resolve(each))));
  return outer !== undefined && inner !== undefined && inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
}

async function caOf(file: File | undefined): Promise<string | undefined> {
  if (file?.ca === undefined) return undefined;
  return file.ca.includes("-----BEGIN") ? file.ca : contentOf(file.folder, file.ca);
}

async function contentOf(folder: string, path: string): Promise<string> {
  const full = isAbsolute(path) ? path : resolve(folder, path);
  try {
    return await readFile(full, "utf8");
  } catch (error) {
    throw fault("E_CONFIG", `cannot read ${full}: ${messageOf(error)}`, "correct the path in the configuration");
  }
}

async function readConfig(io: Io): Promise<File | undefined> {
  const named = io.env["MUSTER_CONFIG"];
  if (named !== undefined) return parse(resolve(io.cwd, named), await contentOf(io.cwd, named), null);
  for (const { path, within } of candidates(io)) {
    const text = await readFile(path, "utf8").catch(() => undefined);
    if (text !== undefined) return parse(path, text, within);
  }
  return undefined;
}

/** `.muster/config` in the working directory and each folder above, then the person's own. */
function candidates(io: Io): { readonly path: string; readonly within: string | null }[] {
  const found: { path: string; within: string | null }[] = [];
  for (let folder = resolve(io.cwd); ; folder = dirname(folder)) {
    found.push({ path: join(folder, ".muster", "config"), within: folder });
    if (dirname(folder) === folder) break;
  }
  const own = io.env["XDG_CONFIG_HOME"] ?? join(io.home, ".config");
  return [...found, { path: join(own, "muster", "config.yaml"), within: null }];
}

async function parse(path: string, text: string, within: string | null): Promise<File> {
  const { default: yaml } = await import("js-yaml");
  const refuse = (why: string) => fault("E_CONFIG", `cannot read ${path}: ${why}`, "known keys: hub, token, tokenFile, ca, insecure");
  let value: unknown;
  try {
    value = yaml.load(text, { schema: yaml.CORE_SCHEMA });
  } catch (error) {
    throw refuse((messageOf(error).split("\n")[0] ?? "").replace(/\s*\(\d+:\d+\)$/, ""));
  }
  const result = fileSchema.safeParse(value ?? {});
  if (!result.success) throw refuse(result.error.issues.map(issueText).join("; "));
  return { ...result.data, folder: dirname(path), within };
}

/** Without the value: it may be the token. */
const issueText = (issue: z.core.$ZodIssue): string =>
  issue.code === "unrecognized_keys"
    ? `unknown keys ${issue.keys.join(", ")}`
    : `${issue.path.join(".") || "the file"} is of the wrong type`;

const isLoopback = (host: string): boolean => host === "localhost" || host === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);

const fault = (code: "E_NO_HUB" | "E_CONFIG", message: string, remedy: string): OperationError =>
  new OperationError("invalid", "configuration", message, undefined, { code, remedy });
