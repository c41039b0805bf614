// One App against all clusters: which targets match, what they merge to, and so which Variants there are. The work is done per
// combination of targets and values, not per cluster, so that ten thousand equal clusters cost one merge and one request.

import type { ClusterName } from "@muster/proto/model/identity";
import {
  mergeLayers,
  refsIn,
  settingsOf,
  showPath,
  signature,
  type App,
  type Fault,
  type Layer,
  type Place,
  type Problem,
  type Ref,
  type Scope,
  type Settings,
} from "../fleet/fleet.ts";
import type { ClusterIndex } from "./clusters.ts";
import { renderRequest, type RenderRequest } from "./request.ts";

/** One form of an App, and the clusters it is for: null for all that its targets match. */
export type Part = {
  readonly app: App;
  readonly place: Place;
  readonly scope: readonly number[] | null;
  /** Where its paths start. */
  readonly source: string;
  readonly revision: string | null;
};

export type LayerOrigin = { readonly from: string; readonly place: Place };

/** Clusters with one Variant and one policy. */
export type Group = {
  readonly part: Part;
  readonly settings: Settings;
  readonly request: RenderRequest;
  readonly layers: readonly LayerOrigin[];
  /** Positions, rising. Empty for an App that is rendered once, for no cluster. */
  readonly members: number[];
};

export type Variants = {
  readonly groups: readonly Group[];
  readonly problems: readonly Problem[];
  /** False when some cluster's Placement could not be resolved. */
  readonly complete: boolean;
  /** False: rendered once, to find its children. */
  readonly targeted: boolean;
};

/** A combination of matching targets. */
type State = { readonly targets: readonly number[]; readonly next: Map<number, State>; prepared?: Prepared };
type Prepared = {
  readonly deploy: boolean;
  readonly merged: Layer;
  readonly refs: readonly Ref[];
  readonly layers: readonly LayerOrigin[];
  readonly groups: Map<string, Group | readonly Fault[]>;
};

/** The Variants of one part of an App. */
export function variantsOf(part: Part, index: ClusterIndex): Variants {
  return new Work(part, index).run();
}

class Work {
  readonly #part: Part;
  readonly #index: ClusterIndex;
  readonly #groups: Group[] = [];
  readonly #problems: Problem[] = [];
  #complete = true;

  constructor(part: Part, index: ClusterIndex) {
    this.#part = part;
    this.#index = index;
  }

  run(): Variants {
    const { app, scope } = this.#part;
    const targeted = app.targets.length > 0 || scope !== null;
    if (targeted) this.#perCluster();
    else this.#once();
    return { groups: this.#groups, problems: this.#problems, complete: this.#complete, targeted };
  }

  #once(): void {
    const made = this.#group(this.#prepare({ targets: [], next: new Map() }), { app: this.#part.app.name, cluster: null });
    if (!("settings" in made)) this.#refuse(made, null);
  }

  #perCluster(): void {
    const states = this.#match();
    const { scope, app } = this.#part;
    const visit = (position: number): void => {
      const state = states[position];
      const cluster = this.#index.scopes[position];
      if (state === undefined || cluster === undefined) return;
      const prepared = (state.prepared ??= this.#prepare(state));
      if (!prepared.deploy) return;
      const of: Scope = { app: app.name, cluster };
      const sign = prepared.refs.length === 0 ? "" : signature(prepared.refs, of);
      const known = prepared.groups.get(sign) ?? this.#group(prepared, of, sign);
      if ("settings" in known) known.members.push(position);
      else this.#refuse(known, cluster.name as ClusterName);
    };
    if (scope === null) states.forEach((_, position) => visit(position));
    else scope.forEach(visit);
  }

  /** For each cluster the combination of targets that match it; a hole where none does. */
  #match(): State[] {
    const { app, scope } = this.#part;
    const states: State[] = [];
    const root: State = { targets: [], next: new Map() };
    if (app.targets.length === 0) {
      for (const position of scope ?? []) states[position] = root;
      return states;
    }
    const inScope = scope === null ? null : new Set(scope);
    app.targets.forEach((target, i) => {
      const found = this.#index.select(target.select);
      if (found === null || found.length === 0) return this.#nobody(i, found === null);
      for (const position of found) {
        if (inScope !== null && !inScope.has(position)) continue;
        const state = states[position] ?? root;
        const next = state.next.get(i) ?? { targets: [...state.targets, i], next: new Map<number, State>() };
        state.next.set(i, next);
        states[position] = next;
      }
    });
    return this.#complete ? states : [];
  }

  #nobody(target: number, unknownGroup: boolean): void {
    const select = this.#part.app.targets[target]?.select;
    const at = `spec.targets[${target}]`;
    if (unknownGroup && select?.by === "group") {
      this.#complete = false;
      this.#say("E_UNKNOWN_GROUP", "error", `${at} names the ClusterGroup ${select.group}, which does not exist`);
    } else if (select?.by === "cluster")
      this.#say("W_UNKNOWN_CLUSTER", "warning", `${at} names the cluster ${select.cluster}, which is neither in Git nor enrolled`);
    else this.#say("W_NO_CLUSTERS", "warning", `${at} matches no cluster`);
  }

  #prepare(state: State): Prepared {
    const { app, place } = this.#part;
    const matching = state.targets.map((i) => ({ i, target: app.targets[i] }));
    const merged = mergeLayers([app.layer, ...matching.map(({ target }) => target?.layer ?? {})]);
    const layers = [{ from: "App", place }, ...matching.map(({ i }) => ({ from: `targets[${i}]`, place }))];
    const deploy = matching.reduce((word, { target }) => target?.deploy ?? word, true);
    return { deploy, merged, refs: refsIn(merged), layers, groups: new Map() };
  }

  #group(prepared: Prepared, scope: Scope, sign = ""): Group | readonly Fault[] {
    const { app, source, revision } = this.#part;
    const result = settingsOf(prepared.merged, scope, app.name);
    if ("faults" in result) {
      prepared.groups.set(sign, result.faults);
      return result.faults;
    }
    const { settings } = result;
    const request = renderRequest(settings, prepared.merged, app.objects, source, revision, app.name);
    const group: Group = { part: this.#part, settings, request, layers: prepared.layers, members: [] };
    prepared.groups.set(sign, group);
    this.#groups.push(group);
    return group;
  }

  #refuse(faults: readonly Fault[], cluster: ClusterName | null): void {
    this.#complete = false;
    for (const fault of faults) this.#say(fault.code, "error", `${showPath(fault.path)} ${fault.says}`, cluster);
  }

  #say(code: string, severity: Problem["severity"], why: string, cluster: ClusterName | null = null): void {
    const subject = `App ${this.#part.app.key}`;
    const where = cluster === null ? "" : ` for cluster ${cluster}`;
    const message = severity === "error" ? `cannot resolve ${subject}${where}: ${why}` : `${subject}: ${why}`;
    this.#problems.push({ code, severity, message, place: this.#part.place, subject, ...(cluster !== null && { cluster }) });
  }
}
