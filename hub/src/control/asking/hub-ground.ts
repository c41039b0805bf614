// The hub's last decision as a ground for questions; and the same fleet with one Source at another revision, read, resolved and rendered
// as a decision is, for the question alone.

import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { JsonObject } from "@muster/proto/model/json";
import { documentKey, rootSourceName } from "../../fleet/fleet.ts";
import type { Snapshot } from "../../git/git.ts";
import { resolve, type FleetModel, type RenderAnswer, type Resolution } from "../../resolve/resolve.ts";
import type { Store } from "../../store/store.ts";
import type { Declared } from "../../view/difference.ts";
import { FleetReading } from "../fleet-reading.ts";
import type { Basis } from "../fleet-state.ts";
import { PlaceFinder } from "../places.ts";
import { openRenders, type Content, type Renders, type RendersOptions } from "../renders/renders.ts";
import { nextFiles } from "../sources/fleet-files.ts";
import { contentKey } from "../sources/content.ts";
import type { Contents } from "../sources/fleet-sources.ts";
import type { SourceView } from "../sources/source-loop.ts";
import type { Ground } from "./ground.ts";

export type HubSight = {
  readonly store: Pick<Store, "manifest" | "objectText">;
  readonly renders: Omit<RendersOptions, "contentOf">;
  readonly commitOf: Ground["commitOf"];
};

/** Renders that one question may need beyond those that are kept. */
const needsMax = 20_000;

export function hubGround(basis: Basis, sight: HubSight): Ground {
  let renders: Renders | undefined;
  const snapshotOf: Ground["snapshotOf"] = (source) => basis.sources.find(({ name }) => name === source)?.snapshot ?? undefined;
  return {
    commit: basis.sources[0]?.snapshot?.commit ?? null,
    documents: basis.model.documents,
    enrolled: basis.model.enrolled,
    resolution: basis.resolution,
    answers: basis.answers,
    problems: basis.problems,
    snapshotOf,
    contentOf: (ref) => {
      const state = basis.contents.of(ref);
      return state.kind === "there" ? { key: state.key, snapshot: state.snapshot } : undefined;
    },
    commitOf: sight.commitOf,
    trial: (request, signal) => (renders ??= rendersOf(basis.contents, sight)).trial(request, signal),
    objectsOf: (release) => objectsOf(sight.store, release),
  };
}

function rendersOf(contents: Contents, sight: HubSight): Renders {
  return openRenders({
    ...sight.renders,
    contentOf: (ref): Content => {
      const state = contents.of(ref);
      if (state.kind === "there") return { kind: "there", key: state.key, commit: state.snapshot.commit, tree: state.snapshot.tree };
      return state.kind === "failed"
        ? state
        : { kind: "failed", key: state.key, code: "E_SOURCE_PENDING", message: `${state.key} is being fetched` };
    },
  });
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

/** A content at another commit. */
export type Changed = { readonly key: string; readonly snapshot: Snapshot };

export type GroundAt = {
  readonly changed: readonly Changed[];
  /** The folder of a Source that counts. */
  readonly pathOf: (source: string) => string;
  /** Only these clusters: what is said of one does not hang on others. Undefined: all. */
  readonly only?: ReadonlySet<string>;
};

/** The fleet as it would be, or was, with some contents at other commits. */
export async function groundAt(
  basis: Basis,
  sight: HubSight,
  { changed, pathOf, only }: GroundAt,
  signal: AbortSignal,
): Promise<Ground & { readonly resolution: Resolution }> {
  const others = new Map(changed.map(({ key, snapshot }) => [key, snapshot]));
  const sources: SourceView[] = [];
  for (const view of basis.sources) sources.push(await viewAt(view, others.get(view.name), pathOf(view.name)));
  const rootFiles = others.has(rootSourceName) ? sources.find(({ name }) => name === rootSourceName)?.files : undefined;
  const named = rootFiles === undefined ? sources : stillNamed(sources, rootFiles);
  const { fleet, problems: silent } = new FleetReading(basis.model.documents).read(named, new Set());
  const contents: Contents = {
    of: (ref) => {
      const key = contentKey(ref);
      const snapshot = others.get(key);
      return snapshot === undefined ? basis.contents.of(ref) : { kind: "there", key, snapshot };
    },
  };
  const model: FleetModel = {
    ...basis.model,
    documents:
      only === undefined ? fleet.documents : fleet.documents.filter(({ kind, value }) => kind !== "Cluster" || only.has(value.name)),
    enrolled: only === undefined ? basis.model.enrolled : basis.model.enrolled.filter(({ name }) => only.has(name)),
    broken: fleet.broken,
    unreadable: fleet.unreadable,
    incumbents: basis.resolution.incumbents,
  };
  const { resolution, answers } = await resolveAll(model, rendersOf(contents, sight), signal);
  const trees = new Map(sources.map((each) => [each.name, each.snapshot?.tree]));
  const problems = await new PlaceFinder().closer([...silent, ...fleet.problems, ...resolution.problems], (source) => trees.get(source));
  return { ...hubGround({ model, resolution, answers, contents, sources, problems }, sight), resolution };
}

async function viewAt(view: SourceView, snapshot: Snapshot | undefined, path: string): Promise<SourceView> {
  if (snapshot === undefined || snapshot === view.snapshot) return view;
  const where = { source: view.name, path, remedy: "this revision has no such folder", heldPaths: () => new Set<string>() };
  const { files } = await nextFiles(where, view.files, view.snapshot, snapshot);
  return { ...view, snapshot, files };
}

/** Sources that these files of the root Source still name; no other may name any. One that they add is told as not fetched. */
function stillNamed(sources: readonly SourceView[], files: SourceView["files"]): readonly SourceView[] {
  const named = new Set([...files.values()].flatMap(({ documents, brokenKeys }) => [...documents.map(({ key }) => key), ...brokenKeys]));
  return sources.filter(({ name }) => name === rootSourceName || named.has(documentKey("Source", name)));
}

async function resolveAll(
  model: FleetModel,
  renders: Renders,
  signal: AbortSignal,
): Promise<{ readonly resolution: Resolution; readonly answers: ReadonlyMap<Digest, RenderAnswer> }> {
  const answers = new Map<Digest, RenderAnswer>();
  for (;;) {
    const resolution = resolve(model, answers);
    if (resolution.needs.length === 0) return { resolution, answers };
    if (answers.size + resolution.needs.length > needsMax)
      throw new OperationError("limit", "preview", `more than ${needsMax} renders for one question`, undefined, {
        code: "E_LIMIT",
        remedy: "preview it with muster preview --repo",
      });
    for (const [key, { answered }] of await renders.answer(resolution.needs, signal)) answers.set(key, answered);
  }
}
