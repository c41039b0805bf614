import assert from "node:assert/strict";
import { test } from "node:test";
import { assembleFleet, parseFleetFile, type AssembledFleet, type FleetDocument } from "./fleet.ts";

const app = (name: string, path: string): string =>
  `apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata: {name: ${name}}\nspec: {source: {path: ${path}}}\n`;
const cluster = (name: string): string => `apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata: {name: ${name}}\n`;
const broken = "apiVersion: muster.dev/v1alpha1\na: [\n";

function assemble(files: Readonly<Record<string, string>>, previous: readonly FleetDocument[] = []): AssembledFleet {
  return assembleFleet(
    Object.entries(files).map(([path, text]) => parseFleetFile({ source: "root", path, text })),
    previous,
  );
}

const keys = ({ documents }: AssembledFleet): string[] => documents.map(({ key }) => key).toSorted();

test("I2 a file that cannot be read any more keeps what it last held", () => {
  const before = assemble({ "a.yaml": `${cluster("a")}---\n${cluster("b")}`, "c.yaml": cluster("c") });
  const after = assemble({ "a.yaml": broken, "c.yaml": cluster("c") }, before.documents);
  assert.deepEqual(keys(after), ["Cluster a", "Cluster b", "Cluster c"]);
  assert.equal(after.problems[0]?.place?.path, "a.yaml");
  assert.deepEqual([after.broken.size, after.unreadable.size], [0, 0]);
});

test("I2 a document that cannot be read any more keeps its last good form, its neighbours go on", () => {
  const before = assemble({ "a.yaml": `${cluster("a")}---\n${app("web", "x")}` });
  const after = assemble({ "a.yaml": `${cluster("b")}---\n${app("web", "../..")}` }, before.documents);
  assert.deepEqual(keys(after), ["App default//web", "Cluster b"]);
  const web = after.documents.find(({ kind }) => kind === "App");
  assert.ok(web?.kind === "App" && web.value.layer["path"] === "x");
});

test("a document that left a broken file for another one is there once", () => {
  const before = assemble({ "a.yaml": cluster("a") });
  const after = assemble({ "a.yaml": broken, "b.yaml": cluster("a") }, before.documents);
  assert.deepEqual(keys(after), ["Cluster a"]);
  assert.equal(after.documents[0]?.place.path, "b.yaml");
});

test("a file that is gone takes its documents with it", () => {
  const before = assemble({ "a.yaml": cluster("a"), "b.yaml": cluster("b") });
  assert.deepEqual(keys(assemble({ "b.yaml": cluster("b") }, before.documents)), ["Cluster b"]);
});

test("I2 what was never readable is told, so that nothing is taken away for it", () => {
  const known = assemble({ "a.yaml": app("web", "../..") });
  assert.deepEqual([...known.broken], ["App default//web"]);
  const unknown = assemble({ "a.yaml": broken });
  assert.deepEqual([...unknown.unreadable], ["root"]);
});

test("Apps in the folder of another App are that App's to render", () => {
  const fleet = assemble({
    "apps.yaml": app("apps", "apps"),
    "apps/web.yaml": app("web", "web"),
    "apps/deep/db.yaml": app("db", "db"),
    "appsx.yaml": app("x", "x"),
  });
  assert.deepEqual(keys(fleet), ["App default//apps", "App default//x"]);
  assert.deepEqual(fleet.problems, []);
});

test("clusters in the folder of an App are read all the same", () => {
  const fleet = assemble({ "apps.yaml": app("apps", "apps"), "apps/a.yaml": `${cluster("a")}---\n${app("web", "web")}` });
  assert.deepEqual(keys(fleet), ["App default//apps", "Cluster a"]);
});

test("a chart's templates below an App are no broken documents", () => {
  const fleet = assemble({ "apps.yaml": app("apps", "apps"), "apps/templates/web.yaml": `${app("{{ .x }}", "web")}{{ if }}` });
  assert.deepEqual([keys(fleet), fleet.problems, fleet.unreadable.size], [["App default//apps"], [], 0]);
});

test("an App beside its own chart is read, and so are its neighbours", () => {
  const fleet = assemble({ "web/app.yaml": app("web", "web"), "web/config/app.yaml": app("config", "web/config") });
  assert.deepEqual(keys(fleet), ["App default//config", "App default//web"]);
});

test("B31 Apps that lie only in each other's folders are an error, and nothing is taken away for it", () => {
  const fleet = assemble({ "a/x.yaml": app("first", "b"), "b/y.yaml": app("second", "a"), "z.yaml": app("third", "c") });
  assert.deepEqual(keys(fleet), ["App default//third"]);
  assert.deepEqual(
    fleet.problems.map(({ code, subject }) => [code, subject]),
    [
      ["E_CYCLE", "App default//first"],
      ["E_CYCLE", "App default//second"],
    ],
  );
  assert.deepEqual([...fleet.broken].toSorted(), ["App default//first", "App default//second"]);
});
