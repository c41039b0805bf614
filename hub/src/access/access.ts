// Who may do what: one table for the API, the command line and the dashboard.

import type { Role } from "../view/api.ts";

export type Action = "see" | "createApiToken" | "createJoinToken" | "approve" | "dryRun" | "preview" | "sync" | "pause";

const admin: readonly Role[] = ["admin"];
const operators: readonly Role[] = ["operator", "admin"];

const table = {
  see: ["viewer", "operator", "approver", "admin"],
  createApiToken: admin,
  createJoinToken: admin,
  // A held delete is confirmed by an admin: it goes past the guards.
  approve: admin,
  // Costs an API server as much as a write does; who approves has to see what would change.
  dryRun: ["operator", "approver", "admin"],
  // Has the hub fetch and render what nobody has accepted yet.
  preview: ["operator", "approver", "admin"],
  sync: operators,
  pause: operators,
} as const satisfies Record<Action, readonly Role[]>;

export function mayDo(role: Role, action: Action): boolean {
  return (table[action] as readonly Role[]).includes(role);
}
