// Commands and hands of the hub as one: what sessions bring goes in, what the API asks comes out.

import type { LivePort } from "../../api/api.ts";
import type { FleetState } from "../fleet-state.ts";
import type { HubLog } from "../log.ts";
import type { CommandPort } from "../live-session.ts";
import { Commands, type CommandsOptions } from "./commands.ts";
import { Hands } from "./hands.ts";
import { Redeliveries } from "./redeliveries.ts";
import { appOf, clusterOf } from "./subjects.ts";

export type CommandingOptions = CommandsOptions & {
  readonly state: () => FleetState;
  readonly log: HubLog;
  /** Something was done by hand, or a pause ended: decide again. */
  readonly onChange: () => void;
};

export type Commanding = {
  readonly port: CommandPort;
  readonly live: LivePort;
  /** Ends pauses in their time, until aborted. */
  run(signal: AbortSignal): Promise<void>;
};

export function openCommanding(options: CommandingOptions): Commanding {
  const commands = new Commands(options);
  const redeliveries = new Redeliveries({ ...options, commands });
  const hands = new Hands({ ...options, redeliveries });
  const world = { memory: options.record.memory, state: options.state };
  return {
    port: {
      greeted: (cluster) => redeliveries.greeted(cluster),
      gone: (cluster) => commands.gone(cluster),
      result: async (cluster, result) => {
        if (!commands.refused(cluster, result)) await redeliveries.result(cluster, result);
      },
      awaits: (cluster, id) => commands.awaits(cluster, id),
      answered: (cluster, id, bytes) => commands.answered(cluster, id, bytes),
    },
    live: {
      async look({ app: name, cluster: at, part, object, managedFields }, { name: actor }, signal) {
        const cluster = clusterOf(world, at);
        const { app } = appOf(world, name, cluster);
        return { ...(await commands.inspect(cluster, { app, parts: [part], object, managedFields }, actor, signal)), cluster };
      },
      sync: (request, { name }) => hands.sync(request, name),
      pause: (request, { name }) => hands.pause(request, name),
      resume: (request, { name }) => hands.resume(request, name),
      acts: () => hands.acts(),
    },
    run: (signal) => hands.run(signal),
  };
}
