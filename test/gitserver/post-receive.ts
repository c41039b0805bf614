// The post-receive hook of the test Git server: hands what was pushed to the server, which tells the hub.
// Called by git with "BEFORE AFTER REF" lines on its input; arguments: address of the server, its secret.

import { text } from "node:stream/consumers";

const [address = "", secret = ""] = process.argv.slice(2);
const headers = { "x-hook-secret": secret, "x-hook-user": process.env["REMOTE_USER"] ?? "somebody" };
try {
  await fetch(address, { method: "POST", headers, body: await text(process.stdin) });
} catch {
  process.stderr.write("the webhook was not sent: the Git server does not answer\n"); // the push itself is done
}
