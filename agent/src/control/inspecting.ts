// A look at one App as its API server gives it now: its objects, what they own, events about them, released against live. Reads only (a
// difference is found by a dry run). Everything that leaves is masked here.

import { randomBytes } from "node:crypto";

import { byCodeUnits } from "@muster/proto/model/canonical";
import type { InspectArgs } from "@muster/proto/model/command";
import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import { identityKey, showIdentity, type ObjectIdentity } from "@muster/proto/model/identity";
import { inspectionLimits, type InspectedObject, type Inspection, type ObjectDiff } from "@muster/proto/model/inspection";
import { isJsonObject, type JsonObject } from "@muster/proto/model/json";
import { maskObject } from "@muster/proto/model/mask";
import { spelledWith, type MaskKey } from "@muster/proto/model/masking";

import { healthOf, needsBody } from "../health/health.ts";
import { selfOf } from "../kube/kube.ts";
import type { AppState, AppStates } from "./app-state.ts";
import { findChildren, type Child, type Children } from "./children.ts";
import { findEvents } from "./cluster-events.ts";
import { Lanes } from "./lanes.ts";
import { liveDiff } from "./live-diff.ts";
import { seenOf } from "./sightings.ts";
import { failureText, type Site } from "./site.ts";

const readsInFlight = 8;

type Wanted = { readonly identity: ObjectIdentity; readonly digest: Digest | null };

/** Looks at an App. Throws OperationError: "notFound" for an App or an object that is not here. */
export async function inspect(site: Site, states: AppStates, args: InspectArgs, signal: AbortSignal): Promise<Inspection> {
  const { app, parts } = args;
  const state = states.get(app);
  if (state === undefined) throw absent(app, `this cluster has no App ${app}`);
  const look = new Look(site, state, args, signal);
  const wanted = look.wanted();
  const lanes = new Lanes(readsInFlight);
  const objects = await Promise.all(wanted.map((each) => lanes.run(() => look.object(each))));
  signal.throwIfAborted();
  const needsChildren = parts.includes("tree") || parts.includes("events");
  const children: Children = needsChildren ? await findChildren(site.kube, look.owners, signal) : { found: [], notes: [] };
  const all = [...objects, ...children.found.map((child) => look.child(child))];
  const uids = new Set(all.flatMap(({ uid }) => uid ?? []));
  const spaces = new Set(all.map(({ identity }) => identity.namespace));
  const events = parts.includes("events") ? await findEvents(site.kube, uids, spaces, signal) : { events: [], notes: [] };
  const begun = site.records.get(app).begun;
  return {
    app,
    takenAt: new Date(site.now()).toISOString(),
    release: begun?.release ?? null,
    pin: begun?.pin ?? null,
    objects: parts.includes("tree") ? all : objects,
    events: events.events,
    notes: [...look.notes, ...children.notes, ...events.notes],
  };
}

class Look {
  readonly notes: string[] = [];
  readonly owners: { uid: string; group: string; kind: string; namespace: string }[] = [];
  readonly #site: Site;
  readonly #state: AppState;
  readonly #args: InspectArgs;
  readonly #signal: AbortSignal;
  /** Of this answer only: what is equal in it looks equal, and nothing can be compared with another one. */
  readonly #key: MaskKey = randomBytes(32);

  constructor(site: Site, state: AppState, args: InspectArgs, signal: AbortSignal) {
    this.#site = site;
    this.#state = state;
    this.#args = args;
    this.#signal = signal;
  }

  /** What the App declares here, and what of it is in the inventory and no longer declared. */
  wanted(): readonly Wanted[] {
    const { ledger } = this.#site;
    const byKey = new Map<string, Wanted>(this.#state.expected.map((each) => [identityKey(each.identity), each]));
    for (const [key, { app, identity }] of ledger.all)
      if (app === this.#state.app && !byKey.has(key)) byKey.set(key, { identity, digest: null });
    const all = [...byKey].toSorted(([a], [b]) => byCodeUnits(a, b)).map(([, each]) => each);
    const { object } = this.#args;
    const chosen = object === null ? all : all.filter(({ identity }) => identityKey(identity) === identityKey(object));
    if (object !== null && chosen.length === 0)
      throw absent(showIdentity(object), `App ${this.#state.app} has no ${showIdentity(object)} here`);
    const max = inspectionLimits.objects;
    if (chosen.length > max) this.notes.push(`only the first ${max} of ${chosen.length} objects are shown`);
    return chosen.slice(0, max);
  }

  async object({ identity, digest }: Wanted): Promise<InspectedObject> {
    const { parts } = this.#args;
    const bare = { identity, owner: null, declared: digest !== null, body: null, diff: null };
    const wholly = parts.includes("objects") || parts.includes("diff") || needsBody(identity.group, identity.kind);
    try {
      this.#signal.throwIfAborted();
      const version = this.#versionOf(identity);
      const found = await this.#site.kube.get(identity, { metadataOnly: !wholly, ...(version !== undefined && { version }) });
      if (found.kind !== "found") {
        const message = found.kind === "absent" ? "it is not there" : "the cluster does not know its kind";
        return { ...bare, uid: null, health: "missing", message, since: null, diff: await this.#diff(identity, digest, null) };
      }
      const { object } = found;
      const { uid } = seenOf(object);
      this.owners.push({ uid, ...identity });
      return { ...bare, uid, ...this.#told(object), body: this.#body(object), diff: await this.#diff(identity, digest, object) };
    } catch (error) {
      this.#signal.throwIfAborted();
      return { ...bare, uid: null, health: "unknown", message: failureText(error), since: null };
    }
  }

  child({ owner, uid, object }: Child): InspectedObject {
    return { identity: selfOf(object).identity, uid, owner, declared: false, ...this.#told(object), body: null, diff: null };
  }

  /** Read at the version that it was applied at: fields belong to a version. */
  #versionOf(identity: ObjectIdentity): string | undefined {
    const apiVersion = this.#site.ledger.get(identityKey(identity))?.apiVersion ?? "";
    return apiVersion === "" ? undefined : apiVersion.slice(apiVersion.indexOf("/") + 1);
  }

  #told(object: JsonObject): Pick<InspectedObject, "health" | "message" | "since"> {
    const { identity } = selfOf(object);
    const since = this.#site.sightings.get(identityKey(identity))?.unhealthySinceMs;
    const { health, message } = healthOf(object, this.#site.now(), since);
    const made = Date.parse(String(metadataOf(object)["creationTimestamp"]));
    return { health, message, since: Number.isNaN(made) ? null : new Date(made).toISOString() };
  }

  #body(object: JsonObject): JsonObject | null {
    if (!this.#args.parts.includes("objects")) return null;
    const masked = maskObject(object, spelledWith(this.#key));
    if (this.#args.managedFields) return masked;
    const { managedFields: _, ...metadata } = metadataOf(masked);
    return { ...masked, metadata };
  }

  async #diff(identity: ObjectIdentity, digest: Digest | null, live: JsonObject | null): Promise<ObjectDiff | null> {
    if (!this.#args.parts.includes("diff")) return null;
    const { app } = this.#state;
    const policy = this.#site.policies.get(app);
    if (digest === null || policy === undefined)
      return { state: "undeclared", message: "the Release does not declare it", ours: [], others: [] };
    return liveDiff(this.#site, { app, identity, digest, policy }, live, this.#key);
  }
}

function metadataOf(object: JsonObject): JsonObject {
  return isJsonObject(object["metadata"]) ? object["metadata"] : {};
}

const absent = (subject: string, message: string): OperationError =>
  new OperationError("notFound", subject, message, undefined, { code: "E_NOT_HERE", remedy: "muster apps shows what is where" });
