// Completion in the shells themselves: a person presses Tab, the command answers. Shells that are not there are read, not run.

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";

import { completionScript, shells, type Shell } from "./completion.ts";

const main = fileURLToPath(new URL("main.ts", import.meta.url));
const names = { apps: ["shop", "greeter"], clusters: ["berlin", "bern", "oslo"], groups: ["edge"] };

type Place = { readonly dir: string; readonly env: Record<string, string>; readonly hub: { mode: "answers" | "silent" | "gone" } };

/** A folder with `muster` on the PATH, and a hub that answers, says nothing, or is gone. */
async function place(t: TestContext): Promise<Place> {
  const dir = await mkdtemp(join(tmpdir(), "muster-completion-"));
  const hub: Place["hub"] = { mode: "answers" };
  const server = http.createServer((request, response) => {
    if (hub.mode === "answers") response.end(request.url === "/api/v1/names" ? JSON.stringify(names) : "{}");
    else if (hub.mode === "gone") request.destroy();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    server.close().closeAllConnections();
    await rm(dir, { recursive: true, force: true });
  });
  await writeFile(join(dir, "muster"), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
  await chmod(join(dir, "muster"), 0o755);
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const env = { PATH: `${dir}:${process.env["PATH"] ?? ""}`, HOME: dir, MUSTER_HUB: address, MUSTER_TOKEN: "canary-51cd", TERM: "dumb" };
  return { dir, env, hub };
}

const has = (shell: string): boolean => {
  try {
    execFileSync(shell, ["-c", "true"]);
    return true;
  } catch {
    return false;
  }
};

/** What each shell offers for a line, by its own means of completing. */
const press: { readonly [shell in Shell]: (line: string) => string } = {
  bash: (line) => {
    const words = line.split(" ");
    return `eval "$(muster completion bash)"; COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _muster; printf '%s\\n' "\${COMPREPLY[@]}"`;
  },
  // compadd, which only works inside of the line editor, shows what it was given.
  zsh: (line) => {
    const words = line.split(" ");
    return `compadd() { shift; print -l -- \${(P)1}; }; _files() { :; }; eval "$(muster completion zsh)"; words=(${words.map((word) => `'${word}'`).join(" ")}); CURRENT=${words.length}; _muster`;
  },
  fish: (line) => `muster completion fish | source; complete -C '${line}'`,
};

async function offered(shell: Shell, line: string, { env, dir }: Place): Promise<string[]> {
  const script = press[shell](line);
  const flags = shell === "bash" ? ["--norc", "-c"] : shell === "zsh" ? ["-f", "-c"] : ["--no-config", "-c"];
  return new Promise((resolve, reject) => {
    execFile(shell, [...flags, script], { env, cwd: dir }, (error, out, err) => {
      if (error !== null) reject(new Error(`${error.message}\n${err}`));
      else
        resolve(
          out
            .split("\n")
            .filter((word) => word !== "")
            .map((word) => word.split("\t")[0] ?? ""),
        );
    });
  });
}

for (const shell of shells) {
  test(`${shell} completes verbs, flags and names of the hub`, { skip: has(shell) ? false : `there is no ${shell} here` }, async (t) => {
    const here = await place(t);
    assert.deepEqual(await offered(shell, "muster expl", here), ["explain"]);
    assert.deepEqual(await offered(shell, "muster explain sh", here), ["shop"]);
    assert.deepEqual(await offered(shell, "muster explain shop --cluster ber", here), ["berlin", "bern"]);
    assert.deepEqual(await offered(shell, "muster explain shop --clust", here), ["--cluster", "--clusters"]);
    assert.deepEqual(await offered(shell, "muster token cr", here), ["create"]);
    assert.deepEqual(await offered(shell, "muster diff -o js", here), ["json"]);
    assert.deepEqual(await offered(shell, "muster diff --between e", here), ["edge"]);
  });
}

test("every verb that is about an App completes its name", async (t) => {
  const here = await place(t);
  for (const verb of ["explain", "diff", "why-changed", "tree", "events", "sync", "pause", "resume"])
    assert.deepEqual(await offered("bash", `muster ${verb} sh`, here), ["shop"], verb);
});

test("bash is always there: a test that runs in no shell would prove nothing", () => assert.ok(has("bash")));

test("a hub that says nothing, or is gone, costs no more than its patience: the names of the last time are offered", async (t) => {
  const here = await place(t);
  assert.deepEqual(await offered("bash", "muster explain gr", here), ["greeter"]);
  for (const mode of ["silent", "gone"] as const) {
    here.hub.mode = mode;
    assert.deepEqual(await offered("bash", "muster explain gr", here), ["greeter"], mode);
  }
  const kept = await readdir(join(here.dir, ".cache", "muster"));
  assert.equal(kept.length, 1);
  await writeFile(join(here.dir, ".cache", "muster", kept[0] ?? ""), "{");
  assert.deepEqual(await offered("bash", "muster explain gr", here), []);
  assert.deepEqual(await offered("bash", "muster expl", here), ["explain"]);
});

test("without a hub in the configuration verbs are completed all the same, and nothing is said", async (t) => {
  const here = await place(t);
  const { MUSTER_HUB: _, ...env } = here.env;
  assert.deepEqual(await offered("bash", "muster wh", { ...here, env }), ["where", "why-changed"]);
  assert.deepEqual(await offered("bash", "muster explain s", { ...here, env }), []);
});

test("B63 names are words: what a shell would run is not run", async (t) => {
  const here = await place(t);
  names.apps.push("x;touch${IFS}pwned", "$(touch pwned)");
  t.after(() => names.apps.splice(2));
  assert.deepEqual(await offered("bash", "muster explain x", here), ["x;touch${IFS}pwned"]);
  assert.deepEqual(
    (await readdir(here.dir)).filter((name) => name === "pwned"),
    [],
  );
});

test("every script asks the one command, hides its errors and names its shell", () => {
  for (const shell of shells) {
    const script = completionScript(shell);
    assert.match(script, /muster completion --words -- /);
    assert.match(script, /2>\/dev\/null/);
    assert.ok(script.includes(`muster completion ${shell}`));
  }
});
