import { Fault } from './fault.js';

const simpleEscapes: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '\\': 92,
};
/** Digits and radix of the escapes for bytes and characters. */
const codeEscapes: Readonly<Record<string, readonly [digits: number, kind: 'byte' | 'rune']>> = {
  x: [2, 'byte'],
  u: [4, 'rune'],
  U: [8, 'rune'],
};

/**
 * Reads a Go string or character that begins at an offset: `"…"` with escapes, a raw one in backquotes, `'…'`.
 *
 * @returns Its value, and the offset behind it.
 * @throws {Fault}
 */
export function readQuoted(source: string, at: number): { value: string; next: number } {
  const quote = source[at] ?? '';
  if (quote === '`') {
    const end = source.indexOf('`', at + 1);
    if (end < 0) throw new Fault('a string is not closed', 'end it with a backquote');
    return { value: source.slice(at + 1, end).replaceAll('\r', ''), next: end + 1 };
  }
  // Bytes, since "\xc3\xa9" is one character.
  const parts: Buffer[] = [];
  let next = at + 1;
  for (;;) {
    const char = source.codePointAt(next);
    if (char === undefined || char === 10) throw new Fault('a string is not closed', `end it with ${quote}`);
    if (char === quote.codePointAt(0)) break;
    if (char === 92) {
      const escape = readEscape(source, next + 1, quote);
      parts.push(escape.bytes);
      next = escape.next;
    } else {
      const text = String.fromCodePoint(char);
      parts.push(Buffer.from(text));
      next += text.length;
    }
  }
  const value = Buffer.concat(parts).toString();
  if (quote === "'" && Array.from(value).length !== 1) {
    throw new Fault("a character in '…' is not one character", 'write strings in double quotes');
  }
  return { value, next: next + 1 };
}

function readEscape(source: string, at: number, quote: string): { bytes: Buffer; next: number } {
  const char = source[at] ?? '';
  const simple = char === quote ? quote.charCodeAt(0) : simpleEscapes[char];
  if (simple !== undefined) return { bytes: Buffer.from([simple]), next: at + 1 };
  const octal = /^[0-3][0-7]{2}/.exec(source.slice(at, at + 3))?.[0];
  if (octal !== undefined) return { bytes: Buffer.from([Number.parseInt(octal, 8)]), next: at + 3 };
  const [digits, kind] = codeEscapes[char] ?? [0, 'byte'];
  const text = source.slice(at + 1, at + 1 + digits);
  const code = /^[0-9a-fA-F]+$/.test(text) && text.length === digits ? Number.parseInt(text, 16) : NaN;
  const isSurrogate = kind === 'rune' && code >= 0xd800 && code <= 0xdfff;
  if (!(code <= 0x10ffff) || isSurrogate) {
    throw new Fault(`\\${char} is no escape in a string`, 'write a backslash as \\\\');
  }
  return {
    bytes: kind === 'byte' ? Buffer.from([code]) : Buffer.from(String.fromCodePoint(code)),
    next: at + 1 + digits,
  };
}

/** A Go number: decimal, `0x`, `0o`, `0b`, with `_` between digits; decimal fractions and exponents. @throws {Fault} */
export function readNumber(text: string): number {
  const [, sign = '', digits = ''] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  const plain = digits.replace(/(?<=[0-9a-fA-FxXoObB])_(?=[0-9a-fA-F])/g, '');
  const whole = /^(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|0|[1-9]\d*)$/.test(plain);
  const oldOctal = /^0[0-7]+$/.test(plain);
  const fraction = /^(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?$/.test(plain);
  if ((!whole && !oldOctal && !fraction) || /^0\d*[89]\d*$/.test(plain))
    throw new Fault(`${text} is not a number`);
  const value = oldOctal ? Number.parseInt(plain, 8) : Number(plain);
  // As in JSON, integers beyond 2^53 would silently become others.
  if (!Number.isFinite(value) || ((whole || oldOctal) && !Number.isSafeInteger(value))) {
    throw new Fault(`the number ${text} is too large`);
  }
  return sign === '-' ? 0 - value : value;
}
