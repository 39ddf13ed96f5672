import { Fault } from './fault.js';
import { sprintf } from './printf.js';
import { describeKind, formatValue, isNil, isTruthy, jsonText, kindOf } from './values.js';

export interface TemplateFunction {
  readonly least: number;
  /** Infinity for any number. */
  readonly most: number;
  readonly call: (...args: readonly unknown[]) => unknown;
}

const MAX_PADDING = 1_000_000;

/** text/template's own functions and docker's. Whatever they throw is a Fault. */
export const templateFunctions: Readonly<Record<string, TemplateFunction>> = {
  // Here for their names and numbers of arguments.
  and: exactly(1, (first) => first, Infinity),
  or: exactly(1, (first) => first, Infinity),
  not: exactly(1, (value) => !isTruthy(value)),
  eq: exactly(2, (first, ...others) => others.some((other) => isEqual(first, other)), Infinity),
  ne: exactly(2, (a, b) => !isEqual(a, b)),
  lt: exactly(2, (a, b) => isLess(a, b)),
  le: exactly(2, (a, b) => isLess(a, b) || isEqual(a, b)),
  gt: exactly(2, (a, b) => isLess(b, a)),
  ge: exactly(2, (a, b) => isLess(b, a) || isEqual(a, b)),
  len: exactly(1, lengthOf),
  index: exactly(1, indexOf, Infinity),
  slice: exactly(1, sliceOf, 4),
  print: exactly(0, printOf, Infinity),
  println: exactly(0, (...args) => `${args.map(textOf).join(' ')}\n`, Infinity),
  printf: exactly(1, (format, ...args) => sprintf(string('printf', format), args), Infinity),

  json: exactly(1, (value) => jsonText(value)),
  join: exactly(2, (list, separator) => items(list).map(textOf).join(string('join', separator))),
  split: exactly(2, splitText),
  upper: exactly(1, (text) => string('upper', text).toUpperCase()),
  lower: exactly(1, (text) => string('lower', text).toLowerCase()),
  title: exactly(1, (text) => titleCase(string('title', text))),
  pad: exactly(3, padText),
  truncate: exactly(2, truncateText),
};

function exactly(
  least: number,
  call: (...args: readonly unknown[]) => unknown,
  most = least,
): TemplateFunction {
  return { least, most, call };
}

function string(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw new Fault(
    `${name} takes a string, and was given ${describeKind(value)}`,
    `write for example: ${name} (print .Id)`,
  );
}

function integer(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  throw new Fault(`${name} takes a whole number, and was given ${describeKind(value)}`);
}

function items(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Fault(
    `join takes a list, and was given ${describeKind(value)}`,
    'write for example: join .Args " "',
  );
}

function textOf(value: unknown): string {
  return formatValue(value);
}

function isEqual(a: unknown, b: unknown): boolean {
  if (isNil(a) || isNil(b)) return isNil(a) && isNil(b);
  const kind = kindOf(a);
  if (!['bool', 'number', 'string'].includes(kind)) throw new Fault(`${describeKind(a)} cannot be compared`);
  if (kind !== kindOf(b)) throw new Fault(`${describeKind(a)} cannot be compared with ${describeKind(b)}`);
  return a === b;
}

function isLess(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number') return a < b;
  // By bytes, as Go does: characters beyond the first 65,536 come last.
  if (typeof a === 'string' && typeof b === 'string')
    return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;
  throw new Fault(`${describeKind(a)} cannot be less or greater than ${describeKind(b)}`);
}

/** Of a string in bytes. */
function lengthOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map) return value.size;
  throw new Fault(`len takes a string, a list or a map, and was given ${describeKind(value)}`);
}

function indexOf(value: unknown, ...keys: readonly unknown[]): unknown {
  return keys.reduce((each, key) => indexOnce(each, key), value);
}

function indexOnce(value: unknown, key: unknown): unknown {
  if (value instanceof Map) {
    const map = value as ReadonlyMap<unknown, unknown>;
    if (map.has(key)) return map.get(key);
    // Go's zero value: of texts the empty one.
    return [...map.values()].every((each) => typeof each === 'string') ? '' : undefined;
  }
  if (Array.isArray(value)) {
    const at = integer('index', key);
    if (at >= 0 && at < value.length) return (value as unknown[])[at];
    throw new Fault(`index ${at} is out of range: the list has ${value.length} items`);
  }
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    const at = integer('index', key);
    if (at >= 0 && at < bytes.length) return bytes[at];
    throw new Fault(`index ${at} is out of range: the string has ${bytes.length} bytes`);
  }
  throw new Fault(`index takes a list, a map or a string, and was given ${describeKind(value)}`);
}

function sliceOf(value: unknown, ...bounds: readonly unknown[]): unknown {
  const [from = 0, to] = bounds.map((bound) => integer('slice', bound));
  if (bounds.length > 2) throw new Fault('slice takes at most two bounds');
  const isString = typeof value === 'string';
  if (!isString && !Array.isArray(value))
    throw new Fault(`slice takes a string or a list, and was given ${describeKind(value)}`);
  const whole = isString ? Buffer.from(value) : (value as readonly unknown[]);
  const end = to ?? whole.length;
  if (from < 0 || end > whole.length || from > end) {
    throw new Fault(`slice ${from} to ${end} is out of range: the length is ${whole.length}`);
  }
  return Buffer.isBuffer(whole) ? whole.subarray(from, end).toString() : whole.slice(from, end);
}

/** A space between two neighbours of which neither is a string. */
function printOf(...args: readonly unknown[]): string {
  return args.reduce<string>((text, arg, index) => {
    const apart = index > 0 && typeof arg !== 'string' && typeof args[index - 1] !== 'string';
    return `${text}${apart ? ' ' : ''}${textOf(arg)}`;
  }, '');
}

function splitText(text: unknown, separator: unknown): string[] {
  const [whole, by] = [string('split', text), string('split', separator)];
  return by === '' ? Array.from(whole) : whole.split(by);
}

function titleCase(text: string): string {
  return text.replace(/(?<![\p{L}\p{Nd}_])\p{L}/gu, (letter) => letter.toUpperCase());
}

/** Spaces on both sides, as many as told; none around nothing. */
function padText(text: unknown, before: unknown, after: unknown): string {
  const [left, right] = [integer('pad', before), integer('pad', after)];
  if (Math.min(left, right) < 0 || Math.max(left, right) > MAX_PADDING) {
    throw new Fault(`pad takes numbers of spaces from 0 to ${MAX_PADDING}`);
  }
  const inner = string('pad', text);
  return inner === '' ? '' : ' '.repeat(left) + inner + ' '.repeat(right);
}

function truncateText(text: unknown, length: unknown): string {
  const most = integer('truncate', length);
  if (most < 0) throw new Fault('truncate takes a length of 0 or more');
  const bytes = Buffer.from(string('truncate', text));
  if (bytes.length <= most) return bytes.toString();
  // Not in the middle of a character.
  let end = most;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}
