// A small fleet for the machine: clusters that take what they are released, and are as healthy as a test says. It does what the loop does
// (slots, bundles, reports, deadlines), with time by hand; it checks after every event what always has to hold.

import assert from "node:assert/strict";

import { digestOf, type Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";
import { selects, type Amount, type Gate, type Selector, type WavePolicy, type WavesPolicy } from "../../fleet/fleet.ts";
import {
  allocate,
  baseOf,
  dueAt,
  isReleased,
  LiveGroup,
  pinFor,
  reasonOf,
  step,
  wantsOf,
  type Actor,
  type Effect,
  type GroupId,
  type Head,
  type Hindrance,
  type Limits,
  type Member,
  type Participant,
  type Refusal,
  type RolloutEvent,
  type RolloutKind,
  type Seen,
  type Target,
} from "../rollout.ts";
import { targetOf } from "../target.ts";

export const seconds = 1000;
export const minutes = 60 * seconds;
export const hours = 60 * minutes;
export const days = 24 * hours;

export const percent = (value: number): Amount => ({ kind: "percent", percent: value });
export const count = (value: number): Amount => ({ kind: "count", count: value });
export const ring = (name: string): Selector => ({
  matchAll: false,
  requirements: [{ key: "ring", operator: "In", values: [name] }] as unknown as Selector["requirements"],
});

const pace = { intervalMs: minutes, inconclusiveForMs: hours, errorLimit: 5 };
export const healthyFor = (ms: number): Gate => ({ kind: "healthyFor", ms, ...pace });
export const gate = (fields: object): Gate => ({ ...pace, ...fields }) as Gate;

export const wave = (size: Amount, fields: Partial<WavePolicy> = {}): WavePolicy => ({
  clusters: null,
  group: null,
  size,
  spreadBy: null,
  maxUnavailable: percent(100),
  maxFailures: count(0),
  maxAbsent: percent(20),
  minPassed: percent(50),
  before: [],
  after: null,
  ...fields,
});

export const policy = (fields: Partial<WavesPolicy> = {}): WavesPolicy => ({
  kind: "waves",
  waves: [wave(count(1)), wave(percent(10)), wave(percent(100), { maxAbsent: percent(100) })],
  gates: [healthyFor(10 * minutes)],
  perSite: null,
  progressDeadlineMs: 15 * minutes,
  degradedForMs: 2 * minutes,
  inClusterDeadlineMs: 2 * hours,
  onFailure: "hold",
  onClusterFailure: "keep",
  supersede: "latest",
  rollback: { maxUnavailable: percent(25), revertPR: false },
  ...fields,
});

/** How a cluster does with a pin. */
export type Behaviour = "healthy" | "degraded" | "stuck" | "crash" | "refused" | "cut" | { readonly restartsEveryMs: number };

type Site = {
  readonly name: ClusterName;
  labels: Record<string, string>;
  joined: boolean;
  /** Its newest bundle, and what its agent holds. */
  signed: { generation: number; pins: ReadonlyMap<AppKey, Digest | null> };
  held: { generation: number; pins: ReadonlyMap<AppKey, Digest | null>; at: number };
  silent: boolean;
};

export const ops: Actor = { name: "olga", roles: ["sre", "admin"], reason: "a test" };
const tickMs = 10 * seconds;

export class Fleet {
  group: LiveGroup;
  readonly sites = new Map<ClusterName, Site>();
  readonly effects: Effect[] = [];
  readonly ended: Head[] = [];
  /** Groups of one name moved by one rollout. */
  readonly apps: readonly AppKey[];
  wallMs = Date.UTC(2026, 10, 2, 12);
  watchedMs = 0;
  policy: WavesPolicy;
  kind: RolloutKind | null = null;
  auto = true;
  author: string | null = "anna";
  limits: Limits = { maxDisrupted: Number.POSITIVE_INFINITY, releases: Number.POSITIVE_INFINITY };
  behaviour: (cluster: ClusterName, pin: Digest | null) => Behaviour = () => "healthy";
  #wanted: (cluster: Site) => ReadonlyMap<AppKey, Digest | null> = () => new Map();
  #commit = "";
  readonly #held = new Set<string>();
  readonly #unwell = new Set<string>();
  /** Which Apps are meant for which cluster. */
  only: (cluster: { readonly name: string }, app: string) => boolean = () => true;
  /** What the machine was told, for a replay. */
  readonly told: RolloutEvent[] = [];

  constructor(clusters: number, options: { policy?: WavesPolicy; labels?: (index: number) => Record<string, string>; apps?: readonly string[] } = {}) {
    this.policy = options.policy ?? policy();
    this.apps = (options.apps ?? ["default//shop"]) as readonly AppKey[];
    this.group = LiveGroup.empty("shop" as GroupId);
    for (let index = 0; index < clusters; index += 1) this.add(`c${String(index).padStart(3, "0")}`, options.labels?.(index) ?? {});
  }

  add(name: string, labels: Record<string, string> = {}): ClusterName {
    const none = { generation: 0, pins: new Map() };
    this.sites.set(name as ClusterName, { name: name as ClusterName, labels, joined: true, signed: none, held: { ...none, at: 0 }, silent: false });
    return name as ClusterName;
  }

  get rollout(): Head {
    assert.ok(this.group.rollout !== null, "there is a rollout");
    return this.group.rollout;
  }

  member(name: string): Member {
    const member = this.group.members.get(name as ClusterName);
    assert.ok(member !== undefined, `${name} takes part`);
    return member;
  }

  /** Every cluster runs it already, and has passed it. */
  settleAt(commit: string, pinOf: (site: { name: ClusterName; labels: Record<string, string> }) => Digest | null = () => pin(commit)): void {
    const immediate = this.policy;
    this.policy = policy({ waves: [wave(percent(100))], gates: [] });
    this.commit(commit, pinOf);
    this.run(10 * minutes);
    assert.equal(this.phase, "ended completed", "the base is complete");
    this.policy = immediate;
    this.effects.length = 0;
    this.ended.length = 0;
  }

  /** Git yields these pins from now on. */
  commit(commit: string, pinOf: (site: { name: ClusterName; labels: Record<string, string> }, app: AppKey) => Digest | null = () => pin(commit)): void {
    this.#commit = commit;
    this.#wanted = (site) => new Map(this.apps.filter((app) => this.only(site, app)).map((app) => [app, pinOf(site, app)]));
    this.retarget();
  }

  retarget(): void {
    const joined = [...this.sites.values()].filter((site) => site.joined);
    const pins = joined.flatMap((site) => [...this.#wanted(site)]);
    const clusters = [...this.sites.values()].filter(({ joined }) => joined).map((site) => this.#participant(site));
    const found = targetOf(this.group, { commit: this.#commit, author: this.author, policy: this.policy, auto: this.auto, clusters, pins });
    if (found.kind === "settled") this.tell({ kind: "settled", id: found.id });
    else this.tell({ kind: "newTarget", target: this.kind === null ? found.target : { ...found.target, kind: this.kind } });
  }

  /** What a way back by hand to that commit's pins would be. */
  targetTo(commit: string): Target {
    const before = this.#wanted;
    this.#wanted = () => new Map(this.apps.map((app) => [app, pin(commit)]));
    const clusters = [...this.sites.values()].filter(({ joined }) => joined).map((site) => this.#participant(site));
    this.#wanted = before;
    const pins = this.apps.map((app) => [app, pin(commit)] as const);
    const found = targetOf(this.group, { commit, author: null, policy: this.policy, auto: true, clusters, pins });
    assert.ok(found.kind === "target");
    return found.target;
  }

  /** What its next bundle would hold. */
  pinOf(name: string): Digest | null | undefined {
    return pinFor(this.member(name), this.apps[0] as AppKey);
  }

  asked(): readonly string[] {
    return this.effects.flatMap((effect) => (effect.kind === "askGate" ? [effect.id] : []));
  }

  /** Its agent tells all it knows. */
  tellAll(name: string): void {
    this.#report(name as ClusterName);
  }

  #participant(site: Site): Participant {
    const wanted = this.#wanted(site);
    const known = this.group.members.get(site.name);
    return {
      cluster: site.name,
      uid: `uid-${site.name}`,
      labels: { ...site.labels },
      matches: this.matches(site.labels),
      hindered: site.silent ? ["Offline"] : [],
      unwell: this.#unwell.has(site.name) || (known?.unwell ?? false),
      silent: site.silent,
      parts: [...wanted].flatMap(([app, target]) => {
        const released = site.signed.pins.get(app) ?? null;
        return released === target ? [] : [{ app, base: baseOf(this.group.passed.get(site.name) ?? new Map(), app) ?? null, released, target }];
      }),
    };
  }

  matches(labels: Record<string, string>): readonly number[] {
    return this.policy.waves.flatMap(({ clusters }, index) => (clusters === null || selects(clusters, labels) ? [index] : []));
  }

  /** Says something to the machine; a refusal is an error here. */
  tell(event: RolloutEvent): void {
    const refusal = this.tryTell(event);
    assert.equal(refusal, null, refusal?.message ?? "");
  }

  tryTell(event: RolloutEvent): Refusal | null {
    this.told.push(event);
    const result = step(this.group, event, { wallMs: this.wallMs, watchedMs: this.watchedMs });
    if (result.kind === "refused") return result.refusal;
    this.group.apply(result.change);
    this.ended.push(...result.change.ended);
    for (const effect of result.change.effects) this.#do(effect);
    return null;
  }

  #do(effect: Effect): void {
    this.effects.push(effect);
    if (effect.kind === "release") this.#sign(effect.cluster);
    if (effect.kind === "retarget") this.retarget();
    if (effect.kind === "ask") this.#report(effect.cluster);
  }

  #sign(name: ClusterName): void {
    const site = this.sites.get(name);
    const member = this.group.members.get(name);
    if (site === undefined || member === undefined) return;
    const apps = member.parts.map(({ app }) => app);
    const pins = new Map([...site.signed.pins.keys(), ...apps].map((app) => [app, pinFor(member, app) ?? site.signed.pins.get(app) ?? null]));
    site.signed = { generation: site.signed.generation + 1, pins };
    this.tell({ kind: "signed", cluster: name, generation: site.signed.generation });
    this.#deliver(site);
  }

  #deliver(site: Site): void {
    if (site.silent || site.held.generation === site.signed.generation) return;
    site.held = { ...site.signed, at: this.watchedMs };
    for (const held of site.held.pins.values()) if (held !== null) this.#held.add(`${site.name} ${held}`);
    this.tell({ kind: "delivered", cluster: site.name, generation: site.signed.generation });
    if (this.#behaviourOf(site) === "cut") this.silence(site.name);
  }

  #isUnwell(name: ClusterName): boolean {
    const site = this.sites.get(name);
    return site !== undefined && this.#behaviourOf(site) !== "healthy";
  }

  #behaviourOf(site: Site): Behaviour {
    const all = [...site.held.pins.values()].map((each) => this.behaviour(site.name, each));
    return all.find((each) => each !== "healthy") ?? "healthy";
  }

  silence(...names: readonly string[]): void {
    for (const name of names) {
      const site = this.sites.get(name as ClusterName);
      if (site === undefined || site.silent) continue;
      site.silent = true;
      this.tell({ kind: "silent", cluster: site.name });
    }
  }

  wake(...names: readonly string[]): void {
    for (const name of names) {
      const site = this.sites.get(name as ClusterName);
      if (site === undefined) continue;
      site.silent = false;
      this.tell({ kind: "back", cluster: site.name });
      this.#deliver(site);
    }
  }

  hinder(name: string, by: Hindrance, on = true): void {
    this.tell({ kind: "hindered", cluster: name as ClusterName, by, on });
  }

  /** Time goes by: slots are given, agents report, deadlines pass. */
  run(ms: number, until: () => boolean = () => false): void {
    const end = this.watchedMs + ms;
    while (this.watchedMs < end && !until()) {
      this.watchedMs += tickMs;
      this.wallMs += tickMs;
      this.beat();
    }
  }

  beat(): void {
    this.grant();
    for (const member of this.group.members.values()) if (reports.has(member.state) || this.#isUnwell(member.cluster)) this.#report(member.cluster);
    const head = this.group.rollout;
    const due = head === null ? [] : [...this.group.members.values()].filter((member) => (dueAt(head, member) ?? Number.POSITIVE_INFINITY) <= this.watchedMs);
    this.tell({ kind: "tick", due: due.map(({ cluster }) => cluster) });
    this.grant();
    this.check();
  }

  grant(): void {
    const granted = allocate(wantsOf(this.group), this.group.queues.disrupted, this.limits);
    if (granted.length > 0) this.tell({ kind: "granted", clusters: granted.map(({ cluster }) => cluster) });
  }

  #report(name: ClusterName): void {
    const site = this.sites.get(name);
    if (site === undefined || site.silent || !site.joined) return;
    for (const [app, held] of site.held.pins) this.tell(this.reportOf(site, app, held));
  }

  reportOf(site: Site, app: AppKey, held: Digest | null): Extract<RolloutEvent, { kind: "report" }> {
    const { generation, at } = site.held;
    const age = this.watchedMs - at;
    const does = this.behaviour(site.name, held);
    const restarts = typeof does === "object" ? does.restartsEveryMs : null;
    const healthy = does === "healthy" || (restarts !== null && age % restarts !== 0);
    const seen: Seen = {
      standing: healthy ? "healthy" : does === "degraded" ? "degraded" : does === "refused" || does === "crash" ? "failed" : "progressing",
      healthyForMs: healthy ? (restarts === null ? age : age % restarts) : 0,
      message: "",
    };
    const final = does === "crash" ? "CrashLooping" : does === "refused" ? "ApplyFailed" : null;
    return { kind: "report", cluster: site.name, app, pin: held, generation, acked: generation, seen, inCluster: false, final };
  }

  reason(name: string): { readonly code: string; readonly message: string } {
    const reason = reasonOf(this.group, this.member(name));
    assert.ok(reason !== null, `${name} has a reason`);
    return reason;
  }

  /** How many of these clusters ever held the pin. */
  ever(which: Digest, names: readonly string[]): number {
    return names.filter((name) => this.#held.has(`${name} ${which}`)).length;
  }

  /** Enrols while a rollout is live. */
  join(name: string, commit: string, labels: Record<string, string> = {}): ClusterName {
    const cluster = this.add(name, labels);
    const parts = this.apps.map((app) => ({ app, base: null, released: null, target: pin(commit) }));
    const common = { hindered: [], unwell: false, silent: false };
    this.tell({ kind: "joined", participant: { cluster, uid: `uid-${name}`, labels, matches: this.matches(labels), parts, ...common } });
    return cluster;
  }

  leave(name: string): void {
    const site = this.sites.get(name as ClusterName);
    if (site === undefined) return;
    site.joined = false;
    this.tell({ kind: "left", cluster: site.name });
  }

  /** It is known to be unwell with what it has. */
  unwell(name: string): void {
    this.#unwell.add(name);
  }

  get phase(): string {
    const { phase } = this.rollout;
    return phase.kind === "held" ? `held ${phase.cause}` : phase.kind === "ended" ? `ended ${phase.end}` : phase.kind;
  }

  /** Clusters whose bundle holds the pin. */
  on(which: Digest): number {
    return [...this.sites.values()].filter(({ signed }) => [...signed.pins.values()].includes(which)).length;
  }

  notices(): readonly string[] {
    return this.effects.flatMap((effect) => (effect.kind === "notify" ? [effect.notice] : []));
  }

  states(): Readonly<Record<string, number>> {
    const found: Record<string, number> = {};
    for (const { state } of this.group.members.values()) found[state] = (found[state] ?? 0) + 1;
    return found;
  }

  /** The counts that are kept are those that a count from the beginning gives; nobody is in two waves; one reason each (R7, R18). */
  check(): void {
    const again = new LiveGroup(this.group.head, this.group.rollout, this.group.members.values(), this.group.passed);
    for (const queue of ["ready", "stragglers", "recalledFailed", "recalled", "disrupted", "stragglersMoving"] as const)
      assert.deepEqual(new Set(again.queues[queue]), new Set(this.group.queues[queue]), `queue ${queue}`);
    const head = this.group.rollout;
    if (head === null) return;
    const released = [...this.group.members.values()].filter(isReleased).length;
    const gone = [...this.group.members.values()].filter(({ state }) => state === "gone").length;
    assert.equal(head.world.released, released - [...this.group.members.values()].filter((each) => isReleased(each) && each.state === "gone").length);
    assert.equal(head.world.unreleased, this.group.members.size - released - gone);
    for (const [index, each] of head.waves.entries()) {
      const members = [...this.group.members.values()].filter((member) => member.wave === index && !member.straggler);
      const left = members.filter(({ state, cause }) => state === "gone" && cause === null).length;
      assert.equal(each.drawn, members.length - left, `wave ${each.name} counts its members`);
      const slots = Object.values(each.counts).reduce((sum, value) => sum + value, 0);
      assert.equal(slots, members.length, `wave ${each.name} has each member in one bucket`);
    }
    for (const member of this.group.members.values()) if (member.state === "waiting") assert.ok(reasonOf(this.group, member) !== null);
  }
}

const reports: ReadonlySet<Member["state"]> = new Set(["released", "applying", "soaking", "lost", "failed", "unjudged", "returning"]);

export const pin = (text: string): Digest => digestOf(text);
