// The hub's configuration: one file, overridden by the environment. All faults are reported at once, unknown keys among them (B64).

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { load as loadYaml } from "js-yaml";
import * as z from "zod";

import { networkSchema } from "./network.ts";

export { readNetwork } from "./network.ts";
export { readSecret, readSourceSecret, type SourceSecret } from "./secrets.ts";

import { OperationError } from "@muster/proto/model/failure";

const address = z.object({ host: z.string().default("0.0.0.0"), port: z.number().int().min(0).max(65_535) }).strict();
const durationMs = z
  .string()
  .regex(/^\d{1,6}(ms|s|m|h)$/, "a duration such as 500ms, 30s, 10m, 24h")
  .transform(
    (text) => Number.parseInt(text, 10) * { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[text.replace(/^\d+/, "") as "ms" | "s" | "m" | "h"],
  );

const schema = z
  .object({
    fleet: z.string().min(1).max(63),
    dataDir: z.string().min(1),
    listen: z
      .object({
        agents: address.default({ host: "0.0.0.0", port: 7443 }),
        api: address.default({ host: "127.0.0.1", port: 7080 }),
        /** Names and addresses that agents reach the hub by: they go into its certificate. */
        names: z.array(z.string().min(1)).default(["localhost", "127.0.0.1"]),
      })
      .strict()
      .prefault({}),
    root: z
      .object({
        git: z.string().min(1),
        revision: z.string().min(1).nullable().default(null),
        path: z.string().default("."),
        secretRef: z.string().min(1).nullable().default(null),
        poll: durationMs.prefault("60s"),
        insecure: z.boolean().default(false),
        submodules: z.boolean().default(false),
        mirrors: z.array(z.string().min(1)).max(10).default([]),
        /** What Apps of the root Source may fetch from elsewhere. */
        remotes: z
          .array(z.object({ url: z.string().min(1), secretRef: z.string().min(1).nullable().default(null) }).strict())
          .max(100)
          .default([]),
      })
      .strict(),
    secretsDir: z.string().min(1).nullable().default(null),
    webhooks: z
      .array(
        z
          .object({
            forge: z.enum(["github", "gitlab", "gitea", "forgejo", "bitbucket", "bitbucketServer", "azureDevOps"]),
            secretRef: z.string().min(1),
          })
          .strict(),
      )
      .default([]),
    /** How long an App that is gone from Git stays before its objects are deleted; how long a cluster that left a selector keeps them. */
    removeDelay: durationMs.prefault("30m"),
    leaveDelay: durationMs.prefault("24h"),
    render: z
      .object({
        workers: z.number().int().min(1).max(64).default(1),
        timeout: durationMs.prefault("60s"),
        memoryMb: z.number().int().min(64).default(1_024),
      })
      .strict()
      .prefault({}),
    staleAfter: durationMs.prefault("90s"),
    network: networkSchema.prefault({}),
    git: z
      .object({
        /** Fetch files only when they are read. Needs a git program, and servers that can. */
        partial: z.boolean().default(false),
      })
      .strict()
      .prefault({}),
  })
  .strict();

export type HubConfig = z.output<typeof schema>;

const environment: Readonly<Record<string, readonly string[]>> = {
  MUSTER_HUB_FLEET: ["fleet"],
  MUSTER_HUB_DATA_DIR: ["dataDir"],
  MUSTER_HUB_SECRETS_DIR: ["secretsDir"],
  MUSTER_HUB_ROOT_GIT: ["root", "git"],
  MUSTER_HUB_ROOT_REVISION: ["root", "revision"],
};

/** Reads the file, puts the environment over it, and checks all of it. Throws OperationError "invalid" that names every faulty key. */
export async function readConfig(file: string, env: Readonly<Record<string, string | undefined>>): Promise<HubConfig> {
  let value: unknown;
  try {
    value = loadYaml(await readFile(file, "utf8"), { filename: file }) ?? {};
  } catch (error) {
    throw new OperationError("invalid", file, `cannot read the hub's configuration ${file}: ${(error as Error).message}`, error);
  }
  for (const [name, path] of Object.entries(environment)) {
    const text = env[name];
    if (text !== undefined) setAt(value as Record<string, unknown>, path, text);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `  ${issue.path.join(".") || "(file)"}: ${issue.message}`);
    throw new OperationError(
      "invalid",
      file,
      `the hub's configuration ${file} has ${faults.length === 1 ? "a fault" : `${faults.length} faults`}:\n${faults.join("\n")}`,
    );
  }
  const config = parsed.data;
  return { ...config, dataDir: resolve(config.dataDir), secretsDir: config.secretsDir === null ? null : resolve(config.secretsDir) };
}

function setAt(value: Record<string, unknown>, path: readonly string[], text: string): void {
  let at = value;
  for (const key of path.slice(0, -1)) at = (at[key] ??= {}) as Record<string, unknown>;
  at[path.at(-1) ?? ""] = text;
}
