// Killed with SIGKILL after every write, on a real API server and a real disk: the end is always the same.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import type { JsonObject } from "@muster/proto/model/json";

import { startControlPlane, type ControlPlane } from "../../../test/controlplane/controlplane.ts";
import type { ChildOrder, ChildReport } from "./crash-child.ts";
import { configMap, keyFor, type BundleSpec } from "./rig.ts";

let plane: ControlPlane;
before(async () => (plane = await startControlPlane({ name: "crash" })));
after(async () => await plane.stop());

const child = fileURLToPath(new URL("./crash-child.ts", import.meta.url));

let generation = 0;

/** Runs an agent to its end. Null when it was killed. */
function run(given: Omit<ChildOrder, "kubeconfig" | "generation">): Promise<ChildReport | null> {
  generation += 1;
  const order: ChildOrder = { ...given, kubeconfig: plane.kubeconfig, generation };
  return new Promise((resolve, reject) => {
    const agent = spawn(process.execPath, [child, JSON.stringify(order)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    agent.stdout.on("data", (chunk: Buffer) => (said += chunk.toString("utf8")));
    agent.on("error", reject);
    agent.on("close", (code, signal) => {
      if (signal === "SIGKILL") resolve(null);
      else if (code === 0) resolve(JSON.parse(said) as ChildReport);
      else reject(new Error(`the agent ended with ${code}`));
    });
  });
}

type Live = {
  readonly items: readonly { readonly metadata: { readonly name: string; readonly uid: string }; readonly data?: JsonObject }[];
};

async function liveIn(namespace: string): Promise<Live["items"]> {
  const text = await plane.kubectl(["get", "configmaps", "-n", namespace, "-l", "muster.dev/app", "-o", "json"]);
  return (JSON.parse(text) as Live).items;
}

const policy = { namespace: "crash" };
const map = (name: string, v: string): JsonObject => configMap("crash", name, { v });

/** Two states that an agent is sent between: an object changes, one comes, one goes, and an App comes or goes. */
const states: readonly BundleSpec[] = [
  {
    apps: {
      a: { objects: [map("stays", "1"), map("changes", "1"), map("only-first", "1")], policy },
      b: { objects: [map("b", "1")], policy },
    },
  },
  {
    apps: { a: { objects: [map("stays", "1"), map("changes", "2"), map("only-second", "1")], policy } },
    tombstones: [{ app: keyFor("b"), mode: "delete", notBefore: "2020-01-01T00:00:00Z" }],
  },
];
const wanted: readonly { readonly [name: string]: string }[] = [
  { stays: "1", changes: "1", "only-first": "1", b: "1" },
  { stays: "1", changes: "2", "only-second": "1" },
];

test("I10, F59: killed after each write in turn, restarted, the end is the same: no orphan, no double, no lost entry", async () => {
  const dir = await mkdtemp(join(tmpdir(), "muster-crash-"));
  try {
    await run({ dir, spec: states[0] as BundleSpec });
    const uids = new Map((await liveIn("crash")).map(({ metadata }) => [metadata.name, metadata.uid]));
    let killed = 0;
    for (let write = 1, lived = 0; lived < 2; write += 1) {
      const to = write % 2;
      const first = await run({ dir, spec: states[to] as BundleSpec, dieAfter: write });
      if (first === null) killed += 1;
      else lived += 1;
      const report = first ?? (await run({ dir, spec: states[to] as BundleSpec }));
      const live = await liveIn("crash");
      assert.deepEqual(
        Object.fromEntries(live.map(({ metadata, data }) => [metadata.name, data?.["v"]])),
        wanted[to],
        `after write ${write}`,
      );
      assert.deepEqual(
        report?.inventory,
        Object.keys(wanted[to] ?? {})
          .toSorted()
          .map((name) => `/ConfigMap/crash/${name} applied`),
        `after write ${write}`,
      );
      for (const { metadata } of live.filter(({ metadata: { name } }) => name === "stays" || name === "changes"))
        assert.equal(metadata.uid, uids.get(metadata.name), `${metadata.name} is the same object after write ${write}`);
    }
    assert.ok(killed >= 3, `it was killed ${killed} times`);
    const again = await run({ dir, spec: states[1] as BundleSpec });
    const third = await run({ dir, spec: states[1] as BundleSpec });
    assert.deepEqual(third?.writes, [], `after ${again?.writes.length} writes it is at rest`);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test("I10: killed right after an object was created, and then sent another bundle: the object is no orphan", async () => {
  const dir = await mkdtemp(join(tmpdir(), "muster-orphan-"));
  const keep = ["k1", "k2", "k3"].map((name) => configMap("orphan", name, {}));
  const app = (...more: JsonObject[]): BundleSpec => ({ apps: { web: { objects: [...keep, ...more], policy: { namespace: "orphan" } } } });
  try {
    await run({ dir, spec: app() });
    assert.equal(await run({ dir, spec: app(configMap("orphan", "short-lived", {})), dieAt: "short-lived" }), null);
    assert.equal((await liveIn("orphan")).length, 4);
    const report = await run({ dir, spec: app() });
    assert.ok(report?.writes.includes("remove ConfigMap orphan/short-lived"));
    assert.equal((await liveIn("orphan")).length, 3);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test("F64: an App that crashes the agent three times stays at its last healthy Release; the others go on", async () => {
  const dir = await mkdtemp(join(tmpdir(), "muster-poison-"));
  const good = (v: string): BundleSpec["apps"][string] => ({
    objects: [configMap("poison", "good", { v })],
    policy: { namespace: "poison" },
  });
  const bad = (v: string, ...more: JsonObject[]): BundleSpec["apps"][string] => ({
    objects: [configMap("poison", "bad", { v }), ...more],
    policy: { namespace: "poison" },
  });
  try {
    await run({ dir, spec: { apps: { bad: bad("1"), good: good("1") } } });
    const spec = { apps: { bad: bad("2", configMap("poison", "crasher", {})), good: good("2") } };
    for (let i = 0; i < 3; i += 1) assert.equal(await run({ dir, spec, dieAt: "crasher" }), null);
    const report = await run({ dir, spec, dieAt: "crasher" });
    assert.deepEqual(report?.reasons, { "default//bad": "Poison", "default//good": "Synced" });
    const data = Object.fromEntries((await liveIn("poison")).map(({ metadata, data: found }) => [metadata.name, found?.["v"]]));
    assert.deepEqual([data["bad"], data["good"]], ["1", "2"]);
    const fixed = await run({ dir, spec: { apps: { bad: bad("3"), good: good("2") } } });
    assert.equal(fixed?.reasons["default//bad"], "Synced");
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
