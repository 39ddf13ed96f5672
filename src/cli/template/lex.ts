import { Fault } from './fault.js';
import { readQuoted } from './literals.js';

export interface Token {
  /** `punctuation`: its text tells which. `end`: the closing braces. */
  readonly kind: 'field' | 'variable' | 'word' | 'string' | 'number' | 'char' | 'punctuation' | 'end';
  /** `field`: without its dot. `string`, `char`: what stands between the quotes, unescaped. */
  readonly text: string;
  readonly at: number;
  /** Blanks separate arguments, and their absence makes `.a.b` one. */
  readonly spaceBefore: boolean;
  /** Offset behind it. */
  readonly next: number;
  /** `end`: the text that follows loses its leading blanks. */
  readonly trims: boolean;
}

const blanks = /[ \t\r\n]*/y;
const closing = /}}/y;
const trimmedClosing = /[ \t\r\n]-}}/y;
const name = /[\p{L}_][\p{L}\p{Nd}_]*/uy;
const number = /[+-]?(?:\d|\.\d)(?:[\p{L}\p{Nd}_.]|(?<=[eEpP])[+-])*/uy;
/** What may follow a name or a number directly. */
const boundary = /$|[ \t\r\n.,|:=()]|}}/y;

/** Reads the token at an offset inside `{{ }}`. @throws {Fault} */
export function readToken(source: string, offset: number): Token {
  const token = (kind: Token['kind'], text: string, next: number, trims = false): Token => ({
    kind,
    text,
    at,
    spaceBefore: at > offset,
    next,
    trims,
  });
  let at = offset;
  // " -}}" begins with the blank that would be skipped otherwise.
  blanks.lastIndex = at;
  const skipped = blanks.exec(source)?.[0].length ?? 0;
  at += skipped;
  if (skipped > 0 && matchAt(trimmedClosing, source, at - 1) !== undefined)
    return token('end', '-}}', at + 3, true);
  if (matchAt(closing, source, at) !== undefined) return token('end', '}}', at + 2);
  const char = source[at];
  if (char === undefined) throw new Fault('an action is not closed', 'end it with }}', at);
  const digits = matchAt(number, source, at);
  if (digits !== undefined) return bounded(source, token('number', digits, at + digits.length));
  if (char === '.' || char === '$') {
    const found = matchAt(name, source, at + 1) ?? '';
    const next = at + 1 + found.length;
    if (char === '$') return bounded(source, token('variable', `$${found}`, next));
    return bounded(source, found === '' ? token('punctuation', '.', next) : token('field', found, next));
  }
  if (char === '"' || char === '`' || char === "'") {
    const { value, next } = readQuoted(source, at);
    return token(char === "'" ? 'char' : 'string', value, next);
  }
  if (source.startsWith(':=', at)) return token('punctuation', ':=', at + 2);
  if ('|(),='.includes(char)) return token('punctuation', char, at + 1);
  const word = matchAt(name, source, at);
  if (word !== undefined) return bounded(source, token('word', word, at + word.length));
  throw new Fault(
    `${JSON.stringify(String.fromCodePoint(source.codePointAt(at) ?? 0))} is not expected here`,
    undefined,
    at,
  );
}

function bounded(source: string, token: Token): Token {
  if (matchAt(boundary, source, token.next) !== undefined) return token;
  const char = String.fromCodePoint(source.codePointAt(token.next) ?? 0);
  throw new Fault(
    `${JSON.stringify(char)} is not expected after ${source.slice(token.at, token.next)}`,
    undefined,
    token.next,
  );
}

/** @param pattern Sticky. */
function matchAt(pattern: RegExp, source: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0];
}
