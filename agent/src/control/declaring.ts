// What exactly is sent for a declared object: our marks, less what is ignored, yielded or left to others, with the guards that make the
// write safe.

import type { AgentPolicy } from "@muster/proto/model/bundle";
import { identityKey, type ObjectIdentity } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject } from "@muster/proto/model/json";

import {
  declareAround,
  dropFields,
  entriesOf,
  fieldsOf,
  ignoredOf,
  ownFields,
  rulesFor,
  heldByManagers,
  type Ignored,
} from "../drift/drift.ts";
import { wayTo, without, withMarks, type Entry } from "../plan/plan.ts";
import { seenOf } from "./sightings.ts";
import type { Site } from "./site.ts";
import type { WriteJob } from "./write-job.ts";

/** What is ignored of an object: its App's rules, what is ignored everywhere, its size when an autoscaler has it. */
export function ignoredFor(site: Site, policy: AgentPolicy, id: ObjectIdentity, live: JsonObject | null): Ignored {
  const scaled = site.scaled.has(identityKey(id)) || (live !== null && isAutoscaled(live));
  return ignoredOf(rulesFor(policy.ignore, id), scaled);
}

/** True when the live object has to be seen before each write, because some fields of it are not ours to decide. */
export function mustSeeLive(site: Site, job: WriteJob, declared: JsonObject): boolean {
  const metadata = isJsonObject(declared["metadata"]) ? declared["metadata"] : {};
  const finalizers = metadata["finalizers"]; // an apply to an object that is being deleted could finish the deletion
  return (
    rulesFor(job.policy.ignore, job.identity).length > 0 ||
    site.scaled.has(identityKey(job.identity)) ||
    (Array.isArray(finalizers) && finalizers.length > 0)
  );
}

/** The body to apply. `live` is the object as it was just read, null when there is none, undefined when it was not looked at. */
export function declare(site: Site, job: WriteJob, declared: JsonObject, live: JsonObject | null | undefined, entry: Entry): JsonObject {
  let body = withMarks(declared, site.fleet, job.app);
  if (live) body = besideOthers(site, job, body, live, entry);
  if (job.why === "heal") for (const { field } of entry.left) body = without(body, wayTo(body, field) ?? []) as JsonObject;
  const yielded = site.drifts.yielded(identityKey(job.identity), site.now());
  return yielded.length === 0 ? body : (dropFields(body, fieldsOf(yielded.map(({ path }) => path))) as JsonObject);
}

function besideOthers(site: Site, job: WriteJob, body: JsonObject, live: JsonObject, entry: Entry): JsonObject {
  const isNew = job.why === "release" && entry.desired !== job.desired;
  const rules = rulesFor(job.policy.ignore, job.identity).filter((rule) => !(isNew && rule.mode === "untilRelease"));
  const ignored = ignoredOf(rules, site.scaled.has(identityKey(job.identity)) || isAutoscaled(live));
  const own = ownFields(live);
  const around = declareAround(body, live, own, ignored.patterns) as JsonObject;
  return dropFields(around, heldByManagers(live, ignored)) as JsonObject;
}

/** The body with the uid of the object that is meant and, when given, the version that the decision was made on. */
export function guarded(body: JsonObject, guards: { readonly uid: string; readonly rv: string }): JsonObject {
  if (guards.uid === "") return body;
  const metadata = isJsonObject(body["metadata"]) ? body["metadata"] : {};
  const rv = guards.rv === "" ? {} : { resourceVersion: guards.rv };
  return { ...body, metadata: { ...metadata, uid: guards.uid, ...rv } };
}

/** The guards of a write, and the version whose return means that nothing was written. */
export function guardsOf(
  site: Site,
  job: WriteJob,
  live: JsonObject | null | undefined,
  entry: Entry,
): { uid: string; rv: string; known: string } {
  if (live === null || (live === undefined && entry.uid === null)) return { uid: "", rv: "", known: "" };
  if (live === undefined) return { uid: entry.uid ?? "", rv: "", known: site.sightings.get(identityKey(job.identity))?.rv ?? entry.rv };
  const { uid, rv } = seenOf(live);
  return { uid, rv: job.why === "heal" ? rv : "", known: rv };
}

// Only autoscalers and people use the scale subresource.
function isAutoscaled(live: JsonObject): boolean {
  return entriesOf(live).some((entry) => entry.subresource === "scale" && !entry.manager.startsWith("kubectl"));
}
