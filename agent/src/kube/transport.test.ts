// The connection's manners, against a scripted HTTP/2 server: what is sent again and what never, what waits, what is renewed.

import { deepEqual, doesNotMatch, equal, match, ok, rejects } from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { constants } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from "node:net";
import { test } from "node:test";
import { OperationError } from "@muster/proto/model/failure";
import type { JsonObject } from "@muster/proto/model/json";
import { connectKube, type Kube } from "./kube.ts";
import { proxyFor } from "./socket.ts";
import { answer, selfSigned, startScriptedServer, type Call } from "./testdata/scripted-server.ts";

test("F50 a write whose answer is lost is sent once, and its outcome is called unknown", async () => {
  await using server = await startScriptedServer((call) => call.stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  await using kube = await connectKube(server);
  await rejects(kube.apply(configMap("a")), (error) => failsWith("unavailable")(error) && /not known/.test((error as Error).message));
  equal(writes(server.calls).length, 1);
});

test("a write that the server refused before it looked at it is sent again", async () => {
  let refusals = 0;
  await using server = await startScriptedServer((call) => {
    refusals += 1;
    if (refusals <= 2) call.stream.close(constants.NGHTTP2_REFUSED_STREAM);
    else answer(call, 201, JSON.parse(call.body));
  });
  await using kube = await connectKube(server);
  equal((await kube.apply(configMap("a"))).kind, "applied");
  equal(writes(server.calls).length, 3);
});

test("10 GOAWAY in the middle of applies: none is lost, none is done twice", async () => {
  const done = new Map<string, number>();
  let held: Call[] = [];
  await using server = await startScriptedServer((call) => {
    const finish = (it: Call): void => {
      done.set(it.path, (done.get(it.path) ?? 0) + 1);
      answer(it, 201, JSON.parse(it.body));
    };
    if (call.session > 1) return finish(call);
    held.push(call);
    if (held.length < 20) return undefined;
    // It has worked on the first half only, and says so.
    const last = held[9];
    ok(last);
    last.stream.session?.goaway(constants.NGHTTP2_NO_ERROR, last.stream.id ?? 0);
    held.slice(0, 10).forEach(finish);
    held = [];
    return undefined;
  });
  await using kube = await connectKube(server);
  const names = Array.from({ length: 20 }, (_, i) => `cm-${i}`);
  const results = await Promise.all(names.map((name) => kube.apply(configMap(name))));
  deepEqual(new Set(results.map((result) => result.kind)), new Set(["applied"]));
  deepEqual([done.size, new Set(done.values())], [20, new Set([1])]);
});

test("a GOAWAY in anger: what came before its last stream is not known, what came after was not done and is sent again", async () => {
  const held: Call[] = [];
  await using server = await startScriptedServer((call) => {
    if (call.session > 1) return answer(call, 201, JSON.parse(call.body));
    held.push(call);
    const [first] = held;
    if (held.length === 2 && first !== undefined) first.stream.session?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, first.stream.id ?? 0);
    return undefined;
  });
  await using kube = await connectKube(server);
  const [first, second] = await Promise.allSettled([kube.apply(configMap("first")), kube.apply(configMap("second"))]);
  ok(first?.status === "rejected" && failsWith("unavailable")(first.reason));
  ok(second?.status === "fulfilled" && second.value.kind === "applied");
  deepEqual(
    server.calls.filter((call) => call.session > 1).map((call) => call.path.replace(/\?.*/, "")),
    ["/api/v1/namespaces/default/configmaps/second"],
  );
});

test("a request that waits for room when the connection ends has not left and is sent again", async () => {
  await using server = await startScriptedServer(
    (call) => {
      if (call.session > 1) answer(call, 201, JSON.parse(call.body));
      else setTimeout(() => call.stream.session?.destroy(), 50);
    },
    { maxConcurrentStreams: 1 },
  );
  await using kube = await connectKube(server);
  const [first, second] = await Promise.allSettled([kube.apply(configMap("first")), kube.apply(configMap("second"))]);
  ok(first?.status === "rejected" && failsWith("unavailable")(first.reason));
  ok(second?.status === "fulfilled" && second.value.kind === "applied");
});

test("F49 a 429 holds the whole client; a read comes again, a write is told", async () => {
  let first = true;
  await using server = await startScriptedServer((call) => {
    if (!first) return answer(call, 200, configMap("a"));
    first = false;
    call.stream.respond({ ":status": 429, "content-type": "text/plain", "retry-after": "1" });
    call.stream.end("Too many requests, please try again later.\n");
    return undefined;
  });
  await using kube = await connectKube(server);
  const told = await kube.apply(configMap("a"));
  deepEqual(told.kind === "refused" && [told.retry, told.retryAfterMs], ["later", 1_000]);
  await kube.get({ group: "", kind: "ConfigMap", namespace: "default", name: "a" });
  const [throttled, next] = server.calls.slice(-2);
  ok(throttled && next && next.at - throttled.at >= 950, "the next request has to wait for the Retry-After of the one before");
});

test("a 401 renews the token from its file and opens a new session, once", async () => {
  await using server = await startScriptedServer((call) => {
    if (call.headers.authorization === "Bearer token-2") answer(call, 200, configMap("a"));
    else answer(call, 401, { kind: "Status", code: 401, reason: "Unauthorized" });
  });
  await using kube = await connectKube(server);
  await writeFile(server.tokenFile, "token-2\n");
  const id = { group: "", kind: "ConfigMap", namespace: "default", name: "a" };
  equal((await kube.get(id)).kind, "found");
  deepEqual(
    server.calls.slice(-2).map((call) => [call.session, call.headers.authorization]),
    [
      [1, "Bearer token-1"],
      [2, "Bearer token-2"],
    ],
  );
});

test("a second 401 is unauthenticated, after two requests and no more", async () => {
  await using server = await startScriptedServer((call) => answer(call, 401, { kind: "Status", code: 401 }));
  await using kube = await connectKube(server);
  await rejects(kube.apply(configMap("a")), failsWith("unauthenticated"));
  equal(writes(server.calls).length, 2);
});

test("a token file is read again when it has aged", async () => {
  await using server = await startScriptedServer((call) => answer(call, 200, configMap("a")));
  await using kube = await connectKube({ ...server, limits: { tokenMaxAgeMs: 0 } });
  await writeFile(server.tokenFile, "token-2\n");
  await kube.apply(configMap("a"));
  const last = server.calls.at(-1);
  // A new token alone is no reason for a new session.
  deepEqual([last?.headers.authorization, last?.session], ["Bearer token-2", 1]);
});

test("a write that is not answered in time is unavailable, its outcome not known, and the session goes on", async () => {
  let silent = true;
  await using server = await startScriptedServer((call) => {
    if (silent) silent = false;
    else answer(call, 201, JSON.parse(call.body));
  });
  await using kube = await connectKube({ ...server, limits: { writeTimeoutMs: 200 } });
  await rejects(
    kube.apply(configMap("a")),
    (error) => failsWith("unavailable")(error) && /no answer within 0.2 s; .* not known/.test((error as Error).message),
  );
  equal((await kube.apply(configMap("b"))).kind, "applied");
  equal(server.sessions.length, 1);
});

test("the preconditions of a DELETE leave with it, and a propagation is always stated", async () => {
  await using server = await startScriptedServer((call) => answer(call, 200, { kind: "Status", status: "Success" }));
  await using kube = await connectKube(server);
  deepEqual(await kube.remove({ group: "", kind: "ConfigMap", namespace: "default", name: "a" }, { uid: "u" }), { kind: "deleted" });
  const body = JSON.parse(server.calls.at(-1)?.body ?? "") as JsonObject;
  deepEqual([body["preconditions"], body["propagationPolicy"]], [{ uid: "u" }, "Background"]);
});

test("the body of an apply is what was given, to the last member", async () => {
  await using server = await startScriptedServer((call) => answer(call, 200, JSON.parse(call.body)));
  await using kube = await connectKube(server);
  const object = JSON.parse(
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"default"},"__proto__":{"x":1},"unknown":{"a":null,"b":[]}}',
  ) as JsonObject;
  await kube.apply(object);
  deepEqual(server.calls.at(-1)?.body, JSON.stringify(object));
  equal(server.calls.at(-1)?.path, "/api/v1/namespaces/default/configmaps/a?fieldManager=muster&fieldValidation=Strict");
});

test("F51 a list whose continue token expires starts over and is never half", async () => {
  let expired = false;
  await using server = await startScriptedServer((call) => {
    const item = (name: string): JsonObject => ({ metadata: { name } });
    if (!call.path.includes("continue="))
      return answer(call, 200, {
        kind: "ConfigMapList",
        metadata: { resourceVersion: expired ? "9" : "5", continue: "t" },
        items: [item(expired ? "new" : "old")],
      });
    if (expired) return answer(call, 200, { kind: "ConfigMapList", metadata: { resourceVersion: "9" }, items: [item("last")] });
    expired = true;
    return answer(call, 410, { kind: "Status", code: 410, reason: "Expired", metadata: { continue: "inconsistent" } });
  });
  await using kube = await connectKube(server);
  const { items, resourceVersion } = await kube.list(configMaps(kube));
  deepEqual([items.map((item) => (item["metadata"] as JsonObject)["name"]), resourceVersion], [["new", "last"], "9"]);
});

test("F51 a list that breaks off after a page is an error, not a short list", async () => {
  await using server = await startScriptedServer((call) => {
    if (call.path.includes("continue=")) return answer(call, 500, { kind: "Status", code: 500, message: "etcd is gone" });
    return answer(call, 200, {
      kind: "ConfigMapList",
      metadata: { resourceVersion: "5", continue: "t" },
      items: [{ metadata: { name: "a" } }],
    });
  });
  await using kube = await connectKube(server);
  await rejects(kube.list(configMaps(kube)), failsWith("unavailable"));
});

test("an answer that is no list is an error, not an empty list", async () => {
  await using server = await startScriptedServer((call) => answer(call, 200, { hello: "I am a captive portal" }));
  await using kube = await connectKube(server);
  await rejects(kube.list(configMaps(kube)), failsWith("unavailable"));
});

test("an answer beyond the bound is refused while it comes", async () => {
  await using server = await startScriptedServer((call) => answer(call, 200, { x: "x".repeat(100_000) }));
  await using kube = await connectKube({ ...server, limits: { bodyMaxBytes: 10_000 } });
  await rejects(kube.get({ group: "", kind: "ConfigMap", namespace: "default", name: "a" }), failsWith("limit"));
});

test("closing ends what runs as cancelled", async () => {
  let asked = (): void => undefined;
  const arrived = new Promise<void>((resolve) => (asked = resolve));
  await using server = await startScriptedServer(() => asked());
  const kube = await connectKube(server);
  const running = kube.apply(configMap("a"));
  const ended = rejects(running, failsWith("cancelled"));
  await arrived;
  await kube.close();
  await ended;
});

test("a server without HTTP/2 is told by name", async () => {
  await using scripted = await startScriptedServer(() => undefined);
  const plain = createHttpsServer({ ALPNProtocols: ["http/1.1"], ...(await selfSigned()) });
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  const text = await readText(scripted.kubeconfig);
  const port = (plain.address() as AddressInfo).port;
  await writeFile(
    scripted.kubeconfig,
    text.replace(`:${scripted.port}`, `:${port}`).replace(/certificate-authority-data: .*/, "insecure-skip-tls-verify: true"),
  );
  await rejects(
    connectKube(scripted),
    (error) => failsWith("unavailable")(error) && /HTTP\/2|ALPN|application protocol/i.test((error as Error).message),
  );
  plain.close();
});

test("a server with another CA is not talked to", async () => {
  await using one = await startScriptedServer((call) => answer(call, 200, {}));
  await using other = await startScriptedServer((call) => answer(call, 200, {}));
  await writeFile(one.kubeconfig, (await readText(one.kubeconfig)).replace(`:${one.port}`, `:${other.port}`));
  await rejects(connectKube(one), failsWith("unavailable"));
  equal(other.calls.length, 0);
});

test("a proxy of the kubeconfig is used, with its credentials, and sees no token", async () => {
  await using server = await startScriptedServer((call) => answer(call, 200, configMap("a")));
  const seen: string[] = [];
  const sockets: Socket[] = [];
  const proxy = createTcpServer((client) => {
    sockets.push(client);
    client.once("data", (head: Buffer) => {
      seen.push(head.toString());
      const upstream = connect(server.port, "127.0.0.1");
      sockets.push(upstream);
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      client.pipe(upstream).pipe(client);
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const address = `http://user:pass@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  await writeFile(
    server.kubeconfig,
    (await readText(server.kubeconfig)).replace("    cluster:\n", `    cluster:\n      proxy-url: ${address}\n`),
  );
  const kube = await connectKube(server);
  equal((await kube.apply(configMap("a"))).kind, "applied");
  match(seen[0] ?? "", new RegExp(`^CONNECT 127.0.0.1:${server.port} HTTP/1.1\r\n`));
  match(seen[0] ?? "", /Proxy-Authorization: Basic dXNlcjpwYXNz\r\n/);
  doesNotMatch(seen.join(""), /token-1/);
  await kube.close();
  for (const socket of sockets) socket.destroy();
  proxy.close();
});

test("which proxy: the kubeconfig's, else the environment's unless NO_PROXY exempts the host", () => {
  const env = { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: "10.0.0.1, .svc,example.com" };
  const proxy = (server: string, configured?: string): string | undefined => proxyFor(new URL(server), configured, env)?.host;
  deepEqual(
    [
      proxy("https://api.example.org"),
      proxy("https://10.0.0.1:443"),
      proxy("https://kubernetes.default.svc"),
      proxy("https://a.example.com"),
    ],
    ["proxy:3128", undefined, undefined, undefined],
  );
  equal(proxy("https://10.0.0.1", "http://own:1"), "own:1");
  equal(proxyFor(new URL("https://a"), undefined, {}), undefined);
});

test("a kubeconfig that cannot be used says why", async () => {
  await rejects(connectKube({ kubeconfig: "/nonexistent/kubeconfig" }), failsWith("invalid"));
  await using server = await startScriptedServer(() => undefined);
  await writeFile(server.kubeconfig, (await readText(server.kubeconfig)).replace("https://", "http://"));
  await rejects(connectKube(server), (error) => failsWith("invalid")(error) && /https/.test((error as Error).message));
});

test("an exec plugin gives the token; it is asked again when that is refused, not before", async () => {
  await using server = await startScriptedServer((call) => {
    if (call.headers.authorization === "Bearer plugin-2") answer(call, 200, configMap("a"));
    else answer(call, 401, { kind: "Status", code: 401 });
  });
  const counter = `${server.tokenFile}-count`;
  const credential = '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"plugin-\'$n\'"}}';
  const script = `n=$(($(cat ${counter} 2>/dev/null || echo 0) + 1)); echo $n > ${counter}; echo '${credential}'`;
  const plugin = { apiVersion: "client.authentication.k8s.io/v1", command: "sh", args: ["-c", script] };
  await writeFile(server.kubeconfig, (await readText(server.kubeconfig)).replace(/tokenFile: .*/, `exec: ${JSON.stringify(plugin)}`));
  await using kube = await connectKube({ ...server, limits: { tokenMaxAgeMs: 0 } });
  const id = { group: "", kind: "ConfigMap", namespace: "default", name: "a" };
  equal((await kube.get(id)).kind, "found");
  equal((await kube.get(id)).kind, "found");
  equal((await readText(counter)).trim(), "2");
});

test("45 an empty `as` in a kubeconfig is refused, not sent", async () => {
  await using server = await startScriptedServer((call) => answer(call, 200, {}));
  await writeFile(server.kubeconfig, (await readText(server.kubeconfig)).replace("      tokenFile", '      as: ""\n      tokenFile'));
  await rejects(connectKube(server), failsWith("invalid"));
  equal(server.calls.length, 0);
});

function configMap(name: string): JsonObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" }, data: {} };
}

function configMaps(kube: Kube): NonNullable<ReturnType<Kube["mapping"]>> {
  const mapping = kube.mapping("", "ConfigMap");
  ok(mapping);
  return mapping;
}

function writes(calls: readonly Call[]): readonly Call[] {
  return calls.filter((call) => call.method === "PATCH");
}

function failsWith(code: OperationError["code"]): (error: unknown) => boolean {
  return (error) => error instanceof OperationError && error.code === code;
}

function readText(path: string): Promise<string> {
  return readFile(path, "utf8");
}
