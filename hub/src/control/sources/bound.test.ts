import assert from "node:assert/strict";
import { test } from "node:test";

import { OperationError } from "@muster/proto/model/failure";

import { checkBound } from "./bound.ts";

const rows: readonly (readonly [string, string, boolean])[] = [
  ["git.example", "https://git.example/x.git", true],
  ["git.example", "https://GIT.example:443/x.git", true],
  ["git.example", "ssh://git@git.example/x.git", true],
  ["git.example", "git@git.example:team/x.git", true],
  ["git.example", "oci://git.example/x", true],
  ["git.example", "https://git.example:8443/x.git", false],
  ["git.example", "https://git.example.evil/x.git", false],
  ["git.example", "https://evil.example/git.example", false],
  ["git.example", "https://evil/@git.example/x", false],
  ["git.example", "git@evil:git.example/x", false],
  ["git.example:8443", "https://git.example:8443/x.git", true],
  ["git.example:8443", "https://git.example/x.git", false],
  ["https://git.example/team", "https://git.example/team/x.git", true],
  ["https://git.example/team", "https://git.example/team-evil/x.git", false],
  ["https://git.example/team", "http://git.example/team/x.git", false],
  ["https://git.example/team", "https://git.example/team/../other/x.git", false],
  ["git@git.example:team", "git@git.example:team/x.git", true],
  ["git@git.example:team", "git@git.example:other/x.git", false],
  ["oci://registry.example/charts", "oci://registry.example/charts/web", true],
  ["", "https://git.example/x.git", false],
];
for (const [line, url, isFor] of rows)
  test(`S15 a secret with the host ${JSON.stringify(line)} is ${isFor ? "" : "not "}for ${url}`, () => {
    const checked = () => checkBound("token", { hosts: [line] }, url);
    if (isFor) checked();
    else assert.throws(checked, (error) => error instanceof OperationError && error.fault?.code === "E_SECRET_HOST");
  });

test("a secret without hosts is for every server, one with an empty list for none, one with several for each", () => {
  checkBound("token", {}, "https://git.example/x");
  assert.throws(() => checkBound("token", { hosts: [] }, "https://git.example/x"), /not for https:\/\/git\.example/);
  checkBound("token", { hosts: ["other.example", "git.example"] }, "https://git.example/x");
});
