// When a changed pin reaches which cluster: by waves, through gates, within budgets. `step` decides, event by event; `wantsOf` and `allocate`
// say who is next. What is `immediate` is released everywhere at once and knows no rollout.

export type { Change, Group } from "./draft.ts";
export { dueAt } from "./due.ts";
export type { Actor, Effect, HandEvent, Notice, Refusal, RolloutEvent, Target } from "./events.ts";
export { LiveGroup } from "./group.ts";
export { releaseImmediately, type Moving } from "./immediate.ts";
export {
  rolloutName,
  type GateState,
  type GroupHead,
  type GroupId,
  type Head,
  type Now,
  type Phase,
  type RolloutKind,
  type Wave,
} from "./head.ts";
export { isReleased, pinFor, type Hindrance, type Member, type Participant, type Seen } from "./member.ts";
export { baseOf, pinAt, type Passed } from "./passed.ts";
export { reasonOf, type MemberReason } from "./reasons.ts";
export { revertOf, targetOf, type Aim, type Yield } from "./target.ts";
export { step, type Step } from "./step.ts";
export { allocate, wantsOf, type Limits, type Want } from "./wants.ts";
