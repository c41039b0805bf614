// What a render's answer means for the clusters of one Variant.

import type { AgentPolicy } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import { appDocument, type Problem, type Settings } from "../fleet/fleet.ts";
import type { Claim } from "./claim.ts";
import type { Complaint, Group, GroupVerdict } from "./group.ts";
import type { Placement, Shared } from "./placements.ts";
import type { RenderAnswer } from "./request.ts";
import { toldOf, type Told } from "./told.ts";
import type { Rollouts } from "./rollouts.ts";

/** `rollouts`: what counts where an App's settings say nothing. */
export type Standing = { readonly targeted: boolean; readonly rollouts: Rollouts };

/** An App that only renders Apps is placed nowhere. */
export function judgeRender(claim: Claim, group: Group, answer: RenderAnswer | undefined, at: Standing): GroupVerdict {
  const { targeted } = at;
  const open: GroupVerdict = { shared: targeted ? share(claim, group, at, null) : null, complete: false, complaint: null };
  const { key } = claim;
  const refuse = (code: string, text: Complaint["text"], place?: Problem["place"]): GroupVerdict => ({
    ...open,
    complaint: { code, severity: "error", text, ...(place !== undefined && { place }) },
  });
  if (answer === undefined) return open;
  if (answer.kind === "asks")
    return refuse("E_INTERNAL", (where) => `cannot render App ${key}${where}: its chart asks again for what it was told`);
  if (answer.kind === "failed") return refuse(answer.code, (where) => `cannot render App ${key}${where}: ${answer.message}`, answer.place);
  const { release, apps, objectCount } = answer;
  const rendered: GroupVerdict = { shared: null, complete: true, complaint: null };
  if (targeted) {
    if (objectCount > 0) return { ...rendered, shared: share(claim, group, at, release) };
    if (apps.length > 0) return rendered;
    return refuse("E_EMPTY_RENDER", (where) => `cannot place App ${key}${where}: its render is empty; what runs there stays`);
  }
  if (apps.length === 0)
    return refuse("E_NO_TARGETS", () => `cannot place App ${key}: it has no targets, and what it renders holds no Apps`);
  if (objectCount === 0) return rendered;
  const text = () => `App ${key}: ${objectCount} objects beside its Apps are sent nowhere, for it has no targets`;
  return { ...rendered, complaint: { code: "W_NOT_SENT", severity: "warning", text } };
}

/** The problem that a complaint is for these clusters, by name. `all`: how many clusters there are. */
export function problemOf(
  claim: Claim,
  group: Group,
  { code, severity, text, place }: Complaint,
  names: readonly string[],
  all: number,
): Problem {
  const where = names.length === 0 || names.length === all ? "" : ` for ${showClusters(names)}`;
  const [only] = names;
  return {
    code,
    severity,
    message: text(where),
    place: place ?? group.part.place,
    subject: appDocument(claim.key),
    ...(names.length === 1 && only !== undefined && { cluster: only as Placement["cluster"] }),
  };
}

const namesMax = 3;

/** Names, sorted, as a message tells them: the first few. */
export function showClusters(names: readonly string[]): string {
  const more = names.length - namesMax;
  return `${names.length === 1 ? "cluster" : "clusters"} ${names.slice(0, namesMax).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function share(claim: Claim, group: Group, { rollouts }: Standing, release: Digest | null): Shared {
  const { rollout } = group.settings;
  return {
    app: claim.key,
    request: group.request.key,
    release,
    policy: policyOf(group.settings),
    layers: group.layers,
    auto: group.settings.sync.auto,
    parent: claim.ancestors.at(-1) ?? null,
    ancestors: claim.ancestors,
    source: group.part.start.source,
    onLeave: group.settings.sync.onLeave,
    withParent: claim.parentSays,
    rollout: rollout === null ? rollouts.defaultOf(group.part.start.source) : rollouts.keep(rollout),
    told: toldBy(group),
  };
}

/** What its chart was told; null: it does not ask. */
export function toldBy({ base, request }: Group): Told | null {
  const { answer } = base;
  return toldOf(answer?.kind === "asks" ? answer.capabilities : null, request.capabilities);
}

function policyOf({ namespace, sync }: Settings): AgentPolicy {
  return {
    namespace,
    createNamespace: sync.createNamespace,
    prune: sync.prune,
    heal: sync.heal,
    adopt: sync.adopt,
    serviceAccount: sync.serviceAccount,
    timeoutMs: sync.timeoutMs,
    ignore: sync.ignore,
  };
}
