import { invalid, quote } from '../errors.js';
import { capabilityNames } from './capabilities.js';
import { didYouMean } from './nearest.js';

/** The three sets that cap_from_text(3) writes: of a file, or of a process without bounding and ambient set. */
export interface CapabilityState {
  readonly effective: bigint;
  readonly inheritable: bigint;
  readonly permitted: bigint;
}

/** In libcap's order: the numbers decide which of two clauses cap_to_text(3) writes first. */
const EFFECTIVE = 1;
const PERMITTED = 2;
const INHERITABLE = 4;
const flagOf: Readonly<Record<string, number>> = { e: EFFECTIVE, i: INHERITABLE, p: PERMITTED };

/** The kernel keeps 64 bits, named or not. */
const bits = 64;

/**
 * Reads the text form of capability sets: `cap_chown=ep`, `all=p cap_kill-p`, `41+i`.
 *
 * `all`, and `=` without names, stand for the capabilities that have a name, as in libcap.
 *
 * @throws {WarrenError} `ERR_CAPABILITY_TEXT`, `ERR_CAPABILITY_UNKNOWN`.
 * @see cap_from_text(3)
 */
export function parseCapabilityText(text: string): CapabilityState {
  const flags = new Array<number>(bits).fill(0);
  for (const clause of text.split(/[ \t\n\v\f\r]+/)) if (clause !== '') applyClause(flags, clause, text);
  return stateOf(flags);
}

/**
 * The shortest text that libcap would write: names first, numbers for what has no name.
 *
 * @see cap_to_text(3)
 */
export function formatCapabilityText(state: CapabilityState): string {
  const flags = flagsOf(state);
  const named = capabilityNames.map((_, bit) => flags[bit] ?? 0);
  const count = (value: number): number => named.filter((each) => each === value).length;
  // What most have is said once, for all; where two are equally common, the smaller number.
  let base = 0;
  for (let value = 1; value < 8; value++) if (count(value) > count(base)) base = value;

  const clauses: string[] = base === 0 ? [] : [`=${letters(base)}`];
  for (let value = 7; value >= 0; value--) {
    if (value === base) continue;
    const names = capabilityNames.filter((_, bit) => named[bit] === value).map((name) => name.toLowerCase());
    if (names.length === 0) continue;
    const added = letters(value & ~base);
    const removed = letters(base & ~value);
    const operator = clauses.length === 0 ? '=' : '+';
    clauses.push(
      names.join(',') + (added === '' ? '' : operator + added) + (removed === '' ? '' : `-${removed}`),
    );
  }
  if (clauses.length === 0) clauses.push('=');
  for (let value = 7; value >= 1; value--) {
    const numbers = flags.flatMap((each, bit) => (bit >= named.length && each === value ? [bit] : []));
    if (numbers.length > 0) clauses.push(`${numbers.join(',')}+${letters(value)}`);
  }
  return clauses.join(' ');
}

/** `NAMES` and then operators with their flags: `cap_chown,cap_kill=p+e-i`. */
function applyClause(flags: number[], clause: string, text: string): void {
  const [, list = '', actions] = /^([^=+-]*)((?:[=+-][eip]*)+)$/.exec(clause) ?? [];
  if (actions === undefined) {
    throw bad(text, `${quote(clause)} is not NAME,…=FLAGS, with flags e, i and p`);
  }
  if (list === '' && !/^=[eip]*$/.test(actions)) {
    throw bad(text, `${quote(clause)} names no capability`);
  }
  const chosen = list === '' ? named() : list.split(',').flatMap((name) => bitsOf(name, text));
  for (const [index, [action]] of [...actions.matchAll(/[=+-][eip]*/g)].entries()) {
    const operator = action.charAt(0);
    const mask = Array.from(action.slice(1)).reduce((sum, letter) => sum | (flagOf[letter] ?? 0), 0);
    if (operator === '=' ? index > 0 : mask === 0) {
      const why = operator === '=' ? 'has more than one =' : `has ${operator} without a flag`;
      throw bad(text, `${quote(clause)} ${why}`);
    }
    for (const bit of chosen) {
      const before = flags[bit] ?? 0;
      flags[bit] = operator === '=' ? mask : operator === '+' ? before | mask : before & ~mask;
    }
  }
}

function named(): number[] {
  return capabilityNames.map((_, bit) => bit);
}

/** A name, `all`, or a number as strtoul(3) reads it. */
function bitsOf(word: string, text: string): number[] {
  if (word.toLowerCase() === 'all') return named();
  if (/^(?:0[xX][0-9a-fA-F]{1,4}|\d{1,5})$/.test(word)) {
    const octal = /^0[0-7]+$/.test(word);
    const bit = octal ? Number.parseInt(word, 8) : Number(word);
    if (bit < bits) return [bit];
    throw bad(text, `${word} is more than ${bits - 1}, the kernel's last bit`);
  }
  const bit = capabilityNames.findIndex((name) => name === word.toUpperCase());
  if (bit >= 0) return [bit];
  if (word === '') throw bad(text, 'a name is missing beside a comma');
  throw invalid(
    'ERR_CAPABILITY_UNKNOWN',
    `Cannot use the capability ${quote(word)}`,
    'no capability has this name',
    didYouMean(
      word.toLowerCase(),
      capabilityNames.map((name) => name.toLowerCase()),
    ) ?? 'names begin with cap_; see capabilities(7)',
  );
}

function flagsOf({ effective, inheritable, permitted }: CapabilityState): number[] {
  const has = (mask: bigint, bit: number, flag: number): number => ((mask >> BigInt(bit)) & 1n ? flag : 0);
  return Array.from(
    { length: bits },
    (_, bit) =>
      has(effective, bit, EFFECTIVE) | has(permitted, bit, PERMITTED) | has(inheritable, bit, INHERITABLE),
  );
}

function stateOf(flags: readonly number[]): CapabilityState {
  const mask = (flag: number): bigint =>
    flags.reduce((sum, value, bit) => (value & flag ? sum | (1n << BigInt(bit)) : sum), 0n);
  return { effective: mask(EFFECTIVE), inheritable: mask(INHERITABLE), permitted: mask(PERMITTED) };
}

function letters(value: number): string {
  return ['e', 'i', 'p'].filter((letter) => value & (flagOf[letter] ?? 0)).join('');
}

function bad(text: string, why: string): Error {
  return invalid(
    'ERR_CAPABILITY_TEXT',
    `Cannot read the capabilities ${quote(text)}`,
    why,
    'write for example cap_net_bind_service=ep; see cap_from_text(3)',
  );
}
