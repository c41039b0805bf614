// What the configuration says of the network: a proxy, what goes past it, what of the hub's own machine may be asked. Without a word on a
// proxy the environment counts, as it does for other programs.

import * as z from "zod";

import { OperationError } from "@muster/proto/model/failure";

import { isNeverAllowed, parseProxy, parseRange, type Network, type ProxyServer } from "../network/network.ts";
import { readSourceSecret } from "./secrets.ts";

const fromEnvironment = "environment";
const proxyForm = "must be http://host:port; user and password go to network.proxySecretRef";

export const networkSchema = z
  .object({
    /** null: none, whatever the environment says. */
    proxy: z
      .string()
      .refine((text) => text === fromEnvironment || (/^http:\/\/[^@]*$/.test(text) && parseProxy(text) !== null), proxyForm)
      .nullable()
      .default(fromEnvironment),
    proxySecretRef: z.string().min(1).nullable().default(null),
    noProxy: z
      .array(z.string().regex(/^[^\s,]+$/, "a host, .domain, host:port, IP, range of IPs, or *"))
      .max(1_000)
      .default([]),
    allow: z
      .array(
        z.string().superRefine((text, context) => {
          const range = parseRange(text);
          if (range === null) context.addIssue("must be a range of IP addresses, such as 127.0.0.0/8");
          else if (isNeverAllowed(range)) context.addIssue("link-local, metadata and group addresses are never asked");
        }),
      )
      .max(100)
      .default([]),
  })
  .strict()
  .refine(({ proxy, proxySecretRef }) => proxySecretRef === null || (proxy !== null && proxy !== fromEnvironment), {
    path: ["proxySecretRef"],
    message: "has no meaning without a network.proxy of its own",
  });

export type NetworkSettings = z.output<typeof networkSchema>;
type Proxies = Pick<Network, "http" | "https" | "noProxy">;
type Environment = Readonly<Record<string, string | undefined>>;

/** The hub's own machine is asked without a proxy: another's loopback is somewhere else. */
const alwaysDirect = ["localhost", "127.0.0.0/8", "::1"];

/** HTTPS_PROXY, HTTP_PROXY, NO_PROXY, or the same in lower case. Throws OperationError "invalid" that names the variable, not its value. */
function proxiesOf(env: Environment): Proxies {
  const { https_proxy: https, http_proxy: http, no_proxy: no } = env;
  return {
    https: proxyIn("HTTPS_PROXY", env["HTTPS_PROXY"] ?? https),
    http: proxyIn("HTTP_PROXY", env["HTTP_PROXY"] ?? http),
    noProxy: (env["NO_PROXY"] ?? no ?? "").split(/[\s,]+/).filter((rule) => rule !== ""),
  };
}

function proxyIn(name: string, text = ""): ProxyServer | null {
  if (text === "") return null;
  const proxy = parseProxy(text);
  if (proxy !== null) return proxy;
  throw new OperationError("invalid", name, `cannot use the proxy in ${name}: it is no http://[user:password@]host:port`, undefined, {
    code: "E_PROXY",
    remedy: `correct ${name}, or say network.proxy in the hub's configuration (null for none)`,
  });
}

/** The network as it is now: the proxy's secret is read anew. Throws what reading a secret throws, and "invalid" with E_PROXY for the environment's. */
export async function readNetwork(
  { network, secretsDir }: { readonly network: NetworkSettings; readonly secretsDir: string | null },
  env: Environment,
): Promise<Network> {
  const { proxy, proxySecretRef, noProxy, allow } = network;
  const direct = [...noProxy, ...alwaysDirect];
  if (proxy === fromEnvironment) {
    const proxies = proxiesOf(env);
    return { ...proxies, noProxy: [...proxies.noProxy, ...direct], allow };
  }
  if (proxy === null) return { http: null, https: null, noProxy: direct, allow };
  const credentials = proxySecretRef === null ? undefined : await proxyCredentials(secretsDir, proxySecretRef);
  const server = { url: proxy, credentials };
  return { http: server, https: server, noProxy: direct, allow };
}

async function proxyCredentials(dir: string | null, ref: string): Promise<ProxyServer["credentials"]> {
  const { credentials } = await readSourceSecret(dir, ref);
  if (credentials?.kind === "basic") return credentials;
  throw new OperationError("invalid", ref, `the secret ${ref} of the proxy holds no username and password`, undefined, {
    code: "E_SECRET",
    remedy: "make it a folder with the files username and password",
  });
}
