// Selectors over labels, as in Kubernetes. What an empty one means is never guessed: it is refused where it is read.

import type { Fields, Rule, Shape } from "./shape.ts";
import { isJsonObject, type JsonObject } from "@muster/proto/model/json";
import { labelKey, labelValue } from "./names.ts";
import { flag, listOf, object } from "./shape.ts";

export type Requirement =
  | { readonly key: string; readonly operator: "In" | "NotIn"; readonly values: readonly string[] }
  | { readonly key: string; readonly operator: "Exists" | "DoesNotExist" };

export type Selector = { readonly matchAll: boolean; readonly requirements: readonly Requirement[] };

const labelKeyShape: Shape = { is: "text", pattern: labelKey, code: "E_LABEL", says: "must be a label key" };
const labelValueShape: Shape = {
  is: "text",
  pattern: labelValue,
  code: "E_LABEL",
  says: "must be at most 63 letters, digits, '-', '_', '.', with a letter or digit at both ends",
};
export const labelsShape: Shape = { is: "map", of: labelValueShape, keyPattern: labelKey, code: "E_LABEL" };

const valuesRule: Rule = {
  code: "E_SELECTOR",
  says: "needs values with In and NotIn, and none with Exists and DoesNotExist",
  holds: ({ operator, values }) => (operator === "In" || operator === "NotIn") === (Array.isArray(values) && values.length > 0),
  schema: {
    anyOf: [
      { required: ["values"], properties: { operator: { enum: ["In", "NotIn"] }, values: { type: "array", minItems: 1 } } },
      {
        properties: {
          operator: { enum: ["Exists", "DoesNotExist"] },
          values: { anyOf: [{ type: "null" }, { type: "array", maxItems: 0 }] },
        },
      },
    ],
  },
};

const requirement: Shape = object(
  {
    key: { shape: labelKeyShape, required: true, description: "Label key." },
    operator: {
      shape: { is: "choice", of: ["In", "NotIn", "Exists", "DoesNotExist"] },
      required: true,
      description: "NotIn and DoesNotExist also match clusters that lack the label.",
    },
    values: { shape: listOf(labelValueShape), default: [], description: "Label values, for In and NotIn." },
  },
  valuesRule,
);

const termsMax = 100;

const selectorFields: Fields = {
  matchLabels: { shape: labelsShape, default: {}, description: "Labels that a cluster must have, all of them." },
  matchExpressions: { shape: listOf(requirement, termsMax), default: [], description: "Conditions on labels, all of them." },
  matchAll: { shape: flag, default: false, description: "true selects every cluster; it stands alone." },
};

const hasTerms = (value: JsonObject): boolean =>
  (isJsonObject(value["matchLabels"]) && Object.keys(value["matchLabels"]).length > 0) ||
  (Array.isArray(value["matchExpressions"]) && value["matchExpressions"].length > 0);

const oneTerm = [
  { required: ["matchLabels"], properties: { matchLabels: { type: "object", minProperties: 1 } } },
  { required: ["matchExpressions"], properties: { matchExpressions: { type: "array", minItems: 1 } } },
];
const isMatchAll = { required: ["matchAll"], properties: { matchAll: { const: true } } };

const notEmpty: Rule = {
  code: "E_SELECTOR",
  says: "is empty or mixes matchAll with terms: name labels, or write matchAll: true alone to select every cluster",
  holds: (value) => hasTerms(value) !== (value["matchAll"] === true),
  schema: { oneOf: [{ anyOf: oneTerm }, isMatchAll] },
};

/** A selector that has to say something. */
export const selectorShape: Shape = object(selectorFields, notEmpty);
/** A selector that may be empty, and then selects nobody: in a ClusterGroup, beside named members. */
export const groupSelectorShape: Shape = object(selectorFields);

/** The typed form of a selector that was checked and filled. */
export function selectorOf(value: JsonObject): Selector {
  const labels = Object.entries(value["matchLabels"] as Record<string, string>);
  const terms = value["matchExpressions"] as unknown as readonly Requirement[];
  return {
    matchAll: value["matchAll"] === true,
    requirements: [...labels.map(([key, text]) => ({ key, operator: "In" as const, values: [text] })), ...terms],
  };
}

/** True when a cluster with these labels is selected. A selector without terms selects nobody unless it says matchAll. */
export function selects(selector: Selector, labels: Readonly<Record<string, string>>): boolean {
  if (selector.matchAll) return true;
  return selector.requirements.length > 0 && selector.requirements.every((term) => meets(term, labels));
}

function meets(term: Requirement, labels: Readonly<Record<string, string>>): boolean {
  const value = Object.hasOwn(labels, term.key) ? labels[term.key] : undefined;
  switch (term.operator) {
    case "In":
      return value !== undefined && term.values.includes(value);
    case "NotIn":
      return value === undefined || !term.values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}
