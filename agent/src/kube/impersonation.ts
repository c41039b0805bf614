// Acting as somebody else. An empty name in the header means no impersonation at all to the API server: the call would run with the
// agent's own rights. So an empty identity is refused here, before anything is sent.

import { OperationError } from "@muster/proto/model/failure";

export type Impersonation = {
  readonly user: string;
  readonly groups?: readonly string[];
  readonly uid?: string;
  readonly extra?: { readonly [name: string]: readonly string[] };
};

/** The user name of a ServiceAccount; the API server adds its groups. Throws an OperationError("invalid") when a part is empty. */
export function serviceAccountUser(namespace: string, name: string): Impersonation {
  if (namespace.trim() === "" || name.trim() === "") throw empty("the service account");
  return { user: `system:serviceaccount:${namespace}:${name}` };
}

/** The headers of an impersonation. Throws an OperationError("invalid") when the user, a group or the uid is empty. */
export function impersonationHeaders(who: Impersonation): { readonly [name: string]: string | readonly string[] } {
  if (who.user.trim() === "") throw empty("the user");
  if (who.groups?.some((group) => group.trim() === "")) throw empty("a group");
  if (who.uid?.trim() === "") throw empty("the uid");
  const extra = Object.entries(who.extra ?? {}).map(([name, values]) => [
    `impersonate-extra-${encodeURIComponent(name.toLowerCase())}`,
    values,
  ]);
  return {
    "impersonate-user": who.user,
    ...(who.groups === undefined || who.groups.length === 0 ? {} : { "impersonate-group": who.groups }),
    ...(who.uid === undefined ? {} : { "impersonate-uid": who.uid }),
    ...(Object.fromEntries(extra) as { readonly [name: string]: readonly string[] }),
  };
}

function empty(what: string): OperationError {
  return new OperationError("invalid", "impersonation", `cannot impersonate: ${what} is empty`);
}
