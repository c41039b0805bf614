// Two documents with one key: the incumbent stays, the newcomer is the error; two newcomers are both errors. For all kinds but App,
// whose keys children claim as well (family.ts).

import { byCodeUnits } from "@muster/proto/model/canonical";
import { duplicate, type FleetDocument, type FleetKind, type Problem } from "../fleet/fleet.ts";

export type SettledKeys = {
  of<K extends Exclude<FleetKind, "App">>(kind: K): readonly Extract<FleetDocument, { kind: K }>[];
  readonly disputed: ReadonlySet<string>;
  /** Document key -> `source:path`. */
  readonly accepted: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
};

const placeId = ({ place }: FleetDocument): string => `${place.source}:${place.path}`;

export function settleKeys(documents: readonly FleetDocument[], incumbents: ReadonlyMap<string, string>): SettledKeys {
  const byKey = new Map<string, FleetDocument[]>();
  for (const document of documents) {
    if (document.kind === "App") continue;
    const same = byKey.get(document.key);
    if (same === undefined) byKey.set(document.key, [document]);
    else same.push(document);
  }
  const chosen: FleetDocument[] = [];
  const disputed = new Set<string>();
  const problems: Problem[] = [];
  for (const [key, all] of [...byKey].toSorted(([a], [b]) => byCodeUnits(a, b))) {
    const heirs = all.filter((each) => placeId(each) === incumbents.get(key));
    const [winner] = heirs.length === 1 ? heirs : all.length === 1 ? all : [];
    if (winner === undefined) disputed.add(key);
    else chosen.push(winner);
    for (const each of all) if (each !== winner) problems.push(duplicate(each, whyNot(each, all, winner)));
  }
  return {
    of: (kind) => chosen.filter((each): each is Extract<FleetDocument, { kind: typeof kind }> => each.kind === kind),
    disputed,
    accepted: new Map(chosen.map((each) => [each.key, placeId(each)])),
    problems,
  };
}

function whyNot(document: FleetDocument, all: readonly FleetDocument[], winner: FleetDocument | undefined): string {
  if (winner !== undefined) return `the one in ${winner.place.path} was there first`;
  const others = all.filter((each) => each !== document).map(({ place }) => place.path);
  return `it is also in ${others.toSorted(byCodeUnits).join(", ")}`;
}
