// Drift, on a real API server: seen by watch, judged by what the server answered to us, healed, and named.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { appLabel } from "@muster/proto/model/identity";
import type { JsonObject, JsonValue } from "@muster/proto/model/json";
import type { DriftRecord } from "@muster/proto/model/status";

import { startControlPlane, type ControlPlane } from "../../../test/controlplane/controlplane.ts";
import { configMap, deployment, identityIn, Rig } from "./rig.ts";

let plane: ControlPlane;
before(async () => (plane = await startControlPlane({ name: "drift" })));
after(async () => await plane.stop());

const start = (): Promise<Rig> => Rig.start({ kubeconfig: plane.kubeconfig });
const isWritten = (status: { counts: { applied: number; total: number } }): boolean => status.counts.applied === status.counts.total;
const at = (object: JsonValue | null | undefined, ...path: readonly (string | number)[]): JsonValue | undefined =>
  path.reduce<JsonValue | undefined>((value, part) => (value as Record<string, JsonValue> | undefined)?.[part], object ?? undefined);

const newest = (rig: Rig, app: string, is: (record: DriftRecord) => boolean): Promise<DriftRecord> =>
  rig.until(
    () =>
      rig.body
        .statuses()
        .get(`default//${app}` as never)
        ?.drift.find(is) ?? null,
    () => JSON.stringify([...rig.body.statuses().values()]),
  );

test("scenario 12: our label removed is put back on the same object", async () => {
  await using rig = await start();
  const one = configMap("label", "one", { a: "1" });
  await rig.accept({ apps: { web: { objects: [one], policy: { namespace: "label" } } } });
  const uid = at(await rig.live(one), "metadata", "uid");
  await plane.kubectl(["label", "configmap", "one", "-n", "label", `${appLabel}-`]);
  await rig.until(async () => (at(await rig.live(one), "metadata", "labels", appLabel) === undefined ? null : true));
  assert.equal(at(await rig.live(one), "metadata", "uid"), uid);
});

test("scenario 13: replicas changed by kubectl are healed, and the manager, the operation and the time are named", async () => {
  await using rig = await start();
  const web = deployment("edit", "web", 2);
  await rig.accept({ apps: { web: { objects: [web], policy: { namespace: "edit" } } } }, isWritten);
  await plane.kubectl(["patch", "deployment", "web", "-n", "edit", "--field-manager=kubectl-edit", "-p", '{"spec":{"replicas":7}}']);
  const record = await newest(rig, "web", ({ healedAt }) => healedAt !== null);
  assert.equal(at(await rig.live(web), "spec", "replicas"), 2);
  assert.deepEqual(
    [record.fields, record.manager, record.operation, record.kind],
    [["/spec/replicas"], "kubectl-edit", "Update", "changed"],
  );
  assert.match(record.changedAt ?? "", /^\d{4}-/);
});

test("kubectl scale is a person too", async () => {
  await using rig = await start();
  const web = deployment("scale", "web", 2);
  await rig.accept({ apps: { web: { objects: [web], policy: { namespace: "scale" } } } }, isWritten);
  await plane.kubectl(["scale", "deployment", "web", "-n", "scale", "--replicas=5"]);
  await rig.until(async () => (at(await rig.live(web), "spec", "replicas") === 2 ? true : null));
  assert.equal((await newest(rig, "web", ({ healedAt }) => healedAt !== null)).manager, "kubectl");
});

test("scenario 14: what a person adds is folded in and gone; scenario 15: a rollout restart stays", async () => {
  await using rig = await start();
  const web = deployment("fold", "web");
  await rig.accept({ apps: { web: { objects: [web], policy: { namespace: "fold" } } } }, isWritten);
  await plane.kubectl(["rollout", "restart", "deployment/web", "-n", "fold"]);
  await plane.kubectl(["set", "env", "deployment/web", "-n", "fold", "DEBUG=1"]);
  const container = ["spec", "template", "spec", "containers", 0] as const;
  await rig.until(async () => (at(await rig.live(web), ...container, "env") === undefined ? true : null));
  await rig.quiet();
  const live = await rig.live(web);
  assert.notEqual(at(live, "spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"), undefined);
  assert.equal(at(live, ...container, "env"), undefined);
  const record = await newest(rig, "web", ({ fields }) => fields.some((field) => field.includes("env")));
  assert.equal(record.manager, "kubectl-set");
});

test("a field that a person removed comes back", async () => {
  await using rig = await start();
  const one = configMap("removed", "one", { a: "1", b: "2" });
  await rig.accept({ apps: { web: { objects: [one], policy: { namespace: "removed" } } } });
  await plane.kubectl(["patch", "configmap", "one", "-n", "removed", "--type=json", "-p", '[{"op":"remove","path":"/data/b"}]']);
  await rig.until(async () => (at(await rig.live(one), "data", "b") === "2" ? true : null));
});

test("scenario 16: an autoscaler's replicas are its own, the rest is healed", async () => {
  await using rig = await start();
  const web = deployment("hpa", "web", 2);
  const scaler: JsonObject = {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "web", namespace: "hpa" },
    spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" }, minReplicas: 2, maxReplicas: 9 },
  };
  await rig.accept({ apps: { web: { objects: [web, scaler], policy: { namespace: "hpa" } } } }, isWritten);
  const plainly = ["patch", "deployment", "web", "-n", "hpa", "--field-manager=scaler", "-p", '{"spec":{"replicas":8}}'];
  await plane.kubectl(plainly);
  await rig.quiet();
  assert.equal(at(await rig.live(web), "spec", "replicas"), 8, "however it resizes");
  await plane.kubectl([
    "patch",
    "deployment",
    "web",
    "-n",
    "hpa",
    "--subresource=scale",
    "--type=merge",
    "--field-manager=kube-controller-manager",
    "-p",
    '{"spec":{"replicas":6}}',
  ]);
  await rig.quiet();
  assert.equal(at(await rig.live(web), "spec", "replicas"), 6);
  await plane.kubectl(["set", "image", "deployment/web", "-n", "hpa", "web=nginx:9"]);
  await rig.until(async () => (at(await rig.live(web), "spec", "template", "spec", "containers", 0, "image") === "nginx:1" ? true : null));
  assert.equal(at(await rig.live(web), "spec", "replicas"), 6, "healing the image did not resize it");
  await rig.accept(
    {
      apps: {
        web: {
          objects: [{ ...web, metadata: { name: "web", namespace: "hpa", labels: { v: "2" } } }, scaler],
          policy: { namespace: "hpa" },
        },
      },
    },
    isWritten,
  );
  assert.equal(at(await rig.live(web), "spec", "replicas"), 6, "nor did a new Release");
});

test("an autoscaler that is not ours is known by the scale subresource", async () => {
  await using rig = await start();
  const web = deployment("foreignhpa", "web", 2);
  await rig.accept({ apps: { web: { objects: [web], policy: { namespace: "foreignhpa" } } } }, isWritten);
  await plane.kubectl([
    "patch",
    "deployment",
    "web",
    "-n",
    "foreignhpa",
    "--subresource=scale",
    "--type=merge",
    "--field-manager=keda-operator",
    "-p",
    '{"spec":{"replicas":4}}',
  ]);
  await rig.quiet();
  assert.equal(at(await rig.live(web), "spec", "replicas"), 4);
});

/** A policy that sets data.a of ConfigMap `one`, whenever `condition` holds. */
const mutating = (name: string, namespace: string, condition: string): string => {
  const resourceRules = [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE", "UPDATE"], resources: ["configmaps"] }];
  const policy: JsonObject = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingAdmissionPolicy",
    metadata: { name },
    spec: {
      failurePolicy: "Fail",
      reinvocationPolicy: "Never",
      matchConstraints: { resourceRules, namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } } },
      matchConditions: [{ name: "condition", expression: `object.metadata.name == 'one' && ${condition}` }],
      mutations: [{ patchType: "ApplyConfiguration", applyConfiguration: { expression: 'Object{data: {"a": "rewritten"}}' } }],
    },
  };
  const binding: JsonObject = { ...policy, kind: "MutatingAdmissionPolicyBinding", spec: { policyName: name } };
  return JSON.stringify({ apiVersion: "v1", kind: "List", items: [policy, binding] });
};

/** Waits until the policy is in force for this user. */
async function inForce(rig: Rig, as: readonly string[], probe: JsonObject): Promise<void> {
  await rig.until(async () => {
    const answer = await plane.kubectl(["create", "--dry-run=server", "-o", "json", ...as, "-f", "-"], JSON.stringify(probe));
    return answer.includes("rewritten") ? true : null;
  });
}

test("D17, F54, scenario 17: a policy that rewrites our field in our own apply makes no loop", async () => {
  await using rig = await start();
  await plane.kubectl(["create", "namespace", "mutate"]);
  await plane.kubectl(["apply", "-f", "-"], mutating("rewrite", "mutate", "true"));
  const probe = configMap("mutate", "one", { a: "1" });
  await inForce(rig, [], probe);
  await rig.accept({ apps: { web: { objects: [probe], policy: {} } } });
  const writes = rig.writes.length;
  rig.body.recheck();
  await plane.kubectl(["annotate", "configmap", "one", "-n", "mutate", "--field-manager=operator", "note=x"]);
  await rig.quiet();
  assert.equal(at(await rig.live(probe), "data", "a"), "rewritten");
  assert.equal(rig.writes.length, writes);
});

test("scenario 18: a policy that rewrites our field in somebody else's edit is healed, though we never lost the field", async () => {
  await using rig = await start();
  const as = ["--as=intruder", "--as-group=system:masters"];
  await plane.kubectl(["create", "namespace", "mutate2"]);
  await plane.kubectl(["apply", "-f", "-"], mutating("rewrite-intruder", "mutate2", "request.userInfo.username == 'intruder'"));
  const one = configMap("mutate2", "one", { a: "1" });
  await inForce(rig, as, one);
  await rig.accept({ apps: { web: { objects: [one], policy: {} } } });
  await plane.kubectl(["annotate", "configmap", "one", "-n", "mutate2", "--field-manager=operator", "note=x", ...as]);
  await newest(rig, "web", ({ healedAt, fields }) => healedAt !== null && fields.includes("/data/a"));
  assert.equal(at(await rig.live(one), "data", "a"), "1");
});

test("scenario 19: managedFields that were wiped are ours again after one write", async () => {
  await using rig = await start();
  const one = configMap("wiped", "one", { a: "1" });
  await rig.accept({ apps: { web: { objects: [one], policy: { namespace: "wiped" } } } });
  const writes = rig.writes.length;
  await plane.kubectl([
    "patch",
    "configmap",
    "one",
    "-n",
    "wiped",
    "--type=json",
    "-p",
    '[{"op":"replace","path":"/metadata/managedFields","value":[{}]}]',
  ]);
  await rig.until(async () =>
    JSON.stringify(at(await rig.live(one), "metadata", "managedFields") ?? []).includes('"muster"') ? true : null,
  );
  await rig.quiet();
  assert.equal(rig.writes.length, writes + 1);
});

test("scenario 20: somebody who fills a declared {} causes no write", async () => {
  await using rig = await start();
  const web: JsonObject = structuredClone(deployment("hollow", "web")) as JsonObject;
  const template = at(web, "spec", "template", "spec") as Record<string, JsonValue>;
  template["securityContext"] = {};
  await rig.accept({ apps: { web: { objects: [web], policy: { namespace: "hollow" } } } }, isWritten);
  const writes = rig.writes.length;
  await rig.kube.apply(
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web", namespace: "hollow" },
      spec: { template: { spec: { securityContext: { runAsUser: 1000 } } } },
    },
    { fieldManager: "controller", force: true },
  );
  await rig.quiet();
  assert.equal(at(await rig.live(web), "spec", "template", "spec", "securityContext", "runAsUser"), 1000);
  assert.equal(rig.writes.length, writes);
});

test("a field that somebody took and gave back as it was causes no write", async () => {
  await using rig = await start();
  const one = configMap("returned", "one", { a: "1" });
  const spec = { apps: { web: { objects: [one], policy: { namespace: "returned" } } } };
  await rig.accept(spec);
  await rig.end();
  for (const a of ["2", "1"])
    await plane.kubectl([
      "patch",
      "configmap",
      "one",
      "-n",
      "returned",
      "--type=merge",
      "--field-manager=operator",
      "-p",
      JSON.stringify({ data: { a } }),
    ]);
  const writes = rig.writes.length;
  await rig.begin();
  await rig.accept(spec);
  await rig.quiet();
  assert.equal(rig.writes.length, writes);
});

test("D17, scenario 21: a controller that takes a field back five times has it for a while, and the rest is healed", async () => {
  await using rig = await start();
  const one = configMap("quarrel", "one", { a: "1", b: "1" });
  await rig.accept({ apps: { web: { objects: [one], policy: { namespace: "quarrel" } } } });
  const take = (): Promise<unknown> =>
    rig.kube.apply({ ...configMap("quarrel", "one", { a: "operator" }) }, { fieldManager: "operator", force: true });
  for (let i = 0; i < 6; i += 1) {
    await take();
    await rig.until(async () => (at(await rig.live(one), "data", "a") === "1" ? true : null));
  }
  await take();
  await rig.status("web", (status) => status.reason === "Contested");
  await rig.quiet();
  assert.equal(at(await rig.live(one), "data", "a"), "operator");
  assert.match((await rig.status("web", () => true)).message, /operator keeps changing \/data\/a.*sync\.ignore/);
  await plane.kubectl(["patch", "configmap", "one", "-n", "quarrel", "--type=merge", "-p", '{"data":{"b":"x"}}']);
  await rig.until(async () => (at(await rig.live(one), "data", "b") === "1" ? true : null));
  assert.equal(at(await rig.live(one), "data", "a"), "operator", "the contested field is left alone meanwhile");
});

test("scenario 21: a person who does the same ten times is healed ten times", async () => {
  await using rig = await start();
  const one = configMap("stubborn", "one", { a: "1" });
  await rig.accept({ apps: { web: { objects: [one], policy: { namespace: "stubborn" } } } });
  for (let i = 0; i < 10; i += 1) {
    await rig.kube.apply(configMap("stubborn", "one", { a: `by hand ${i}` }), { fieldManager: "kubectl-edit", force: true });
    await rig.until(async () => (at(await rig.live(one), "data", "a") === "1" ? true : null));
  }
  assert.equal((await newest(rig, "web", () => true)).contested, false);
});

test("F66, scenario 22: a deleted object is back, and the deletion is told", async () => {
  await using rig = await start();
  const one = configMap("deleted", "one", { a: "1" });
  await rig.accept({ apps: { web: { objects: [one], policy: { namespace: "deleted" } } } });
  const uid = at(await rig.live(one), "metadata", "uid");
  await plane.kubectl(["delete", "configmap", "one", "-n", "deleted"]);
  await rig.until(async () => {
    const live = await rig.live(one);
    return live !== null && at(live, "metadata", "uid") !== uid ? true : null;
  });
  const record = await newest(rig, "web", ({ kind }) => kind === "deleted");
  assert.equal(record.operation, "Delete");
});

test("an object that was deleted and made anew by hand is ours again", async () => {
  await using rig = await start();
  const one = configMap("anew", "one", { a: "1" });
  await rig.accept({ apps: { web: { objects: [one], policy: { namespace: "anew" } } } });
  await rig.end();
  await plane.kubectl(["replace", "--force", "-f", "-"], JSON.stringify(configMap("anew", "one", { a: "2", c: "3" })));
  await rig.begin();
  rig.body.accept(await rig.bundle({ apps: { web: { objects: [one], policy: { namespace: "anew" } } } }));
  await rig.until(async () => (JSON.stringify(at(await rig.live(one), "data")) === '{"a":"1"}' ? true : null));
  await rig.quiet();
  assert.deepEqual(at(await rig.live(one), "data"), { a: "1" });
});

test("drift while the agent was away is healed when it comes back, with no bundle from anybody but the disk", async () => {
  await using rig = await start();
  const policy = { namespace: "away" };
  const [one, two] = [configMap("away", "one", { a: "1" }), configMap("away", "two", { a: "1" })];
  const spec = { apps: { web: { objects: [one, two], policy } } };
  await rig.accept(spec);
  await rig.end();
  await plane.kubectl(["patch", "configmap", "one", "-n", "away", "--type=merge", "-p", '{"data":{"a":"human"}}']);
  await plane.kubectl(["delete", "configmap", "two", "-n", "away"]);
  await rig.begin();
  rig.body.accept(await rig.bundle(spec));
  await rig.until(async () => (at(await rig.live(one), "data", "a") === "1" && (await rig.live(two)) !== null ? true : null));
});

test("with heal off drift is told and not touched", async () => {
  await using rig = await start();
  const one = configMap("noheal", "one", { a: "1" });
  await rig.accept({ apps: { web: { objects: [one], policy: { namespace: "noheal", heal: false } } } });
  await plane.kubectl(["patch", "configmap", "one", "-n", "noheal", "--type=merge", "-p", '{"data":{"a":"2"}}']);
  const status = await rig.status("web", ({ reason }) => reason === "DriftNotHealed");
  assert.deepEqual([status.drift[0]?.fields, status.drift[0]?.manager, status.drift[0]?.healedAt], [["/data/a"], "kubectl-patch", null]);
  assert.equal(at(await rig.live(one), "data", "a"), "2");
  await plane.kubectl(["patch", "configmap", "one", "-n", "noheal", "--type=merge", "-p", '{"data":{"a":"1"}}']);
  await rig.status("web", ({ reason, drift }) => reason === "Synced" && drift.length === 0);
});

test("ignored fields: `always` is never written after the creation, `untilRelease` is written with a new Release", async () => {
  for (const mode of ["always", "untilRelease"] as const) {
    await using rig = await start();
    const namespace = `ignore-${mode.toLowerCase()}`;
    const ignore = [{ group: "", kind: "ConfigMap", name: "*", fields: ["/data/a"], managers: [], mode }];
    const spec = (b: string): Parameters<Rig["accept"]>[0] => ({
      apps: { web: { objects: [configMap(namespace, "one", { a: "1", b })], policy: { namespace, ignore } } },
    });
    const one = configMap(namespace, "one", {});
    await rig.accept(spec("1"));
    assert.equal(at(await rig.live(one), "data", "a"), "1", "it is written when the object is created");
    await plane.kubectl(["patch", "configmap", "one", "-n", namespace, "--type=merge", "-p", '{"data":{"a":"theirs"}}']);
    await plane.kubectl(["patch", "configmap", "one", "-n", namespace, "--type=merge", "-p", '{"data":{"b":"theirs"}}']);
    await rig.until(async () => (at(await rig.live(one), "data", "b") === "1" ? true : null));
    await rig.quiet();
    assert.equal(at(await rig.live(one), "data", "a"), "theirs");
    await rig.accept(spec("2"));
    assert.equal(at(await rig.live(one), "data", "a"), mode === "always" ? "theirs" : "1");
  }
});

test("fields that an ignored manager takes are its own", async () => {
  await using rig = await start();
  const namespace = "ignore-manager";
  const ignore = [{ group: "*", kind: "*", name: "*", fields: [], managers: ["injector"], mode: "always" as const }];
  const one = configMap(namespace, "one", { a: "1", b: "1" });
  await rig.accept({ apps: { web: { objects: [one], policy: { namespace, ignore } } } });
  await rig.kube.apply(configMap(namespace, "one", { a: "injected" }), { fieldManager: "injector", force: true });
  await rig.quiet();
  assert.equal(at(await rig.live(one), "data", "a"), "injected");
  await plane.kubectl(["patch", "configmap", "one", "-n", namespace, "--type=merge", "-p", '{"data":{"b":"2"}}']);
  await rig.until(async () => (at(await rig.live(one), "data", "b") === "1" ? true : null));
  assert.equal(at(await rig.live(one), "data", "a"), "injected");
});

test("F44 an API server that is killed in the middle of an apply, and started again: everything is there, once", async () => {
  const killed = Promise.withResolvers<void>();
  await using rig = await Rig.start({
    kubeconfig: plane.kubeconfig,
    afterWrite: (_, count) => {
      if (count === 20) plane.restart("kube-apiserver").then(killed.resolve, killed.reject);
    },
  });
  const objects = Array.from({ length: 200 }, (_, i) => configMap("killed", `m${i}`, { i: String(i) }));
  const bundle = await rig.bundle({ apps: { web: { objects, policy: { namespace: "killed" } } } });
  rig.body.accept(bundle);
  await killed.promise;
  await rig.status("web", ({ reason }) => reason === "Synced", 60_000);
  const names = (await plane.kubectl(["get", "configmaps", "-n", "killed", "-l", appLabel, "-o", "name"])).trim().split("\n");
  assert.equal(names.length, 200);
  await plane.kubectl(["patch", "configmap", "m0", "-n", "killed", "--type=merge", "-p", '{"data":{"i":"drift"}}']);
  const [first] = objects as [JsonObject];
  await rig.until(async () => (at(await rig.live(identityIn(first)), "data", "i") === "0" ? true : null), undefined, 60_000);
});
