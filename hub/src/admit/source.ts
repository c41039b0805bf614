// A Source that suddenly says nothing. A repository that was emptied, or a path that was mistyped, looks like a wish to remove
// everything; it is taken for one only when a person says so.

import { digestOf, type Digest } from "@muster/proto/model/digest";
import { byCodeUnits } from "@muster/proto/model/canonical";
import type { FleetDocument, Problem } from "../fleet/fleet.ts";

export type SourceReading = {
  readonly source: string;
  /** Shown. */
  readonly commit: string;
  /** Documents that the Source held in the Snapshot that was acted on last. */
  readonly before: readonly Pick<FleetDocument, "key">[];
  readonly after: readonly Pick<FleetDocument, "key">[];
  /** False: the Source's path does not exist in this Snapshot. */
  readonly pathFound: boolean;
  readonly approvals: ReadonlySet<Digest>;
};

export type SourceVerdict =
  | { readonly kind: "take" }
  /** The last Snapshot's documents stay. `digest`: what an approval names: this Source, this Snapshot, and what would go with it. */
  | { readonly kind: "hold"; readonly problem: Problem; readonly digest: Digest };

/** Whether a Snapshot may take the place of the last one. */
export function admitSource(reading: SourceReading): SourceVerdict {
  const { source, commit, before, after, pathFound, approvals } = reading;
  if (before.length === 0 || (pathFound && after.length > 0)) return { kind: "take" };
  const gone = before.map(({ key }) => key).toSorted(byCodeUnits);
  const digest = digestOf(["muster.source/1", source, commit, ...gone].join("\n"));
  if (pathFound && approvals.has(digest)) return { kind: "take" };
  const why = pathFound ? `holds none of its ${before.length} documents any more` : "does not have the Source's path any more";
  return {
    kind: "hold",
    digest,
    problem: {
      code: pathFound ? "E_SOURCE_EMPTIED" : "E_PATH_MISSING",
      severity: "error",
      message: `cannot take commit ${commit.slice(0, 12)} of Source ${source}: it ${why}; what was there before stays`,
      remedy: pathFound
        ? `revert the commit, or correct the Source's revision and path; muster approve ${digest.slice(0, 12)} takes it as it is`
        : "revert the commit, or correct the Source's revision and path",
      subject: `Source ${source}`,
    },
  };
}
