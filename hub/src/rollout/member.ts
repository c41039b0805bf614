// One cluster in a rollout: what it shall get and had before, where it is on the way, and what is known against it.

import type { Digest } from "@muster/proto/model/digest";
import type { AppKey, ClusterName } from "@muster/proto/model/identity";

/** What was reported of one App, for the pin that the hub waits for and not before its bundle. */
export type Seen = {
  readonly standing: "progressing" | "healthy" | "degraded" | "failed";
  /** Unbroken, by the agent's own clock; null: the agent does not say. */
  readonly healthyForMs: number | null;
  readonly message: string;
};

/** One App of the group on this cluster. A null base: nothing was ever passed there. A null target: it goes. */
export type Part = {
  readonly app: AppKey;
  /** What it passed last: where a way back leads. */
  readonly base: Digest | null;
  /** What its bundle held when the rollout began. */
  readonly released: Digest | null;
  readonly target: Digest | null;
  readonly seen: Seen | null;
  /** By its newest report, whatever that was about. */
  readonly unwell: boolean;
  /** A canary inside the cluster takes its time. */
  readonly inCluster: boolean;
};

/**
 * `waiting` not released; `released` signed, or about to be; `applying` acknowledged; `soaking` healthy, for how long remains to be seen;
 * `lost` silent since; `unjudged` was unwell before and still is; `recalled` is to go back and waits for its turn; `heldBack` stays at
 * its base.
 */
export type MemberState =
  | "waiting"
  | "released"
  | "applying"
  | "soaking"
  | "lost"
  | "passed"
  | "failed"
  | "unjudged"
  | "recalled"
  | "returning"
  | "returned"
  | "heldBack"
  | "gone";

/** Why a cluster cannot be released to now; in the order in which it is told. All but Dependency make it absent. */
export const hindrances = ["Paused", "Leased", "SiteVeto", "Offline", "BundleRefused", "Frozen", "Window", "Dependency"] as const;
export type Hindrance = (typeof hindrances)[number];

/** Emergencies and ways back go past windows and freezes. */
export const isPast = ({ emergency, kind }: { readonly emergency: boolean; readonly kind: string }, by: Hindrance): boolean =>
  (emergency || kind === "rollback") && (by === "Window" || by === "Frozen");

/** Times with `At` are watched time in milliseconds, but for `since`. */
export type Member = {
  readonly cluster: ClusterName;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Indices of the policy's waves whose selector takes it. */
  readonly matches: readonly number[];
  readonly parts: readonly Part[];
  readonly state: MemberState;
  /** The wave that drew it, and its place there. */
  readonly wave: number | null;
  readonly place: number;
  /** Was absent when its wave passed: it follows by itself. */
  readonly straggler: boolean;
  /** Failed with what was there before: a remedy goes to it first. */
  readonly first: boolean;
  /** Sorted as told. */
  readonly hindered: readonly Hindrance[];
  /** Unwell, or unknown, when it was released. */
  readonly unwellBefore: boolean;
  /** Any of its Apps. */
  readonly unwell: boolean;
  readonly silent: boolean;
  /** Of the bundle that holds what was released, or given back; null: not signed yet. */
  readonly generation: number | null;
  readonly delivered: boolean;
  readonly releasedAt: number | null;
  readonly healthyAt: number | null;
  /** Whether it was healthy at any time since it was released to. */
  readonly healthyOnce: boolean;
  /** When a fresh report was asked for. */
  readonly askedAt: number | null;
  readonly degradedAt: number | null;
  readonly lostAt: number | null;
  readonly hinderedAt: number | null;
  /** A canary inside the cluster takes its time. */
  readonly inCluster: boolean;
  readonly cause: Cause | null;
  /** Wall clock: when its state, or what hinders it, became what it is. */
  readonly since: number;
};

export type CauseCode =
  | "ApplyFailed"
  | "CrashLooping"
  | "Poison"
  | "Degraded"
  | "DeadlineExceeded"
  | "Flapping"
  | "SilentAfterRelease"
  | "ReturnFailed"
  | "NothingToRollBackTo"
  | "Quarantined";

export type Cause = { readonly code: CauseCode; readonly message: string };

/** What a cluster of a new target is at the start of its rollout. */
export type Participant = Pick<Member, "cluster" | "uid" | "labels" | "matches" | "hindered" | "unwell" | "silent"> & {
  readonly parts: readonly Omit<Part, "seen" | "unwell" | "inCluster">[];
};

export function memberOf(participant: Participant, now: number): Member {
  return {
    ...participant,
    parts: participant.parts.map((part) => ({ ...part, seen: null, unwell: false, inCluster: false })),
    state: "waiting",
    wave: null,
    place: 0,
    straggler: false,
    first: false,
    unwellBefore: false,
    generation: null,
    delivered: false,
    releasedAt: null,
    healthyAt: null,
    healthyOnce: false,
    askedAt: null,
    degradedAt: null,
    lostAt: null,
    hinderedAt: null,
    inCluster: false,
    cause: null,
    since: now,
  };
}

/** What a wave counts its members as. */
export const buckets = ["ready", "blocked", "absent", "inFlight", "passed", "failed", "off"] as const;
export type Bucket = (typeof buckets)[number];

const bucketOfState = {
  waiting: null,
  released: "inFlight",
  applying: "inFlight",
  soaking: "inFlight",
  lost: "inFlight",
  passed: "passed",
  failed: "failed",
  unjudged: "absent",
  recalled: "off",
  returning: "off",
  returned: "off",
  heldBack: "off",
  gone: "off",
} as const satisfies Record<MemberState, Bucket | null>;

const afterFailure: ReadonlySet<MemberState> = new Set(["gone", "recalled", "returning", "returned"]);

export function bucketOf(member: Member): Bucket {
  // Its failure stays, when it is gone, and when it alone goes back.
  if (member.cause !== null && afterFailure.has(member.state)) return "failed";
  const bucket = bucketOfState[member.state];
  if (bucket !== null) return bucket;
  if (member.hindered.length === 0) return "ready";
  return member.hindered.every((each) => each === "Dependency") ? "blocked" : "absent";
}

const onTarget: ReadonlySet<MemberState> = new Set(["released", "applying", "soaking", "lost", "passed", "failed", "unjudged", "recalled"]);

/** Whether its bundle holds the target now, or shall. What failed on its way back is on its base. */
export const isReleased = ({ state, cause }: Member): boolean => onTarget.has(state) && cause?.code !== "ReturnFailed";

const disrupting: ReadonlySet<MemberState> = new Set(["released", "applying", "soaking", "lost", "failed", "recalled", "returning"]);

/** A slot lasts from the release until the cluster passed, returned or is gone. */
export const holdsSlot = (member: Member): boolean => disrupting.has(member.state);

/** The pin that its bundle may hold of an App. Undefined: the App is none of the member's. */
export function pinFor(member: Member, app: AppKey): Digest | null | undefined {
  const part = member.parts.find((each) => each.app === app);
  if (part === undefined) return undefined;
  if (isReleased(member)) return part.target;
  return wasReleased(member) ? returnPin(part) : part.released;
}

const wasReleased = ({ state }: Member): boolean => state === "returning" || state === "returned" || state === "failed";

/** What it goes back to: without a base it keeps what it has. Nothing is ever uninstalled by a way back. */
export const returnPin = ({ base, target }: Pick<Part, "base" | "target">): Digest | null => base ?? target;
