import { invalid, quote } from '../errors.js';

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * A length of time as Go and docker write it: `1.5s`, `1m30s`, `250ms`; a plain number is seconds.
 *
 * @returns Milliseconds, rounded up to a whole one.
 * @throws {WarrenError} `ERR_OPTION_VALUE`.
 */
export function parseDuration(option: string, text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  const number = /(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g;
  if (text === '' || text.replace(number, '') !== '') {
    throw badValue(option, text, 'it is not a length of time', 'write for example 500ms, 90s or 1m30s');
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(number)) total += Number(amount) * (unitMs[unit ?? ''] ?? NaN);
  return Math.ceil(total);
}

/** A decimal whole number, strictly: no sign but `-`, no spaces, no exponent. */
export function parseInteger(option: string, text: string): number {
  const value = Number(text);
  if (/^-?\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw badValue(option, text, 'it is not a whole number', 'write plain digits');
}

/** A decimal number: `2`, `0.5`, `.5`. */
export function parseDecimal(option: string, text: string): number {
  if (/^(\d+(\.\d*)?|\.\d+)$/.test(text)) return Number(text);
  throw badValue(option, text, 'it is not a number', 'write for example 1.5');
}

/** An octal mode: `022`, `0o22`, `22`. */
export function parseOctal(option: string, text: string): number {
  if (/^(0o)?[0-7]{1,4}$/.test(text)) return Number.parseInt(text.replace('0o', ''), 8);
  throw badValue(option, text, 'it is not an octal number', 'write for example 022');
}

/** `KEY=VALUE` at its first `=`; the value may hold more of them. */
export function parseAssignment(option: string, text: string): [key: string, value: string] {
  const equals = text.indexOf('=');
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  throw badValue(option, text, 'it is not KEY=VALUE', `write it as in: --${option} KEY=VALUE`);
}

export function badValue(option: string, text: string, why: string, fix?: string): Error {
  return invalid('ERR_OPTION_VALUE', `Cannot take --${option} ${quote(text)}`, why, fix);
}
