// Values to try in place of others: different, of the same kind, and likely to pass where the old one did.

import type { JsonValue } from "@muster/proto/model/json";

const word = "muster-probe";

/** Never equal to its argument. */
export function probeOf(value: JsonValue): JsonValue {
  if (typeof value === "number") return value + 1;
  if (typeof value === "boolean") return !value;
  if (typeof value === "string") return probeText(value);
  if (Array.isArray(value)) return value.length === 0 ? [word] : (value as readonly JsonValue[]).slice(0, -1);
  if (value === null) return word;
  return Object.keys(value).length === 0 ? { [word]: word } : {};
}

/** Numbers in front stay numbers (`128Mi`, `10m`): a quantity has to stay one. */
function probeText(text: string): string {
  const number = /^(\d{1,9})([A-Za-z%]{0,2})$/.exec(text);
  if (number !== null) return `${Number(number[1]) + 1}${number[2]}`;
  if (text === "true") return "false";
  if (text === "false") return "true";
  return text === "" ? word : `${text}-x`;
}
