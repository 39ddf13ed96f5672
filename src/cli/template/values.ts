/**
 * How templates see JavaScript's values.
 *
 * A `Map` is a Go map: a key that is missing is no value. A plain object is a struct: a field that is missing is an
 * error, and a field that is a function is a method, called with what follows it. Arrays are lists, `undefined` is no value.
 */
export type TemplateMethod = (...args: readonly unknown[]) => unknown;

export type ValueKind = 'none' | 'nil' | 'bool' | 'number' | 'string' | 'list' | 'map' | 'struct' | 'method';

export function kindOf(value: unknown): ValueKind {
  if (value === undefined) return 'none';
  if (value === null) return 'nil';
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'number':
      return 'number';
    case 'string':
      return 'string';
    case 'function':
      return 'method';
    default:
      if (Array.isArray(value)) return 'list';
      return value instanceof Map ? 'map' : 'struct';
  }
}

/** Neither has anything to show. */
export function isNil(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

/** For messages. */
export function describeKind(value: unknown): string {
  const kind = kindOf(value);
  return kind === 'none' ? 'no value' : kind === 'nil' ? 'null' : `a ${kind}`;
}

/** Go's rule: false, 0, nothing, and what is empty are false; a struct never is. */
export function isTruthy(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  return Boolean(value);
}

/** In the order of their keys, as Go ranges over and prints them. */
export function sortedEntries(map: ReadonlyMap<unknown, unknown>): [string, unknown][] {
  const entries = [...map].map(([key, value]): [string, unknown] => [String(key), value]);
  return entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** The fields of a struct; methods are none. */
export function structEntries(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, field]) => typeof field !== 'function');
}

/**
 * Go's `%v`.
 *
 * @param options.names Field names before the values of structs, Go's `%+v`.
 */
export function formatValue(value: unknown, options: { readonly names?: boolean } = {}): string {
  const inner = (each: unknown): string => formatValue(each, options);
  switch (kindOf(value)) {
    case 'none':
    case 'nil':
      return '<nil>';
    case 'number':
      return formatNumber(value as number);
    case 'list':
      return `[${(value as unknown[]).map(inner).join(' ')}]`;
    case 'map': {
      const entries = sortedEntries(value as Map<unknown, unknown>);
      return `map[${entries.map(([key, each]) => `${key}:${inner(each)}`).join(' ')}]`;
    }
    case 'struct': {
      const fields = structEntries(value as object);
      return `{${fields.map(([name, each]) => (options.names === true ? `${name}:` : '') + inner(each)).join(' ')}}`;
    }
    case 'method':
      return '<method>';
    case 'bool':
    case 'string':
      return String(value);
  }
}

/** A whole number as Go prints an int, any other as its shortest `%g`. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 63) return BigInt(value).toString();
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  const [digits = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  // Where Go changes to an exponent; JavaScript does at 1e21 and 1e-7.
  return power >= -4 && power < 6 ? String(value) : `${digits}e${goExponent(power)}`;
}

/** At least two digits. */
export function goExponent(power: number): string {
  return `${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

/** Go's encoding/json without the escaping of HTML: maps in the order of their keys, no value is null. */
export function jsonText(value: unknown, space?: number): string {
  // With a final `?? `, since a method alone gives undefined.
  const text = JSON.stringify(
    value,
    (_, each: unknown): unknown => (each instanceof Map ? Object.fromEntries(sortedEntries(each)) : each),
    space,
  ) as string | undefined;
  return (text ?? 'null').replace(/[\u2028\u2029]/g, (char) => (char === '\u2028' ? '\\u2028' : '\\u2029'));
}
