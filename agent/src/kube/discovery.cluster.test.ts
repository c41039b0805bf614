// Discovery against a real API server with an API service that dies.

import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { OperationError } from "@muster/proto/model/failure";
import { startControlPlane, type ControlPlane } from "../../../test/controlplane/controlplane.ts";
import { bounds } from "./bounds.ts";
import { credentialsFrom } from "./credentials.ts";
import { KindDirectory, type Discovery } from "./discovery.ts";
import { connectKube, type Kube } from "./kube.ts";
import { selfSigned } from "./testdata/scripted-server.ts";
import { Transport, type Answer, type Request } from "./transport.ts";

let plane: ControlPlane;
let kube: Kube;

before(async () => {
  plane = await startControlPlane({ name: "discovery" });
  kube = await connectKube({ kubeconfig: plane.kubeconfig, limits: { discoveryPauseMs: 0, kindGoneAfterMs: 100 } });
});

after(async () => {
  await kube?.close();
  await plane?.stop();
});

const id = { group: "dead.example.com", kind: "Thing", namespace: "", name: "a" };

test(
  "F58 7 a dead API service: its kinds stay known and are not called gone, others go on; unregistered, they go",
  { timeout: 120_000 },
  async () => {
    await using served = await startApiServer();
    await plane.kubectl(["apply", "-f", "-"], registration(served.port));
    await until(async () => (await kube.discover(true)).complete && kube.mapping("dead.example.com", "Thing") !== undefined);

    await served[Symbol.asyncDispose]();
    await plane.kubectl(["patch", "apiservice", "v1.dead.example.com", "--type=merge", "-p", '{"spec":{"service":{"port":1}}}']);
    await until(async () => (await kube.discover(true)).stale.includes("dead.example.com/v1"));
    await new Promise((resolve) => setTimeout(resolve, 300)); // longer than a kind may be missing
    const discovery = await kube.discover(true);
    deepEqual([discovery.complete, discovery.stale], [false, ["dead.example.com/v1"]]);
    ok(kube.mapping("dead.example.com", "Thing"));
    await rejects(kube.get(id), failsWith("unavailable"));
    equal((await kube.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "default" } })).kind, "applied");

    await plane.kubectl(["delete", "apiservice", "v1.dead.example.com"]);
    await until(async () => (await kube.discover(true)) && kube.mapping("dead.example.com", "Thing") === undefined);
    deepEqual(await kube.get(id), { kind: "unknownKind" });
  },
);

test("a discovery that fails keeps what was known", async () => {
  await using other = await connectKube({ kubeconfig: plane.kubeconfig, limits: { readTimeoutMs: 500 } });
  const known = (await other.discover()).mappings.length;
  plane.pause("kube-apiserver");
  try {
    const discovery = await other.discover(true);
    deepEqual([discovery.complete, discovery.mappings.length], [false, known]);
  } finally {
    plane.resume("kube-apiserver");
  }
});

test("the legacy form gives the same kinds as the aggregated one, and an unchanged answer costs a 304", async () => {
  await using transport = new Transport(credentialsFrom(plane.kubeconfig, bounds), bounds);
  const statuses: number[] = [];
  const directory = (accept?: string): KindDirectory => {
    const request = async (it: Request): Promise<Answer> => {
      const answer = await transport.request(accept === undefined ? it : { ...it, headers: { ...it.headers, accept } });
      statuses.push(answer.status);
      return answer;
    };
    return new KindDirectory({ request }, bounds);
  };
  const names = (discovery: Discovery): readonly string[] =>
    discovery.mappings.map((it) => [it.group, it.version, it.kind, it.plural, it.namespaced].join("/")).toSorted();
  const modern = directory();
  const aggregated = await modern.discover(true);
  const walked = await directory("application/json").discover(true);
  deepEqual(names(walked), names(aggregated));
  ok(walked.complete && walked.mappings.length > 40);
  statuses.length = 0;
  deepEqual(await modern.discover(true).then(names), names(aggregated));
  deepEqual(statuses, [304, 304]);
});

type Served = AsyncDisposable & { readonly port: number };

/** An aggregated API server with one kind. */
async function startApiServer(): Promise<Served> {
  const kinds = {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: "dead.example.com/v1",
    resources: [{ name: "things", singularName: "thing", namespaced: false, kind: "Thing", verbs: ["get", "list"] }],
  };
  const group = {
    name: "dead.example.com",
    versions: [{ groupVersion: "dead.example.com/v1", version: "v1" }],
    preferredVersion: { groupVersion: "dead.example.com/v1", version: "v1" },
  };
  const groups = { kind: "APIGroupList", apiVersion: "v1", groups: [group] };
  const server = createServer(await selfSigned(), (request, response) => {
    const body = request.url?.startsWith("/apis/dead.example.com/v1") ? kinds : request.url === "/apis" ? groups : undefined;
    response.writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(body ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: stop };
}

function registration(port: number): string {
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "dead", namespace: "default" },
    spec: { type: "ExternalName", externalName: "localhost", ports: [{ port }] },
  };
  const spec = {
    group: "dead.example.com",
    version: "v1",
    groupPriorityMinimum: 1000,
    versionPriority: 10,
    insecureSkipTLSVerify: true,
    service: { namespace: "default", name: "dead", port },
  };
  const apiService = { apiVersion: "apiregistration.k8s.io/v1", kind: "APIService", metadata: { name: "v1.dead.example.com" }, spec };
  return JSON.stringify({ apiVersion: "v1", kind: "List", items: [service, apiService] });
}

function failsWith(code: OperationError["code"]): (error: unknown) => boolean {
  return (error) => error instanceof OperationError && error.code === code;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 100));
}
