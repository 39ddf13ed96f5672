import { invalid, quote, type WarrenError } from '../../errors.js';

/** A place in a profile, as in JavaScript: `syscalls[3].args[0].op`; empty for the whole. */
export type Path = string;

/**
 * Parses a profile's text, keeping integers of 64 bits exact: `JSON.parse` alone rounds those from 2^53 on
 * (`"value": 18446744073709551615`), and a mask must not be rounded. They come out as bigints.
 *
 * @throws {WarrenError} `ERR_SECCOMP_PROFILE` where it is not JSON.
 */
export function parseSeccompText(profile: string): unknown {
  const tagged = profile.replace(stringOrLongInteger, (token) =>
    token.startsWith('"') ? token : `"${tag}${token}"`,
  );
  try {
    return JSON.parse(tagged, (_key, value: unknown) =>
      typeof value === 'string' && value.startsWith(tag) ? BigInt(value.slice(tag.length)) : value,
    ) as unknown;
  } catch (cause) {
    throw invalid(
      'ERR_SECCOMP_PROFILE',
      'Cannot read the seccomp profile',
      `it is not JSON (${cause instanceof Error ? cause.message : String(cause)})`,
    );
  }
}

/** Strings are matched whole, so that digits inside them are left alone. */
const stringOrLongInteger = /"(?:[^"\\]|\\.)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;

/** A profile cannot hold it by chance: no system call, action or comment begins like this. */
const tag = 'warren-u64:';

export function objectOf(value: unknown, at: Path): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  return fail(at, value, 'expected an object');
}

/** A missing list is an empty one, and so is null, which is how Go writes it. */
export function list(value: unknown, at: Path): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? (value as unknown[]) : fail(at, value, 'expected a list');
}

export function text(value: unknown, at: Path): string {
  if (typeof value === 'string') return value;
  return fail(at, value, value === undefined ? 'it is missing' : 'expected a string');
}

export function integer(value: unknown, at: Path, most: bigint): bigint {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return fail(
      at,
      value,
      'numbers from 2^53 on lose digits in JSON.parse',
      'parse the text with parseSeccompText()',
    );
  }
  const isInteger = typeof value === 'bigint' || Number.isInteger(value);
  const number = isInteger ? BigInt(value as number | bigint) : undefined;
  if (number !== undefined && number >= 0n && number <= most) return number;
  return fail(
    at,
    value,
    value === undefined ? 'it is missing' : `expected an integer from 0 to ${String(most)}`,
  );
}

/** An unknown field does nothing elsewhere either; but a misspelt "syscalls" should not pass in silence. */
export function checkFields(
  value: Record<string, unknown>,
  known: readonly string[],
  at: Path,
  warnings: string[],
): void {
  for (const name of Object.keys(value)) {
    if (!known.includes(name))
      warnings.push(`no field ${quote(name)} is known in ${at || 'a profile'}: ignored`);
  }
}

/** @throws {WarrenError} `ERR_SECCOMP_PROFILE`, always. */
export function fail(at: Path, value: unknown, why: string, fix?: string): never {
  const what =
    at === ''
      ? 'Cannot use the seccomp profile'
      : `Cannot use ${shown(value)} at ${at} of the seccomp profile`;
  const error: WarrenError = invalid(
    'ERR_SECCOMP_PROFILE',
    what,
    at === '' ? `${why}, found ${shown(value)}` : why,
    fix,
  );
  throw error;
}

function shown(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return String(value);
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : 'an object';
}
