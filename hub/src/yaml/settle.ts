// After js-yaml: merge keys, numbers without a JSON value, and every bound that counts aliases as if they were written out.
// It changes the freshly parsed value in place; what two aliases share stays shared.

import type { JsonValue } from "@muster/proto/model/json";
import { Refusal } from "./fault.ts";
import type { YamlLimits } from "./limits.ts";
import { mergeKey, nullKey, Scalar } from "./scalars.ts";

type Raw = unknown;
type RawMap = Record<string, Raw>;
type Path = (string | number)[];

/** What a list or map weighs when everything under it is written out. */
type Weight = { nodes: number; chars: number; aliases: number; height: number };

/** The lists and maps in a settled value, each counted once: fewer than were parsed means that one was used as a key. */
export type Settled = { readonly value: JsonValue; readonly collections: number };

/** Settles one document. Throws a Refusal. */
export function settle(root: Raw, limits: YamlLimits): Settled {
  const walk = new Walk(limits);
  return { value: walk.value(root), collections: walk.collections };
}

class Walk {
  collections = 0;
  readonly #limits: YamlLimits;
  readonly #path: Path = [];
  readonly #done = new Map<object, Weight>();
  readonly #open = new Set<object>();
  readonly #sum: Weight = { nodes: 0, chars: 0, aliases: 0, height: 0 };
  #mergedKeys = 0;

  constructor(limits: YamlLimits) {
    this.#limits = limits;
  }

  value(raw: Raw): JsonValue {
    this.#sum.nodes += 1;
    if (typeof raw === "string") return this.#text(raw);
    if (raw instanceof Scalar) return this.#scalar(raw);
    if (typeof raw !== "object" || raw === null) {
      this.#check();
      return (raw ?? null) as JsonValue;
    }
    const known = this.#done.get(raw);
    if (known !== undefined) this.#again(known);
    else this.#first(raw);
    return raw as JsonValue;
  }

  #text(raw: string): string {
    const text = raw === mergeKey ? "<<" : raw;
    this.#checkText(text);
    return text;
  }

  #checkText(text: string): void {
    if (!text.isWellFormed()) throw this.#refuse("E_ENCODING", "half of a surrogate pair");
    this.#sum.chars += text.length;
    this.#check();
  }

  #scalar(scalar: Scalar): number | null {
    if (scalar.kind !== "outOfRange") return scalar.value;
    const why = Number.isFinite(scalar.value)
      ? "an integer beyond 2^53 would be rounded: quote it"
      : "NaN and infinity are no JSON numbers";
    throw this.#refuse("E_NUMBER", why);
  }

  #again(weight: Weight): void {
    this.#sum.aliases += weight.aliases + 1;
    this.#sum.nodes += weight.nodes;
    this.#sum.chars += weight.chars;
    if (this.#path.length + weight.height > this.#limits.depthMax) throw this.#refuse("E_YAML_DEPTH", "nested too deep through aliases");
    this.#check();
  }

  #first(raw: object): void {
    if (this.#open.has(raw)) throw this.#refuse("E_YAML", "an anchor contains itself");
    this.collections += 1;
    this.#open.add(raw);
    const before = { ...this.#sum };
    this.#sum.height = 0;
    if (Array.isArray(raw)) this.#list(raw as Raw[]);
    else this.#map(raw as RawMap);
    const { nodes, chars, aliases, height } = this.#sum;
    const weight = { nodes: nodes - before.nodes, chars: chars - before.chars, aliases: aliases - before.aliases, height: height + 1 };
    this.#done.set(raw, weight);
    this.#sum.height = Math.max(before.height, weight.height);
    this.#open.delete(raw);
  }

  #list(list: Raw[]): void {
    for (let at = 0; at < list.length; at += 1) {
      const raw = list[at];
      this.#path.push(at);
      const value = this.value(raw);
      if (value !== raw) list[at] = value;
      this.#path.pop();
    }
  }

  #map(map: RawMap): void {
    let merges = false;
    for (const key of Object.keys(map)) {
      if (key === nullKey) throw this.#refuse("E_YAML", "a key is null");
      this.#path.push(key);
      if (key === mergeKey) merges = true;
      else this.#checkText(key);
      const raw = map[key];
      const value = this.value(raw);
      if (value !== raw) put(map, key, value);
      this.#path.pop();
    }
    if (merges) this.#merge(map);
  }

  // `<<` takes its place in the order of the keys, as in Kubernetes' reader: what comes later wins.
  #merge(map: RawMap): void {
    const entries = Object.entries(map);
    for (const [key] of entries) delete map[key];
    for (const [key, value] of entries) {
      if (key !== mergeKey) {
        put(map, key, value);
        continue;
      }
      const sources = Array.isArray(value) ? (value as Raw[]).toReversed() : [value];
      for (const source of sources) this.#mergeOne(map, source);
    }
  }

  #mergeOne(map: RawMap, source: Raw): void {
    if (typeof source !== "object" || source === null || Array.isArray(source)) {
      throw this.#refuse("E_YAML_MERGE", "<< takes a map or a list of maps");
    }
    this.#mergedKeys += 1;
    for (const [key, value] of Object.entries(source)) {
      this.#mergedKeys += 1;
      if (this.#mergedKeys > this.#limits.mergedKeysMax) {
        throw this.#refuse("E_YAML_MERGE", `more than ${this.#limits.mergedKeysMax} keys are merged`);
      }
      put(map, key, value);
    }
  }

  #check(): void {
    const { nodes, chars, aliases } = this.#sum;
    const { nodesMax, expandedCharsMax, aliasesMax } = this.#limits;
    if (aliases > aliasesMax) throw this.#refuse("E_YAML_LIMIT", `aliases are followed more than ${aliasesMax} times`);
    if (nodes > nodesMax) throw this.#refuse("E_YAML_LIMIT", `more than ${nodesMax} values`);
    if (chars > expandedCharsMax) throw this.#refuse("E_YAML_LIMIT", `more than ${expandedCharsMax} characters with aliases written out`);
  }

  #refuse(code: Refusal["code"], message: string): Refusal {
    return new Refusal(code, message, [...this.#path]);
  }
}

// `__proto__` is a key like any other: it must never reach the setter.
function put(map: RawMap, key: string, value: Raw): void {
  if (key === "__proto__") Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
  else map[key] = value;
}
