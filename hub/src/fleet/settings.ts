// Layers become settings: merge, then expressions, then defaults.

import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { check, type Fault } from "./check.ts";
import { evaluate, lookUp, type Scope } from "./evaluate.ts";
import { ExpressionError, parseTemplate, refsOf, type Ref } from "./expression.ts";
import { fillFields } from "./fill.ts";
import type { HelmSettings, KustomizeSettings, Layer, Settings, SyncSettings } from "./kinds.ts";
import { normalPath } from "./names.ts";
import type { RolloutPolicy } from "./rollout-policy.ts";
import { rolloutPolicyOf } from "./rollout-reading.ts";
import { rolloutFaults } from "./rollout-rules.ts";
import { settingsShape } from "./tables.ts";

/** Low to high: maps merge deep, lists are replaced, null stays as null and so removes what a chart says. */
export function mergeLayers(layers: readonly Layer[]): Layer {
  return layers.reduce<JsonObject>((low, high) => merge(low, high) as JsonObject, {});
}

function merge(low: JsonValue | undefined, high: JsonValue): JsonValue {
  if (!isJsonObject(low) || !isJsonObject(high)) return high;
  const out = new Map(Object.entries(low));
  for (const [key, value] of Object.entries(high)) out.set(key, merge(out.get(key), value));
  return Object.fromEntries(out); // defines own members, so that `__proto__` stays a plain key
}

/** The distinct names that the expressions in a layer read, in a fixed order. */
export function refsIn(layer: Layer): readonly Ref[] {
  const found = new Map<string, Ref>();
  const walk = (value: JsonValue): void => {
    if (typeof value === "string") for (const ref of refsOf(parseTemplate(value) ?? [])) found.set(JSON.stringify(ref), ref);
    else if (Array.isArray(value)) (value as readonly JsonValue[]).forEach(walk);
    else if (isJsonObject(value)) Object.values(value).forEach(walk);
  };
  walk(layer);
  return [...found.values()];
}

/** What makes two clusters the same to a layer: the values of all names that it reads. */
export function signature(refs: readonly Ref[], scope: Scope): string {
  let out = "";
  for (const ref of refs) {
    const value = lookUp(ref, scope);
    out += value === undefined ? "-;" : `${JSON.stringify(value)};`;
  }
  return out;
}

export type SettingsResult = { readonly settings: Settings } | { readonly faults: readonly Fault[] };

/** The settings of merged layers for one cluster, or what is wrong with them there. Fields are named as in `spec`. */
export function settingsOf(merged: Layer, scope: Scope, appName: string): SettingsResult {
  const faults: Fault[] = [];
  const value = replace(merged, scope, [], faults) as JsonObject;
  if (faults.length === 0) faults.push(...check(settingsShape, value, [], true), ...rolloutFaults(value["rollout"], ["rollout"]));
  if (faults.length > 0) return { faults: faults.map(named) };
  return typed(fillFields(shapeFields, value), rolloutPolicyOf(value["rollout"]), appName);
}

const shapeFields = settingsShape.is === "object" ? settingsShape.fields : {};

function replace(value: JsonValue, scope: Scope, path: readonly (string | number)[], faults: Fault[]): JsonValue {
  if (typeof value === "string") {
    const template = parseTemplate(value);
    if (template === null) return value;
    try {
      return evaluate(template, scope);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      faults.push({ code: "E_VAR_UNDEFINED", path, says: error.message });
      return value;
    }
  }
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((item, i) => replace(item, scope, [...path, i], faults));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replace(item, scope, [...path, key], faults)]));
}

function named(fault: Fault): Fault {
  const inSource = fault.path[0] === "path" || fault.path[0] === "revision";
  return { ...fault, path: inSource ? ["spec", "source", ...fault.path] : ["spec", ...fault.path] };
}

type Filled = {
  readonly path: string;
  readonly revision: string | null;
  readonly namespace: string | null;
  readonly helm: HelmSettings;
  readonly kustomize: KustomizeSettings & { readonly path: string | null };
  readonly sync: Omit<SyncSettings, "timeoutMs"> & { readonly timeout: number };
};

function typed(filled: JsonObject, rollout: RolloutPolicy | null, appName: string): SettingsResult {
  const { path, revision, namespace, helm, kustomize, sync } = filled as unknown as Filled;
  const { path: below, ...build } = kustomize;
  const whole = normalPath(path, below ?? ".");
  if (whole === null) {
    const field = below === null ? ["source", "path"] : ["kustomize", "path"];
    return { faults: [{ code: "E_PATH_ESCAPE", path: ["spec", ...field], says: "leads out of the repository" }] };
  }
  const { timeout, ...rest } = sync;
  return {
    settings: {
      path: whole,
      revision,
      namespace,
      helm: { ...helm, releaseName: helm.releaseName ?? appName },
      kustomize: build,
      sync: { ...rest, timeoutMs: timeout },
      rollout,
    },
  };
}
