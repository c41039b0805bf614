// What is not known, and who was there first, from call to call: looked at again only when something of it may differ.

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { AppKey } from "@muster/proto/model/identity";
import { appDocument, documentKey, type Problem } from "../fleet/fleet.ts";
import type { Birth } from "./children.ts";
import type { Family } from "./family.ts";
import type { SettledKeys } from "./keys.ts";
import { keepMap, keepSet } from "./same.ts";
import { incompleteApps, keepsKey, type Missing } from "./unsure.ts";

export type KnowledgeInput = {
  readonly family: Family;
  readonly wrong: ReadonlyMap<AppKey, Problem>;
  readonly keys: SettledKeys;
  /** This and what follows: the same objects as long as they say the same. */
  readonly incumbents: ReadonlyMap<string, string>;
  readonly broken: ReadonlySet<string>;
  readonly unreadable: ReadonlySet<string>;
};

type Incumbent = readonly [document: string, was: string];

export class Knowledge {
  #from: readonly unknown[] = [];
  #complete: boolean[] = [];
  #births: Birth[] = [];
  #missingFrom: readonly unknown[] = [];
  #missing: readonly Missing[] = [];
  /** Incumbents that are not there now. */
  #absent: readonly Incumbent[] = [];
  /** What is accepted now, sorted. */
  #accepted: ReadonlyMap<string, string> = new Map();
  #incomplete: ReadonlySet<AppKey> = new Set();
  #incumbents: ReadonlyMap<string, string> = new Map();

  get incomplete(): ReadonlySet<AppKey> {
    return this.#incomplete;
  }

  /** For the next run: what was accepted, and what was and may come back, for a broken document or render must not cost a key its owner. */
  get incumbents(): ReadonlyMap<string, string> {
    return this.#incumbents;
  }

  /** Answers the Apps that are known better or worse than before. */
  update(input: KnowledgeInput): ReadonlySet<AppKey> {
    const { family, wrong, keys, incumbents, broken, unreadable } = input;
    const from = [family, wrong, keys.accepted, keys.disputed, incumbents, broken, unreadable];
    const same = from.every((each, i) => each === this.#from[i]);
    if (this.#isAsKnown(family) && same) return nobody;
    this.#from = from;
    this.#sum(input);
    const was = this.#incomplete;
    this.#incomplete = keepSet(was, incompleteApps(family, broken, unreadable, wrong, this.#missing));
    const kept = this.#absent.filter(([document, at]) => keepsKey(document, at, this.#incomplete, broken, (key) => keys.has(key)));
    const next = kept.length === 0 ? this.#accepted : sorted([...this.#accepted, ...kept]);
    this.#incumbents = keepMap(incumbents, keepMap(this.#incumbents, next));
    return this.#incomplete.symmetricDifference(was);
  }

  #isAsKnown({ members }: Family): boolean {
    let [i, same] = [0, members.size === this.#births.length];
    for (const work of members.values()) {
      const { complete, birth } = work;
      same &&= this.#complete[i] === complete && this.#births[i] === birth;
      this.#complete[i] = complete;
      this.#births[i] = birth;
      i += 1;
    }
    this.#complete.length = this.#births.length = i;
    return same;
  }

  #sum({ family, keys, incumbents }: KnowledgeInput): void {
    const from = [family, keys.accepted, incumbents];
    if (from.every((each, i) => each === this.#missingFrom[i])) return;
    this.#missingFrom = from;
    const members = [...family.members].map(([key, { claim }]): Incumbent => [appDocument(key), claim.placeId]);
    this.#accepted = sorted([...keys.accepted, ...members]);
    this.#absent = [...incumbents].filter(([document]) => !this.#accepted.has(document));
    const prefix = documentKey("App", "");
    this.#missing = this.#absent
      .filter(([document]) => document.startsWith(prefix))
      .map(([document, was]) => ({ app: document.slice(prefix.length) as AppKey, was }));
  }
}

const nobody: ReadonlySet<AppKey> = new Set();

const sorted = (entries: readonly Incumbent[]): ReadonlyMap<string, string> => new Map(entries.toSorted(([a], [b]) => byCodeUnits(a, b)));
