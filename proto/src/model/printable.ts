// Text of others, made harmless before a person's terminal or log shows it.

/** On one line of ours: control, bidirectional and other invisible characters as escapes (`\u{1b}`), cut at `max` characters. */
export function printable(text: string, max = 200): string {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text;
  return cut.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}
