// One form of an App against the clusters: which targets match, what they merge to, and so which Groups there are. The work is done per
// combination of targets and values, not per cluster, so that ten thousand equal clusters cost one merge and one request.

import type { ClusterName } from "@muster/proto/model/identity";
import {
  appDocument,
  mergeLayers,
  refsIn,
  settingsOf,
  showPath,
  signature,
  type Fault,
  type Layer,
  type Problem,
  type Ref,
  type Scope,
} from "../fleet/fleet.ts";
import type { Part } from "./claim.ts";
import type { Desk } from "./desk.ts";
import { Base, type Group, type GroupOwner } from "./group.ts";
import type { LayerOrigin } from "./placements.ts";
import { groupsNamed, notYet, rolloutsIn } from "./rollouts.ts";
import { capabilitiesOf, renderRequest, withCapabilities, type Start } from "./request.ts";
import type { Selecting, Selection } from "./selections.ts";
import { SlotMap } from "./slots.ts";

/** A combination of matching targets. */
type State = { readonly targets: readonly number[]; readonly next: Map<number, State>; prepared?: Prepared };
type Prepared = {
  readonly deploy: boolean;
  readonly merged: Layer;
  readonly refs: readonly Ref[];
  readonly layers: readonly LayerOrigin[];
  readonly bases: Map<string, Base>;
};

/** A ClusterGroup that waves name, with the first place that does. */
type Ring = { readonly group: string; readonly at: string; readonly selection: Selection; readonly user: Selecting };

/** What a PartWork belongs to. */
export type PartOwner = GroupOwner & {
  /** Clusters that have to be looked at again. */
  look(slot: number): void;
  /** All of its clusters have to be looked at again. */
  lookAtAll(part: PartWork): void;
  /** Something that it tells may have changed. */
  complain(): void;
  /** A base whose chart begins to ask for capabilities, or for others. */
  lookAtBase(base: Base): void;
};

const faultsKept = 10_000;

export class PartWork implements Selecting {
  readonly part: Part;
  readonly #desk: Desk;
  readonly #owner: PartOwner;
  readonly #selections: readonly Selection[];
  readonly #root: State = { targets: [], next: new Map() };
  readonly #faults = new SlotMap<readonly Fault[]>();
  readonly #faultsOf = new Map<string, readonly Fault[]>();
  #faultsOfNobody: readonly Fault[] = [];
  /** Named in the waves of its rollout: nothing moves while one of them is not there. */
  #rings: readonly Ring[] = [];
  #blocked: boolean;

  constructor(part: Part, desk: Desk, owner: PartOwner) {
    this.part = part;
    this.#desk = desk;
    this.#owner = owner;
    this.#selections = part.app.targets.map(({ select }) => desk.selections.use(select, this));
    this.#takeRings();
    this.#blocked = this.#isBlocked();
  }

  close(): void {
    for (const { selection, user } of this.#rings) this.#desk.selections.release(selection, user);
    for (const selection of new Set(this.#selections)) this.#desk.selections.release(selection, this);
  }

  /** Some cluster's Placement cannot be resolved. */
  get complete(): boolean {
    return !this.#blocked && this.#faults.size === 0 && this.#faultsOfNobody.length === 0;
  }

  get targeted(): boolean {
    return this.part.app.targets.length > 0 || this.part.scope !== null;
  }

  flipped(slot: number): void {
    this.#owner.look(slot);
  }

  turned(): void {
    this.#takeRings();
    const blocked = this.#isBlocked();
    if (blocked !== this.#blocked) this.#owner.lookAtAll(this);
    this.#blocked = blocked;
    this.#owner.complain();
  }

  hasFault(slot: number): boolean {
    return this.#faults.has(slot);
  }

  forget(slot: number): void {
    this.#faults.delete(slot);
  }

  /** Clusters that it may be for, some more than once. In no particular order. */
  each(visit: (slot: number) => void): void {
    const { scope, app } = this.part;
    if (app.targets.length === 0) for (const slot of scope?.slots() ?? []) visit(slot);
    else for (const { slots } of new Set(this.#selections)) slots.each(visit);
  }

  /** The Group of a cluster; undefined where it is not for, or not to be had. */
  seat(slot: number): Group | undefined {
    if (this.#faults.size > 0) this.#faults.delete(slot);
    const cluster = this.#desk.clusters.scope(slot);
    if (this.#blocked || cluster === undefined) return undefined;
    const state = this.#state(slot);
    if (state === undefined) return undefined;
    const prepared = (state.prepared ??= this.#prepare(state));
    if (!prepared.deploy) return undefined;
    const plain = prepared.refs.length === 0 ? prepared.bases.get("") : undefined;
    const base = plain ?? this.#base(prepared, { app: this.part.app.name, cluster });
    if (base instanceof Base) return this.#group(base, slot);
    this.#faults.set(slot, base);
    return undefined;
  }

  /** The Group of an App that is rendered once, for no cluster. */
  once(): Group | undefined {
    this.#faultsOfNobody = [];
    if (this.#blocked) return undefined;
    const prepared = (this.#root.prepared ??= this.#prepare(this.#root));
    const base = this.#base(prepared, { app: this.part.app.name, cluster: null });
    if (base instanceof Base) return this.#group(base, null);
    this.#faultsOfNobody = base;
    return undefined;
  }

  problems(): Problem[] {
    const found: Problem[] = [];
    const unknown = this.#desk.sources.unknown(this.part.app.origin.source);
    if (unknown !== null) found.push(this.#problem("E_SOURCE_UNKNOWN", "error", `spec.source.source ${unknown}`));
    this.#selections.forEach((selection, i) => found.push(...this.#nobody(selection, i)));
    for (const { at, group, selection } of this.#rings)
      if (selection.missing)
        found.push(this.#problem("E_UNKNOWN_GROUP", "error", `${at} names the ClusterGroup ${group}, which does not exist`));
    for (const { at, policy } of rolloutsIn(this.part.app)) {
      const { place } = this.part;
      const subject = appDocument(this.part.app.key);
      if (policy.kind === "waves") found.push({ ...notYet(subject, at), place, subject });
    }
    for (const fault of this.#faultsOfNobody) found.push(this.#refusal(fault, null));
    this.#faults.each((faults, slot) => {
      const name = this.#desk.clusters.at(slot)?.name ?? null;
      for (const fault of faults) found.push(this.#refusal(fault, name));
    });
    return found;
  }

  #isBlocked(): boolean {
    const missing = [...this.#selections, ...this.#rings.map(({ selection }) => selection)].some((each) => each.missing);
    return missing || this.#desk.sources.unknown(this.part.app.origin.source) !== null;
  }

  #takeRings(): void {
    const { app, start } = this.part;
    const written = rolloutsIn(app);
    const policy = this.#desk.rollouts.defaultOf(start.source);
    const inherited = policy === null ? [] : [{ at: `spec.defaultRollout of Source ${start.source}`, policy }];
    const named = groupsNamed([...written, ...inherited]);
    const same = named.size === this.#rings.length && this.#rings.every(({ at, group }) => named.get(group) === at);
    if (same) return;
    const was = this.#rings;
    this.#rings = [...named].map(([group, at]) => {
      const user = { flipped: () => {}, turned: () => this.turned() };
      return { group, at, user, selection: this.#desk.selections.use({ by: "group", group }, user) };
    });
    for (const { selection, user } of was) this.#desk.selections.release(selection, user);
  }

  /** The combination of targets that match a cluster; undefined where none does. */
  #state(slot: number): State | undefined {
    if (this.part.scope !== null && !this.part.scope.has(slot)) return undefined;
    if (this.part.app.targets.length === 0) return this.#root;
    let state = this.#root;
    for (let i = 0; i < this.#selections.length; i += 1) {
      if (this.#selections[i]?.slots.has(slot) !== true) continue;
      const next = state.next.get(i) ?? { targets: [...state.targets, i], next: new Map<number, State>() };
      state.next.set(i, next);
      state = next;
    }
    return state === this.#root ? undefined : state;
  }

  #prepare(state: State): Prepared {
    const { app, place } = this.part;
    const matching = state.targets.map((i) => ({ i, target: app.targets[i] }));
    const merged = mergeLayers([app.layer, ...matching.map(({ target }) => target?.layer ?? {})]);
    const layers = [{ from: "App", place }, ...matching.map(({ i }) => ({ from: `targets[${i}]`, place }))];
    const deploy = matching.reduce((word, { target }) => target?.deploy ?? word, true);
    return { deploy, merged, refs: refsIn(merged), layers, bases: new Map() };
  }

  #base(prepared: Prepared, scope: Scope): Base | readonly Fault[] {
    const sign = prepared.refs.length === 0 ? "" : signature(prepared.refs, scope);
    const known = prepared.bases.get(sign);
    if (known !== undefined) return known;
    const { app } = this.part;
    const faultKey = `${prepared.layers.map(({ from }) => from).join(" ")}\n${sign}`;
    const faulty = this.#faultsOf.get(faultKey);
    if (faulty !== undefined) return faulty;
    const result = settingsOf(prepared.merged, scope, app.name);
    if ("faults" in result) {
      if (this.#faultsOf.size >= faultsKept) this.#faultsOf.clear();
      this.#faultsOf.set(faultKey, result.faults);
      return result.faults;
    }
    const { settings } = result;
    const request = renderRequest(settings, prepared.merged, app.objects, this.#start(), app.name);
    const { layers, bases } = prepared;
    const tell = (base: Base) => this.#owner.lookAtBase(base);
    const base = new Base({ part: this.part, settings, request, layers }, this.#desk.requests, tell, () => bases.delete(sign));
    bases.set(sign, base);
    return base;
  }

  /** An App that names nothing else lies where it was found. */
  #start(): Start {
    const { app, start } = this.part;
    const { source, remote } = app.origin;
    return source === null && remote === null ? start : { source: source ?? start.source, revision: null, remote };
  }

  #group(base: Base, slot: number | null): Group {
    const { answer } = base;
    if (answer?.kind !== "asks") return base.groups.get("") ?? base.open("", base.request, this.#owner);
    const capabilities = capabilitiesOf(answer.capabilities, slot === null ? null : this.#desk.clusters.facts(slot));
    const sign = JSON.stringify([answer.capabilities, capabilities]); // also what it asks for and does not get
    return base.groups.get(sign) ?? base.open(sign, withCapabilities(base.request, capabilities), this.#owner);
  }

  #nobody({ select, missing, slots }: Selection, target: number): Problem[] {
    if (slots.size > 0) return [];
    const at = `spec.targets[${target}]`;
    if (missing && select.by === "group")
      return [this.#problem("E_UNKNOWN_GROUP", "error", `${at} names the ClusterGroup ${select.group}, which does not exist`)];
    if (select.by !== "cluster") return [this.#problem("W_NO_CLUSTERS", "warning", `${at} matches no cluster`)];
    const why = `${at} names the cluster ${select.cluster}, which is neither in Git nor enrolled`;
    return [this.#problem("W_UNKNOWN_CLUSTER", "warning", why)];
  }

  #refusal({ code, path, says }: Fault, cluster: ClusterName | null): Problem {
    return this.#problem(code, "error", `${showPath(path)} ${says}`, cluster);
  }

  #problem(code: string, severity: Problem["severity"], why: string, cluster: ClusterName | null = null): Problem {
    const subject = `App ${this.part.app.key}`;
    const where = cluster === null ? "" : ` for cluster ${cluster}`;
    const message = severity === "error" ? `cannot resolve ${subject}${where}: ${why}` : `${subject}: ${why}`;
    return { code, severity, message, place: this.part.place, subject, ...(cluster !== null && { cluster }) };
  }
}
