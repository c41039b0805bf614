// Questions to a repository without a hub, as a person asks them.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import type { ParityAnswer, PreviewAnswer } from "../view/questions.ts";
import type { Io } from "./io.ts";
import { run } from "./program.ts";

const tour = fileURLToPath(new URL("../../../test/fleets/tour", import.meta.url));
let dir: string;
const git = (...args: string[]): void =>
  void execFileSync("git", ["-c", "user.name=Anna", "-c", "user.email=anna@example.com", ...args], { cwd: dir, stdio: "pipe" });

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "muster-questions-"));
  await cp(tour, dir, { recursive: true });
  await writeFile(
    join(dir, "shop/templates/secret.yaml"),
    'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: "canary-{{ .Values.image.tag }}"}\n',
  );
  git("init", "-q", "-b", "main");
  git("add", ".");
  git("commit", "-q", "-m", "first");
  git("checkout", "-q", "-b", "feature");
  const shop = await readFile(join(dir, "apps/shop.yaml"), "utf8");
  await writeFile(join(dir, "apps/shop.yaml"), shop.replace("tag: 1.4.2", "tag: 1.5.0"));
  await rm(join(dir, "apps/notes.yaml"));
  git("add", ".");
  git("commit", "-q", "-am", "newer, fewer");
  git("checkout", "-q", "main");
});
after(() => rm(dir, { recursive: true, force: true }));

type Ran = { readonly exit: number; readonly out: string; readonly err: string };

async function muster(...args: readonly string[]): Promise<Ran> {
  const texts = { out: "", err: "" };
  const output = (name: "out" | "err") => ({ write: (text: string) => void (texts[name] += text), isTTY: false, columns: 0 });
  const io: Io = {
    stdout: output("out"),
    stderr: output("err"),
    env: {},
    cwd: dir,
    home: dir,
    signal: AbortSignal.timeout(120_000),
    sleep: async () => undefined,
  };
  return { exit: await run(io, { args, version: "0.0.0" }), ...texts };
}

test("S21 preview of a branch: equal clusters are one row, what goes is told, Secrets are masked, exit 3", async () => {
  const ran = await muster("preview", "feature", "--repo", ".", "-o", "json");
  assert.equal(ran.exit, 3, ran.err);
  const answer = JSON.parse(ran.out) as PreviewAnswer;
  assert.deepEqual(
    answer.rows.map(({ clusters }) => clusters),
    [["berlin", "oslo", "paris"]],
  );
  const changes = new Map(answer.rows[0]?.changes.map((change) => [change.app as string, change]));
  assert.deepEqual([changes.get("default//notes")?.kind, changes.get("default//shop")?.kind], ["removed", "changed"]);
  assert.ok(answer.counts.deleted >= 3, "an object on each of three clusters");
  assert.doesNotMatch(ran.out, /canary|Y2FuYXJ5/);
  assert.deepEqual(
    changes
      .get("default//shop")
      ?.objects.find(({ identity }) => identity.kind === "Secret")
      ?.fields.map(({ path }) => path),
    ["data.k"],
  );
});

test("preview of what is there already says so with exit 0, and of a revision with errors with exit 1", async () => {
  const same = await muster("preview", "main", "--repo", ".");
  assert.equal(same.exit, 0, same.err);
  assert.match(same.out, /0 clusters of 3 would change/);
  git("checkout", "-q", "-b", "broken");
  await writeFile(join(dir, "shop/templates/web.yaml"), "{{ nonsense }}");
  git("commit", "-q", "-am", "broken");
  git("checkout", "-q", "main");
  const broken = await muster("preview", "broken", "--repo", ".");
  assert.equal(broken.exit, 1);
  assert.match(broken.out, /error E_TEMPLATE/);
  assert.doesNotMatch(broken.out, /deleted [A-Z]/, "an App that cannot be rendered stays");
});

test("two environments differ in settings, images and objects; equal Apps are one line; exit 3", async () => {
  const ran = await muster("diff", "--between", "env=staging", "prod", "--repo", ".", "-o", "json");
  assert.equal(ran.exit, 3, ran.err);
  const answer = JSON.parse(ran.out) as ParityAnswer;
  assert.deepEqual(
    answer.items.map(({ app, side }) => [app, side]),
    [
      ["default//greeter", "differs"],
      ["default//notes", "equal"],
      ["default//shop", "differs"],
    ],
  );
  const equal = await muster("diff", "--between", "berlin", "oslo", "notes", "--repo", ".");
  assert.deepEqual([equal.exit, equal.out.split("\n").at(-2)], [0, "equal: default//notes"]);
});

const wrong: readonly [readonly string[], number, RegExp][] = [
  [["diff", "--between", "prod"], 2, /needs two environments/],
  [["diff", "a", "b"], 2, /more than one App/],
  [["diff", "--repo", "."], 2, /needs --between/],
  [["explain", "shop", "--cluster", "berlin", "--revision", "main"], 2, /need --repo/],
  [["preview", "main", "--against", "x"], 2, /--against needs --repo/],
  [["preview", "nowhere", "--repo", "."], 5, /there is no such branch/],
  [["diff", "--between", "mars", "prod", "--repo", "."], 5, /is called mars/],
  [["explain", "shp", "--cluster", "berlin", "--repo", "."], 5, /there is no App shp/],
  [["completion"], 2, /which shell/],
];

for (const [args, exit, says] of wrong) {
  test(`muster ${args.join(" ")} is refused with exit ${exit}`, async () => {
    const ran = await muster(...args);
    assert.deepEqual([ran.exit, ran.out], [exit, ""]);
    assert.match(ran.err, says);
    assert.match(ran.err, /fix/);
  });
}
