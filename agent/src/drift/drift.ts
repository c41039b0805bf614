// Is a live object still what we applied? Judged by comparing it with the API server's own answer to our last apply, over the fields
// that we own: not by ownership alone (a webhook changes our fields in someone's edit), not manifest against live (a webhook may
// rewrite our apply), not by dry-run (each costs a write).

import { digestOfJson, type Digest } from "@muster/proto/model/digest";
import { canonicalJson } from "@muster/proto/model/canonical";
import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";

import { entriesOf, ownFields } from "./entry.ts";
import { project, type FieldSet } from "./fields.ts";
import { foldable } from "./fold.ts";
import { mask, withoutPatterns, yieldedFields, type Ignored } from "./ignore.ts";

export { attribute, changedFields, type Attribution } from "./attribute.ts";
export { bucketMax, contestBackoffMs, freshBucket, noContest, noteHeal, strippedNow, takeHeal, type Bucket, type Contest } from "./pace.ts";
export { entriesOf, isPersons, ownFields, type ManagerEntry } from "./entry.ts";
export {
  covers,
  coversWay,
  dropFields,
  fieldsOf,
  leaves,
  pointerOf,
  project,
  step,
  unionFields,
  type FieldPath,
  type FieldSet,
} from "./fields.ts";
export {
  declareAround,
  ignoredOf,
  mask,
  nothingIgnored,
  parsePointer,
  rulesFor,
  heldByManagers,
  type Ignored,
  type Pattern,
} from "./ignore.ts";
export { fold, type AlsoFold } from "./fold.ts";

/** What the API server's answer to our last apply said. */
export type Recorded = {
  readonly uid: string;
  readonly rv: string;
  /** Our fields, less the ignored ones. */
  readonly fields: FieldSet;
  readonly valueHash: Digest;
};

export type Verdict =
  | { readonly kind: "same" }
  /** Being deleted: never written to. */
  | { readonly kind: "terminating" }
  /** The name is the same, the object another one. */
  | { readonly kind: "replaced" }
  /** An ignored manager took fields of ours: they are its own from now on. */
  | { readonly kind: "yielded" }
  /** A value of ours is not what it was. */
  | { readonly kind: "values" }
  /** All values are as they were; nothing of it says that we own them. */
  | { readonly kind: "disowned" }
  /** All values are as they were; only our entry is smaller or spelled differently. */
  | { readonly kind: "entryOnly" }
  /** Ours is untouched; people added fields of their own. */
  | { readonly kind: "additions" };

/** What to remember of the answer to an apply. */
export function record(answer: JsonObject, declared: JsonValue | undefined, ignored: Ignored): Recorded {
  const fields = withoutPatterns(ownFields(answer) ?? {}, ignored.patterns);
  const { uid, rv } = nameOf(answer);
  return { uid, rv, fields, valueHash: valueHash(answer, fields, declared, ignored) };
}

/** Judges a live object (with its managedFields) against what was recorded. */
export function judge(live: JsonObject, recorded: Recorded, declared: JsonValue | undefined, ignored: Ignored): Verdict {
  const { uid, rv, deleting } = nameOf(live);
  if (uid !== recorded.uid) return { kind: "replaced" };
  if (deleting) return { kind: "terminating" };
  if (rv === recorded.rv) return { kind: "same" };
  if (ignored.managers.length > 0 && !isEmpty(yieldedFields(recorded.fields, live, ignored))) return { kind: "yielded" };
  if (valueHash(live, recorded.fields, declared, ignored) !== recorded.valueHash) return { kind: "values" };
  const own = ownFields(live);
  if (own === null) return { kind: "disowned" };
  if (canonicalJson(withoutPatterns(own, ignored.patterns)) !== canonicalJson(recorded.fields)) return { kind: "entryOnly" };
  return { kind: hasAdditions(live, ignored) ? "additions" : "same" };
}

function valueHash(object: JsonObject, fields: FieldSet, declared: JsonValue | undefined, ignored: Ignored): Digest {
  return digestOfJson(project(mask(object, ignored.patterns), fields, declared));
}

/** True when people at a keyboard hold fields of a live object that a heal would take back. */
export function hasAdditions(live: JsonObject, ignored: Ignored): boolean {
  return entriesOf(live).some((entry) => !isEmpty(foldable(entry, live, ignored)));
}

function isEmpty(fields: FieldSet): boolean {
  return Object.keys(fields).length === 0;
}

function nameOf(object: JsonObject): { readonly uid: string; readonly rv: string; readonly deleting: boolean } {
  const metadata = isJsonObject(object["metadata"]) ? object["metadata"] : {};
  const text = (name: string): string => (typeof metadata[name] === "string" ? metadata[name] : "");
  return { uid: text("uid"), rv: text("resourceVersion"), deleting: text("deletionTimestamp") !== "" };
}
