// Changes libraries of the rendering module before it is built: a copy of the pinned module, the patch laid over it, and a go.mod that
// names the copy. What a patch is for stands at its top.

import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { devNull } from "node:os";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** `file` changes the Go module `module`, in the version that go.mod pins. */
export type Patch = { readonly module: string; readonly file: string };

export const patches: readonly Patch[] = [{ module: "sigs.k8s.io/kustomize/api", file: join(import.meta.dirname, "kustomize-api.patch") }];

/** Where Go runs: the program, the folder of go.mod, the environment of the build. */
export type GoGround = { readonly go: string; readonly sourceDir: string; readonly env: NodeJS.ProcessEnv };

/**
 * Makes the changed modules and the go.mod for `go build -modfile` in `folder`, and gives that file's path.
 * Rejects when a module cannot be had, or a patch does not fit it exactly.
 */
export async function patchedModfile(ground: GoGround, folder: string, wanted: readonly Patch[]): Promise<string> {
  await mkdir(folder, { recursive: true });
  const replaced: string[] = [];
  for (const [at, patch] of wanted.entries()) {
    const copy = join(folder, `module-${at}`);
    await copyModule(await moduleFolder(ground, patch.module), copy);
    await apply(patch.file, copy);
    replaced.push(`replace ${patch.module} => ${JSON.stringify(copy)}\n`);
  }
  const modfile = join(folder, "go.mod");
  const read = (name: string): Promise<string> => readFile(join(ground.sourceDir, name), "utf8");
  await writeFile(modfile, `${await read("go.mod")}\n${replaced.join("")}`);
  await writeFile(join(folder, "go.sum"), await read("go.sum"));
  return modfile;
}

// Fetches it when it is not there yet, and checks it against go.sum.
async function moduleFolder({ go, sourceDir, env }: GoGround, module: string): Promise<string> {
  const { stdout } = await run(go, ["mod", "download", "-json", module], { cwd: sourceDir, env });
  const { Dir: folder } = JSON.parse(stdout) as { readonly Dir?: string };
  if (folder === undefined) throw new Error(`go mod download names no folder for ${module}`);
  return folder;
}

// Go keeps its modules read-only: written anew, the copy can be changed and deleted.
async function copyModule(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.endsWith("_test.go")) continue;
    const path = join(entry.parentPath, entry.name);
    const target = join(to, relative(from, path));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, await readFile(path));
  }
}

// Outside of any repository: inside one, git would leave out files that do not belong to it, and call that a success.
async function apply(patch: string, folder: string): Promise<void> {
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: dirname(folder), GIT_CONFIG_GLOBAL: devNull, GIT_CONFIG_NOSYSTEM: "1" };
  await run("git", ["apply", "--whitespace=nowarn", patch], { cwd: folder, env });
}
