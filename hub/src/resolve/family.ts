// Which Apps there are: those in files, and the children that their renders hold, with one owner per key. Independent of the order
// of documents: disputes are settled by incumbents, and otherwise lost by both.

import { byCodeUnits } from "@muster/proto/model/canonical";
import { appKeyParts, type AppKey } from "@muster/proto/model/identity";
import type { Digest } from "@muster/proto/model/digest";
import { appDocument, type Problem } from "../fleet/fleet.ts";
import { bearChildren, type Birth } from "./children.ts";
import type { Claim } from "./claim.ts";
import type { ClusterIndex } from "./clusters.ts";
import { resolveLimits } from "./limits.ts";
import type { RenderAnswer } from "./request.ts";
import { variantsOf, type Variants } from "./variants.ts";

/** An accepted claim, worked out. */
export type Member = { readonly claim: Claim; readonly variants: Variants; readonly birth: Birth };

export type Family = {
  /** Sorted by key. */
  readonly members: ReadonlyMap<AppKey, Member>;
  /** Apps that are claimed and not accepted. */
  readonly undecided: ReadonlySet<AppKey>;
  readonly problems: readonly Problem[];
};

export type FamilyInput = {
  readonly roots: readonly Claim[];
  readonly incumbents: ReadonlyMap<string, string>;
  readonly broken: ReadonlySet<string>;
  readonly index: ClusterIndex;
  readonly renders: ReadonlyMap<Digest, RenderAnswer>;
};

export function growFamily(input: FamilyInput): Family {
  return new Growth(input).run();
}

type Round = { readonly claims: Map<AppKey, Claim[]>; readonly accepted: Map<AppKey, Claim>; readonly beyond: Set<AppKey> };

class Growth {
  readonly #input: FamilyInput;
  readonly #members = new Map<Claim, Member>();
  /** Keys that several newcomers claim, and keys whose incumbent is gone. Both only grow, so the rounds end. */
  readonly #disputed = new Set<AppKey>();
  readonly #free = new Set<AppKey>();

  constructor(input: FamilyInput) {
    this.#input = input;
  }

  run(): Family {
    for (;;) {
      const round = this.#round();
      if (!this.#settle(round)) return this.#family(round);
    }
  }

  /** Level by level from the files down, following accepted claims only. */
  #round(): Round {
    const round: Round = { claims: new Map(), accepted: new Map(), beyond: new Set() };
    const room = this.#room();
    let level: readonly Claim[] = this.#input.roots;
    while (level.length > 0) {
      for (const claim of level) round.claims.set(claim.key, [...(round.claims.get(claim.key) ?? []), claim]);
      const keys = [...new Set(level.map(({ key }) => key))].toSorted(byCodeUnits);
      const chosen = keys.flatMap((key) => (round.accepted.has(key) ? [] : this.#choose(round, key, room)));
      for (const claim of chosen) round.accepted.set(claim.key, claim);
      level = chosen.flatMap((claim) => this.#member(claim).birth.claims);
    }
    return round;
  }

  #choose(round: Round, key: AppKey, room: Map<string, number>): readonly Claim[] {
    const claims = round.claims.get(key) ?? [];
    if (this.#disputed.has(key)) return [];
    const incumbent = this.#incumbent(key);
    const chosen = incumbent === undefined ? claims : claims.filter(({ placeId }) => placeId === incumbent);
    if (chosen.length !== 1) return [];
    return this.#input.incumbents.has(appDocument(key)) || this.#takeRoom(key, room, round) ? chosen : [];
  }

  #incumbent(key: AppKey): string | undefined {
    return this.#free.has(key) ? undefined : this.#input.incumbents.get(appDocument(key));
  }

  /** Apps that each Tenant may still add. */
  #room(): Map<string, number> {
    const room = new Map<string, number>();
    for (const document of this.#input.incumbents.keys()) {
      const tenant = /^App ([^/]*)\//.exec(document)?.[1];
      if (tenant !== undefined) room.set(tenant, (room.get(tenant) ?? resolveLimits.appsPerTenantMax) - 1);
    }
    return room;
  }

  #takeRoom(key: AppKey, room: Map<string, number>, round: Round): boolean {
    const { tenant } = appKeyParts(key);
    const left = room.get(tenant) ?? resolveLimits.appsPerTenantMax;
    if (left <= 0) round.beyond.add(key);
    else room.set(tenant, left - 1);
    return left > 0;
  }

  #member(claim: Claim): Member {
    const known = this.#members.get(claim);
    if (known !== undefined) return known;
    const variants = joined(claim.parts.map((part) => variantsOf(part, this.#input.index)));
    const member = { claim, variants, birth: bearChildren(claim, variants, this.#input.renders) };
    this.#members.set(claim, member);
    return member;
  }

  /** Learns from a round. True when another round is needed. */
  #settle({ claims, accepted }: Round): boolean {
    const before = this.#disputed.size + this.#free.size;
    for (const [key, all] of claims) {
      if (this.#disputed.has(key)) continue;
      const incumbent = this.#incumbent(key);
      const heirs = incumbent === undefined ? all : all.filter(({ placeId }) => placeId === incumbent);
      if (heirs.length > 1) this.#disputed.add(key);
      else if (heirs.length === 0 && incumbent !== undefined && !this.#mayStillCome(incumbent, claims, accepted)) this.#free.add(key);
    }
    return this.#disputed.size + this.#free.size > before;
  }

  /** Whether an incumbent that is not there may only be out of sight: its parent is not fully known. */
  #mayStillCome(incumbent: string, claims: Round["claims"], accepted: Round["accepted"]): boolean {
    if (!incumbent.startsWith("in ")) return false;
    const parent = incumbent.slice(3) as AppKey;
    const claim = accepted.get(parent);
    if (claim !== undefined) return !this.#member(claim).birth.complete;
    return claims.has(parent) || this.#input.broken.has(appDocument(parent));
  }

  #family({ claims, accepted, beyond }: Round): Family {
    const keys = [...accepted.keys()].toSorted(byCodeUnits);
    const members = new Map(keys.map((key) => [key, this.#member(accepted.get(key) as Claim)]));
    const undecided = new Set([...claims.keys()].filter((key) => !accepted.has(key)));
    const problems = [...claims.values()].flatMap((all) => this.#refusals(all, accepted, beyond));
    return { members, undecided, problems };
  }

  #refusals(all: readonly Claim[], accepted: Round["accepted"], beyond: ReadonlySet<AppKey>): Problem[] {
    return all.flatMap((claim): Problem[] => {
      const winner = accepted.get(claim.key);
      if (winner === claim) return [];
      const subject = appDocument(claim.key);
      if (beyond.has(claim.key)) {
        const message = `cannot take ${subject}: its Tenant has ${resolveLimits.appsPerTenantMax} Apps already`;
        return [{ code: "E_LIMIT", severity: "error", message, place: claim.place, subject }];
      }
      const message = `cannot take ${subject}: ${this.#whyNot(claim, all, winner)}`;
      return [
        { code: "E_DUPLICATE_APP", severity: "error", message, remedy: "give one of them another name", place: claim.place, subject },
      ];
    });
  }

  #whyNot(claim: Claim, all: readonly Claim[], winner: Claim | undefined): string {
    if (winner !== undefined) return `the one ${showPlace(winner)} was there first`;
    const others = all.filter((each) => each !== claim).map(showPlace);
    if (others.length > 0) return `it is also ${others.toSorted(byCodeUnits).join(", ")}`;
    return `it was there before ${this.#incumbent(claim.key) ?? ""}, which cannot be read now`;
  }
}

const showPlace = ({ place, placeId }: Claim): string => (placeId.startsWith("in ") ? `${placeId} (${place.path})` : `in ${place.path}`);

function joined(parts: readonly Variants[]): Variants {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  return {
    groups: parts.flatMap(({ groups }) => groups),
    problems: parts.flatMap(({ problems }) => problems),
    complete: parts.every(({ complete }) => complete),
    targeted: parts.some(({ targeted }) => targeted),
  };
}
