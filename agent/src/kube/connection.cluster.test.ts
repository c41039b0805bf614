// The connection to a real API server under faults: refused credentials, many watches, a killed server, a frozen server, a frozen store.

import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { OperationError } from "@muster/proto/model/failure";
import type { JsonObject } from "@muster/proto/model/json";
import { startControlPlane, type ControlPlane } from "../../../test/controlplane/controlplane.ts";
import { connectKube, type Kube, type KubeActions } from "./kube.ts";
import { startLine } from "./testdata/cut-line.ts";
import { isKind, mappingOf, nameOf, startWatch, tells } from "./testdata/seen.ts";

const impatient = { watchBackoffMinMs: 10, watchBackoffMaxMs: 100, relistJitterMinMs: 1, relistJitterMaxMs: 10 };

let plane: ControlPlane;
let kube: Kube;

before(async () => {
  plane = await startControlPlane({ name: "connection" });
  kube = await connectKube({ kubeconfig: plane.kubeconfig, limits: impatient });
});

after(async () => {
  await kube?.close();
  await plane?.stop();
});

test("8 a 401 costs one session, running watches and later requests go on", async () => {
  const tokenFile = join(plane.dir, "token");
  await writeFile(tokenFile, plane.adminToken);
  await using turning = await connectKube({ kubeconfig: await withTokenFile(tokenFile), limits: { ...impatient, tokenMaxAgeMs: 0 } });
  await using seen = startWatch(turning, mappingOf(turning, "", "ConfigMap"), { labelSelector: "set=watched" });
  await seen.next(isKind("synced"));
  await put(turning, "before");
  await seen.next(tells("changed", "before"));
  await writeFile(tokenFile, "nobody");
  await rejects(put(turning, "refused"), failsWith("unauthenticated"));
  await writeFile(tokenFile, plane.adminToken);
  await put(turning, "after");
  await seen.next(tells("changed", "after"));
  deepEqual(
    seen.events.filter((event) => event.kind === "interrupted"),
    [],
  );
});

test("9 with 100 watches open, writes flow and each watch tells", async () => {
  await using line = await startLine(plane.url, plane.kubeconfig);
  await using many = await connectKube({ kubeconfig: line.kubeconfig, limits: impatient });
  await using all = new AsyncDisposableStack();
  const watches = Array.from({ length: 100 }, (_, i) =>
    all.use(startWatch(many, mappingOf(many, "", "ConfigMap"), { labelSelector: `nr=${i}` })),
  );
  await Promise.all(watches.map((seen) => seen.next(isKind("synced"))));
  const names = watches.map((_, i) => `of-watch-${i}`);
  await Promise.all(names.map((name, i) => apply(many, configMap(name, { nr: String(i) }))));
  await Promise.all(watches.map((seen, i) => seen.next(tells("changed", names[i] ?? ""))));
  // One session for requests, two for 100 watches of at most 80 each.
  equal(line.connections(), 3);
});

test(
  "F44 kill -9 of the API server during writes: after its return all is written once, and the watch has seen it",
  { timeout: 120_000 },
  async () => {
    await using seen = startWatch(kube, mappingOf(kube, "", "ConfigMap"), { labelSelector: "set=killed" });
    await seen.next(isKind("synced"));
    const names = Array.from({ length: 300 }, (_, i) => `killed-${i}`);
    const queue = [...names];
    const failures = new Set<string>();
    const work = async (): Promise<void> => {
      for (let name = queue.shift(); name !== undefined; name = queue.shift())
        failures.add(await persist(configMap(name, { set: "killed" })));
    };
    const working = Promise.all(Array.from({ length: 8 }, work));
    await until(async () => queue.length < 250);
    await plane.kill("kube-apiserver");
    ok(queue.length > 0, "it has to die in the middle");
    await plane.restart("kube-apiserver");
    await working;
    deepEqual(
      [...failures].filter((code) => code !== "none"),
      ["unavailable"],
    );
    const { items } = await kube.list(mappingOf(kube, "", "ConfigMap"), { labelSelector: "set=killed" });
    deepEqual(new Set(items.map(nameOf)), new Set(names));
    const told = new Set<string>();
    while (told.size < names.length) {
      const event = await seen.next(() => true);
      if (event.kind === "changed") told.add(nameOf(event.object));
      if (event.kind === "synced") for (const item of event.items) told.add(nameOf(item));
    }
  },
);

test("F45 a frozen store: a write ends as unavailable, its outcome not known; later it goes through", async () => {
  await using hasty = await connectKube({ kubeconfig: plane.kubeconfig, limits: { writeTimeoutMs: 1_000 } });
  plane.pause("etcd");
  try {
    await rejects(put(hasty, "frozen"), (error) => failsWith("unavailable")(error) && /not known/.test((error as Error).message));
  } finally {
    plane.resume("etcd");
  }
  await persist(configMap("frozen", {}), hasty);
});

test("a frozen API server is noticed by a PING without an answer, and a new session is opened when it is back", async () => {
  await using pinging = await connectKube({ kubeconfig: plane.kubeconfig, limits: { ...impatient, pingEveryMs: 200, pingAnswerMs: 800 } });
  await using seen = startWatch(pinging, mappingOf(pinging, "", "ConfigMap"), { labelSelector: "set=watched" });
  await seen.next(isKind("synced"));
  await put(pinging, "warm");
  await seen.next(tells("changed", "warm"));
  plane.pause("kube-apiserver");
  try {
    const event = await seen.next(isKind("interrupted"));
    ok(event.kind === "interrupted" && /PING/.test(event.error.message));
  } finally {
    plane.resume("kube-apiserver");
  }
  await put(pinging, "thawed");
  await seen.next(tells("changed", "thawed"));
});

function configMap(name: string, labels: JsonObject): JsonObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default", labels }, data: { a: "1" } };
}

async function apply(by: KubeActions, object: JsonObject): Promise<void> {
  const result = await by.apply(object, { force: true });
  equal(result.kind, "applied", JSON.stringify(result));
}

function put(by: KubeActions, name: string): Promise<void> {
  return apply(by, configMap(name, { set: "watched" }));
}

/** Applies until it is applied. The code of the last failure, or "none". */
async function persist(object: JsonObject, by: KubeActions = kube): Promise<string> {
  let failure = "none";
  for (;;) {
    try {
      const result = await by.apply(object);
      if (result.kind === "applied") return failure;
      failure = result.kind === "refused" && result.retry === "later" ? failure : result.kind;
    } catch (error) {
      failure = error instanceof OperationError ? error.code : String(error);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function withTokenFile(tokenFile: string): Promise<string> {
  const text = await readFile(plane.kubeconfig, "utf8");
  const path = `${plane.kubeconfig}-with-token-file`;
  await writeFile(path, text.replace(/"?\btoken"?: *"?[^\s"]+"?/, `tokenFile: ${tokenFile}`));
  return path;
}

function failsWith(code: OperationError["code"]): (error: unknown) => boolean {
  return (error) => error instanceof OperationError && error.code === code;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 2));
}
