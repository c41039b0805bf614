// Values to try in place of others: different, of the same kind, and likely to pass where the old one did.

import type { JsonValue } from "@muster/proto/model/json";

const word = "muster-probe";
/** The same kind of thing for what has to stay base64: the data of Secrets. */
const encoded = "bXVzdGVy";

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
  if (isBase64(text)) return text === encoded ? `${encoded}${encoded}` : encoded;
  if (text === "true") return "false";
  if (text === "false") return "true";
  return text === "" ? word : `${text}-x`;
}

/** Names are lower case, so that capitals tell them from data. */
const isBase64 = (text: string): boolean => text.length % 4 === 0 && /[A-Z]/.test(text) && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
