// The fleet in examples/ is what its README says: without faults, and each cluster gets what its labels and values ask for.

import assert from "node:assert/strict";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { run } from "@muster/hub/cli/program";
import { codeIn, read, repository } from "./pages.ts";

type Item = {
  readonly app: string;
  readonly cluster: string;
  readonly object: { readonly kind: string; readonly metadata: { readonly name: string }; readonly spec: never; readonly data?: object };
};

/** The command as a person types it, at the root of the repository. */
async function muster(...args: string[]) {
  const texts = { out: "", err: "" };
  const output = (name: "out" | "err") => ({ write: (text: string) => void (texts[name] += text), isTTY: false, columns: 0 });
  const plain = { env: {}, cwd: repository, home: "/nonexistent", signal: new AbortController().signal, sleep: () => Promise.resolve() };
  const exit = await run({ ...plain, stdout: output("out"), stderr: output("err") }, { args, version: "0" });
  return { exit, ...texts };
}

let rendered: Promise<readonly Item[]> | undefined;
const items = (): Promise<readonly Item[]> => (rendered ??= renderAll());

async function renderAll(): Promise<readonly Item[]> {
  const { exit, out, err } = await muster("render", "--repo", "examples", "--all", "-o", "json");
  assert.deepEqual([exit, err], [0, ""]);
  return (JSON.parse(out) as { items: Item[] }).items;
}

/** The part of an App's object on a cluster that a pointer names. */
async function at(cluster: string, app: string, kind: string, ...path: readonly (string | number)[]): Promise<unknown> {
  const found = (await items()).find((item) => item.cluster === cluster && item.app === `default//${app}` && item.object.kind === kind);
  assert.ok(found, `${app} has a ${kind} on ${cluster}`);
  return path.reduce<unknown>((value, key) => (value as Record<string | number, unknown> | undefined)?.[key], found.object);
}

const container = ["spec", "template", "spec", "containers", 0] as const;

test("the example fleet is without faults", async () => {
  assert.deepEqual(await muster("lint", "examples"), { exit: 0, out: "ok: 5 Apps, 5 Clusters: 0 errors, 0 warnings\n", err: "" });
});

test("every command in the README of the examples ends well, and every path in it is there", async () => {
  const text = await read("examples/README.md");
  const commands = [...text.matchAll(/^muster (.+)$/gm)].map(([, args = ""]) => args.split(" "));
  assert.ok(commands.length >= 3);
  for (const args of commands) assert.equal((await muster(...args)).exit, 0, args.join(" "));
  const paths = codeIn(text).filter((code) => /^[\w-]+\/?(?:[\w-]+\/?)*(?:\.yaml)?$/.test(code) && /[/.]/.test(code));
  assert.ok(paths.length >= 8, paths.join());
  for (const path of paths) await access(join(repository, "examples", path));
});

test("production has its overlay with three proxies, staging its own settings", async () => {
  assert.equal(await at("dallas", "ingress", "Deployment", "spec", "replicas"), 3);
  assert.equal(await at("paris", "ingress", "Deployment", "spec", "replicas"), 1);
  assert.deepEqual(Object.keys((await at("paris", "ingress", "ConfigMap", "data")) as object).toSorted(), ["debug.conf", "proxy.conf"]);
  assert.deepEqual(Object.keys((await at("berlin", "ingress", "ConfigMap", "data")) as object), ["proxy.conf"]);
});

test("the shop has the currency of its region, the host of its cluster, and its exception in one place", async () => {
  const currency = (cluster: string) => at(cluster, "shop", "Deployment", ...container, "env", 0, "value");
  assert.deepEqual(await Promise.all(["boston", "dallas", "paris"].map(currency)), ["USD", "USD", "EUR"]);
  assert.equal(await at("lisbon", "shop", "Ingress", "spec", "rules", 0, "host"), "shop.lisbon.example.com");
  const image = (cluster: string) => at(cluster, "shop", "Deployment", ...container, "image");
  assert.match(String(await image("lisbon")), /:1\.5\.0-rc\.1$/);
  for (const cluster of ["berlin", "boston", "dallas", "paris"]) assert.match(String(await image(cluster)), /:1\.4\.2$/);
});

test("only production is scaled by an autoscaler, and only the group runs the jobs", async () => {
  const of = async (kind: string) => (await items()).flatMap(({ cluster, object }) => (object.kind === kind ? [cluster] : [])).toSorted();
  assert.deepEqual(await of("HorizontalPodAutoscaler"), ["berlin", "dallas", "lisbon"]);
  assert.deepEqual(await of("CronJob"), ["berlin", "boston", "lisbon"]);
  assert.equal((await of("LimitRange")).length, 5);
});
