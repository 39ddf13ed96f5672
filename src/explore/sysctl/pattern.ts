import { invalid, quote } from '../../errors.js';
import { slashed } from '../../kernel/sysctl-name.js';

/** Whether a text is a pattern, and no key or folder. */
export function hasWildcard(text: string): boolean {
  return /[*?[]/.test(text);
}

/**
 * Which keys a pattern names: a key or a folder (`net.ipv4.tcp_rmem`, `net.ipv4.conf`), with `*` for any text, `?` for any
 * character, and `[a-z]`, `[!a-z]` for one of these, as glob(7) has it.
 *
 * @param within `*` stays within a component, as a shell's does. Default: it crosses separators.
 * @returns A test of slashed keys.
 * @throws {WarrenError} `ERR_SYSCTL_PATTERN`
 */
export function keyPattern(text: string, within: 'component' | 'key' = 'key'): (path: string) => boolean {
  const path = slashed(text);
  const components = path.split('/');
  if (
    text === '' ||
    /[\p{Cc}\p{Zl}\p{Zp}\s{}=+]/u.test(text) ||
    components.some((component) => component === '..' || component === '.' || component === '')
  )
    throw bad(text, 'it is neither a key or folder, nor one with *, ? and [a-z] in it');
  const star = within === 'key' ? '.*' : '[^/]*';
  const source = (path.match(/\[[!^]?\]?(?:\[:\w*:\]|[^\]])*\]|./gsu) ?? [])
    .map((token) => {
      if (token === '*') return star;
      if (token === '?') return '[^/]';
      if (token === '[' || token === ']') throw bad(text, 'a bracket has no other end');
      return token.startsWith('[') ? bracket(token, text) : literal(token);
    })
    .join('');
  const expression = new RegExp(`^${source}${hasWildcard(text) ? '' : '(?:/.*)?'}$`, 'u');
  return (key) => expression.test(key);
}

/** One character of a set. Neither separator can be in it: globbing is of each component by itself. */
function bracket(token: string, text: string): string {
  const [, negated = '', content = ''] = /^\[([!^]?)(.*)\]$/su.exec(token) ?? [];
  if (/[./]/.test(content))
    throw bad(text, 'a separator stands in brackets, and those are for one character');
  const members = content.match(/\[:\w*:\]|.-.|./gsu) ?? [];
  const set = members.map((member) => {
    if (member.startsWith('[:') && member.endsWith(':]')) {
      const found = classes.get(member.slice(2, -2));
      if (found === undefined) throw bad(text, `${quote(member)} is no class of characters`);
      return found;
    }
    const [, first = '', last] = /^(.)(?:-(.))?$/su.exec(member) ?? [];
    if (last === undefined) return literal(first);
    if (first > last) throw bad(text, `${quote(member)} is no range: it ends before it begins`);
    return `${literal(first)}-${literal(last)}`;
  });
  return `(?!/)[${negated === '' ? '' : '^'}${set.join('')}]`;
}

/** Of those in glob(7), what can be in a key. */
const classes: ReadonlyMap<string, string> = new Map([
  ['alnum', 'a-zA-Z0-9'],
  ['alpha', 'a-zA-Z'],
  ['digit', '0-9'],
  ['lower', 'a-z'],
  ['upper', 'A-Z'],
  ['xdigit', '0-9a-fA-F'],
  ['punct', '!-\\/:-@\\[-`\\{-~'],
]);

function literal(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

function bad(text: string, why: string): Error {
  return invalid(
    'ERR_SYSCTL_PATTERN',
    `Cannot use the sysctl pattern ${quote(text)}`,
    why,
    'write it as net.ipv4.tcp_*, net.ipv4.tcp_[rw]mem, or as net.ipv4.conf',
  );
}
