// Two documents with one key: the incumbent stays, the newcomer is the error; two newcomers are both errors. For all kinds but App,
// whose keys children claim as well (family.ts). Looks again only at keys of which a document came or went.

import { byCodeUnits } from "@muster/proto/model/canonical";
import { duplicate, type FleetDocument, type FleetKind, type Problem } from "../fleet/fleet.ts";

type OtherKind = Exclude<FleetKind, "App">;

export const placeId = ({ place }: Pick<FleetDocument, "place">): string => `${place.source}:${place.path}`;

export class SettledKeys {
  readonly #byKey = new Map<string, FleetDocument[]>();
  readonly #winners = new Map<string, FleetDocument>();
  readonly #many = new Set<string>();
  readonly #problems = new Map<string, readonly Problem[]>();
  #accepted: ReadonlyMap<string, string> = new Map();
  #disputed: ReadonlySet<string> = new Set();

  /** Keys that several newcomers claim. The same set as long as it holds the same. */
  get disputed(): ReadonlySet<string> {
    return this.#disputed;
  }

  /** Document key -> `source:path`. The same map as long as it says the same. */
  get accepted(): ReadonlyMap<string, string> {
    return this.#accepted;
  }

  get problems(): readonly Problem[] {
    return [...this.#problems.values()].flat();
  }

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  get<K extends OtherKind>(kind: K, name: string): Extract<FleetDocument, { kind: K }> | undefined {
    const found = this.#winners.get(`${kind} ${name}`);
    return found?.kind === kind ? (found as Extract<FleetDocument, { kind: K }>) : undefined;
  }

  of<K extends OtherKind>(kind: K): readonly Extract<FleetDocument, { kind: K }>[] {
    return [...this.#winners.values()].filter((each): each is Extract<FleetDocument, { kind: K }> => each.kind === kind);
  }

  /** Takes what came and went. Answers the keys of which the accepted document is another one, or none any more. */
  update(added: readonly FleetDocument[], removed: readonly FleetDocument[], incumbents: ReadonlyMap<string, string>): ReadonlySet<string> {
    const dirty = new Set(this.#many);
    for (const document of removed) if (document.kind !== "App") this.#remove(document, dirty);
    for (const document of added) {
      if (document.kind === "App") continue;
      const same = this.#byKey.get(document.key);
      if (same === undefined) this.#byKey.set(document.key, [document]);
      else same.push(document);
      dirty.add(document.key);
    }
    const changed = new Set<string>();
    for (const key of dirty) if (this.#settle(key, incumbents)) changed.add(key);
    if (changed.size > 0 || dirty.size > 0) this.#sum();
    return changed;
  }

  #remove(document: FleetDocument, dirty: Set<string>): void {
    const left = (this.#byKey.get(document.key) ?? []).filter((each) => each !== document);
    if (left.length > 0) this.#byKey.set(document.key, left);
    else this.#byKey.delete(document.key);
    dirty.add(document.key);
  }

  #settle(key: string, incumbents: ReadonlyMap<string, string>): boolean {
    const all = this.#byKey.get(key) ?? [];
    const heirs = all.filter((each) => placeId(each) === incumbents.get(key));
    const [winner] = heirs.length === 1 ? heirs : all.length === 1 ? all : [];
    const was = this.#winners.get(key);
    if (winner === undefined) this.#winners.delete(key);
    else this.#winners.set(key, winner);
    if (all.length > 1) this.#many.add(key);
    else this.#many.delete(key);
    const problems = all.filter((each) => each !== winner).map((each) => duplicate(each, whyNot(each, all, winner)));
    if (problems.length > 0) this.#problems.set(key, problems);
    else this.#problems.delete(key);
    return was !== winner;
  }

  #sum(): void {
    const disputed = new Set([...this.#many].filter((key) => !this.#winners.has(key)));
    if (disputed.symmetricDifference(this.#disputed).size > 0) this.#disputed = disputed;
    let same = this.#accepted.size === this.#winners.size;
    for (const [key, winner] of this.#winners) same &&= this.#accepted.get(key) === placeId(winner);
    if (!same) this.#accepted = new Map([...this.#winners].map(([key, winner]) => [key, placeId(winner)]));
  }
}

function whyNot(document: FleetDocument, all: readonly FleetDocument[], winner: FleetDocument | undefined): string {
  if (winner !== undefined) return `the one in ${winner.place.path} was there first`;
  const others = all.filter((each) => each !== document).map(({ place }) => place.path);
  return `it is also in ${others.toSorted(byCodeUnits).join(", ")}`;
}
