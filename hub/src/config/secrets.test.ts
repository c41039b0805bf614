import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { inspect } from "node:util";

import { OperationError } from "@muster/proto/model/failure";
import { readSourceSecret } from "./config.ts";

const dir = await mkdtemp(join(tmpdir(), "muster-secrets-"));
after(() => rm(dir, { recursive: true, force: true }));
let count = 0;

async function read(files: Readonly<Record<string, string>>) {
  const ref = `s${(count += 1)}`;
  await mkdir(join(dir, ref));
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, ref, name), text);
  return readSourceSecret(dir, ref);
}

async function faultOf(files: Readonly<Record<string, string>>): Promise<string> {
  try {
    await read(files);
    return "accepted";
  } catch (error) {
    assert.ok(error instanceof OperationError && error.code === "invalid" && error.fault?.code === "E_SECRET" && error.fault.remedy !== "");
    assert.ok(!`${error.message} ${error.fault.remedy} ${inspect(error.cause)}`.includes("CANARY"));
    return error.message.replace(/ of the secret s\d+| the secret s\d+/, "");
  }
}

const json = (value: object): string => JSON.stringify({ appId: "1", installationId: 2, privateKey: "CANARY", ...value });

test("each way to sign in is read from its files, and prints nothing of what it holds", async () => {
  const secrets = [
    await read({ token: "CANARY\n" }),
    await read({ username: "anna", password: "CANARY", "ca.crt": "PEM" }),
    await read({ identity: "CANARY\n", known_hosts: "host ssh-ed25519 AAAA\n" }),
    await read({ githubApp: json({ apiUrl: "https://git.example/api/v3" }) }),
    await read({ githubAppID: "1", githubAppInstallationID: "2", githubAppPrivateKey: "CANARY" }),
    await read({ "tls.crt": "PEM", "tls.key": "CANARY", "ca.crt": "PEM", token: "CANARY" }),
    await read({ "tls.crt": "PEM", "tls.key": "CANARY" }),
    await read({ "ca.crt": "PEM" }),
  ];
  assert.deepEqual(
    secrets.map((secret) => secret.credentials?.kind),
    ["token", "basic", "ssh", "githubApp", "githubApp", "token", undefined, undefined],
  );
  const [, basic, , app, files, both] = secrets;
  assert.ok(basic?.credentials?.kind === "basic" && basic.credentials.password.reveal() === "CANARY" && basic.ca === "PEM");
  assert.ok(app?.credentials?.kind === "githubApp" && app.credentials.installationId === "2" && app.credentials.apiUrl.endsWith("/v3"));
  assert.ok(files?.credentials?.kind === "githubApp" && files.credentials.apiUrl === "https://api.github.com");
  assert.equal(both?.clientCertificate?.key.reveal(), "CANARY");
  assert.ok(!`${JSON.stringify(secrets)} ${inspect(secrets, { depth: 9 })}`.includes("CANARY"));
});

test("B64 an unknown file, half a set and two ways at once are refused with the file's name", async () => {
  const table: readonly (readonly [Record<string, string>, string])[] = [
    [{ token: "CANARY", pasword: "CANARY" }, "cannot use the file pasword: no file of this name has a meaning there"],
    [{ username: "anna" }, "cannot use the file password: it is missing beside username"],
    [{ password: "CANARY" }, "cannot use the file username: it is missing beside password"],
    [{ identity: "CANARY" }, "cannot use the file known_hosts: it is missing beside identity"],
    [{ known_hosts: "x" }, "cannot use the file identity: it is missing beside known_hosts"],
    [{ "tls.crt": "PEM" }, "cannot use the file tls.key: it is missing beside tls.crt"],
    [{ "tls.key": "CANARY", "ca.crt": "PEM" }, "cannot use the file tls.crt: it is missing beside tls.key"],
    [
      { token: "CANARY", username: "a", password: "CANARY" },
      "cannot use the file username: it stands beside token, which is another way to sign in",
    ],
    [{ identity: "CANARY", known_hosts: "x", "ca.crt": "PEM" }, "cannot use the file ca.crt: it has no meaning for ssh"],
    [{ token: " \n" }, "cannot use the file token: it is empty"],
    [{ githubApp: "CANARY {" }, "cannot use the file githubApp: it is no JSON"],
    [{ githubApp: json({ key: 1 }) }, 'cannot use the file githubApp: it has an unknown field "key"'],
    [{ githubApp: json({ privateKey: "" }) }, "cannot use the file githubApp: privateKey is missing"],
    [{ githubApp: json({ installationId: "../x" }) }, "cannot use the file githubApp: installationId is no id"],
    [
      { githubAppID: "1", githubAppPrivateKey: "CANARY" },
      "cannot use the file githubAppInstallationID: it is missing beside githubAppID and githubAppPrivateKey",
    ],
    [{}, "cannot use: it is empty"],
  ];
  for (const [files, expected] of table) assert.equal(await faultOf(files), expected);
});

test("a Secret as Kubernetes mounts it is read through its links", async () => {
  const folder = join(dir, "mounted");
  await mkdir(join(folder, "..2026_03_02"), { recursive: true });
  await writeFile(join(folder, "..2026_03_02", "token"), "CANARY");
  await symlink("..2026_03_02", join(folder, "..data"));
  await symlink("..data/token", join(folder, "token"));
  assert.equal((await readSourceSecret(dir, "mounted")).credentials?.kind, "token");
});
