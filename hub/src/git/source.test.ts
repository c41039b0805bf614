// Sources, before anything is sent.

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { test } from "node:test";

import { CANARY, codeOf, folder, open } from "./testdata/servers.ts";

test("B10 B09 S11 a forbidden URL or revision is refused before anything is sent", async (t) => {
  const dir = await folder(t);
  for (const url of ["ext::sh -c touch% pwned", "--upload-pack=touch pwned", `https://ada:${CANARY}@host/x.git`])
    assert.equal(await codeOf(open(t, url, {}, {}, dir)), "E_URL_FORBIDDEN");
  for (const revision of ["--upload-pack=touch pwned", "HEAD..x", "-oProxyCommand=x"])
    assert.equal(await codeOf(open(t, "https://host/x", { revision }, {}, dir)), "E_REF_INVALID");
  assert.deepEqual(await readdir(dir), []);
});
