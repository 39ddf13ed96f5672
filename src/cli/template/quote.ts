const short: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

/** Go's strconv.Quote: what cannot be printed is escaped, so a hostile text cannot forge a line or move the cursor. */
export function goQuote(text: string): string {
  // Most texts are plain, and properties of Unicode are slow.
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`;
  return `"${text.replace(/["\\]|(?! )[\p{C}\p{Z}]/gu, (char) => short[char] ?? escapeChar(char))}"`;
}

/** As goQuote() does inside of the quotes, and nothing else: backslashes and quotes stay. */
export function escapeControls(text: string): string {
  if (isPlain(text)) return text;
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => short[char] ?? escapeChar(char));
}

/** Printable ASCII: a character is a column, and a UTF-16 unit. */
export function isPlain(text: string): boolean {
  return /^[ -~]*$/.test(text);
}

function escapeChar(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code < 0x80) return `\\x${hex.padStart(2, '0')}`;
  // A lone surrogate is no character; Go would have a replacement character there.
  if (code >= 0xd800 && code <= 0xdfff) return '\ufffd';
  return code > 0xffff ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`;
}
