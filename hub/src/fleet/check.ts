// Is a value what its table asks for? Every fault is named at once, with its field; values of the user are quoted only where they
// are names or choices, never where they may be secret.

import { isJsonObject, type JsonValue } from "@muster/proto/model/json";
import { ExpressionError, parseTemplate } from "./expression.ts";
import { nearest } from "./nearest.ts";
import { durationMs, hasForm, showDuration } from "./names.ts";
import type { FleetCode } from "./problem.ts";
import { mapAmong, type Field, type Shape } from "./shape.ts";

export type FieldPath = readonly (string | number)[];
export type Fault = { readonly code: FleetCode; readonly path: FieldPath; readonly says: string; readonly remedy?: string };

/** Faults of a value against its shape, in the order of the table. `evaluated`: expressions were replaced already. */
export function check(shape: Shape, value: JsonValue, path: FieldPath = [], evaluated = false): Fault[] {
  const faults: Fault[] = [];
  new Checker(faults, evaluated).value(shape, value, path);
  return faults;
}

class Checker {
  readonly #faults: Fault[];
  readonly #evaluated: boolean;

  constructor(faults: Fault[], evaluated: boolean) {
    this.#faults = faults;
    this.#evaluated = evaluated;
  }

  value(shape: Shape, value: JsonValue, path: FieldPath): void {
    switch (shape.is) {
      case "text":
        return this.#text(shape, value, path);
      case "flag":
        return this.#expect(typeof value === "boolean", path, `must be true or false, not ${kindOf(value)}`);
      case "integer":
        return this.#expect(
          Number.isSafeInteger(value) && (value as number) >= shape.min && (value as number) <= shape.max,
          path,
          `must be a whole number from ${shape.min} to ${shape.max}`,
        );
      case "number":
        return this.#expect(
          typeof value === "number" && value > shape.above && value <= shape.max,
          path,
          `must be a number above ${shape.above} and at most ${shape.max}`,
        );
      case "choice":
        return this.#choice(shape, value, path);
      case "duration":
        return this.#duration(shape, value, path);
      case "list":
        return this.#list(shape, value, path);
      case "map":
        return this.#map(shape, value, path);
      case "data":
        if (!isJsonObject(value)) return this.#say("E_FIELD", path, `must be a map, not ${kindOf(value)}`);
        if (shape.template === true) this.#templates(value, path);
        return;
      case "either":
        return this.#either(shape, value, path);
      case "object":
        return this.#object(shape, value, path);
      case "coded":
        return this.#coded(shape, value, path);
    }
  }

  #say(code: FleetCode, path: FieldPath, says: string, remedy?: string): void {
    this.#faults.push(remedy === undefined ? { code, path, says } : { code, path, says, remedy });
  }

  #expect(holds: boolean, path: FieldPath, says: string): void {
    if (!holds) this.#say("E_FIELD", path, says);
  }

  #text(shape: Shape & { is: "text" }, value: JsonValue, path: FieldPath): void {
    if (typeof value !== "string") {
      const quoted = typeof value === "number" || typeof value === "boolean" ? "; write it in quotes" : "";
      return this.#say(shape.code === "E_LABEL" ? "E_LABEL" : "E_FIELD", path, `must be text, not ${kindOf(value)}${quoted}`);
    }
    if (shape.template === true && !this.#evaluated && value.includes("${")) return this.#template(value, path);
    const fits = (shape.max === undefined || value.length <= shape.max) && (shape.pattern === undefined || hasForm(shape.pattern, value));
    const shown = shape.secret === true ? "" : `, not ${quote(value)}`;
    if (!fits) this.#say(shape.code ?? "E_FIELD", path, `${shape.says ?? "is malformed"}${shown}`);
  }

  #template(value: string, path: FieldPath): void {
    try {
      parseTemplate(value);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      this.#say("E_EXPRESSION", path, error.message);
    }
  }

  #templates(value: JsonValue, path: FieldPath): void {
    if (this.#evaluated) return;
    if (typeof value === "string") this.#template(value, path);
    else if (Array.isArray(value)) (value as readonly JsonValue[]).forEach((item, i) => this.#templates(item, [...path, i]));
    else if (isJsonObject(value)) for (const [key, item] of Object.entries(value)) this.#templates(item, [...path, key]);
  }

  #choice(shape: Shape & { is: "choice" }, value: JsonValue, path: FieldPath): void {
    const given = typeof value === "string" || typeof value === "boolean" ? value : undefined;
    if (given !== undefined && shape.notYet?.includes(given) === true)
      return this.#say("E_NOT_SUPPORTED_YET", path, `${quote(given)} is not supported yet`);
    const shown = typeof value === "object" ? kindOf(value) : quote(value);
    this.#expect(given !== undefined && shape.of.includes(given), path, `must be one of ${shape.of.join(", ")}, not ${shown}`);
  }

  #duration(shape: Shape & { is: "duration" }, value: JsonValue, path: FieldPath): void {
    const ms = typeof value === "string" ? durationMs(value) : null;
    if (ms !== null && ms >= shape.minMs && ms <= shape.maxMs) return;
    const bounds = `from ${showDuration(shape.minMs)} to ${showDuration(shape.maxMs)}`;
    const shown = typeof value === "object" ? kindOf(value) : quote(value);
    this.#say("E_DURATION", path, `must be a duration like 30s, 10m or 24h, ${bounds}, not ${shown}`);
  }

  #list(shape: Shape & { is: "list" }, value: JsonValue, path: FieldPath): void {
    if (!Array.isArray(value)) return this.#say("E_FIELD", path, `must be a list, not ${kindOf(value)}`);
    const items = value as readonly JsonValue[];
    if (items.length < (shape.min ?? 0)) return this.#say("E_FIELD", path, "must not be empty");
    if (items.length > shape.max) return this.#say("E_LIMIT", path, `holds more than ${shape.max} entries`);
    items.forEach((item, i) => this.value(shape.of, item, [...path, i]));
  }

  #map(shape: Shape & { is: "map" }, value: JsonValue, path: FieldPath): void {
    if (!isJsonObject(value)) return this.#say("E_FIELD", path, `must be a map, not ${kindOf(value)}`);
    for (const [key, item] of Object.entries(value)) {
      if (shape.keyPattern !== undefined && !hasForm(shape.keyPattern, key))
        this.#say(
          shape.code ?? "E_FIELD",
          [...path, key],
          `is no valid key: an optional DNS prefix and '/', then at most 63 letters, digits, '-', '_', '.'`,
        );
      else this.value(shape.of, item, [...path, key]);
    }
  }

  #either(shape: Shape & { is: "either" }, value: JsonValue, path: FieldPath): void {
    const tries = shape.of.map((each) => check(each, value, path, this.#evaluated));
    if (tries.some((faults) => faults.length === 0)) return;
    // The nearest: a map that fails is better explained by its own faults than by "either or".
    const map = isJsonObject(value) ? mapAmong(shape.of) : undefined;
    const inside = map === undefined ? undefined : tries[shape.of.indexOf(map)];
    if (inside !== undefined) this.#faults.push(...inside);
    else this.#say("E_FIELD", path, shape.says);
  }

  #coded({ of, code }: Shape & { is: "coded" }, value: JsonValue, path: FieldPath): void {
    const before = this.#faults.length;
    this.value(of, value, path);
    const found = this.#faults.splice(before);
    this.#faults.push(...found.map((fault) => (plainCodes.has(fault.code) ? { ...fault, code } : fault)));
  }

  #object(shape: Shape & { is: "object" }, value: JsonValue, path: FieldPath): void {
    if (!isJsonObject(value)) return this.#say("E_FIELD", path, `must be a map, not ${kindOf(value)}`);
    const guesses = Object.keys(value).map((key) => (Object.hasOwn(shape.fields, key) ? undefined : this.#unknown(shape, key, path)));
    const before = this.#faults.length;
    for (const [key, field] of Object.entries(shape.fields)) {
      // A misspelt key is told as that, and not as missing too.
      if (!Object.hasOwn(value, key) && guesses.includes(key)) continue;
      this.#field(field, Object.hasOwn(value, key) ? value[key] : undefined, [...path, key]);
    }
    const { rule } = shape;
    if (rule !== undefined && this.#faults.length === before && !rule.holds(value)) this.#say(rule.code, path, rule.says);
  }

  #field(field: Field, value: JsonValue | undefined, path: FieldPath): void {
    if (value === undefined || value === null) {
      if (field.required === true) this.#say("E_FIELD", path, "is missing");
      return;
    }
    if (field.notYet !== undefined) return this.#say("E_NOT_SUPPORTED_YET", path, `is not supported yet: ${field.notYet}`);
    this.value(field.shape, value, path);
  }

  /** Tells of a key that the table does not have; the one that was meant, where that can be guessed. */
  #unknown(shape: Shape & { is: "object" }, key: string, path: FieldPath): string | undefined {
    const names = Object.keys(shape.fields);
    const guess = nearest(key, names);
    const remedy = guess === undefined ? `there are ${names.join(", ")}` : `did you mean ${guess}?`;
    this.#say("E_UNKNOWN_KEY", [...path, key], "is not known", remedy);
    return guess;
  }
}

/** Codes that say no more than that a value does not fit. */
const plainCodes: ReadonlySet<FleetCode> = new Set(["E_FIELD", "E_DURATION", "E_LIMIT"]);

/** What a value is, never what it says. */
function kindOf(value: JsonValue): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  return typeof value === "string" ? "text" : `a ${typeof value}`;
}

function quote(value: string | number | boolean): string {
  const shown = String(value);
  return JSON.stringify(shown.length > 60 ? `${shown.slice(0, 60)}...` : shown);
}

/** `spec.targets[0].clusters`, with keys that are no plain words in quotes. */
export function showPath(path: FieldPath): string {
  let out = "";
  for (const step of path) {
    if (typeof step === "number") out += `[${step}]`;
    else if (/^[\w-]+$/.test(step)) out += out === "" ? step : `.${step}`;
    else out += `[${JSON.stringify(step)}]`;
  }
  return out;
}
