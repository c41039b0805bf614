// A session that an agent has said hello in, and where it brings what the agent says about commands.

import type { ClusterName } from "@muster/proto/model/identity";
import type { CommandResult, Hello } from "@muster/proto/model/session";
import type { HubSession } from "../link/link.ts";

export type Live = { readonly session: HubSession; readonly instance: string; readonly hello: Hello; readonly since: number };

/** Where sessions bring what agents say about commands. */
export type CommandPort = {
  /** An agent is there (again). */
  greeted(cluster: ClusterName): Promise<void>;
  gone(cluster: ClusterName): void;
  result(cluster: ClusterName, result: CommandResult): Promise<void>;
  awaits(cluster: ClusterName, commandId: string): boolean;
  /** Throws OperationError "notFound" when nobody waits any more, "corrupt" when it is no answer. */
  answered(cluster: ClusterName, commandId: string, bytes: Uint8Array): Promise<void>;
};
