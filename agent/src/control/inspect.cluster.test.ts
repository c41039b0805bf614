// Looks at real objects of a real API server: what is there, what it owns, what differs, and what may not leave.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import type { InspectArgs } from "@muster/proto/model/command";
import { appKey } from "@muster/proto/model/identity";
import type { InspectedObject, Inspection } from "@muster/proto/model/inspection";
import type { JsonObject } from "@muster/proto/model/json";
import { startFleet } from "../../../test/controlplane/controlplane.ts";
import { configMap, deployment, Rig } from "./rig.ts";

const app = appKey("default", "", "shop");
const never = new AbortController().signal;
let fleet: Awaited<ReturnType<typeof startFleet>>;
let rig: Rig;
const kubectl = (...args: string[]): Promise<string> => fleet.get("one").kubectl(args);

const secret: JsonObject = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "keys", namespace: "shop" },
  data: { password: Buffer.from("canary-released").toString("base64"), same: Buffer.from("canary-same").toString("base64") },
};
const web = deployment("shop", "web", 2);
const spec = {
  apps: { shop: { objects: [web, secret, configMap("shop", "settings", { a: "1" })], policy: { heal: false, namespace: "shop" } } },
};

before(async () => {
  fleet = await startFleet(["one"], { controllers: true });
  rig = await Rig.start({ kubeconfig: fleet.get("one").kubeconfig });
  await rig.accept(spec);
});
after(async () => {
  await rig?.[Symbol.asyncDispose]();
  await fleet?.stop();
});

const look = (change: Partial<InspectArgs> = {}): Promise<Inspection> =>
  rig.body.deeds.inspect({ app, parts: ["tree"], object: null, managedFields: false, ...change }, never);
const named = ({ objects }: Inspection, kind: string, name = ""): InspectedObject =>
  objects.find(({ identity }) => identity.kind === kind && identity.name.startsWith(name)) ?? assert.fail(`no ${kind} ${name}`);

test("a look shows each object with its health, and what it owns down to the pods", async () => {
  const seen = await rig.until(async () => {
    const answer = await look();
    return answer.objects.filter(({ identity }) => identity.kind === "Pod").length === 2 ? answer : null;
  });
  const [replicaSet, pod] = [named(seen, "ReplicaSet"), named(seen, "Pod")];
  assert.deepEqual([replicaSet.owner, pod.owner], [named(seen, "Deployment").uid, replicaSet.uid]);
  assert.deepEqual([named(seen, "ConfigMap").health, named(seen, "ConfigMap").declared, pod.declared], ["healthy", true, false]);
  assert.ok(seen.objects.every(({ since, body, diff }) => since !== null && body === null && diff === null));
  assert.deepEqual([seen.notes, seen.pin !== null], [[], true]);
});

test("the cluster's events about an App's objects and about what they own come newest first", async () => {
  const { events } = await rig.until(async () => {
    const answer = await look({ parts: ["events"] });
    return answer.events.some(({ object }) => object.kind === "Pod" || object.kind === "ReplicaSet") ? answer : null;
  });
  assert.ok(events.some(({ object, reason }) => object.kind === "Deployment" && reason === "ScalingReplicaSet"));
  assert.deepEqual(
    events.map(({ lastSeen }) => lastSeen),
    events
      .map(({ lastSeen }) => lastSeen)
      .toSorted()
      .toReversed(),
  );
});

test("S21 I9 no value of a Secret is in any part of an answer; what is equal still looks equal", async () => {
  const edited = Buffer.from("canary-live").toString("base64");
  await kubectl("patch", "secret", "keys", "-n", "shop", "-p", JSON.stringify({ data: { password: edited } }));
  const copy = JSON.stringify({ ...secret, stringData: { password: "canary-copy" } });
  await kubectl("annotate", "secret", "keys", "-n", "shop", `kubectl.kubernetes.io/last-applied-configuration=${copy}`);
  const answer = await look({ parts: ["tree", "objects", "events", "diff"], managedFields: true });
  const text = JSON.stringify(answer);
  for (const value of ["canary-released", "canary-live", "canary-same", "canary-copy"]) {
    assert.ok(!text.includes(value), value);
    assert.ok(!text.includes(Buffer.from(value).toString("base64")), value);
  }
  const { body, diff } = named(answer, "Secret");
  assert.deepEqual([(body?.["metadata"] as JsonObject)["managedFields"], body?.["type"]], [undefined, "Opaque"]);
  assert.equal((named(answer, "Deployment").body?.["metadata"] as JsonObject)["managedFields"] !== undefined, true);
  const [field, ...more] = diff?.ours ?? [];
  assert.deepEqual([field?.path, field?.manager, more], ["/data/password", "kubectl-patch", []]);
  assert.match(String(field?.live), /^\[masked [0-9a-f]{12}\]$/);
  assert.notEqual(field?.live, field?.released);
  assert.equal((body?.["data"] as JsonObject)["password"], field?.live);
});

test("released against live names the fields that are not as they were applied, and who changed them; nothing is written", async () => {
  await kubectl("scale", "deployment", "web", "-n", "shop", "--replicas=5");
  await kubectl("label", "configmap", "settings", "-n", "shop", "team=blue");
  const writes = rig.writes.length;
  const version = await kubectl("get", "deployment", "web", "-n", "shop", "-o", "jsonpath={.metadata.generation}");
  const answer = await look({ parts: ["diff"] });
  assert.deepEqual(named(answer, "Deployment").diff?.ours, [{ path: "/spec/replicas", manager: "kubectl", released: 2, live: 5 }]);
  const settings = named(answer, "ConfigMap").diff;
  assert.equal(settings?.state, "same");
  assert.ok(settings?.others.some(({ manager, fields }) => manager === "kubectl-label" && fields.includes("/metadata/labels/team")));
  assert.equal(await kubectl("get", "deployment", "web", "-n", "shop", "-o", "jsonpath={.metadata.generation}"), version);
  assert.equal(rig.writes.length, writes);
});

test("deliver again puts back what was changed, also where healing is off, and writes nothing else", async () => {
  const settings = await kubectl("get", "configmap", "settings", "-n", "shop", "-o", "jsonpath={.metadata.resourceVersion}");
  assert.equal(await rig.body.deeds.redeliver({ app }), 3);
  await rig.until(async () =>
    (await kubectl("get", "deployment", "web", "-n", "shop", "-o", "jsonpath={.spec.replicas}")) === "2" ? true : null,
  );
  await rig.status(app, ({ reason }) => reason === "Synced");
  assert.equal(await kubectl("get", "configmap", "settings", "-n", "shop", "-o", "jsonpath={.metadata.resourceVersion}"), settings);
  const { objects } = await look({ parts: ["diff"] });
  assert.ok(objects.every(({ diff }) => diff?.state === "same"));
});

test("what is gone is missing, what is not the App's is refused, and one object can be asked for", async () => {
  await kubectl("delete", "configmap", "settings", "-n", "shop");
  const object = { group: "", kind: "ConfigMap", namespace: "shop", name: "settings" };
  const { objects } = await look({ parts: ["diff"], object });
  assert.deepEqual(
    objects.map(({ identity, health, diff }) => [identity.name, health, diff?.state]),
    [["settings", "missing", "missing"]],
  );
  await assert.rejects(look({ object: { ...object, name: "other" } }), /has no ConfigMap shop\/other/);
  await assert.rejects(look({ app: appKey("default", "", "nope") }), /no App/);
  await assert.rejects(rig.body.deeds.redeliver({ app: appKey("default", "", "nope") }), /no App/);
});
