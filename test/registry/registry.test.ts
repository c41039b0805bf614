import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { packChart, pullChart, pushChart } from "./charts.ts";
import { startRegistry, USER } from "./registry.ts";

const password = ["--username", USER.name, "--password", USER.password];

for (const auth of ["none", "password", "token"] as const) {
  test(`what helm pushes to a registry with sign-in "${auth}" over TLS, helm pulls again`, async (t) => {
    const dir = await mkdtemp(join(tmpdir(), "muster-registry-test-"));
    t.after(() => rm(dir, { recursive: true, force: true }));
    await using registry = await startRegistry({ auth, tls: true });
    const archive = await packChart(dir, { name: "shop", version: "1.2.3" });
    const options = ["--ca-file", registry.caFile ?? "", ...(auth === "none" ? [] : password)];
    await pushChart(archive, `oci://${registry.host}/team`, options);
    assert.deepEqual(await pullChart([`oci://${registry.host}/team/shop`, "--version", "1.2.3", ...options]), await readFile(archive));
    if (auth !== "none")
      await assert.rejects(pullChart([`oci://${registry.host}/team/shop`, "--version", "1.2.3", ...options.slice(0, 2)]));
  });
}
