import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { OperationError } from "@muster/proto/model/failure";
import type { AgentLog } from "./control/log.ts";
import { joinFleet } from "./joining.ts";

const quiet: AgentLog = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

test("a hub whose answer was lost is asked again with the same key, at a retry as after a restart", { timeout: 20_000 }, async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "muster-joining-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const asked: string[] = [];
  const options = {
    dir,
    log: quiet,
    address: "hub:8443",
    token: "t",
    clusterUid: "u",
    proposedName: "berlin",
    agentVersion: "0.1.0",
    enroll: ({ csr }: { readonly csr: Uint8Array }) => {
      asked.push(Buffer.from(csr).toString("base64"));
      if (asked.length === 2) stop.abort();
      return Promise.reject(new OperationError(asked.length === 3 ? "unauthenticated" : "unavailable", "hub", "the answer was lost"));
    },
  };
  const stop = new AbortController();
  assert.equal(await joinFleet(options, stop.signal), undefined);
  await assert.rejects(joinFleet(options, new AbortController().signal), OperationError);
  assert.deepEqual([asked.length, new Set(asked).size], [3, 1]);
  assert.deepEqual(await readdir(dir), ["enrolling.json"]);
});
