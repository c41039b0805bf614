// Applies again what is released: the same objects, as if they came for the first time. The API server writes nothing where nothing
// differs; what somebody changed is put back, also where healing is off.

import { OperationError } from "@muster/proto/model/failure";
import type { AppKey } from "@muster/proto/model/identity";

import type { AppStates } from "./app-state.ts";
import type { Attempts } from "./attempts.ts";
import type { Site } from "./site.ts";

/**
 * Has every applied object of an App written again by the next round; resolves with how many, once that is on disk: a crash in between
 * loses nothing. Throws OperationError "notFound" for an App that is not here.
 */
export async function redeliver(site: Site, states: AppStates, attempts: Attempts, app: AppKey): Promise<number> {
  if (states.get(app) === undefined)
    throw new OperationError("notFound", app, `this cluster has no App ${app}`, undefined, {
      code: "E_NOT_HERE",
      remedy: "muster apps shows what is where",
    });
  attempts.clear();
  const applied = [...site.ledger.all.values()].filter((entry) => entry.app === app && entry.state === "applied");
  await site.ledger.save(applied.map((entry) => ({ ...entry, desired: "" })));
  return applied.length;
}
