// The programs of the clone: they run the clone's sources with the clone's Node, from wherever they are called.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { link, writeProgram } from "./links.ts";
import { run } from "./run.ts";

test("a program runs the source of its clone with its Node and its arguments, also through links and from another folder", async () => {
  const root = await mkdtemp(join(tmpdir(), "muster links "));
  try {
    const bin = join(root, ".tools", "bin");
    await mkdir(join(root, "hub"), { recursive: true });
    await writeFile(join(root, "hub", "main.ts"), "console.log(JSON.stringify(process.argv.slice(1)));");
    await writeProgram(join(bin, "muster"), "hub/main.ts");
    await link(process.execPath, join(bin, "node"));
    await symlink(join(bin, "muster"), join(root, "far"));
    await symlink("far", join(root, "near"));
    const expected = [join(root, "hub", "main.ts"), "a b", "--c"];
    for (const program of [join(bin, "muster"), join(root, "near")]) {
      assert.deepEqual(JSON.parse(await run(program, ["a b", "--c"], { cwd: "/" })), expected);
    }
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

test("a link is replaced by the new one", async () => {
  const root = await mkdtemp(join(tmpdir(), "muster-links-"));
  try {
    await link("/old", join(root, "bin", "tool"));
    await link("/new", join(root, "bin", "tool"));
    assert.equal(await readlink(join(root, "bin", "tool")), "/new");
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

const NODE_SH = new URL("./node.sh", import.meta.url).pathname;

/** Programs that only say what node.sh needs to hear; this npm installs a Node that says `brought`. */
const NPM = `#!/bin/sh
echo "$@" >>"$(dirname "$0")/asked"
while [ "$1" != --prefix ]; do shift; done
for last in "$@"; do :; done
bin="$2/node_modules/\${last%@*}/bin"
mkdir -p "$bin"
printf '#!/bin/sh\\necho v26.10.0\\n' >"$bin/node"
chmod 755 "$bin/node"
`;

async function setUpNode(pathNode: string): Promise<{ readonly target: string; readonly asked: string }> {
  const root = await mkdtemp(join(tmpdir(), "muster-node-"));
  try {
    const path = join(root, "path");
    await mkdir(path);
    const programs = { node: `#!/bin/sh\necho ${pathNode}\n`, npm: NPM, npx: "#!/bin/sh\n" };
    for (const [name, text] of Object.entries(programs)) await writeFile(join(path, name), text, { mode: 0o755 });
    const env = { PATH: `${path}:/usr/bin:/bin`, MUSTER_CACHE: join(root, "cache"), HOME: root };
    await run("sh", [NODE_SH, root], { env });
    await run("sh", [NODE_SH, root], { env });
    const asked = await readFile(join(path, "asked"), "utf8").catch(() => "");
    return { target: (await readlink(join(root, ".tools", "bin", "node"))).slice(root.length), asked };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

test("the Node on PATH is used from 24.15 on", async () => {
  for (const version of ["v24.15.0", "v24.16.1", "v26.0.0"])
    assert.deepEqual(await setUpNode(version), { target: "/path/node", asked: "" }, version);
});

test("an older Node is replaced by one of the npm registry, once, without running install scripts", async () => {
  for (const version of ["v20.20.2", "v24.14.9", "v9.99.0"]) {
    const { target, asked } = await setUpNode(version);
    assert.match(target, /^\/cache\/node\/26\.10\.0-.*\/bin\/node$/, version);
    assert.equal(asked.trim().split("\n").length, 1);
    assert.match(asked, /--ignore-scripts/);
  }
});
