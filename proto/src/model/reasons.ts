// Every reason a Placement can be where it is: a closed table. Waiting is never an error; a failure always has a remedy.

export type PlacementState = "waiting" | "applying" | "synced" | "drifted" | "failed" | "paused" | "unreachable";

type Row = { readonly state: PlacementState; readonly means: string; readonly remedy: string };

/** Code -> the state it belongs to, what it means, what to do. */
export const reasons = {
  Synced: { state: "synced", means: "everything declared is there", remedy: "" },
  Applying: { state: "applying", means: "objects are being written", remedy: "" },
  Progressing: { state: "applying", means: "written; not healthy yet", remedy: "muster apps shows which objects" },
  Pruning: { state: "applying", means: "objects that are no longer declared are being deleted", remedy: "" },
  NotReported: { state: "waiting", means: "released; the agent has not reported it yet", remedy: "" },
  Fetching: { state: "waiting", means: "the agent is fetching the Release", remedy: "" },
  NotEnrolled: {
    state: "waiting",
    means: "no agent has enrolled for this cluster",
    remedy: "muster token create, then start an agent with the token",
  },
  WaitingForDependency: {
    state: "waiting",
    means: "an App that this one depends on is not healthy yet",
    remedy: "look at the App it waits for",
  },
  WaitingForRelease: { state: "waiting", means: "rendered; the rollout has not released it to this cluster yet", remedy: "" },
  WaitingForHand: { state: "waiting", means: "sync.auto is false", remedy: "muster sync when it may go" },
  WaitingForGate: { state: "waiting", means: "a gate of the rollout has not passed", remedy: "muster rollout status" },
  WaitingForBudget: { state: "waiting", means: "the rollout's budget is used up", remedy: "muster rollout status" },
  WaitingForWave: { state: "waiting", means: "an earlier wave of the rollout has not passed yet", remedy: "" },
  WaitingForEvidence: {
    state: "waiting",
    means: "too few clusters of the wave could be judged",
    remedy: "bring the absent clusters back, or muster rollout promote",
  },
  RolloutHeld: { state: "waiting", means: "the rollout is held", remedy: "muster rollout status; then retry, accept, abort or rollback" },
  RollingBack: { state: "applying", means: "going back to what was healthy before", remedy: "" },
  HeldBack: {
    state: "waiting",
    means: "what Git says failed; the cluster stays at what was healthy before",
    remedy: "git revert, or commit a fix; muster rollout retry to try it again",
  },
  NothingToRollBackTo: { state: "failed", means: "it failed, and nothing was there before", remedy: "commit a fix, or remove the App" },
  Soaking: { state: "applying", means: "healthy; for long enough remains to be seen", remedy: "" },
  Frozen: { state: "waiting", means: "a freeze is in force", remedy: "muster freeze list shows who, why and until when" },
  WaitingForWindow: { state: "waiting", means: "outside the rollout's window", remedy: "" },
  WaitingForApproval: { state: "waiting", means: "a person has to approve", remedy: "muster approve" },
  WaitingForSource: { state: "waiting", means: "what it deploys is being fetched from elsewhere", remedy: "" },
  WaitingForSecret: { state: "waiting", means: "a Secret that it needs is not there yet", remedy: "" },
  GuardHeld: {
    state: "waiting",
    means: "the change deletes more than the guards allow",
    remedy: "check the commit; revert it, or muster held and muster approve",
  },
  CapabilityShrunk: {
    state: "waiting",
    means: "the render lost objects because an API group vanished from the cluster's report",
    remedy: "check the cluster's API services and definitions; it goes on when they are back, or muster held and muster approve",
  },
  NamespaceTerminating: {
    state: "waiting",
    means: "its namespace is being deleted",
    remedy: "wait, or look for the finalizers that block it",
  },
  TombstonePending: {
    state: "waiting",
    means: "removed from Git; deleted after the grace time",
    remedy: "put it back into Git to keep it",
  },
  Kept: {
    state: "waiting",
    means: "absent from the bundle without a tombstone: its objects are kept",
    remedy: "put it back into Git, or remove it there so that a tombstone is made",
  },
  AgentTooOld: { state: "waiting", means: "the agent lacks a feature that this App needs", remedy: "upgrade the agent" },
  Healing: { state: "drifted", means: "drift found, being healed", remedy: "" },
  DriftNotHealed: { state: "drifted", means: "drift found; sync.heal is false", remedy: "set sync.heal, or change Git" },
  Contested: {
    state: "drifted",
    means: "another controller keeps changing the same fields",
    remedy: "add a sync.ignore rule for the fields shown",
  },
  Paused: { state: "paused", means: "upgrades are paused; healing goes on", remedy: "muster resume; spec.paused in Git" },
  Leased: { state: "paused", means: "a break-glass lease is held", remedy: "wait for its end, or end it" },
  SiteVeto: { state: "paused", means: "the site does not accept changes now", remedy: "ask the site" },
  Offline: { state: "unreachable", means: "the agent is silent", remedy: "check the cluster's outbound connection to the hub" },
  Quarantined: {
    state: "failed",
    means: "two clusters claim this name",
    remedy: "enrol one of them under its own name, or with a token made by muster token create --replace",
  },
  ApplyFailed: { state: "failed", means: "the API server refused an object", remedy: "see the object's message" },
  Exists: { state: "failed", means: "a live object of that name is not Muster's", remedy: "set sync.adopt, or rename the object" },
  OwnedByOther: {
    state: "failed",
    means: "another tool or App owns a live object of that name",
    remedy: "take it out of the other tool first",
  },
  Immutable: {
    state: "failed",
    means: "a field cannot be changed in place",
    remedy: 'annotate the object with muster.dev/replace: "true" to recreate it',
  },
  Forbidden: { state: "failed", means: "the agent lacks a right on the cluster", remedy: "grant the right that the message names" },
  KindMissing: { state: "failed", means: "the cluster does not know the kind", remedy: "install its CRD, or declare dependsOn" },
  HookFailed: { state: "failed", means: "a hook failed", remedy: "see the hook's object" },
  CrashLooping: {
    state: "failed",
    means: "pods of the new Release crash, or run out of memory, again and again",
    remedy: "see the pod's log; change or revert the App",
  },
  Degraded: { state: "failed", means: "applied, but not healthy", remedy: "see the object's message" },
  PruneFailed: { state: "failed", means: "a delete was refused; its inventory entry is kept", remedy: "see the object's message" },
  Poison: {
    state: "failed",
    means: "processing the App crashed the agent; it stays at its last healthy Release",
    remedy: "change or revert the App",
  },
  RenderFailed: { state: "failed", means: "the App cannot be rendered; the last Release stays", remedy: "see the message" },
  ResolveFailed: {
    state: "failed",
    means: "the App cannot be resolved for this cluster; the last Release stays",
    remedy: "see the message",
  },
  OwnershipConflict: { state: "failed", means: "another App declares the same object differently", remedy: "declare it in one App only" },
  BundleRefused: { state: "failed", means: "the agent refused the bundle and stays at the accepted one", remedy: "see the refusal code" },
} as const satisfies Record<string, Row>;

export type ReasonCode = keyof typeof reasons;

/** The state that a reason belongs to. */
export function stateOf(reason: ReasonCode): PlacementState {
  return reasons[reason].state;
}

/** True when a text is a known reason code: what comes over the wire is checked with it. */
export function isReasonCode(text: string): text is ReasonCode {
  return Object.hasOwn(reasons, text);
}
