// `node test/controlplane/main.ts [NAME ...] [--controllers] [--nodes N]`: keeps control planes running until Ctrl-C.
// Prints one line of JSON for each: name, url, kubeconfig, ca, token, pids.

import { parseArgs } from "node:util";
import { startFleet } from "./controlplane.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { controllers: { type: "boolean", default: false }, nodes: { type: "string", default: "2" } },
});
const names = positionals.length > 0 ? positionals : ["one"];
const fleet = await startFleet(names, { controllers: values.controllers, nodes: Number(values.nodes) });
for (const plane of fleet.members) {
  const line = {
    name: plane.name,
    url: plane.url,
    kubeconfig: plane.kubeconfig,
    ca: plane.caFile,
    token: plane.adminToken,
    pids: plane.pids(),
  };
  process.stdout.write(JSON.stringify(line) + "\n");
}
process.stderr.write("running; Ctrl-C ends and removes everything\n");

const keepAlive = setInterval(() => undefined, 60_000);
const end = (): void => {
  clearInterval(keepAlive);
  void fleet.stop().then(() => process.exit(0));
};
process.once("SIGINT", end).once("SIGTERM", end);
