// Which Apps there are: those in files, and the children that their renders hold, with one owner per key. Independent of the order
// of documents: disputes are settled by incumbents, and otherwise lost by both.

import { byCodeUnits } from "@muster/proto/model/canonical";
import { appKeyParts, type AppKey } from "@muster/proto/model/identity";
import { appDocument, type Problem } from "../fleet/fleet.ts";
import { AppWork, type Turn } from "./app-work.ts";
import type { Claim } from "./claim.ts";
import type { Desk } from "./desk.ts";
import { resolveLimits } from "./limits.ts";
import { keepList } from "./same.ts";

export type Family = {
  /** Sorted by key. */
  readonly members: ReadonlyMap<AppKey, AppWork>;
  /** Apps that are claimed and not accepted. */
  readonly undecided: ReadonlySet<AppKey>;
  readonly problems: readonly Problem[];
};

export type FamilyInput = {
  /** In any order. */
  readonly roots: readonly Claim[];
  /** Roots came, went, or are claimed from elsewhere since the last call. */
  readonly rootsMoved: boolean;
  readonly incumbents: ReadonlyMap<string, string>;
  /** The same object as long as it says the same. */
  readonly broken: ReadonlySet<string>;
};

/** The family as it was last, with what is needed to see that it is still the same. */
type Grown = Family & {
  readonly incumbents: ReadonlyMap<string, string>;
  readonly broken: ReadonlySet<string>;
  /** Parents before children. */
  readonly line: readonly AppWork[];
  /** Keys of the children of each. */
  readonly born: ReadonlyMap<AppWork, readonly AppKey[]>;
  /** Nobody was refused, so nothing but the claims themselves was decided on. */
  readonly plain: boolean;
};

const idOf = ({ key, placeId }: Claim): string => `${key} ${placeId}`;

/** The Apps from call to call. */
export class FamilyTree {
  readonly #desk: Desk;
  readonly #works = new Map<string, AppWork>();
  #grown: Grown | undefined;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** The same object as long as the same Apps are accepted. */
  grow(input: FamilyInput, turn: Turn): Family {
    if (this.#grown !== undefined && this.#isUpheld(this.#grown, input, turn)) return this.#grown;
    const growth = new Growth(input, (claim) => this.#work(claim, turn));
    const { line, plain, ...family } = growth.run();
    const born = new Map(line.map((work) => [work, work.birth.claims.map(({ key }) => key)]));
    this.#grown = { ...family, line, plain, born, incumbents: input.incumbents, broken: input.broken };
    const kept = new Set(line);
    for (const [id, work] of this.#works) {
      if (kept.has(work)) continue;
      work.close();
      this.#works.delete(id);
    }
    return this.#grown;
  }

  #work(claim: Claim, turn: Turn): AppWork {
    const id = idOf(claim);
    const work = this.#works.get(id) ?? new AppWork(claim, this.#desk);
    this.#works.set(id, work);
    work.refresh(claim, turn);
    return work;
  }

  /** Brings all members up to date, and sees whether anybody was born or went. */
  #isUpheld({ line, plain, born, incumbents, broken }: Grown, input: FamilyInput, turn: Turn): boolean {
    if (!plain || input.rootsMoved || incumbents !== input.incumbents || broken !== input.broken) return false;
    const claims = new Map(input.roots.map((claim) => [claim.key, claim]));
    for (const work of line) {
      const claim = claims.get(work.key);
      if (claim === undefined) return false;
      work.refresh(claim, turn);
      const keys = work.birth.claims.map(({ key }) => key);
      const before = born.get(work) ?? [];
      if (keepList(before, keys) !== before) return false;
      for (const child of work.birth.claims) claims.set(child.key, child);
    }
    return true;
  }
}

type Round = { readonly claims: Map<AppKey, Claim[]>; readonly accepted: Map<AppKey, Claim>; readonly beyond: Set<AppKey> };

class Growth {
  readonly #input: FamilyInput;
  readonly #workOf: (claim: Claim) => AppWork;
  /** Keys that several newcomers claim, and keys whose incumbent is gone. Both only grow, so the rounds end. */
  readonly #disputed = new Set<AppKey>();
  readonly #free = new Set<AppKey>();

  constructor(input: FamilyInput, workOf: (claim: Claim) => AppWork) {
    this.#input = input;
    this.#workOf = workOf;
  }

  run(): Family & Pick<Grown, "line" | "plain"> {
    for (;;) {
      const round = this.#round();
      if (!this.#settle(round)) return this.#family(round);
    }
  }

  /** Level by level from the files down, following accepted claims only. */
  #round(): Round {
    const round: Round = { claims: new Map(), accepted: new Map(), beyond: new Set() };
    const room = this.#room();
    let level: readonly Claim[] = inOrder(this.#input.roots);
    while (level.length > 0) {
      for (const claim of level) {
        const same = round.claims.get(claim.key);
        if (same === undefined) round.claims.set(claim.key, [claim]);
        else same.push(claim);
      }
      const keys = [...new Set(level.map(({ key }) => key))].toSorted(byCodeUnits);
      const chosen = keys.flatMap((key) => (round.accepted.has(key) ? [] : this.#choose(round, key, room)));
      for (const claim of chosen) round.accepted.set(claim.key, claim);
      level = chosen.flatMap((claim) => this.#workOf(claim).birth.claims);
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
      if (!document.startsWith("App ")) continue;
      const { tenant } = appKeyParts(document.slice(4) as AppKey);
      room.set(tenant, (room.get(tenant) ?? resolveLimits.appsPerTenantMax) - 1);
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
    if (claim !== undefined) return !this.#workOf(claim).birthComplete;
    return claims.has(parent) || this.#input.broken.has(appDocument(parent));
  }

  #family({ claims, accepted, beyond }: Round): Family & Pick<Grown, "line" | "plain"> {
    const keys = [...accepted.keys()].toSorted(byCodeUnits);
    const members = new Map(keys.map((key) => [key, this.#workOf(accepted.get(key) as Claim)]));
    const undecided = new Set([...claims.keys()].filter((key) => !accepted.has(key)));
    const problems = [...claims.values()].flatMap((all) => this.#refusals(all, accepted, beyond));
    const line = [...accepted.values()].map(this.#workOf);
    return { members, undecided, problems, line, plain: problems.length + undecided.size + this.#free.size === 0 };
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

function inOrder(claims: readonly Claim[]): readonly Claim[] {
  return claims.toSorted((a, b) => byCodeUnits(a.key, b.key) || byCodeUnits(a.placeId, b.placeId) || a.place.line - b.place.line);
}
