// The sample repository that the README and the demo use: read and resolved as it lies there.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { assembleFleet, mentionsMuster, parseFleetFile } from "../fleet/fleet.ts";
import { list, resolveAll } from "./testdata/fleets.ts";

const folder = new URL("../../../test/fleets/tour/", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, folder), "utf8");

test("the tour's documents are free of faults, and its Apps go where the README says", () => {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".yaml"));
  const files = paths.map((path) => ({ source: "root", path, text: read(path) })).filter(({ text }) => mentionsMuster(text));
  const { documents, problems } = assembleFleet(files.map(parseFleetFile), []);
  assert.deepEqual(problems, []);
  const apps = ["shop", "greeter", "notes"].map((name) => read(`apps/${name}.yaml`)).join("---\n");
  const resolution = resolveAll({ documents, enrolled: [], incumbents: new Map() }, { apps: { apps } });
  const { requests, problems: later } = resolution;
  assert.deepEqual(later, []);
  const rows = list(resolution).map(({ app, cluster, request }) => [
    app.split("/").at(-1),
    cluster,
    requests.get(request)?.path,
    requests.get(request)?.helm.values,
  ]);
  const shop = (region: string, city: string, more = {}) => ({ image: { tag: "1.4.2" }, region, motd: `Hello from ${city}`, ...more });
  assert.deepEqual(rows, [
    ["greeter", "berlin", "greeter/overlays/prod", {}],
    ["greeter", "oslo", "greeter/overlays/prod", {}],
    ["greeter", "paris", "greeter/base", {}],
    ["notes", "berlin", "notes", {}],
    ["notes", "oslo", "notes", {}],
    ["notes", "paris", "notes", {}],
    ["shop", "berlin", "shop", shop("eu", "Berlin", { replicas: 3 })],
    ["shop", "oslo", "shop", shop("north", "Oslo", { replicas: 3 })],
    ["shop", "paris", "shop", shop("eu", "Paris")],
  ]);
});
