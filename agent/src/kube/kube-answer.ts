// What the API server's refusals mean to us: the one place that knows its statuses and messages. Its texts quote values, so nothing of
// them is passed on for a Secret, and no more than a bounded piece for other kinds.

import { isJsonObject, type JsonValue } from "@muster/proto/model/json";
import { OperationError } from "@muster/proto/model/failure";
import type { ReasonCode } from "@muster/proto/model/reasons";
import { bounds } from "./bounds.ts";
import { isImmutable } from "./immutable.ts";

/** `never`: not before the object or the cluster changes (or ten minutes). `raced`: read again, plan again. */
export type Retry = "never" | "later" | "raced";

export type Refusal = {
  readonly kind: "refused";
  readonly reason: ReasonCode;
  /** At most about a thousand characters; of a Secret only our own words, the server's reason code and the names of fields. */
  readonly message: string;
  /** The fields that were refused, as the server names them: `spec.selector`. */
  readonly fields: readonly string[];
  readonly retry: Retry;
  readonly retryAfterMs?: number;
  /** The object's namespace does not exist. */
  readonly namespaceMissing?: boolean;
  /** The object that it was about does not exist. */
  readonly objectMissing?: boolean;
};

export type FieldConflict = { readonly field: string; readonly manager: string };
export type Conflict = { readonly kind: "conflict"; readonly conflicts: readonly FieldConflict[]; readonly message: string };

type Cause = { readonly reason: string; readonly message: string; readonly field: string };

/** A metav1.Status; of a text/plain answer only the message. */
export type Status = {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly causes: readonly Cause[];
  readonly details: { readonly name: string; readonly kind: string; readonly group: string };
  readonly isStatus: boolean;
};

/** What the call was about: for the message, and to decide what may be quoted. */
export type About = { readonly subject: string; readonly group: string; readonly kind: string };

export function readStatus(code: number, body: string): Status {
  const value = parsed(body);
  if (!isJsonObject(value) || value["kind"] !== "Status")
    return { code, reason: "", message: body.trim(), causes: [], details: { name: "", kind: "", group: "" }, isStatus: false };
  const details = isJsonObject(value["details"]) ? value["details"] : {};
  const causes = Array.isArray(details["causes"]) ? (details["causes"] as readonly JsonValue[]).filter(isJsonObject) : [];
  return {
    code,
    reason: text(value["reason"]),
    message: text(value["message"]),
    causes: causes.map((cause) => ({ reason: text(cause["reason"]), message: text(cause["message"]), field: text(cause["field"]) })),
    details: { name: text(details["name"]), kind: text(details["kind"]), group: text(details["group"]) },
    isStatus: true,
  };
}

type Row = {
  readonly when: (status: Status, about: About) => boolean;
  readonly reason: ReasonCode;
  readonly retry: Retry;
  readonly retryAfterMs?: number;
  /** What is said where the server's own text must not be quoted. */
  readonly plain: string;
  readonly namespaceMissing?: true;
  readonly objectMissing?: true;
};

const hasCause = (status: Status, reason: string): boolean => status.causes.some((cause) => cause.reason === reason);
const says = (status: Status, ...texts: readonly string[]): boolean => texts.some((it) => status.message.includes(it));

/** The first row that fits decides. Each has a test on the server's own answer. */
const rows: readonly Row[] = [
  {
    // The namespace is on its way out: everything in it is refused until it is gone.
    when: (status) => status.code === 403 && hasCause(status, "NamespaceTerminating"),
    reason: "NamespaceTerminating",
    retry: "later",
    retryAfterMs: 10_000,
    plain: "its namespace is being deleted",
  },
  {
    when: (status) => status.code === 403 && says(status, "exceeded quota"),
    reason: "ApplyFailed",
    retry: "later",
    retryAfterMs: 60_000,
    plain: "it exceeds a resource quota",
  },
  {
    // RBAC runs before routing: unknown kinds get this too.
    when: (status) => status.code === 403,
    reason: "Forbidden",
    retry: "later",
    retryAfterMs: 60_000,
    plain: "the agent may not do this",
  },
  {
    when: (status, about) =>
      status.code === 404 && status.details.kind === "namespaces" && status.details.name !== "" && about.kind !== "Namespace",
    reason: "ApplyFailed",
    retry: "later",
    retryAfterMs: 5_000,
    plain: "its namespace does not exist",
    namespaceMissing: true,
  },
  {
    // The text "404 page not found", or a Status that names no object: no such group, version or resource.
    when: (status) => status.code === 404 && status.details.name === "",
    reason: "KindMissing",
    retry: "later",
    retryAfterMs: 5_000,
    plain: "the cluster does not know the kind",
  },
  {
    when: (status) => status.code === 404,
    reason: "ApplyFailed",
    retry: "raced",
    plain: "it does not exist",
    objectMissing: true,
  },
  {
    // A guard in the body or a precondition failed, or somebody created it first.
    when: (status) => status.code === 409,
    reason: "ApplyFailed",
    retry: "raced",
    plain: "it was changed by somebody else meanwhile",
  },
  {
    // The uid guard, told as an immutable field.
    when: (status) => status.code === 422 && status.causes.some((cause) => cause.field === "metadata.uid"),
    reason: "ApplyFailed",
    retry: "raced",
    plain: "another object has taken its name",
  },
  {
    // A `test` of a JSON patch failed, or its path is not there: the object is not what was read.
    when: (status) => status.code === 422 && says(status, "rejected our request due to an error in our request"),
    reason: "ApplyFailed",
    retry: "raced",
    plain: "it is not what the patch expects",
  },
  {
    when: (status, about) => status.code === 422 && isImmutable(about, status.causes),
    reason: "Immutable",
    retry: "never",
    plain: "a field cannot be changed in place",
  },
  {
    when: (status) => status.code === 422,
    reason: "ApplyFailed",
    retry: "never",
    plain: "the API server refuses it as invalid",
  },
  {
    // No reason, code 500, and yet permanent: an unknown field, a wrong type, a duplicate key, bad base64.
    when: (status) =>
      status.code === 500 && status.reason === "" && says(status, "failed to create typed patch object", "failed to convert new object"),
    reason: "ApplyFailed",
    retry: "never",
    plain: "it does not fit the kind's schema (unknown field, wrong type, duplicate key or bad base64)",
  },
  {
    when: (status) => status.code === 500 && says(status, "failed calling webhook"),
    reason: "ApplyFailed",
    retry: "later",
    retryAfterMs: 1_000,
    plain: "an admission webhook does not answer",
  },
  {
    when: (status) => status.code === 429,
    reason: "ApplyFailed",
    retry: "later",
    plain: "the API server is overloaded",
  },
  {
    when: (status) => status.code === 400 || status.code === 413 || status.code === 415 || status.code === 405,
    reason: "ApplyFailed",
    retry: "never",
    plain: "the API server cannot read it",
  },
];

const otherwise: Row = { when: () => true, reason: "ApplyFailed", retry: "later", retryAfterMs: 5_000, plain: "the API server failed" };

/** Codes after which nobody knows what became of a write. */
const unknownOutcome: ReadonlySet<number> = new Set([502, 503, 504]);

/**
 * What a refusal means. `retryAfterMs` is what a 429 asked for. Throws an OperationError("unavailable") when the answer does not say
 * what became of the call.
 */
export function refusalOf(status: Status, about: About, retryAfterMs?: number): Refusal {
  if (unknownOutcome.has(status.code)) throw unavailable(status, about);
  const row = rows.find((it) => it.when(status, about)) ?? otherwise;
  const after = status.code === 429 ? retryAfterMs : row.retryAfterMs;
  return {
    kind: "refused",
    reason: row.reason,
    message: messageFor(status, about, row.plain),
    fields: fieldsOf(status),
    retry: row.retry,
    ...(after === undefined ? {} : { retryAfterMs: after }),
    ...(row.namespaceMissing ? { namespaceMissing: true } : {}),
    ...(row.objectMissing ? { objectMissing: true } : {}),
  };
}

/** A conflict with other field managers; undefined when the answer is another one. */
export function conflictOf(status: Status): Conflict | undefined {
  const causes = status.causes.filter((cause) => cause.reason === "FieldManagerConflict");
  if (status.code !== 409 || causes.length === 0) return undefined;
  const conflicts = causes.map((cause) => ({ field: cause.field, manager: managerIn(cause.message) }));
  const managers = [...new Set(conflicts.map((it) => it.manager))].join(", ");
  const fields = conflicts.map((it) => it.field).join(", ");
  return { kind: "conflict", conflicts, message: bounded(`owned by ${managers}: ${fields}`) };
}

/** The error for a read that was not answered with what was asked for. */
export function readFailure(status: Status, about: About): OperationError {
  if (status.code === 403) return new OperationError("forbidden", about.subject, messageFor(status, about, "the agent may not read this"));
  return unavailable(status, about);
}

function unavailable(status: Status, about: About): OperationError {
  return new OperationError(
    "unavailable",
    about.subject,
    `${about.subject}: the API server answered ${status.code}: ${messageFor(status, about, "no answer to the request")}`,
  );
}

/** `conflict with "kubectl-edit" using apps/v1` -> `kubectl-edit`. */
function managerIn(message: string): string {
  return /conflict with "([^"]*)"/.exec(message)?.[1] ?? "unknown";
}

function messageFor(status: Status, about: About, plain: string): string {
  if (about.group === "" && about.kind === "Secret") {
    const code = status.reason === "" ? String(status.code) : status.reason;
    const fields = fieldsOf(status);
    return bounded(`${plain} (${code}${fields.length === 0 ? "" : `: ${fields.join(", ")}`})`);
  }
  return bounded(status.message === "" ? plain : status.message);
}

function fieldsOf(status: Status): readonly string[] {
  return [...new Set(status.causes.map((cause) => cause.field).filter((field) => field !== ""))];
}

function bounded(message: string): string {
  return message.length <= bounds.messageMaxChars ? message : `${message.slice(0, bounds.messageMaxChars).toWellFormed()}...`;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function text(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

/** The `Warning: 299` headers as notes. */
export function warningsOf(header: string | undefined): readonly string[] {
  return [...(header ?? "").matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, note]) => bounded((note ?? "").replace(/\\(.)/g, "$1")));
}
