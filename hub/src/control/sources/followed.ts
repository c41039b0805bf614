// Which Source documents count: those of the root Source. Who may push to another one must not say what the hub fetches, and with whose
// secret (S15).

import { rootSourceName, type FleetDocument, type Problem, type Source } from "../../fleet/fleet.ts";

type SourceDocument = Extract<FleetDocument, { kind: "Source" }>;

export type Followed = { readonly sources: readonly Source[]; readonly problems: readonly Problem[] };

/** Of several documents with one name none counts that was not there before: `running` is what is followed now. */
export function followedSources(documents: readonly FleetDocument[], running: (name: string) => Source | undefined): Followed {
  const problems: Problem[] = [];
  const byName = new Map<string, SourceDocument[]>();
  for (const document of documents) {
    if (document.kind !== "Source") continue;
    if (document.place.source === rootSourceName) byName.set(document.value.name, [...(byName.get(document.value.name) ?? []), document]);
    else problems.push(misplaced(document));
  }
  const sources = [...byName].flatMap(([name, [first, ...others]]): readonly Source[] => {
    if (first === undefined) return [];
    if (others.length === 0) return [first.value];
    const known = running(name); // resolve tells of the dispute
    return known === undefined ? [] : [known];
  });
  return { sources, problems };
}

const misplaced = ({ key, place }: SourceDocument): Problem => ({
  code: "E_SOURCE_PLACE",
  severity: "error",
  message: `cannot follow ${key}: Sources are declared in the root Source`,
  remedy: "move the document to the root Source's repository",
  place,
  subject: key,
});
