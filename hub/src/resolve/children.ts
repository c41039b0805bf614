// Apps that an App's render holds. A parent with targets is rendered per Variant, and each child is narrowed to that Variant's
// clusters; unequal children of one name become parts of one App.

import { byCodeUnits, canonicalJson } from "@muster/proto/model/canonical";
import type { Digest } from "@muster/proto/model/digest";
import type { AppKey } from "@muster/proto/model/identity";
import type { JsonObject } from "@muster/proto/model/json";
import { appDocument, readChild, type App, type Place, type Problem } from "../fleet/fleet.ts";
import type { Claim } from "./claim.ts";
import { resolveLimits } from "./limits.ts";
import type { RenderAnswer } from "./request.ts";
import type { Group, Part, Variants } from "./variants.ts";

export type Birth = {
  /** Sorted by key. */
  readonly claims: readonly Claim[];
  readonly problems: readonly Problem[];
  /** False when some render is missing or failed, or some child could not be read: there may be more children. */
  readonly complete: boolean;
  /** Children that are there and cannot be read. */
  readonly unread: readonly AppKey[];
};

type Draft = { readonly app: App; readonly place: Place; readonly group: Group; readonly scope: Set<number> };

/** The children of a parent, as far as its renders are known. */
export function bearChildren(parent: Claim, variants: Variants, renders: ReadonlyMap<Digest, RenderAnswer>): Birth {
  const ward = new Ward(parent, variants);
  for (const group of variants.groups) {
    const answer = renders.get(group.request.key);
    if (answer?.kind === "rendered") for (const { value, place } of answer.apps) ward.admit(value, place, group);
    else ward.complete = false;
  }
  return ward.birth();
}

class Ward {
  complete: boolean;
  readonly #parent: Claim;
  readonly #targeted: boolean;
  readonly #drafts = new Map<AppKey, Map<string, Draft>>();
  readonly #problems: Problem[] = [];
  readonly #seen = new Set<string>();
  readonly #unread = new Set<AppKey>();

  constructor(parent: Claim, variants: Variants) {
    this.complete = variants.complete;
    this.#parent = parent;
    this.#targeted = variants.targeted;
  }

  admit(value: JsonObject, place: Place, group: Group): void {
    const read = readChild(value, place, this.#parent.key);
    if (!("document" in read)) {
      if (read.key?.startsWith("App ") === true) this.#unread.add(read.key.slice(4) as AppKey);
      else this.complete = false;
      for (const problem of read.problems) this.#say(problem);
      return;
    }
    const app = read.document.value;
    if (this.#isTooDeep(app.key, place)) return;
    const forms = this.#drafts.get(app.key) ?? new Map<string, Draft>();
    this.#drafts.set(app.key, forms);
    const text = `${group.request.source} ${group.request.revision ?? ""} ${canonicalJson(value)}`;
    const draft = forms.get(text) ?? { app, place, group, scope: new Set() };
    forms.set(text, draft);
    for (const position of group.members) draft.scope.add(position);
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
    const text = `${problem.code} ${problem.message} ${problem.place?.path ?? ""}:${problem.place?.line ?? 0}`;
    if (!this.#seen.has(text)) this.#problems.push(problem);
    this.#seen.add(text);
  }

  birth(): Birth {
    const keys = [...this.#drafts.keys()].toSorted(byCodeUnits);
    const claims = keys.flatMap((key) => this.#claims(key, [...(this.#drafts.get(key) ?? new Map<string, Draft>()).entries()]));
    return { claims, problems: this.#problems, complete: this.complete, unread: [...this.#unread] };
  }

  /** One claim; several when one Variant holds several Apps of that key, which is a dispute. */
  #claims(key: AppKey, forms: readonly (readonly [string, Draft])[]): Claim[] {
    const drafts = forms.toSorted(([a], [b]) => byCodeUnits(a, b)).map(([, draft]) => draft);
    const parts = drafts.map((draft): Part => {
      const { source, revision } = draft.group.request;
      const scope = this.#targeted ? [...draft.scope].toSorted((a, b) => a - b) : null;
      return { app: draft.app, place: draft.place, scope, source, revision };
    });
    const claim = (some: readonly Part[]): Claim => ({
      key,
      placeId: `in ${this.#parent.key}`,
      place: (some[0] as Part).place,
      parts: some,
      ancestors: [...this.#parent.ancestors, this.#parent.key],
      parentSays: this.#parent.parts[0]?.app.children ?? "delete",
    });
    return overlap(parts) ? parts.map((part) => claim([part])) : [claim(parts)];
  }
}

function overlap(parts: readonly Part[]): boolean {
  const seen = new Set<number>();
  for (const { scope } of parts) {
    if (scope === null) return parts.length > 1;
    for (const position of scope) {
      if (seen.has(position)) return true;
      seen.add(position);
    }
  }
  return false;
}
