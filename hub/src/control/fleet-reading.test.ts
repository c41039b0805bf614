// Several Sources as one fleet: what one of them does not say must take nothing away from it, nor from the others.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Digest } from "@muster/proto/model/digest";
import { parseFleetFile, type FleetDocument, type ParsedFile } from "../fleet/fleet.ts";
import { archiveSnapshot } from "./sources/archive-tree.ts";
import type { SourceView } from "./sources/source-loop.ts";
import { FleetReading } from "./fleet-reading.ts";

const cluster = (name: string): string => `apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata: {name: ${name}}\n`;
const none: ReadonlySet<Digest> = new Set();

function view(name: string, files: Readonly<Record<string, string>> | null): SourceView {
  const parsed = Object.entries(files ?? {}).map(([path, text]): [string, ParsedFile] => [
    path,
    parseFleetFile({ source: name, path, text }),
  ]);
  const snapshot = files === null ? null : archiveSnapshot("c1", new Map());
  return { name, url: "https://git.example", revision: null, snapshot, fetchedAt: null, fault: null, files: new Map(parsed) };
}

const keys = (documents: readonly FleetDocument[]): string[] => documents.map(({ key }) => key).toSorted();
const root = view("root", { "a.yaml": cluster("a") });
const team = view("team", { "b.yaml": cluster("b"), "c.yaml": cluster("c") });

test("I2 a Source that was not fetched yet in this run keeps the documents of the last one", () => {
  const before = new FleetReading([]).read([root, team], none).fleet.documents;
  const { fleet, problems } = new FleetReading(before).read([root, view("team", null)], none);
  assert.deepEqual([keys(fleet.documents), problems, [...fleet.unreadable]], [["Cluster a", "Cluster b", "Cluster c"], [], []]);
});

const source = (name: string): string =>
  `apiVersion: muster.dev/v1alpha1\nkind: Source\nmetadata: {name: ${name}}\nspec: {git: 'https://git.example/${name}.git'}\n`;

test("I1 I10 at the first turn of a run, before a Source is followed, its documents stay", () => {
  const roots = view("root", { "a.yaml": cluster("a"), "team.yaml": source("team") });
  const teams = view("team", { "b.yaml": cluster("b") });
  const before = new FleetReading([]).read([roots, teams], none).fleet.documents;
  const { fleet } = new FleetReading(before).read([roots], none);
  assert.deepEqual([keys(fleet.documents), [...fleet.unreadable]], [keys(before), []]);
  const rebuilt = new FleetReading([]).read([roots], none).fleet;
  assert.deepEqual([...rebuilt.unreadable], ["team"]);
});

test("I2 of a Source of which nothing was ever known nothing may be taken for absent", () => {
  const { fleet, problems } = new FleetReading([]).read([root, view("team", null)], none);
  assert.deepEqual([keys(fleet.documents), [...fleet.unreadable]], [["Cluster a"], ["team"]]);
  assert.deepEqual(
    problems.map(({ code, subject }) => [code, subject]),
    [["W_SOURCE_UNFETCHED", "Source team"]],
  );
});

test("D04 a Source that suddenly says nothing keeps what it said; the others go on", () => {
  const reading = new FleetReading([]);
  reading.read([root, team], none);
  const next = view("root", { "a.yaml": cluster("a"), "d.yaml": cluster("d") });
  const { fleet, problems } = reading.read([next, view("team", {})], none);
  assert.deepEqual(keys(fleet.documents), ["Cluster a", "Cluster b", "Cluster c", "Cluster d"]);
  assert.deepEqual(
    problems.map(({ code, subject }) => [code, subject]),
    [["E_SOURCE_EMPTIED", "Source team"]],
  );
  assert.deepEqual(reading.read([next, team], none).problems, []);
});

test("a Source that nobody names any more takes its documents along", () => {
  const reading = new FleetReading([]);
  reading.read([root, team], none);
  assert.deepEqual(keys(reading.read([root], none).fleet.documents), ["Cluster a"]);
});

test("P5 what did not change is the same object", () => {
  const reading = new FleetReading([]);
  const first = reading.read([root, team], none);
  assert.equal(reading.read([{ ...root, fetchedAt: 5 }, team], none), first);
  const changed = reading.read([root, view("team", { "b.yaml": cluster("b") })], none);
  assert.notEqual(changed, first);
  const a = (each: typeof first) => each.fleet.documents.find(({ key }) => key === "Cluster a");
  assert.equal(a(changed), a(first));
});

test("F38 an emptied Source is held under a name of its own; approved, exactly that Snapshot passes", () => {
  let now = 5;
  const reading = new FleetReading([], () => now);
  reading.read([root, team], none);
  const emptied = (commit: string): SourceView => ({ ...view("team", {}), snapshot: archiveSnapshot(commit, new Map()) });
  const [first] = reading.read([root, emptied("c2")], none).held;
  assert.ok(first !== undefined);
  assert.deepEqual([first.source, first.commit, first.documents.toSorted(), first.since], ["team", "c2", ["Cluster b", "Cluster c"], 5]);
  now = 9;
  assert.deepEqual(reading.read([root, emptied("c2")], none).held, [first]);
  const approved = new Set([first.digest]);
  const [other] = reading.read([root, emptied("c3")], approved).held;
  assert.notEqual(other?.digest, first.digest);
  const passed = reading.read([root, emptied("c2")], approved);
  assert.deepEqual([passed.held, passed.problems, keys(passed.fleet.documents)], [[], [], ["Cluster a"]]);
});
