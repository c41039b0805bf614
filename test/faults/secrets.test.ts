// Canary secrets: they reach the cluster and nothing else. Searched for in every log, file, answer and process argument of a run.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Rig } from "../rig/rig.ts";

const canary = "CANARY-8c41f09be2";
const broken = "CANARY-not-base64-!!";
const encoded = Buffer.from(canary).toString("base64");
const secret = (data: string): string => `apiVersion: v1\nkind: Secret\nmetadata:\n  name: login\ndata:\n  password: "${data}"\n`;
const app =
  "apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata:\n  name: app\nspec:\n  source: {path: app}\n  namespace: app\n  targets:\n    - clusters: {matchAll: true}\n";
const files = {
  "clusters/one.yaml": "apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata:\n  name: one\n",
  "app.yaml": app,
  "app/secret.yaml": secret(encoded),
};

let rig: Rig;
before(async () => {
  rig = await Rig.start({ clusters: ["one"], files });
  await rig.join("one");
  await rig.settled();
});
after(async () => rig?.[Symbol.asyncDispose]());

const live = (): Promise<string> => rig.plane("one").kubectl(["get", "secret", "-n", "app", "login", "-o", "jsonpath={.data.password}"]);

/** Files below the rig's folder that hold one of the texts; Git's own objects are compressed there as they are at the forge. */
async function filesWith(texts: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(rig.dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || path.startsWith(join(rig.dir, "git"))) continue;
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    if (texts.some((text) => bytes.includes(text))) found.push(path);
  }
  return found;
}

async function argumentsOf(pid: number | undefined): Promise<string> {
  return pid === undefined || process.platform !== "linux"
    ? ""
    : readFile(`/proc/${pid}/cmdline`, "utf8").then(async (text) => text + (await readFile(`/proc/${pid}/environ`, "utf8")));
}

test("I9 S21 S24 a Secret reaches its cluster, and is in no file, log, answer or argument; neither is its drift", async () => {
  assert.equal(await live(), encoded);
  await rig
    .plane("one")
    .kubectl([
      "patch",
      "secret",
      "-n",
      "app",
      "login",
      "--type=merge",
      "-p",
      `{"data":{"password":"${Buffer.from("edited").toString("base64")}"}}`,
    ]);
  await rig.until("healed", async () => (await live()) === encoded);
  await rig.until("told", async () =>
    (await rig.drift()).some(({ identity, healedAt }) => identity.kind === "Secret" && healedAt !== null),
  );
  const texts = [canary, encoded, Buffer.from("edited").toString("base64")];
  assert.deepEqual(await filesWith(texts), []);
  const answers = JSON.stringify([await rig.status(), await rig.apps(), await rig.drift(), await rig.held()]);
  const processes = (await argumentsOf(rig.hub.pid)) + (await argumentsOf(rig.agent("one").pid));
  for (const text of texts) assert.ok(!answers.includes(text) && !processes.includes(text));
});

test("S03 S22 B39 a Secret that is no base64 is refused without a byte of it", async () => {
  await rig.commit({ "app/secret.yaml": secret(broken) }, "not base64");
  const row = await rig.until("refused", async () => (await rig.apps()).find(({ reason }) => reason === "RenderFailed"));
  assert.match(row.message, /E_OBJECT_INVALID/);
  assert.deepEqual(await filesWith(["CANARY-not"]), []);
  assert.ok(!JSON.stringify([await rig.status(), await rig.apps()]).includes("CANARY"));
  assert.equal(await live(), encoded);
});

test("S23 the credentials of the root Source and the tokens are in no log, answer or argument", async () => {
  const names = ["git-token", "webhook-secret"];
  const texts = await Promise.all([
    ...names.map((name) => readFile(join(rig.dir, "secrets", name), "utf8")),
    readFile(join(rig.dir, "hub", "keys", "admin.token"), "utf8"),
  ]);
  const found = (await filesWith(texts.map((text) => text.trim()))).map((path) => path.slice(rig.dir.length + 1));
  assert.deepEqual(found.toSorted(), ["hub/keys/admin.token", "secrets/git-token", "secrets/webhook-secret"]);
  await rig.git.stop();
  await rig.until("git's absence is told", async () => (await rig.status()).sources[0]?.stale);
  const answers = JSON.stringify(await rig.status()) + rig.hub.lines.join("\n") + (await argumentsOf(rig.hub.pid));
  for (const text of texts) assert.ok(!answers.includes(text.trim()));
});
