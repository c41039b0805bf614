import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, test } from "node:test";

import { OperationError } from "@muster/proto/model/failure";
import { roles, type Role, type StatusAnswer } from "../view/api.ts";
import { serveApi, type ApiPort } from "./api.ts";

const acts: string[] = [];
const failures: unknown[] = [];
const page = { items: [], next: null, total: 0, asOf: "2026-11-21T08:00:00Z" };
const asked = (question: string, query: unknown): never => {
  acts.push(`${question} ${JSON.stringify(query)}`);
  return {} as never;
};
const port: ApiPort = {
  authenticate: (token) => (roles.includes(token as Role) ? { name: token, role: token as Role } : undefined),
  ready: () => false,
  status: () => ({ fleet: "f" }) as StatusAnswer,
  clusters: () => page,
  apps: ({ app }) => {
    if (app === "broken") throw new TypeError("a bug with /secret/path");
    return page;
  },
  drift: () => page,
  held: () => page,
  approve: async (id, reason, caller) => {
    acts.push(`approve ${id} ${reason} ${caller.name}`);
    if (id === "gone")
      throw new OperationError("notFound", id, "nothing is held under gone", undefined, { code: "E_NOT_HELD", remedy: "muster held" });
    return { id, digest: "0".repeat(64) as never, clusters: [] };
  },
  createToken: async (request, caller) => {
    acts.push(`token ${request.kind} ${caller.name}`);
    return { id: "i", token: "t", expiresAt: "2026-11-21T08:00:00Z", command: "" };
  },
  live: {
    look: async ({ app, cluster, part, object, managedFields }, caller) => {
      acts.push(`look ${part} ${app} ${cluster} ${JSON.stringify(object)} ${managedFields} ${caller.name}`);
      return {
        app: app as never,
        cluster: cluster as never,
        takenAt: page.asOf,
        release: null,
        pin: null,
        objects: [],
        events: [],
        notes: [],
      };
    },
    sync: async ({ app }, caller) => {
      acts.push(`sync ${app} ${caller.name}`);
      return { items: [] };
    },
    pause: async ({ reason }, caller) => {
      acts.push(`pause ${reason} ${caller.name}`);
      return { app: null, cluster: null, by: caller.name, reason, at: page.asOf, until: null };
    },
    resume: async (_request, caller) => {
      acts.push(`resume ${caller.name}`);
      return { ended: { app: null, cluster: null, by: "anna", reason: "r", at: page.asOf, until: null } };
    },
    acts: () => ({ pauses: [], syncs: [], redeliveries: [] }),
  },
  questions: {
    explain: async (query) => asked("explain", query),
    diff: async (query) => asked("diff", query),
    parity: async (query) => asked("parity", query),
    preview: async (query) => asked("preview", query),
    where: async (what) => asked("where", what),
    why: async (query) => asked("why", query),
    names: async () => asked("names", null),
  },
  schemas: { "app.schema.json": `{"title":"Muster App"}\n` },
  webhook: async ({ forge, body }) => {
    acts.push(`webhook ${forge} ${Buffer.from(body).toString("utf8").slice(0, 20)}`);
    return 204;
  },
};
const api = await serveApi({ host: "127.0.0.1", port: 0, tls: null, onError: (error) => failures.push(error) }, port);
after(() => api[Symbol.asyncDispose]());

type Call = { readonly method?: string; readonly token?: string; readonly body?: unknown; readonly headers?: Record<string, string> };
const call = (path: string, { method = "GET", token, body, headers = {} }: Call = {}): Promise<Response> =>
  fetch(`${api.url}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

const routes: readonly [string, string, unknown, readonly Role[]][] = [
  ["GET", "/api/v1/status", undefined, roles],
  ["GET", "/api/v1/clusters", undefined, roles],
  ["GET", "/api/v1/apps", undefined, roles],
  ["GET", "/api/v1/drift", undefined, roles],
  ["GET", "/api/v1/held", undefined, roles],
  ["GET", "/api/v1/explain?app=shop&cluster=berlin&all=true", undefined, roles],
  ["GET", "/api/v1/diff", undefined, roles],
  ["GET", "/api/v1/parity?left=a&right=b", undefined, roles],
  ["GET", "/api/v1/preview?revision=main", undefined, ["operator", "approver", "admin"]],
  ["GET", "/api/v1/where?what=abc", undefined, roles],
  ["GET", "/api/v1/why-changed?what=berlin", undefined, roles],
  ["GET", "/api/v1/names", undefined, roles],
  ["POST", "/api/v1/held/abc/approve", { reason: "r" }, ["admin"]],
  ["GET", "/api/v1/live/tree?app=a&cluster=berlin", undefined, roles],
  ["GET", "/api/v1/live/events?app=a&cluster=berlin", undefined, roles],
  ["GET", "/api/v1/live/objects?app=a&cluster=berlin", undefined, roles],
  ["GET", "/api/v1/live/diff?app=a&cluster=berlin", undefined, ["operator", "approver", "admin"]],
  ["GET", "/api/v1/acts", undefined, roles],
  ["POST", "/api/v1/sync", { app: "a" }, ["operator", "admin"]],
  ["POST", "/api/v1/pauses", { fleet: true, reason: "r" }, ["operator", "admin"]],
  ["POST", "/api/v1/resume", { fleet: true }, ["operator", "admin"]],
  ["POST", "/api/v1/tokens", { kind: "join" }, ["admin"]],
  ["POST", "/api/v1/tokens", { kind: "api", role: "viewer" }, ["admin"]],
];

for (const [method, path, body, allowed] of routes) {
  test(`S13 ${method} ${path} does nothing for who is unknown, and for a known one what the role allows`, async () => {
    for (const token of [undefined, "", "nobody", "admin2"]) {
      acts.length = 0;
      const answer = await call(path, { method, body, ...(token !== undefined && { token }) });
      assert.equal(answer.status, 401);
      assert.equal(answer.headers.get("content-type"), "application/problem+json; charset=utf-8");
      assert.deepEqual(acts, []);
    }
    for (const role of roles) {
      acts.length = 0;
      const answer = await call(path, { method, body, token: role });
      assert.equal(answer.ok, allowed.includes(role), `${role}: ${answer.status}`);
      if (!allowed.includes(role)) assert.deepEqual([answer.status, acts], [403, []]);
    }
  });
}

test("B62 unknown parameters, fields and types are refused with 400 and do nothing", async () => {
  acts.length = 0;
  const bad: [string, Call][] = [
    ["/api/v1/apps?limit=-1", {}],
    ["/api/v1/status?x=1", {}],
    [`/api/v1/apps?app=${"a".repeat(400)}`, {}],
    ["/api/v1/live/tree?app=a", {}],
    ["/api/v1/live/tree?app=a&cluster=b&object=web", {}],
    ["/api/v1/live/objects?app=a&cluster=b&managedFields=yes", {}],
    ["/api/v1/sync", { method: "POST", body: { cluster: "b" } }],
    ["/api/v1/pauses", { method: "POST", body: { fleet: true } }],
    ["/api/v1/pauses", { method: "POST", body: { fleet: true, reason: "  " } }],
    ["/api/v1/pauses", { method: "POST", body: { fleet: false, reason: "r" } }],
    ["/api/v1/pauses", { method: "POST", body: { app: "a", reason: "r", forSeconds: 0 } }],
    ["/api/v1/tokens", { method: "POST", body: { kind: "other" } }],
    ["/api/v1/tokens", { method: "POST", body: { kind: "join", roles: ["admin"] } }],
    ["/api/v1/tokens", { method: "POST", body: { kind: "join", uses: 0 } }],
    ["/api/v1/tokens", { method: "POST", body: { kind: "join", labels: { a: 1 } } }],
    ["/api/v1/tokens", { method: "POST", body: { kind: "api", role: "root" } }],
    ["/api/v1/tokens", { method: "POST", body: { kind: "join", ttlSeconds: 604_801 } }],
    ["/api/v1/tokens", { method: "POST", body: { kind: "join", ttlSeconds: 0 } }],
    ["/api/v1/tokens", { method: "POST", body: { kind: "api", role: "viewer", ttlSeconds: 31_536_001 } }],
    ["/api/v1/tokens", { method: "POST", body: { kind: "api", role: "viewer", uses: 3 } }],
    ["/api/v1/explain?app=shop", {}],
    ["/api/v1/explain?app=shop&cluster=berlin&all=yes", {}],
    ["/api/v1/parity?left=a", {}],
    ["/api/v1/preview", {}],
    [`/api/v1/preview?revision=${"a".repeat(400)}`, {}],
    ["/api/v1/where?what=", {}],
    ["/api/v1/why-changed", {}],
    ["/api/v1/held/x/approve", { method: "POST", body: {} }],
    ["/api/v1/held/x/approve", { method: "POST", body: { reason: "" } }],
    ["/api/v1/held/x/approve", { method: "POST", body: { reason: "r", force: true } }],
  ];
  for (const [path, options] of bad) assert.equal((await call(path, { ...options, token: "admin" })).status, 400, path);
  assert.deepEqual(acts, []);
});

test("S13 who is unknown, or may not, hears nothing of what is wrong with the body", async () => {
  const bodies: [string, string][] = [
    ["application/json", "{"],
    ["application/json", '{"kind":"other"}'],
    ["application/json", `"${"x".repeat(70_000)}"`],
    ["text/plain", "x"],
  ];
  for (const path of ["/api/v1/tokens", "/api/v1/held/abc/approve"])
    for (const [type, body] of bodies) {
      const answer = await fetch(`${api.url}${path}`, { method: "POST", body, headers: { "content-type": type } });
      assert.equal(answer.status, 401, `${path} ${type} ${body.slice(0, 20)}`);
    }
  assert.equal((await call("/api/v1/status?x=1")).status, 401);
  assert.equal((await call("/api/v1/held/abc/approve", { method: "POST", token: "viewer", body: {} })).status, 403);
});

test("a body larger than allowed is refused before it is read", async () => {
  assert.equal(
    (await call("/api/v1/tokens", { method: "POST", token: "admin", body: { kind: "join", name: "x".repeat(70_000) } })).status,
    413,
  );
});

test("failures carry their code and remedy; a bug of ours tells nothing and is reported", async () => {
  const gone = await call("/api/v1/held/gone/approve", { method: "POST", token: "admin", body: { reason: "r" } });
  const { code, remedy, detail } = (await gone.json()) as Record<string, string>;
  assert.deepEqual([gone.status, code, remedy, detail], [404, "E_NOT_HELD", "muster held", "nothing is held under gone"]);
  const bug = await call("/api/v1/apps?app=broken", { token: "viewer" });
  assert.equal(bug.status, 500);
  assert.ok(!(await bug.text()).includes("secret"));
  assert.equal(failures.length, 1);
  assert.equal((await call("/nothing", { token: "admin" })).status, 404);
});

test("health needs no token and says what is true; a webhook's bytes come as they were sent", async () => {
  assert.deepEqual([(await call("/livez")).status, (await call("/readyz")).status], [200, 503]);
  acts.length = 0;
  assert.equal(
    (await fetch(`${api.url}/webhooks/gitea`, { method: "POST", body: '{"a": 1 }', headers: { "content-type": "application/json" } }))
      .status,
    204,
  );
  assert.deepEqual(acts, ['webhook gitea {"a": 1 }']);
});

test("the JSON Schemas need no token; what is none of them is not there, whatever path it pretends to be", async () => {
  const answer = await call("/schemas/app.schema.json");
  assert.deepEqual([answer.status, answer.headers.get("content-type")], [200, "application/schema+json; charset=utf-8"]);
  assert.deepEqual(await answer.json(), { title: "Muster App" });
  assert.deepEqual(await (await call("/schemas")).json(), { items: ["app.schema.json"] });
  for (const file of ["none.json", "__proto__", "constructor", "..%2f..%2fapi%2fv1%2fstatus", "app.schema.json/x"])
    assert.equal((await call(`/schemas/${file}`)).status, 404, file);
  assert.equal((await call("/schemas/app.schema.json", { method: "POST", body: {} })).status, 404);
});

test("S38 S48 a huge webhook, garbage and hostile headers leave it alive", async () => {
  assert.equal((await fetch(`${api.url}/webhooks/gitea`, { method: "POST", body: Buffer.alloc(6 * 1024 * 1024) })).status, 413);
  for (const bytes of [
    "\x16\x03\x01",
    "GET / HTTP/9.9\r\n\r\n",
    `GET /livez HTTP/1.1\r\nhost: x\r\n__proto__: x\r\nx: ${"y".repeat(100_000)}\r\n\r\n`,
  ]) {
    await new Promise<void>((resolve) => {
      const socket = connect(api.port, "127.0.0.1", () => socket.write(bytes));
      socket.on("error", () => undefined).on("close", () => resolve());
      socket.resume();
      setTimeout(() => socket.destroy(), 200);
    });
  }
  assert.equal((await call("/livez")).status, 200);
});
