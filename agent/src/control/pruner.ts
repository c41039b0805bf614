// Deletes what nobody declares any more: always the object that is in the inventory and no other of its name, and an entry goes only
// when the API server says that the object is gone. Whether it may be deleted at all was decided by plan/.

import { OperationError } from "@muster/proto/model/failure";
import { identityKey, showIdentity } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject } from "@muster/proto/model/json";
import { pause } from "@muster/proto/waiting/waiting";

import type { KubeActions } from "../kube/kube.ts";
import { isKept, ownerOf, type Entry, type PrunePlan } from "../plan/plan.ts";
import { seenOf } from "./sightings.ts";
import { failureText, type Site } from "./site.ts";

/** `gone`: nothing of it is left. `pending`: accepted, and not finished. `failed`: refused; its entry is kept. */
export type PruneResult = "gone" | "pending" | "failed";

export const pruneTimes = { deletesPerSecond: 20, finalizersNamedAfterMs: 600_000 } as const;

/** Works off the rounds of a plan, each after the one before is gone. */
export async function prune(site: Site, kube: KubeActions, plan: PrunePlan, signal: AbortSignal): Promise<PruneResult> {
  await site.ledger.save(plan.rounds.flat().flatMap((entry) => beginning(site, entry, plan)));
  for (const round of plan.rounds) {
    const results: PruneResult[] = [];
    for (const [index, entry] of round.entries()) {
      if (signal.aborted) return "pending";
      if (index >= pruneTimes.deletesPerSecond) await pause(1_000 / pruneTimes.deletesPerSecond, signal);
      results.push(await site.turns.run(identityKey(entry.identity), () => pruneOne(site, kube, entry)));
    }
    if (results.includes("failed")) return "failed";
    if (results.includes("pending")) return "pending";
  }
  return "gone";
}

function beginning(site: Site, entry: Entry, plan: PrunePlan): readonly Entry[] {
  const now = site.ledger.get(identityKey(entry.identity));
  if (now === undefined || (now.state === "pruning" && now.approval === plan.approval)) return [];
  return [{ ...now, state: "pruning", approval: plan.approval }];
}

async function pruneOne(site: Site, kube: KubeActions, planned: Entry): Promise<PruneResult> {
  const { identity } = planned;
  const entry = site.ledger.get(identityKey(identity));
  if (entry === undefined) return "gone";
  try {
    const found = await kube.get(identity, { metadataOnly: true });
    if (found.kind !== "found") return await forget(site, entry);
    const reason = reasonToKeep(site, entry, found.object);
    if (reason !== null) {
      site.log.info({ app: entry.app, object: showIdentity(identity), reason }, "not pruned, and no longer ours");
      return await forget(site, entry);
    }
    const instances = await instancesOf(kube, entry);
    if (instances > 0) return fail(site, entry, `${showIdentity(identity)} still has ${instances} instances`);
    const result = await kube.remove(identity, { uid: seenOf(found.object).uid });
    if (result.kind === "refused") return fail(site, entry, result.message);
    if (result.kind !== "pending") return await forget(site, entry);
    return wait(site, entry, found.object, result.finalizers);
  } catch (error) {
    return fail(site, entry, failureText(error));
  }
}

/** Why a live object of that name is not deleted; null when it is the one that is meant. */
function reasonToKeep(site: Site, entry: Entry, live: JsonObject): string | null {
  const { uid } = seenOf(live);
  const owner = ownerOf(live);
  const isOurs = owner.kind === "muster" && owner.fleet === site.fleet && owner.app === entry.app;
  if (entry.uid === null && !isOurs) return "we never wrote it";
  if (entry.uid !== null && uid !== entry.uid) return "another object has its name";
  if (owner.kind === "muster" && !isOurs) return `it belongs to ${owner.app} now`;
  if (isKept(live)) return "its annotations say that it is to be kept";
  const elsewhere = [...site.ledger.all.values()].some((other) => other !== entry && other.uid === uid && other.state === "applied");
  return elsewhere ? "it is declared under another group" : null;
}

/** How many objects of the kind that a definition defines there are; 0 for other kinds. Throws when that is not known. */
async function instancesOf(kube: KubeActions, entry: Entry): Promise<number> {
  if (entry.identity.kind !== "CustomResourceDefinition" || entry.identity.group !== "apiextensions.k8s.io") return 0;
  const found = await kube.get(entry.identity);
  if (found.kind !== "found") return 0;
  const spec = isJsonObject(found.object["spec"]) ? found.object["spec"] : {};
  const names = isJsonObject(spec["names"]) ? spec["names"] : {};
  const mapping = kube.mapping(String(spec["group"]), String(names["kind"]));
  if (mapping === undefined) {
    if ((await kube.discover(true)).complete && kube.mapping(String(spec["group"]), String(names["kind"])) === undefined) return 0;
    throw new OperationError("unavailable", entry.identity.name, `${entry.identity.name}: it is not known whether it has instances`);
  }
  return (await kube.list(mapping, { metadataOnly: true })).items.length;
}

async function forget(site: Site, entry: Entry): Promise<PruneResult> {
  const key = identityKey(entry.identity);
  await site.ledger.drop([key]);
  site.sightings.lose(key);
  site.problems.clear(entry.identity, "delete", "write", "drift", "note");
  return "gone";
}

function fail(site: Site, entry: Entry, message: string): PruneResult {
  const { app, identity } = entry;
  site.problems.set({ app, identity, sort: "delete", reason: "PruneFailed", message, sinceMs: site.now() });
  return "failed";
}

function wait(site: Site, entry: Entry, live: JsonObject, finalizers: readonly string[]): PruneResult {
  const metadata = isJsonObject(live["metadata"]) ? live["metadata"] : {};
  const since = Date.parse(String(metadata["deletionTimestamp"] ?? "")) || site.now();
  if (finalizers.length > 0 && site.now() - since >= pruneTimes.finalizersNamedAfterMs)
    fail(site, entry, `${showIdentity(entry.identity)} is held by the finalizers ${finalizers.join(", ")}`);
  return "pending";
}
