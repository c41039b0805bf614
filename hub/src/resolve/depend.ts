// dependsOn: names that exist, no circles, and only Apps that the cluster has.

import type { AppKey } from "@muster/proto/model/identity";
import { byCodeUnits } from "@muster/proto/model/canonical";
import { appDocument, type Place, type Problem } from "../fleet/fleet.ts";
import type { Claim } from "./claim.ts";
import type { Family } from "./family.ts";

type Dependent = { readonly key: AppKey; readonly place: Place; readonly dependsOn: readonly AppKey[] };

/** Which dependencies are wrong, from call to call: looked at again when a claim is another one, or a name was not known. */
export class Dependencies {
  #claims: readonly Claim[] = [];
  #wrong: ReadonlyMap<AppKey, Problem> = new Map();
  #isSure = false;

  /** The same map as long as nothing was looked at again. */
  update(family: Family, mayExist: (key: AppKey) => boolean): ReadonlyMap<AppKey, Problem> {
    const claims = [...family.members.values()].map(({ claim }) => claim);
    const same = claims.length === this.#claims.length && claims.every((claim, i) => claim === this.#claims[i]);
    if (same && this.#isSure) return this.#wrong;
    this.#claims = claims;
    const dependents = new Map(claims.map((claim) => [claim.key, dependent(claim)]));
    this.#isSure = [...dependents.values()].every(({ dependsOn }) => dependsOn.every((each) => dependents.has(each)));
    const wrong = wrongDependencies(dependents, mayExist);
    if (wrong.size > 0 || this.#wrong.size > 0) this.#wrong = wrong;
    return this.#wrong;
  }
}

function dependent({ key, place, parts }: Claim): Dependent {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return { key, place, dependsOn: only.app.dependsOn };
  return { key, place, dependsOn: [...new Set(parts.flatMap(({ app }) => app.dependsOn))].toSorted(byCodeUnits) };
}

/** Apps whose dependencies are wrong, each with its problem. `mayExist`: true for Apps that are not known and may be there. */
function wrongDependencies(apps: ReadonlyMap<AppKey, Dependent>, mayExist: (key: AppKey) => boolean): ReadonlyMap<AppKey, Problem> {
  const wrong = new Map<AppKey, Problem>();
  for (const [key, { place, dependsOn }] of apps) {
    const unknown = dependsOn.find((each) => !apps.has(each) && !mayExist(each));
    if (unknown !== undefined)
      wrong.set(key, problem(key, place, "E_DEPENDENCY_UNKNOWN", `dependsOn names App ${unknown}, which does not exist`));
  }
  for (const [key, way] of circles(apps)) {
    const place = apps.get(key)?.place;
    if (place !== undefined) wrong.set(key, problem(key, place, "E_DEPENDENCY_CYCLE", `dependsOn leads round: ${way.join(" -> ")}`));
  }
  return wrong;
}

function problem(key: AppKey, place: Place, code: string, why: string): Problem {
  return { code, severity: "error", message: `cannot resolve ${appDocument(key)}: ${why}`, place, subject: appDocument(key) };
}

/** For each App on a way back to itself (or between two such): the way that leads round. */
function circles(apps: ReadonlyMap<AppKey, Dependent>): ReadonlyMap<AppKey, readonly AppKey[]> {
  const left = new Set(apps.keys());
  const leave = (holds: (key: AppKey) => boolean): boolean => {
    const going = [...left].filter((key) => !holds(key));
    for (const key of going) left.delete(key);
    return going.length > 0;
  };
  const dependsOnLeft = (key: AppKey): boolean => apps.get(key)?.dependsOn.some((each) => left.has(each)) ?? false;
  while (leave(dependsOnLeft));
  for (;;) {
    const wanted = new Set([...left].flatMap((key) => apps.get(key)?.dependsOn ?? []));
    if (!leave((key) => wanted.has(key))) break;
  }
  return new Map([...left].map((key) => [key, wayRound(key, apps, left)]));
}

function wayRound(start: AppKey, apps: ReadonlyMap<AppKey, Dependent>, left: ReadonlySet<AppKey>): readonly AppKey[] {
  const way = [start];
  for (;;) {
    const next = apps.get(way.at(-1) as AppKey)?.dependsOn.find((each) => left.has(each));
    if (next === undefined) return way;
    way.push(next);
    if (way.indexOf(next) < way.length - 1) return way;
  }
}
