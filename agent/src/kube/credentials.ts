// Who we are to the API server and how we know it: from a kubeconfig file, or from the ServiceAccount of our own pod. Tokens age: the
// files are read again each minute and on a 401. Only this file knows client-node, and only its KubeConfig, loaded when a kubeconfig
// asks for it: a pod never pays its memory.

import { readFile } from "node:fs/promises";
import type { RequestOptions } from "node:https";
import { isIPv6 } from "node:net";
import { dirname } from "node:path";
import { messageOf, OperationError } from "@muster/proto/model/failure";
import type { AllBounds } from "./bounds.ts";

/** What a session is opened with. Two that differ in TLS material need different sessions. */
export type TlsMaterial = {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly servername?: string | undefined;
  readonly rejectUnauthorized?: false | undefined;
};

export type Credential = {
  readonly server: URL;
  readonly tls: TlsMaterial;
  /** `authorization` and, where the kubeconfig says so, `impersonate-user`. */
  readonly headers: { readonly [name: string]: string };
  readonly proxyUrl: string | undefined;
};

export type Credentials = {
  /** The credential of now; reads the files again when what it has is older than a minute. */
  current(): Promise<Credential>;
  /** Forgets `used` after a 401 unless somebody else already did, and reads the files again. */
  renew(used: Credential): Promise<Credential>;
};

type Load = (afterRefusal: boolean) => Promise<Credential>;

/** Credentials from a kubeconfig file, or, without one, of the pod that we run in. Throws an OperationError("invalid") from `current`. */
export function credentialsFrom(kubeconfig: string | undefined, limits: AllBounds): Credentials {
  return aging(kubeconfig === undefined ? inCluster : fromKubeconfig(kubeconfig), limits.tokenMaxAgeMs);
}

function aging(load: Load, maxAgeMs: number): Credentials {
  let held: { readonly credential: Credential; readonly at: number } | undefined;
  let loading: Promise<Credential> | undefined;
  const read = (afterRefusal: boolean): Promise<Credential> => {
    loading ??= load(afterRefusal)
      .then((fresh) => {
        const credential = held !== undefined && same(held.credential, fresh) ? held.credential : fresh;
        held = { credential, at: Date.now() };
        return credential;
      })
      .finally(() => (loading = undefined));
    return loading;
  };
  return {
    current: async () => (held !== undefined && Date.now() - held.at < maxAgeMs ? held.credential : read(false)),
    renew: async (used) => (held !== undefined && held.credential !== used ? held.credential : read(true)),
  };
}

function same(a: Credential, b: Credential): boolean {
  return JSON.stringify([a.server.href, a.tls, a.headers, a.proxyUrl]) === JSON.stringify([b.server.href, b.tls, b.headers, b.proxyUrl]);
}

const podFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

async function inCluster(): Promise<Credential> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  if (!host || !port) throw new OperationError("invalid", "kubeconfig", "no kubeconfig is given, and this is not a pod");
  const [token, ca] = await Promise.all([text(`${podFolder}/token`), text(`${podFolder}/ca.crt`)]);
  return {
    server: new URL(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`),
    tls: { ca },
    headers: { authorization: `Bearer ${token.trim()}` },
    proxyUrl: undefined,
  };
}

async function text(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new OperationError("invalid", path, `cannot read ${path}: ${messageOf(cause)}`, cause);
  }
}

/** Keeps the KubeConfig while the file's text stays, so that an exec plugin's token lives until it expires or is refused. */
function fromKubeconfig(path: string): Load {
  let kept: { readonly text: string; readonly config: KubeconfigFile } | undefined;
  return async (afterRefusal) => {
    const now = await text(path);
    try {
      if (kept?.text !== now || afterRefusal || readsTokenFile(now)) kept = { text: now, config: await parseKubeconfig(path, now) };
      return await kept.config();
    } catch (cause) {
      kept = undefined;
      throw new OperationError("invalid", path, `cannot use kubeconfig ${path}: ${messageOf(cause)}`, cause);
    }
  };
}

type KubeconfigFile = () => Promise<Credential>;

async function parseKubeconfig(path: string, content: string): Promise<KubeconfigFile> {
  const { KubeConfig } = await import("@kubernetes/client-node/dist/config.js");
  const config = new KubeConfig();
  config.loadFromString(content.replaceAll(tokenFileMember, "token-file"));
  config.makePathsAbsolute(dirname(path));
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new TypeError("it has no current context");
  const server = new URL(cluster.server);
  if (server.protocol !== "https:") throw new TypeError(`the server's address has to start with https://, not ${cluster.server}`);
  return async () => {
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    return { server, tls: tlsOf(options), headers: headersOf(options), proxyUrl: cluster.proxyUrl || undefined };
  };
}

/** kubectl writes `tokenFile`; client-node 2.0 reads only `token-file`, once, while it parses. */
const tokenFileMember = /(?<=^|[\s{,"'])tokenFile(?=["']?\s*:)/gm;

function readsTokenFile(content: string): boolean {
  return content.search(tokenFileMember) >= 0;
}

function tlsOf(options: RequestOptions): TlsMaterial {
  return {
    ca: options.ca?.toString(),
    cert: options.cert?.toString(),
    key: typeof options.key === "string" || Buffer.isBuffer(options.key) ? options.key.toString() : undefined,
    servername: options.servername,
    rejectUnauthorized: options.rejectUnauthorized === false ? false : undefined,
  };
}

function headersOf(options: RequestOptions): { readonly [name: string]: string } {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries((options.headers ?? {}) as Record<string, unknown>))
    headers[name.toLowerCase()] = String(value).trim();
  if (options.auth) headers["authorization"] = `Basic ${Buffer.from(options.auth).toString("base64")}`;
  if (headers["impersonate-user"] === "") throw new TypeError("`as` is empty: it would run as the agent itself");
  return headers;
}
