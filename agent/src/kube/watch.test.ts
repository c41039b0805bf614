// What a watch makes of answers that a real API server gives only in passing, from a scripted one.

import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@muster/proto/model/json";
import { connectKube } from "./kube.ts";
import { answer, startScriptedServer, type Call } from "./testdata/scripted-server.ts";
import { isKind, mappingOf, namesOf, startWatch, tells } from "./testdata/seen.ts";

const impatient = { relistJitterMinMs: 1, relistJitterMaxMs: 2, watchBackoffMinMs: 1, watchBackoffMaxMs: 2 };

test("F48 a 410, as an answer or as an event, is a gap: list again, and leave no stream behind", async () => {
  let watches = 0;
  await using server = await startScriptedServer(
    (call) => {
      if (isList(call)) return list(call, String(watches), [`after-${watches}`]);
      watches += 1;
      if (watches <= 10) return answer(call, 410, { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" });
      if (watches <= 20) return events(call, { type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired" } });
      return events(call, { type: "MODIFIED", object: configMap("told", "99") });
    },
    { maxConcurrentStreams: 3 },
  );
  await using kube = await connectKube({ ...server, limits: impatient });
  await using seen = startWatch(kube, mappingOf(kube, "", "ConfigMap"), {});
  await seen.next(tells("changed", "told"));
  deepEqual(
    seen.events.filter(isKind("synced")).map(namesOf),
    Array.from({ length: 21 }, (_, i) => [`after-${i}`]),
  );
});

test("a DELETED that cannot be checked is not believed and not lost: it comes again", async () => {
  let checks = 0;
  await using server = await startScriptedServer((call) => {
    if (isList(call)) return list(call, "5", ["doomed"]);
    if (call.path.includes("watch=true")) {
      const from = /resourceVersion=(\d+)/.exec(call.path)?.[1];
      return events(call, ...(from === "5" ? [{ type: "DELETED", object: configMap("doomed", "7") }] : []));
    }
    checks += 1;
    if (checks <= 2) return answer(call, 500, { kind: "Status", code: 500, message: "etcd is slow" });
    return answer(call, 404, { kind: "Status", code: 404, reason: "NotFound", details: { name: "doomed", kind: "configmaps" } });
  });
  await using kube = await connectKube({ ...server, limits: impatient });
  await using seen = startWatch(kube, mappingOf(kube, "", "ConfigMap"), {});
  await seen.next(tells("deleted", "doomed"));
  equal(checks, 3);
  equal(seen.events.filter(isKind("deleted")).length, 1);
});

test("a bookmark moves the place from which a broken watch goes on", async () => {
  const asked: string[] = [];
  await using server = await startScriptedServer((call) => {
    if (isList(call)) return list(call, "5", []);
    asked.push(/resourceVersion=(\d+)/.exec(call.path)?.[1] ?? "");
    if (asked.length === 1) return events(call, { type: "BOOKMARK", object: { kind: "ConfigMap", metadata: { resourceVersion: "42" } } });
    return events(call, { type: "ADDED", object: configMap("told", "43") });
  });
  await using kube = await connectKube({ ...server, limits: impatient });
  await using seen = startWatch(kube, mappingOf(kube, "", "ConfigMap"), {});
  await seen.next(tells("changed", "told"));
  deepEqual(asked.slice(0, 2), ["5", "42"]);
  equal(seen.events.filter(isKind("synced")).length, 1);
});

test("a watch whose list breaks off tells nothing until a whole one came", async () => {
  let lists = 0;
  await using server = await startScriptedServer((call) => {
    if (!isList(call)) return events(call);
    if (call.path.includes("continue=")) return lists < 3 ? answer(call, 500, {}) : list(call, "5", ["last"]);
    lists += 1;
    return list(call, "5", ["first"], "more");
  });
  await using kube = await connectKube({ ...server, limits: impatient });
  await using seen = startWatch(kube, mappingOf(kube, "", "ConfigMap"), {});
  deepEqual(namesOf(await seen.next(isKind("synced"))), ["first", "last"]);
  deepEqual([seen.events[0]?.kind, seen.events.filter(isKind("interrupted")).length], ["interrupted", 1]);
});

function isList(call: Call): boolean {
  return /\/configmaps\?/.test(call.path) && !call.path.includes("watch=true");
}

function list(call: Call, resourceVersion: string, names: readonly string[], more?: string): void {
  const metadata = { resourceVersion, ...(more === undefined ? {} : { continue: more }) };
  answer(call, 200, { kind: "ConfigMapList", metadata, items: names.map((name) => configMap(name, "1")) });
}

/** Sends these events and ends the watch. */
function events(call: Call, ...lines: readonly JsonObject[]): void {
  call.stream.respond({ ":status": 200, "content-type": "application/json" });
  call.stream.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

function configMap(name: string, resourceVersion: string): JsonObject {
  return { metadata: { name, namespace: "default", resourceVersion } };
}
