// The harness itself, on real control planes: ready, with rights, with controllers, through faults, and gone afterwards.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access } from "node:fs/promises";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startControlPlane, startFleet, type Component, type ControlPlane } from "./controlplane.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));

let plane: ControlPlane;
before(async () => {
  plane = await startControlPlane({ name: "full", controllers: true, users: [{ name: "reader" }] });
});
after(() => plane.stop());

test("the API server is the pinned release and says so", async () => {
  assert.match(await plane.kubectl(["version"]), /Server Version: v1\.36\./);
});

test("with controllers a Deployment becomes Available, a Job finishes and a namespace goes", async () => {
  await plane.kubectl(["create", "namespace", "shop"]);
  await plane.kubectl(["create", "deployment", "web", "--image=example.test/web", "--replicas=3", "--namespace=shop"]);
  await plane.kubectl(["create", "job", "migrate", "--image=example.test/migrate", "--namespace=shop"]);
  await plane.kubectl(["wait", "--for=condition=Available", "deployment/web", "--namespace=shop", "--timeout=120s"]);
  await plane.kubectl(["wait", "--for=condition=Complete", "job/migrate", "--namespace=shop", "--timeout=120s"]);
  await plane.kubectl(["delete", "namespace", "shop", "--timeout=120s"]);
  assert.equal(await plane.kubectl(["get", "namespace", "shop", "--ignore-not-found", "--output=name"]), "");
});

/** Annotation, and where the Pod must end up: a jsonpath and its value. */
const MISBEHAVIOUR: readonly (readonly [string, string, string])[] = [
  ["hang", "{.status.containerStatuses[0].state.waiting.reason}", "ContainerCreating"],
  ["image", "{.status.containerStatuses[0].state.waiting.reason}", "ImagePullBackOff"],
  ["unready", "{.status.conditions[?(@.type=='Ready')].reason}", "ContainersNotReady"],
  ["crash", "{.status.containerStatuses[0].state.waiting.reason}", "CrashLoopBackOff"],
  ["fail", "{.status.phase}", "Failed"],
];

test("a Pod misbehaves as its annotation says", async () => {
  for (const [kind] of MISBEHAVIOUR) await plane.kubectl(["apply", "-f", "-"], pod(kind));
  for (const [kind, path, value] of MISBEHAVIOUR) {
    await plane.kubectl(["wait", `--for=jsonpath=${path}=${value}`, `pod/${kind}`, "--timeout=120s"]);
  }
});

function pod(kind: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: kind, namespace: "default", annotations: { "muster.test/pod": kind } },
    spec: { containers: [{ name: "main", image: "example.test/main" }] },
  });
}

test("users and service accounts have the rights that RBAC gives them and no others", async () => {
  await plane.kubectl(["create", "clusterrolebinding", "reader", "--clusterrole=view", "--user=reader"]);
  const reader = await plane.kubeconfigFor("reader");
  const account = await plane.kubeconfigForServiceAccount("default", "default");
  const may = (kubeconfig: string, verb: string): Promise<string> =>
    plane.kubectl([`--kubeconfig=${kubeconfig}`, "auth", "can-i", verb, "configmaps"]).catch((error: unknown) => String(error));
  assert.match(await may(reader, "list"), /^yes/);
  assert.match(await may(reader, "delete"), /no/);
  assert.match(await may(account, "list"), /no/);
  await assert.rejects(plane.kubeconfigFor("nobody"), /without a user nobody/);
});

test("a killed component comes back at the same address with its data, a paused one answers again when resumed", async () => {
  await plane.kubectl(["create", "configmap", "kept", "--from-literal=a=1"]);
  for (const component of ["kube-apiserver", "etcd"] as const satisfies readonly Component[]) {
    const first = plane.pids()[component];
    await plane.kill(component);
    assert.equal(plane.pids()[component], undefined);
    await plane.restart(component);
    assert.notEqual(plane.pids()[component], first);
    assert.equal(await plane.kubectl(["get", "configmap", "kept", "--output=jsonpath={.data.a}"]), "1");
  }
  plane.pause("kube-apiserver");
  await assert.rejects(plane.kubectl(["get", "--raw=/readyz", "--request-timeout=1s"]));
  plane.resume("kube-apiserver");
  assert.equal(await plane.kubectl(["get", "--raw=/readyz"]), "ok");
});

test("a fleet is ready together and gone together, with its folders", async () => {
  const fleet = await startFleet(["one", "two"]);
  const pids = fleet.members.flatMap((member) => Object.values(member.pids()));
  assert.equal(pids.length, 4);
  assert.notEqual(fleet.get("one").url, fleet.get("two").url);
  assert.throws(() => fleet.get("three"), /no control plane three/);
  await fleet.stop();
  assert.deepEqual(pids.filter(isAlive), []);
  for (const member of fleet.members) await assert.rejects(access(member.dir), { code: "ENOENT" });
});

test("an aborted signal ends a control plane", async () => {
  const ending = new AbortController();
  const aborted = await startControlPlane({ name: "aborted", signal: ending.signal });
  const pids = Object.values(aborted.pids());
  ending.abort();
  await gone(pids, aborted.dir);
});

test("kill -9 of the process that started it leaves no process and no folder, not even of a paused component", async () => {
  const child = spawn(process.execPath, [MAIN, "orphan"], { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const said = JSON.parse(line) as { readonly kubeconfig: string; readonly pids: Readonly<Record<string, number>> };
  const pids = Object.values(said.pids);
  assert.deepEqual(pids.map(isAlive), [true, true]);
  process.kill(said.pids["kube-apiserver"] ?? 0, "SIGSTOP");
  child.kill("SIGKILL");
  await gone(pids, said.kubeconfig);
});

/** Waits until none of the processes lives and the path is gone; the test's own time-out ends it otherwise. */
async function gone(pids: readonly number[], path: string): Promise<void> {
  const exists = (): Promise<boolean> =>
    access(path).then(
      () => true,
      () => false,
    );
  while (pids.some(isAlive) || (await exists())) await sleep(50);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
