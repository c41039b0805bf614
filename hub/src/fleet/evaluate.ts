// What an expression is worth on one cluster.

import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { ExpressionError, type Expression, type Ref, type Template } from "./expression.ts";
import { pipeTable, type PipeRow } from "./pipes.ts";

export type Scope = {
  readonly app: string;
  /** Null where an App is rendered once, for no cluster. */
  readonly cluster: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly values: JsonObject;
    readonly kubeVersion: string | null;
  } | null;
};

/** What a name leads to; undefined when there is nothing (null counts as nothing). */
export function lookUp(ref: Ref, scope: Scope): JsonValue | undefined {
  const { cluster } = scope;
  if (ref.of === "appName") return scope.app;
  if (cluster === null) return undefined;
  switch (ref.of) {
    case "clusterName":
      return cluster.name;
    case "kubeVersion":
      return cluster.kubeVersion ?? undefined;
    case "label":
      return Object.hasOwn(cluster.labels, ref.key) ? cluster.labels[ref.key] : undefined;
    case "annotation":
      return Object.hasOwn(cluster.annotations, ref.key) ? cluster.annotations[ref.key] : undefined;
    case "value":
      return valueAt(cluster.values, ref.path);
  }
}

function valueAt(values: JsonObject, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = values;
  for (const step of path) value = isJsonObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  return value ?? undefined;
}

/**
 * The value of a template. One expression alone keeps its value's type; otherwise text. Throws an ExpressionError that names what
 * is missing or does not fit.
 */
export function evaluate(template: Template, scope: Scope): JsonValue {
  const [only] = template;
  if (template.length === 1 && only !== undefined && typeof only !== "string") return run(only, scope);
  return template.map((part) => (typeof part === "string" ? part : asText(run(part, scope), part.text))).join("");
}

function run(expression: Expression, scope: Scope): JsonValue {
  let value: JsonValue | undefined;
  for (const each of expression.operands) {
    value = "ref" in each ? lookUp(each.ref, scope) : each.literal;
    if (value !== undefined && value !== null) break;
  }
  if (value === undefined) throw new ExpressionError(missing(expression, scope));
  for (const { name, args } of expression.pipes) {
    const row: PipeRow = pipeTable[name];
    value = row.run(asText(value, expression.text), ...(args as never[]));
  }
  return value;
}

function missing(expression: Expression, scope: Scope): string {
  const names = expression.operands.flatMap((each) => ("ref" in each ? [each.text] : [])).join(", ");
  if (scope.cluster === null) return `\${${expression.text}}: this App has no targets, so it is rendered for no cluster`;
  return `\${${expression.text}}: ${names} is not there; give it a default with ${'?? "..."'}`;
}

function asText(value: JsonValue, expression: string): string {
  if (typeof value === "object") throw new ExpressionError(`\${${expression}}: a ${value === null ? "null" : "list or map"} inside text`);
  return String(value);
}
