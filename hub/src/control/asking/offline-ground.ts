// A repository on this machine as a ground for questions, without a hub.

import { OperationError } from "@muster/proto/model/failure";
import { Renderer } from "../../render/render.ts";
import { readFleetOffline, rootSource, type OfflineFleet, type OfflineQuery } from "../offline.ts";
import { openRenders } from "../renders/renders.ts";
import type { Ground } from "./ground.ts";

/** Reads, resolves and renders the fleet, as `readFleetOffline` does. The ground is good until it is disposed of. */
export async function offlineGround(
  query: OfflineQuery,
  signal: AbortSignal,
): Promise<Ground & Pick<OfflineFleet, "resolution"> & AsyncDisposable> {
  const fleet = await readFleetOffline(query, signal);
  let renderer: Promise<Renderer> | undefined;
  const lazy = { render: async (...args: Parameters<Renderer["render"]>) => (await (renderer ??= Renderer.open())).render(...args) };
  const renders = openRenders({ renderer: lazy, cache: { get: () => undefined, put: () => undefined }, contentOf: fleet.contentOf });
  return {
    ...groundOf(fleet),
    trial: (request, stop) => renders.trial(request, stop),
    [Symbol.asyncDispose]: async () => (await renderer)?.[Symbol.asyncDispose](),
  };
}

function groundOf(fleet: OfflineFleet): Omit<Ground, "trial"> & Pick<OfflineFleet, "resolution"> {
  const { commit, documents, resolution, answers, problems, snapshot, repository, model } = fleet;
  return {
    commit,
    documents,
    resolution,
    answers,
    problems,
    enrolled: model.enrolled,
    snapshotOf: (source) => (source === rootSource ? snapshot : undefined),
    contentOf: ({ source, revision, remote }) =>
      source === rootSource && revision === null && remote === null ? { key: source, snapshot } : undefined,
    commitOf: async (_source, id) => repository?.snapshot(id).catch(beyond),
    objectsOf: (release) => {
      const objects = fleet.objectsOf(release);
      return objects.length === 0 ? undefined : objects;
    },
  };
}

/** A shallow clone ends somewhere. */
function beyond(error: unknown): undefined {
  if (error instanceof OperationError && (error.fault?.code === "E_COMMIT_MISSING" || error.fault?.code === "E_REF_MISSING"))
    return undefined;
  throw error;
}
