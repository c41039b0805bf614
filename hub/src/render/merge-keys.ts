// Lists that the API server treats as maps: two items with one key are refused by server-side apply, and so by us, with the field's name.

import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { podSpecPath } from "./pods.ts";

type Rule = { readonly path: readonly string[]; readonly keys: readonly string[]; readonly defaults?: Readonly<Record<string, string>> };

const tcp = { protocol: "TCP" } as const;

// "*" goes into every item of a list.
const podRules: readonly Rule[] = [
  { path: ["volumes"], keys: ["name"] },
  { path: ["imagePullSecrets"], keys: ["name"] },
  { path: ["hostAliases"], keys: ["ip"] },
  { path: ["topologySpreadConstraints"], keys: ["topologyKey", "whenUnsatisfiable"] },
  ...["containers", "initContainers"].flatMap((list): Rule[] => [
    { path: [list], keys: ["name"] },
    { path: [list, "*", "env"], keys: ["name"] },
    { path: [list, "*", "ports"], keys: ["containerPort", "protocol"], defaults: tcp },
    { path: [list, "*", "volumeMounts"], keys: ["mountPath"] },
    { path: [list, "*", "volumeDevices"], keys: ["devicePath"] },
  ]),
];

const servicePorts: Rule = { path: ["spec", "ports"], keys: ["port", "protocol"], defaults: tcp };

/** The first doubled key of an object, told as `spec.template.spec.containers: name web is given twice`. */
export function doubledKey(group: string, kind: string, object: JsonObject): string | undefined {
  if (group === "" && kind === "Service") return firstDoubled(object, [servicePorts], "");
  const path = podSpecPath(group, kind);
  const spec = path === undefined ? undefined : at(object, path);
  return path === undefined || !isJsonObject(spec) ? undefined : firstDoubled(spec, podRules, `${path.join(".")}.`);
}

function firstDoubled(object: JsonObject, rules: readonly Rule[], prefix: string): string | undefined {
  for (const rule of rules) {
    for (const list of listsAt(object, rule.path)) {
      const doubled = doubledIn(list, rule);
      if (doubled !== undefined) return `${prefix}${rule.path.join(".")}: ${doubled} is given twice`;
    }
  }
  return undefined;
}

function doubledIn(list: readonly JsonValue[], { keys, defaults }: Rule): string | undefined {
  const seen = new Set<string>();
  for (const item of list) {
    if (!isJsonObject(item)) continue;
    const told = keys.map((key) => `${key} ${String(item[key] ?? defaults?.[key] ?? "")}`).join(", ");
    if (seen.has(told)) return told;
    seen.add(told);
  }
  return undefined;
}

function listsAt(value: JsonValue | undefined, path: readonly string[]): readonly (readonly JsonValue[])[] {
  const [step, ...rest] = path;
  if (step === undefined) return Array.isArray(value) ? [value] : [];
  if (step === "*") return Array.isArray(value) ? value.flatMap((item: JsonValue) => listsAt(item, rest)) : [];
  return isJsonObject(value) ? listsAt(value[step], rest) : [];
}

function at(object: JsonObject, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = object;
  for (const step of path) value = isJsonObject(value) ? value[step] : undefined;
  return value;
}
