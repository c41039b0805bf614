// What an agent proves of an App that a rollout watches, on a real API server. The test plays the controllers and the kubelet: it writes
// the ReplicaSet, the pods and how they fare. Time is a clock of the test: it runs, faster than ours, until the last one stops it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { pinDigest } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import type { Soak } from "@muster/proto/model/status";
import { startFleet } from "../../../test/controlplane/controlplane.ts";
import { deployment, keyFor, Rig } from "./rig.ts";

const app = keyFor("shop");
const web = deployment("shop", "web");
const spec = { apps: { shop: { objects: [web], policy: { namespace: "shop" } } } };
const clock = { ms: 1_000 };
const ticks = setInterval(() => (clock.ms += 50), 10);
let fleet: Awaited<ReturnType<typeof startFleet>>;
let rig: Rig;
let pin: Digest;

const kubectl = (args: readonly string[], input?: string): Promise<string> => fleet.get("one").kubectl(args, input);
const make = (...items: readonly JsonObject[]): Promise<string> =>
  kubectl(["create", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
const setStatus = (kind: string, name: string, status: JsonObject): Promise<string> =>
  kubectl(["patch", kind, name, "-n", "shop", "--subresource=status", "--type=merge", "-p", JSON.stringify({ status })]);
const metadataOf = (object: JsonObject | null): JsonObject => {
  const metadata = object?.["metadata"];
  return isJsonObject(metadata) ? metadata : assert.fail("it is not there");
};
const uidOf = (object: JsonObject | null): string => String(metadataOf(object)["uid"]);

function owned(
  apiVersion: string,
  kind: string,
  name: string,
  owner: readonly [kind: string, name: string, uid: string],
  more: JsonObject,
): JsonObject {
  const [ownerKind, ownerName, uid] = owner;
  const ownerReferences = [{ apiVersion: "apps/v1", kind: ownerKind, name: ownerName, uid, controller: true }];
  const annotations = { "deployment.kubernetes.io/revision": "1" };
  const labels = { app: "web", "pod-template-hash": "h1" };
  return { apiVersion, kind, metadata: { name, namespace: "shop", labels, annotations, ownerReferences }, ...more };
}

const podSpec = { containers: [{ name: "web", image: "nginx:1" }] };
const webPod = async (name: string): Promise<JsonObject> => {
  const set = await rig.live({ group: "apps", kind: "ReplicaSet", namespace: "shop", name: "web-h1" });
  return owned("v1", "Pod", name, ["ReplicaSet", "web-h1", uidOf(set)], { spec: podSpec });
};

/** How the pod's only container fares. */
const fares = (name: string, restartCount: number, states: { readonly [name: string]: JsonValue } = {}): Promise<string> => {
  const status = { name: "web", image: "nginx:1", imageID: "", ready: false, restartCount, ...states };
  return setStatus("pod", name, { containerStatuses: [status] });
};

const soak = (is: (soak: Soak) => boolean): Promise<Soak> =>
  rig.until(
    () => {
      const found = rig.body.soakOf(app, pin);
      return found !== null && is(found) ? found : null;
    },
    () => JSON.stringify([rig.body.soakOf(app, pin), rig.body.statuses().get(app)]),
    60_000,
  );

/** Lets time go by until the App is proven once more. */
async function proven(times: number): Promise<void> {
  await rig.until(
    () => {
      clock.ms += 1_000;
      return rig.proven.length >= times ? true : null;
    },
    undefined,
    60_000,
  );
}

before(async () => {
  fleet = await startFleet(["one"]);
  rig = await Rig.start({ kubeconfig: fleet.get("one").kubeconfig, body: { monotonicMs: () => clock.ms, podLooksEveryMs: 20 } });
  await rig.accept(spec, ({ reason }) => reason === "Progressing");
  const [first] = (await rig.bundle(spec)).apps;
  pin = first === undefined ? assert.fail("no App") : pinDigest(first);
  const owner = ["Deployment", "web", uidOf(await rig.live(web))] as const;
  const template = { metadata: { labels: { app: "web", "pod-template-hash": "h1" } }, spec: podSpec };
  await make(
    owned("apps/v1", "ReplicaSet", "web-h1", owner, {
      spec: { selector: { matchLabels: { app: "web", "pod-template-hash": "h1" } }, template },
    }),
  );
  await make(await webPod("web-1"), {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "stranger", namespace: "shop", labels: { app: "web", "pod-template-hash": "h1" } },
    spec: podSpec,
  });
  await fares("web-1", 0);
  await fares("stranger", 9, { state: { waiting: { reason: "CrashLoopBackOff" } } });
  await kubectl(["annotate", "deployment", "web", "-n", "shop", "deployment.kubernetes.io/revision=1"]);
  await setStatus("deployment", "web", {
    observedGeneration: Number(metadataOf(await rig.live(web))["generation"]), // an annotation is a new generation of a Deployment
    replicas: 1,
    updatedReplicas: 1,
    readyReplicas: 1,
    availableReplicas: 1,
    conditions: [
      { type: "Available", status: "True", reason: "MinimumReplicasAvailable" },
      { type: "Progressing", status: "True", reason: "NewReplicaSetAvailable" },
    ],
  });
  await rig.status(app, ({ reason }) => reason === "Synced", 60_000);
});
after(async () => {
  clearInterval(ticks);
  await rig?.[Symbol.asyncDispose]();
  await fleet?.stop();
});

test("an App that is watched proves its time, and says so at once and once; a restart begins it anew", async () => {
  assert.equal(rig.body.soakOf(app, pin), null, "nobody observes it yet");
  rig.body.observe([{ app, pin, healthyForMs: 120_000 }], true);
  await proven(1);
  const whole = await soak(({ pods }) => pods !== null);
  assert.ok(whole.healthyForMs >= 120_000);
  assert.deepEqual(whole.pods, { sampled: 1, total: 1, restarted: 0, crashLoops: 0, oomKills: 0 });
  rig.body.observe([{ app, pin, healthyForMs: 120_000 }], false);
  assert.equal(rig.proven.length, 1, "the same list is no news");
  rig.body.observe([{ app, pin, healthyForMs: 120_000 }], true);
  assert.equal(rig.proven.length, 2, "a hub that comes back is told again");
  const reports = rig.reports.length;
  await fares("web-1", 1);
  const broken = await soak(({ pods }) => pods?.restarted === 1);
  assert.ok(broken.healthyForMs < whole.healthyForMs, `${broken.healthyForMs} ms`);
  await proven(3);
  assert.equal(rig.reports.length, reports, "a soak that comes and goes changes no status");
});

test("a pod that crashes again and again fails its App at once, as long as it is watched", async () => {
  await fares("web-1", 4, { state: { waiting: { reason: "CrashLoopBackOff" } } });
  const crashed = await rig.status(app, ({ reason }) => reason === "CrashLooping", 60_000);
  assert.deepEqual([crashed.health, /web-1/.test(crashed.message)], ["degraded", true]);
  assert.deepEqual(await soak(({ healthyForMs }) => healthyForMs === 0), {
    healthyForMs: 0,
    pods: { sampled: 1, total: 1, restarted: 4, crashLoops: 1, oomKills: 0 },
  });
  rig.body.observe([], false);
  await rig.status(app, ({ reason }) => reason === "Synced", 60_000);
  assert.equal(rig.body.soakOf(app, pin), null);
});

test("an agent that starts again has proven nothing, and does not count what was before", async () => {
  await rig.end();
  await rig.begin();
  rig.body.observe([{ app, pin, healthyForMs: 120_000 }], true);
  await rig.accept(spec);
  const fresh = await soak(({ pods }) => pods !== null);
  assert.ok(fresh.healthyForMs < 120_000, `${fresh.healthyForMs} ms`);
  assert.deepEqual(fresh.pods, { sampled: 1, total: 1, restarted: 0, crashLoops: 0, oomKills: 0 });
});

test("containers that run out of memory again fail their App", async () => {
  const kill = (containerID: string): JsonObject => ({ terminated: { exitCode: 137, reason: "OOMKilled", containerID } });
  await make(await webPod("web-2"));
  await fares("web-2", 1, { lastState: kill("containerd://k1"), state: kill("containerd://k2") });
  const killed = await rig.status(app, ({ reason }) => reason === "CrashLooping", 60_000);
  assert.match(killed.message, /memory/);
  assert.equal((await soak(({ pods }) => pods?.oomKills === 2)).pods?.total, 2);
});

test("pods that cannot be looked at prove nothing: the time stands still until they can", async () => {
  clearInterval(ticks);
  rig.body.observe([], false);
  rig.body.observe([{ app, pin, healthyForMs: 120_000 }], true);
  await soak(({ pods, healthyForMs }) => pods !== null && healthyForMs === 0);
  await rig.status(app, ({ reason }) => reason === "Synced", 60_000);
  clock.ms += 10_000;
  await soak(({ healthyForMs }) => healthyForMs === 10_000);
  fleet.get("one").pause("kube-apiserver");
  try {
    clock.ms += 50_000;
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(rig.body.soakOf(app, pin)?.healthyForMs, 10_000);
  } finally {
    fleet.get("one").resume("kube-apiserver");
  }
  await soak(({ healthyForMs }) => healthyForMs === 60_000);
});
