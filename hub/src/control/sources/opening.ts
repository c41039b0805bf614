// Opens what an address names: with its secret, in a folder of its own.

import { join } from "node:path";

import { OperationError } from "@muster/proto/model/failure";
import { openSource } from "../../git/git.ts";
import type { HubLog } from "../log.ts";
import { contentFolder, type ContentAddress } from "./content.ts";
import type { Watched } from "./watch.ts";

export type OpeningOptions = {
  readonly dataDir: string;
  /** Reads a secret by its ref; read anew at each opening. */
  readonly secret: (ref: string) => Promise<Pick<Parameters<typeof openSource>[0]["address"], "credentials" | "ca">>;
  readonly log: HubLog;
};

export async function openContent({ dataDir, secret, log }: OpeningOptions, address: ContentAddress): Promise<Watched> {
  const { key, kind, url, revision, secretRef, insecure } = address;
  const own = secretRef === null ? {} : await secret(secretRef);
  if (kind === "git") {
    const dir = join(dataDir, "git", contentFolder(key));
    return openSource({ dir, address: { name: key, url, revision, insecure, ...own }, log });
  }
  throw new OperationError("invalid", key, `cannot fetch ${kind} yet`);
}
