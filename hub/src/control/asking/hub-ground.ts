// The hub's last decision as a ground for questions; and the same fleet with one Source at another revision, resolved and rendered for
// the question alone.

import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { JsonObject } from "@muster/proto/model/json";
import { admitSource } from "../../admit/admit.ts";
import { assembleFleet, isFleetFile, type ParsedFile } from "../../fleet/fleet.ts";
import { changes, type Snapshot, type Tree } from "../../git/git.ts";
import { resolve, type FleetModel, type Resolution } from "../../resolve/resolve.ts";
import type { Store } from "../../store/store.ts";
import type { Declared } from "../../view/difference.ts";
import type { Basis } from "../fleet-state.ts";
import { fleetFile } from "../offline.ts";
import { closerPlaces } from "../places.ts";
import { openRenders, type Answered, type Renders, type RendersOptions } from "../renders.ts";
import type { SourceView } from "../sources.ts";
import type { Ground } from "./ground.ts";

export type HubSight = {
  readonly store: Pick<Store, "manifest" | "objectText">;
  readonly renders: Omit<RendersOptions, "treeOf">;
  readonly commitOf: Ground["commitOf"];
};

/** Renders that one question may need beyond those that are kept. */
const needsMax = 20_000;

export function hubGround(basis: Basis, sight: HubSight): Ground {
  return groundOf(basis, sight, (source) => basis.sources.find(({ name }) => name === source)?.snapshot ?? undefined);
}

function groundOf(basis: Basis, sight: HubSight, snapshotOf: Ground["snapshotOf"]): Ground {
  const treeOf = async (source: string): Promise<Tree> => snapshotOf(source)?.tree ?? unknownSource(source);
  let renders: Renders | undefined;
  return {
    commit: snapshotOf(basis.sources[0]?.name ?? "")?.commit ?? null,
    documents: basis.model.documents,
    enrolled: basis.model.enrolled,
    resolution: basis.resolution,
    answers: basis.answers,
    problems: basis.problems,
    treeOf,
    snapshotOf,
    commitOf: sight.commitOf,
    trial: (request, signal) => (renders ??= openRenders({ ...sight.renders, treeOf })).trial(request, signal),
    objectsOf: (release) => objectsOf(sight.store, release),
  };
}

/** A Release's objects as the store has them; undefined when they are not kept, or not all. */
export function objectsOf(store: HubSight["store"], release: Digest): readonly Declared[] | undefined {
  const manifest = store.manifest(release);
  if (manifest === undefined) return undefined;
  const out: Declared[] = [];
  for (const { identity, digest } of manifest) {
    const text = store.objectText(digest);
    if (text === undefined) return undefined;
    out.push({ identity, object: JSON.parse(text) as JsonObject });
  }
  return out;
}

/** The fleet as it would be with a Source at `snapshot`. `path`: the folder of the Source that counts. */
export async function groundAt(
  basis: Basis,
  sight: HubSight,
  { view, path, snapshot }: { readonly view: SourceView; readonly path: string; readonly snapshot: Snapshot },
  signal: AbortSignal,
): Promise<Ground> {
  const files = await filesAt(view, path, snapshot);
  const others = basis.sources.filter(({ name }) => name !== view.name).flatMap((other) => [...other.files.values()]);
  const before = basis.model.documents;
  const fleet = assembleFleet([...others, ...files.values()], before);
  const emptied = admitSource({
    source: view.name,
    commit: snapshot.commit,
    before,
    after: fleet.documents,
    pathFound: true,
    approvals: new Set(),
  });
  const model: FleetModel = {
    ...basis.model,
    documents: fleet.documents,
    broken: fleet.broken,
    unreadable: fleet.unreadable,
    incumbents: basis.resolution.incumbents,
  };
  const snapshotOf: Ground["snapshotOf"] = (source) =>
    source === view.name ? snapshot : (basis.sources.find(({ name }) => name === source)?.snapshot ?? undefined);
  const treeOf = async (source: string): Promise<Tree> => snapshotOf(source)?.tree ?? unknownSource(source);
  const renders = openRenders({ ...sight.renders, treeOf });
  const { resolution, answers } = await resolveAll(model, renders, signal);
  const closer = await closerPlaces(resolution.problems, (source) => snapshotOf(source)?.tree);
  const problems = [...fleet.problems, ...closer, ...(emptied.kind === "take" ? [] : [emptied.problem])];
  return groundOf({ ...basis, model, resolution, answers, problems }, sight, snapshotOf);
}

/** Only files that differ from those at hand are read. */
async function filesAt(view: SourceView, path: string, snapshot: Snapshot): Promise<ReadonlyMap<string, ParsedFile>> {
  const files = new Map(view.files);
  for await (const { path: file, after } of changes(view.snapshot, snapshot, path)) {
    if (!isFleetFile(file)) continue;
    const parsed = after === null ? null : await fleetFile(snapshot.tree, file, view.name);
    if (parsed === null) files.delete(file);
    else files.set(file, parsed);
  }
  return files;
}

async function resolveAll(
  model: FleetModel,
  renders: Renders,
  signal: AbortSignal,
): Promise<{ readonly resolution: Resolution; readonly answers: ReadonlyMap<Digest, Answered> }> {
  const answers = new Map<Digest, Answered>();
  for (;;) {
    const resolution = resolve(model, answers);
    if (resolution.needs.length === 0) return { resolution, answers };
    if (answers.size + resolution.needs.length > needsMax)
      throw new OperationError("limit", "preview", `more than ${needsMax} renders for one question`, undefined, {
        code: "E_LIMIT",
        remedy: "preview it with muster preview --repo",
      });
    for (const [key, answer] of await renders.answer(resolution.needs, signal)) answers.set(key, answer);
  }
}

function unknownSource(source: string): never {
  throw new OperationError("notFound", source, `Source ${source} has not been read yet`, undefined, {
    code: "E_SOURCE_UNREAD",
    remedy: "see muster status",
  });
}
