// The agent's settings: flags over environment. All faults are reported at once; unknown flags are refused.

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { OperationError } from "@muster/proto/model/failure";

export type AgentConfig = {
  /** host:port */
  readonly hub: string;
  readonly dataDir: string;
  /** Only for the first start. */
  readonly token: string | undefined;
  readonly kubeconfig: string | undefined;
  /** Proposed at the enrolment, where the token leaves the name open. */
  readonly clusterName: string;
  /** The agent's own namespace: nothing in it is ever pruned. */
  readonly namespace: string;
  readonly logLevel: string;
};

const flags = {
  hub: { type: "string" },
  "data-dir": { type: "string" },
  "token-file": { type: "string" },
  kubeconfig: { type: "string" },
  "cluster-name": { type: "string" },
  namespace: { type: "string" },
  "log-level": { type: "string" },
  version: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

export const usage = `muster-agent: keeps one cluster as its hub's signed bundles say, also when the hub is gone

  --hub HOST:PORT       where the hub listens for agents          $MUSTER_AGENT_HUB
  --data-dir DIR        what the agent keeps                      $MUSTER_AGENT_DATA_DIR
  --token-file FILE     a join token, for the first start         $MUSTER_AGENT_TOKEN_FILE
  --kubeconfig FILE     (the pod's ServiceAccount)                $MUSTER_AGENT_KUBECONFIG
  --cluster-name NAME   proposed where the token names no cluster $MUSTER_AGENT_CLUSTER_NAME
  --namespace NAME      the agent's own namespace (muster-system) $MUSTER_AGENT_NAMESPACE
  --log-level LEVEL     debug, info (default), warn, error        $MUSTER_AGENT_LOG_LEVEL
`;

type Answer = { readonly kind: "run"; readonly config: AgentConfig } | { readonly kind: "help" } | { readonly kind: "version" };

/** Throws OperationError "invalid" that names every fault. */
export async function readConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<Answer> {
  const values = parseFlags(args);
  if (values["help"] === true) return { kind: "help" };
  if (values["version"] === true) return { kind: "version" };
  const setting = (name: keyof typeof flags): string | undefined => {
    const value = values[name] ?? env[`MUSTER_AGENT_${name.replaceAll("-", "_").toUpperCase()}`];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const faults: string[] = [];
  const hub = setting("hub") ?? "";
  if (!/^(\[[0-9a-fA-F:]+\]|[^:[\]\s]+):\d{1,5}$/.test(hub)) faults.push("--hub: host:port is needed, for example hub.example:7443");
  const dataDir = setting("data-dir") ?? "";
  if (dataDir === "") faults.push("--data-dir: a folder is needed; it holds the agent's identity and what it heals from");
  const tokenFile = setting("token-file");
  const token =
    tokenFile === undefined
      ? undefined
      : await readFile(tokenFile, "utf8").catch((error: Error) => void faults.push(`--token-file: ${error.message}`));
  const logLevel = setting("log-level") ?? "info";
  if (!["debug", "info", "warn", "error"].includes(logLevel)) faults.push("--log-level: one of debug, info, warn, error");
  if (faults.length > 0)
    throw new OperationError("invalid", "settings", `cannot start with these settings:\n${faults.map((fault) => `  ${fault}`).join("\n")}`);
  return {
    kind: "run",
    config: {
      hub,
      dataDir: resolve(dataDir),
      token: token?.trim(),
      kubeconfig: setting("kubeconfig"),
      clusterName: setting("cluster-name") ?? "",
      namespace: setting("namespace") ?? "muster-system",
      logLevel,
    },
  };
}

function parseFlags(args: readonly string[]): { readonly [name: string]: string | boolean | undefined } {
  try {
    return parseArgs({ args: [...args], options: flags, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new OperationError("invalid", "settings", `${(error as Error).message}\n\n${usage}`, error);
  }
}
