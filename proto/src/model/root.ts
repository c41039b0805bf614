// The status root: one digest over all App statuses of a cluster. Equal roots: hub and agent know the same.

import { byCodeUnits } from "./canonical.ts";
import { digestOf, digestOfJson, type Digest } from "./digest.ts";
import type { AppKey } from "./identity.ts";
import type { JsonValue } from "./json.ts";
import type { AppStatus } from "./status.ts";

/** The digest of what lasts of a status: not of its soak, which changes by itself. */
export function statusDigest(status: AppStatus): Digest {
  const { soak: _, ...lasting } = status;
  return digestOfJson(lasting as unknown as JsonValue);
}

/** The root over the digests of all statuses, whatever their order. */
export function statusRoot(digests: Iterable<readonly [AppKey, Digest]>): Digest {
  const lines = [...digests].map(([app, digest]) => `${app} ${digest}`).toSorted(byCodeUnits);
  return digestOf(lines.join("\n"));
}
