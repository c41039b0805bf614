// muster-hub: reads the settings, opens the hub, runs it until it is told to stop.

import { parseArgs } from "node:util";
import { pino } from "pino";

import { messageOf, OperationError } from "@muster/proto/model/failure";
import { readConfig, readNetwork, readSecret, readSourceSecret, type HubConfig } from "./config/config.ts";
import { openHub, type SecretReader } from "./control/hub.ts";

export const hubVersion = "0.1.0";

const usage = `muster-hub: reads Git, decides what every cluster shall run, signs one bundle per cluster

  --config FILE      the hub's configuration (hub.yaml)
  --log-level LEVEL  debug, info (default), warn, error
  --version, --help
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      config: { type: "string", default: "hub.yaml" },
      "log-level": { type: "string", default: "info" },
      version: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
    strict: true,
  });
  if (values.help === true) return void process.stdout.write(usage);
  if (values.version === true) return void process.stdout.write(`muster-hub ${hubVersion}\n`);
  const config = await readConfig(values.config, process.env);
  const log = pino({ level: values["log-level"], base: {}, timestamp: pino.stdTimeFunctions.isoTime });
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());
  const network = () => readNetwork(config, process.env);
  await network(); // what is wrong with it is said at the start
  await using hub = await openHub({ config, secrets: secretsOf(config), network, log, now: Date.now, random: Math.random });
  log.info({ where: hub.apiUrl, port: hub.agentsPort }, "the hub is ready");
  await hub.run(stop.signal);
}

function secretsOf(config: HubConfig): SecretReader {
  return {
    source: async (ref) => {
      // A document names its secret: those that sign webhooks are not for it.
      if (config.webhooks.some(({ secretRef }) => secretRef === ref))
        throw new OperationError("forbidden", ref, `the secret ${ref} is a webhook's, and no Source's`);
      return readSourceSecret(config.secretsDir, ref);
    },
    webhook: async (forge) => {
      const hook = config.webhooks.find((known) => known.forge === forge);
      return hook === undefined ? undefined : readSecret(config.secretsDir, hook.secretRef);
    },
  };
}

main().catch((error: unknown) => {
  process.stderr.write(`muster-hub: ${messageOf(error)}\n`);
  process.exitCode = 1;
});
