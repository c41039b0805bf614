// Apps that an App's render holds. A parent with targets is rendered per Variant, and each child is narrowed to that Variant's
// clusters; unequal children of one name become parts of one App. What is the same as before stays the same object.

import { byCodeUnits, canonicalJson } from "@muster/proto/model/canonical";
import type { AppKey } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";
import { appDocument, readChild, type App, type Place, type Problem } from "../fleet/fleet.ts";
import { PartScope, type Claim, type ParentSeats, type Part } from "./claim.ts";
import type { Group } from "./group.ts";
import { resolveLimits } from "./limits.ts";
import type { Start } from "./request.ts";
import { keepList, sameData, textOf } from "./same.ts";

export type Birth = {
  /** Sorted by key. */
  readonly claims: readonly Claim[];
  readonly problems: readonly Problem[];
  /** False when some child could not be read: there may be more children. */
  readonly complete: boolean;
  /** Children that are there and cannot be read. */
  readonly unread: readonly AppKey[];
};

export const childless: Birth = { claims: [], problems: [], complete: true, unread: [] };

/** A Group whose render holds Apps. */
export type Bearing = { readonly group: Group; readonly apps: readonly { readonly value: JsonObject; readonly place: Place }[] };

type Draft = { app: App; place: Place; readonly start: Start; readonly groups: Set<Group> };
type Read = { readonly read: ReturnType<typeof readChild>; readonly text: string };

/** The children of one App, from call to call. */
export class Nursery {
  readonly #seats: ParentSeats;
  #reads = new Map<string, Read>();
  #parts = new Map<string, Part>();
  #claims = new Map<string, Claim>();

  constructor(seats: ParentSeats) {
    this.#seats = seats;
  }

  /** The children as the renders of now have them. */
  bear(parent: Claim, bearing: readonly Bearing[], targeted: boolean): Birth {
    const ward = new Ward(parent, this.#reads);
    for (const { group, apps } of bearing) for (const { value, place } of apps) ward.admit(value, place, group);
    this.#reads = ward.reads;
    const [parts, claims] = [new Map<string, Part>(), new Map<string, Claim>()];
    const keys = [...ward.drafts.keys()].toSorted(byCodeUnits);
    const born = keys.flatMap((key) => {
      const forms = [...(ward.drafts.get(key) ?? [])].toSorted(([a], [b]) => byCodeUnits(a, b));
      const list = forms.map(([text, draft]) => this.#part(`${key} ${text}`, draft, targeted, parts));
      const apart = overlap(
        forms.map(([, draft]) => draft),
        targeted,
      );
      const whole = apart ? list.map((part) => [part]) : [list];
      return whole.map((some, i) => this.#claim(parent, key, some, `${key} ${apart ? i : ""}`, claims));
    });
    this.#parts = parts;
    this.#claims = claims;
    return { claims: born, problems: ward.problems, complete: ward.complete, unread: [...ward.unread].toSorted(byCodeUnits) };
  }

  #part(id: string, { app, place, start, groups }: Draft, targeted: boolean, parts: Map<string, Part>): Part {
    const was = this.#parts.get(id);
    const stays = was !== undefined && sameData(was.place, place) && (was.scope !== null) === targeted;
    if (stays) was.scope?.update(groups);
    const part = stays ? was : { app, place, start, scope: targeted ? new PartScope(this.#seats, groups) : null };
    parts.set(id, part);
    return part;
  }

  #claim(parent: Claim, key: AppKey, parts: readonly Part[], id: string, claims: Map<string, Claim>): Claim {
    const was = this.#claims.get(id);
    const fresh: Claim = {
      key,
      placeId: `in ${parent.key}`,
      place: (parts[0] as Part).place,
      parts,
      ancestors: [...parent.ancestors, parent.key],
      parentSays: parent.parts[0]?.app.children ?? "delete",
    };
    const same =
      was !== undefined &&
      keepList(was.parts, parts) === was.parts &&
      was.parentSays === fresh.parentSays &&
      keepList(was.ancestors, fresh.ancestors) === was.ancestors;
    const claim = same ? was : fresh;
    claims.set(id, claim);
    return claim;
  }
}

/** True when one Variant holds several Apps of one key, which is a dispute. */
function overlap(drafts: readonly Draft[], targeted: boolean): boolean {
  if (!targeted) return drafts.length > 1;
  const seen = new Set<Group>();
  for (const { groups } of drafts) {
    for (const group of groups) {
      if (seen.has(group)) return true;
      seen.add(group);
    }
  }
  return false;
}

class Ward {
  complete = true;
  readonly drafts = new Map<AppKey, Map<string, Draft>>();
  readonly problems: Problem[] = [];
  readonly unread = new Set<AppKey>();
  readonly reads = new Map<string, Read>();
  readonly #parent: Claim;
  readonly #known: ReadonlyMap<string, Read>;
  readonly #seen = new Set<string>();

  constructor(parent: Claim, known: ReadonlyMap<string, Read>) {
    this.#parent = parent;
    this.#known = known;
  }

  admit(value: JsonObject, place: Place, group: Group): void {
    const { read, text } = this.#read(value, place);
    if (!("document" in read)) {
      if (read.key?.startsWith("App ") === true) this.unread.add(read.key.slice(4) as AppKey);
      else this.complete = false;
      for (const problem of read.problems) this.#say(problem);
      return;
    }
    const app = read.document.value;
    if (this.#isTooDeep(app.key, place)) return;
    const forms = this.drafts.get(app.key) ?? new Map<string, Draft>();
    this.drafts.set(app.key, forms);
    const { source, revision, remote } = group.request;
    const form = textOf([source, revision, remote, text]);
    const draft = forms.get(form) ?? { app, place, start: { source, revision, remote }, groups: new Set() };
    forms.set(form, draft);
    draft.groups.add(group);
    // Of several places the lowest, so that it does not matter which Variant is looked at first.
    if (placeText(place) < placeText(draft.place)) [draft.app, draft.place] = [app, place];
  }

  #read(value: JsonObject, place: Place): Read {
    const id = `${placeText(place)} ${JSON.stringify(value)}`;
    const known = this.reads.get(id) ?? this.#known.get(id);
    const read = known ?? { read: readChild(value, place, this.#parent.key), text: canonicalJson(value) };
    this.reads.set(id, read);
    return read;
  }

  #isTooDeep(key: AppKey, place: Place): boolean {
    const line = [...this.#parent.ancestors, this.#parent.key];
    const circle = line.includes(key);
    if (!circle && line.length < resolveLimits.depthMax) return false;
    if (!circle) this.complete = false;
    const path = [...line, key].join(" -> ");
    this.#say({
      code: circle ? "E_CYCLE" : "E_DEPTH",
      severity: "error",
      message: circle ? `App ${key} renders itself: ${path}` : `Apps of Apps nest deeper than ${resolveLimits.depthMax}: ${path}`,
      place,
      subject: appDocument(this.#parent.key),
    });
    return true;
  }

  /** Several Variants may hold the same fault: it is said once. */
  #say(problem: Problem): void {
    const text = `${problem.code} ${problem.message} ${problem.place === undefined ? "" : placeText(problem.place)}`;
    if (!this.#seen.has(text)) this.problems.push(problem);
    this.#seen.add(text);
  }
}

const placeText = ({ source, path, line }: Place): string => `${source}:${path}:${String(line).padStart(9, "0")}`;
