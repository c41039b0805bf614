// What a plain scalar means: YAML 1.1 as Kubernetes' own reader understands it (yes/no/on/off, 0644 is octal, no dates).
// The cases follow the resolver of go-yaml v2, which stands behind sigs.k8s.io/yaml; the oracle test compares both.

/**
 * A scalar whose text as a mapping key differs from what String() makes of its value, or that has no JSON value at all.
 * js-yaml calls toString() for keys; the walk in settle.ts replaces it by its value everywhere else.
 */
export class Scalar {
  readonly kind: "null" | "float" | "outOfRange";
  readonly value: number | null;
  readonly #key: string;

  constructor(kind: Scalar["kind"], value: number | null, key: string) {
    this.kind = kind;
    this.value = value;
    this.#key = key;
  }

  toString(): string {
    return this.#key;
  }

  // Not "[object Object]": js-yaml would use that text as the key.
  get [Symbol.toStringTag](): string {
    return "Scalar";
  }
}

/** Stands for the key `<<` and for a null key between js-yaml and the walk. No file can hold it: U+FFFF is refused in text and in escapes. */
export const mergeKey = "\uffff<<";
export const nullKey = "\uffffnull";

const nullScalar = new Scalar("null", null, nullKey);

const words: ReadonlyMap<string, boolean | Scalar | string> = new Map<string, boolean | Scalar | string>([
  ...["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"].map((word) => [word, true] as const),
  ...["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"].map((word) => [word, false] as const),
  ...["", "~", "null", "Null", "NULL"].map((word) => [word, nullScalar] as const),
  ...[".nan", ".NaN", ".NAN"].map((word) => [word, new Scalar("outOfRange", NaN, ".nan")] as const),
  ...[".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"].map((word) => [word, new Scalar("outOfRange", Infinity, ".inf")] as const),
  ...["-.inf", "-.Inf", "-.INF"].map((word) => [word, new Scalar("outOfRange", -Infinity, "-.inf")] as const),
  ["<<", mergeKey],
]);

/** The meaning of an unquoted scalar; undefined: it is the string that stands there. */
export function plainScalar(text: string): boolean | number | Scalar | string | undefined {
  const first = text.charCodeAt(0);
  if (first >= 0x30 && first <= 0x39) return number(text);
  if (first === 0x2b || first === 0x2d) return words.get(text) ?? number(text);
  if (first === 0x2e) return words.get(text) ?? dotFloat(text);
  return text.length <= 5 ? words.get(text) : undefined;
}

/** True when unquoted text would not be read back as that string. */
export function meansSomethingElse(text: string): boolean {
  return plainScalar(text) !== undefined;
}

const integer = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]([0-7]+)|0[bB]([01]+)|(0[0-7]*)|([1-9][0-9]*))$/;
const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const digitsOnly = /^[-+]?[0-9]+$/;

function number(text: string): number | Scalar | undefined {
  const plain = text.includes("_") ? text.replaceAll("_", "") : text;
  const parts = integer.exec(plain);
  if (parts !== null) {
    const [, sign, hex, octal, binary, zero, decimal] = parts;
    const magnitude = wholeNumber(hex, octal, binary, zero, decimal);
    const value = sign === "-" ? -magnitude : magnitude;
    return Number.isSafeInteger(magnitude) ? value + 0 : new Scalar("outOfRange", value, plain);
  }
  if (!float.test(plain)) return undefined;
  return floatScalar(plain);
}

function wholeNumber(hex?: string, octal?: string, binary?: string, zero?: string, decimal?: string): number {
  if (decimal !== undefined) return Number(decimal);
  if (hex !== undefined) return Number.parseInt(hex, 16);
  if (octal !== undefined) return Number.parseInt(octal, 8);
  if (binary !== undefined) return Number.parseInt(binary, 2);
  return Number.parseInt(zero ?? "0", 8);
}

function dotFloat(text: string): Scalar | undefined {
  return float.test(text) ? floatScalar(text) : undefined;
}

// A float too large for 64 bits is a string for Kubernetes' reader (`1e400`); digits alone are an integer that would be rounded.
function floatScalar(text: string): Scalar | undefined {
  const value = Number(text);
  if (!Number.isFinite(value)) return undefined;
  if (digitsOnly.test(text) && !Number.isSafeInteger(value)) return new Scalar("outOfRange", value, text);
  return new Scalar("float", value, floatKey(value));
}

// How a float is spelled as a key: Go's strconv with 'g' and 32 bits: the shortest digits, an exponent below -4 and from 6 up.
function floatKey(value: number): string {
  const single = Math.fround(value);
  if (!Number.isFinite(single)) return single > 0 ? ".inf" : "-.inf";
  const [digits, exponent] = shortest(single);
  if (exponent >= -4 && exponent < 6) return plainDigits(digits, exponent, single < 0 || Object.is(single, -0));
  const sign = exponent < 0 ? "-" : "+";
  const mantissa = digits.length > 1 ? `${digits.slice(0, 1)}.${digits.slice(1)}` : digits;
  return `${single < 0 ? "-" : ""}${mantissa}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

function shortest(single: number): readonly [string, number] {
  for (let precision = 1; precision <= 9; precision += 1) {
    const text = Math.abs(single).toExponential(precision - 1);
    if (Math.fround(Number(text)) !== Math.abs(single)) continue;
    const [mantissa = "0", exponent = "0"] = text.split("e");
    return [mantissa.replace(".", ""), Number(exponent)];
  }
  return ["0", 0];
}

function plainDigits(digits: string, exponent: number, negative: boolean): string {
  const sign = negative ? "-" : "";
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return `${sign}${digits.padEnd(exponent + 1, "0")}`;
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}
