// What happened on clusters and links, as far as a rollout is concerned. Facts are taken up in every phase; what follows from them for the
// waves is for settle.

import type { ClusterName } from "@muster/proto/model/identity";
import type { Draft } from "./draft.ts";
import { lookAt } from "./due.ts";
import type { FactEvent } from "./events.ts";
import { hearGate } from "./gates.ts";
import { hearReport } from "./judge.ts";
import { hindrances, isPast, memberOf, type Hindrance, type Member } from "./member.ts";
import { enter, transition } from "./transition.ts";

export function hearFact(draft: Draft, event: FactEvent): void {
  switch (event.kind) {
    case "report":
      return hearReport(draft, event);
    case "signed":
      return withMember(draft, event.cluster, (member) => {
        if (isUnsigned(member)) draft.put({ ...member, generation: event.generation });
      });
    case "delivered":
      return withMember(draft, event.cluster, (member) => {
        if (!member.delivered && member.generation !== null && event.generation >= member.generation)
          draft.put({ ...member, delivered: true });
      });
    case "silent":
      return withMember(draft, event.cluster, (member) => fallSilent(draft, member));
    case "back":
      return withMember(draft, event.cluster, (member) => comeBack(draft, member));
    case "hindered":
      return withMember(draft, event.cluster, (member) => void hinder(draft, member, event.by, event.on));
    case "joined":
      return join(draft, event.participant);
    case "left":
      return withMember(draft, event.cluster, (member) => void enter(draft, member, "gone"));
    case "relabelled":
      return withMember(draft, event.cluster, ({ cluster }) => relabel(draft, cluster, event));
    case "granted":
      for (const cluster of event.clusters) withMember(draft, cluster, (member) => grant(draft, member));
      return;
    case "gateAnswer":
      return hearGate(draft, event.id, event.answer, event.message);
    case "tick":
      for (const cluster of event.due) withMember(draft, cluster, (member) => lookAt(draft, member));
      return;
  }
}

function withMember(draft: Draft, cluster: ClusterName, then: (member: Member) => void): void {
  const member = draft.member(cluster);
  if (member !== undefined && member.state !== "gone") then(member);
}

const isUnsigned = ({ state, generation }: Member): boolean => generation === null && (state === "released" || state === "returning");

/** What was never delivered is taken back by itself: the old pin is signed again. */
function fallSilent(draft: Draft, member: Member): void {
  if (member.silent) return;
  const silent = hinder(draft, { ...member, silent: true }, "Offline", true);
  if (silent.state === "released" && !silent.delivered) enter(draft, silent, "waiting");
  else transition(draft, silent, "silent");
}

function comeBack(draft: Draft, member: Member): void {
  if (!member.silent) return;
  transition(draft, hinder(draft, { ...member, silent: false }, "Offline", false), "back");
}

/** Nothing happens on such a cluster: its time stands still. What only forbids releases lets those under way go on. */
const stops: ReadonlySet<Hindrance> = new Set(["Paused", "Leased", "SiteVeto", "Offline"]);

function hinder(draft: Draft, member: Member, by: Hindrance, on: boolean): Member {
  if (on && isPast(draft.rollout, by)) return member;
  const hindered = hindrances.filter((each) => (each === by ? on : member.hindered.includes(each)));
  const { wallMs, watchedMs } = draft.now;
  const waits = member.state === "waiting" && hindered[0] !== member.hindered[0];
  const changed: Member = { ...member, hindered, since: waits ? wallMs : member.since };
  const stopped = hindered.some((each) => stops.has(each)) ? { hinderedAt: member.hinderedAt ?? watchedMs } : resumed(member, watchedMs);
  const next = { ...changed, ...stopped };
  draft.put(next);
  return next;
}

function resumed(member: Member, watchedMs: number): Partial<Member> {
  if (member.hinderedAt === null) return {};
  const { hinderedAt } = member;
  const later = (at: number | null): number | null => (at === null ? null : at + watchedMs - Math.max(at, hinderedAt));
  const { releasedAt, healthyAt, degradedAt } = member;
  return { hinderedAt: null, releasedAt: later(releasedAt), healthyAt: later(healthyAt), degradedAt: later(degradedAt) };
}

/** With the wave that takes it; where that went by, by a slot of its own. */
function join(draft: Draft, participant: Parameters<typeof memberOf>[0]): void {
  const known = draft.member(participant.cluster);
  if (draft.any === null || (known !== undefined && known.state !== "gone")) return;
  const member = memberOf(participant, draft.now.wallMs);
  draft.put({ ...member, straggler: !isToCome(draft, member) });
  draft.setRollout({ participants: draft.rollout.participants + 1 });
}

function relabel(draft: Draft, cluster: ClusterName, { labels, matches }: Pick<Member, "labels" | "matches">): void {
  const member = draft.member(cluster);
  if (member === undefined) return;
  const moved = { ...member, labels, matches };
  const undrawn = member.state === "waiting" && member.wave === null;
  draft.put({ ...moved, straggler: undrawn ? !isToCome(draft, moved) : member.straggler });
}

function isToCome(draft: Draft, { matches }: Member): boolean {
  const { waves, phase } = draft.rollout;
  if (phase.kind === "ended") return false;
  return waves.some(({ state, policy }) => state === "planned" && (policy === null || matches.includes(policy)));
}

function grant(draft: Draft, member: Member): void {
  if ((member.state === "waiting" && member.hindered.length === 0) || member.state === "recalled") transition(draft, member, "granted");
}
