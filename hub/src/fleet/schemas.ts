// The published JSON Schemas (draft 2020-12), written from the same tables that the parser reads.

import type { JsonObject, JsonValue } from "@muster/proto/model/json";
import { duration } from "./names.ts";
import { sharedShapes } from "./rollout-table.ts";
import type { Field, Fields, Shape } from "./shape.ts";
import { documentShape, fleetKinds, kindTables, type FleetKind } from "./tables.ts";

/** File name -> schema, one per kind. */
export function jsonSchemas(): Readonly<Record<string, JsonObject>> {
  return Object.fromEntries(fleetKinds.map((kind) => [`${kind.toLowerCase()}.schema.json`, schemaOfKind(kind)]));
}

function schemaOfKind(kind: FleetKind): JsonObject {
  const whole = inlineSchemaOf(documentShape(kind));
  const defs = defsOf(whole);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: `https://muster.dev/schemas/v1alpha1/${kind.toLowerCase()}.schema.json`,
    title: `Muster ${kind}`,
    description: kindTables[kind].description,
    ...whole,
    ...(Object.keys(defs).length > 0 && { $defs: defs }),
  };
}

const names = new Map<Shape, string>(Object.entries(sharedShapes).map(([name, shape]) => [shape, name]));

/** The shared shapes that a schema refers to, and those that these refer to. */
function defsOf(schema: JsonObject): JsonObject {
  const found: Record<string, JsonObject> = {};
  const look = (within: JsonObject): void => {
    for (const [, name = ""] of JSON.stringify(within).matchAll(/"#\/\$defs\/(\w+)"/g)) {
      const shape = Object.entries(sharedShapes).find(([each]) => each === name)?.[1];
      if (shape === undefined || Object.hasOwn(found, name)) continue;
      look((found[name] = inlineSchemaOf(shape)));
    }
  };
  look(schema);
  return found;
}

function schemaOf(shape: Shape): JsonObject {
  const name = names.get(shape);
  return name === undefined ? inlineSchemaOf(shape) : { $ref: `#/$defs/${name}` };
}

function inlineSchemaOf(shape: Shape): JsonObject {
  switch (shape.is) {
    case "text":
      return textSchema(shape);
    case "flag":
      return { type: "boolean" };
    case "integer":
      return { type: "integer", minimum: shape.min, maximum: shape.max };
    case "number":
      return { type: "number", exclusiveMinimum: shape.above, maximum: shape.max };
    case "choice":
      return { enum: shape.of };
    case "duration":
      return { type: "string", pattern: anchored(duration) };
    case "list":
      return { type: "array", items: schemaOf(shape.of), ...(shape.min !== undefined && { minItems: shape.min }), maxItems: shape.max };
    case "map":
      return {
        type: "object",
        additionalProperties: schemaOf(shape.of),
        ...(shape.keyPattern !== undefined && { propertyNames: { pattern: anchored(shape.keyPattern) } }),
      };
    case "data":
      return { type: "object" };
    case "either":
      return { anyOf: shape.of.map(schemaOf) };
    case "coded":
      return schemaOf(shape.of);
    case "object":
      return { ...objectSchema(shape.fields), ...shape.rule?.schema };
  }
}

const anchored = (pattern: string): string => `^(?:${pattern})$`;

function textSchema(shape: Shape & { is: "text" }): JsonObject {
  const form: JsonObject = {
    ...(shape.pattern !== undefined && { pattern: anchored(shape.pattern) }),
    ...(shape.max !== undefined && { maxLength: shape.max }),
  };
  const free = shape.template === true && Object.keys(form).length > 0;
  return { type: "string", ...(free ? { anyOf: [form, { pattern: "\\$\\{" }] } : form) };
}

function objectSchema(fields: Fields): JsonObject {
  const required = Object.entries(fields).flatMap(([name, field]) => (field.required === true ? [name] : []));
  return {
    type: "object",
    properties: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, fieldSchema(field)])),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
}

function fieldSchema(field: Field): JsonObject {
  const { description } = field;
  if (field.notYet !== undefined) return { description, type: "null" };
  const schema = schemaOf(field.shape);
  if (field.required === true) return { description, ...schema };
  return { description, ...nullable(schema), ...(isShort(field.default) && { default: field.default }) };
}

/** Null means: as if it were not written. */
function nullable(schema: JsonObject): JsonObject {
  if (Array.isArray(schema["enum"])) return { ...schema, enum: [...(schema["enum"] as readonly JsonValue[]), null] };
  return { anyOf: [schema, { type: "null" }] };
}

function isShort(value: JsonValue | undefined): value is JsonValue {
  return value !== undefined && (typeof value !== "object" || JSON.stringify(value).length <= 10);
}
