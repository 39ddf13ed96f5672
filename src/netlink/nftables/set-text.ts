/** Sets and maps, and what is in them, as nft(8) writes them. */
import { type DataType, dataTypes } from './datatypes.js';
import { type NftData, type RawElement } from './forms.js';
import { type NftSet, type RuleExpression, userComment } from './ruleset.js';
import { show, type Value } from './rule-values.js';
import { durationText, isBits, numberOf, rangeText } from './value-text.js';

export interface ElementsTextOptions {
  /** Text of counters and limits that elements keep. */
  readonly stateful: (expression: RuleExpression) => string;
  /** What is looked up: which field it is decides how its values are written. */
  readonly keys?: readonly Value[];
  /** Names of devices by index. */
  readonly devices?: ReadonlyMap<number, string> | undefined;
}

/** `{ 22, 80-90 }`, of a map `{ "lo" : accept }`. */
export function elementsText(set: NftSet, options: ElementsTextOptions): string {
  const items = elementTexts(set, options);
  return items.length === 0 ? '{ }' : `{ ${items.join(', ')} }`;
}

/** In nft's order: by value, of concatenations by their bytes from the last. */
export function elementTexts(set: NftSet, options: ElementsTextOptions): string[] {
  const keys = set.key.map((type, index) => keyValue(set, type, options.keys?.[index]));
  const all = set.elements.filter(({ flags = [] }) => !flags.includes('catchall'));
  const isInterval = set.flags.includes('interval') && !set.flags.includes('concat');
  const texts = isInterval
    ? intervalTexts(set, all, keys[0] ?? ANY, options)
    : [...all]
        // Of equal ones, nft shows the last first.
        .reverse()
        .map((element) => ({ element, order: sortKey(keys, element) }))
        .sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0))
        .map(({ element }) => elementText(set, element, keyText(element, keys, options), options));
  for (const element of set.elements)
    if (element.flags?.includes('catchall') === true) texts.push(elementText(set, element, '*', options));
  return texts;
}

const ANY: Value = { text: '', type: undefined, length: 4 };

function keyValue(set: NftSet, type: DataType | undefined, loaded: Value | undefined): Value {
  const order = set.keyOrder === undefined ? {} : { isNetworkOrder: set.keyOrder === 'network' };
  const own: Value = {
    text: '',
    type,
    length: partLength(set.key, type, set.keyLength),
    ...(type === 'integer' || type === undefined ? order : {}),
  };
  if (!loaded) return own;
  // What a rule looks up tells more than the set's type: a field of a few bits, a number's byte order.
  const length = set.key.length > 1 && type === 'integer' ? loaded.length : own.length;
  return { ...loaded, ...(loaded.type === undefined ? { type } : {}), length };
}

function sortKey(keys: readonly Value[], { key }: RawElement): bigint {
  const [first = ANY] = keys;
  const bytes = key?.value ?? Buffer.alloc(0);
  if (keys.length > 1) return numberOf(undefined, bytes, false);
  const number = numberOf(first.type, bytes, first.isNetworkOrder);
  // Of several bits nft looks at the lowest.
  return isBits(first.type) ? number & -number : number;
}

function keyText(
  { key, key_end }: RawElement,
  keys: readonly Value[],
  { devices }: ElementsTextOptions,
): string {
  const how = { devices, between: ' | ' };
  const lengths = keys.map(({ length }) => length);
  const from = partsOf(lengths, key?.value ?? Buffer.alloc(0));
  const to = key_end?.value ? partsOf(lengths, key_end.value) : [];
  return from
    .map((part, index) => {
      const value = keys[index] ?? ANY;
      const end = to[index];
      if (!end || end.equals(part)) return show(value, part, how);
      return rangeOf({ ...value, isNetworkOrder: true }, part, end, how);
    })
    .join(' . ');
}

/** Each interval is two elements: where it begins, and, marked, where the next thing begins. All in network order. */
function intervalTexts(
  set: NftSet,
  elements: readonly RawElement[],
  key: Value,
  options: ElementsTextOptions,
): string[] {
  const value = { ...key, isNetworkOrder: true };
  const bytesOf = (element: RawElement): Buffer => element.key?.value ?? Buffer.alloc(0);
  const isEnd = ({ flags = [] }: RawElement): boolean => flags.includes('interval_end');
  const sorted = [...elements].sort(
    (a, b) => Buffer.compare(bytesOf(a), bytesOf(b)) || Number(isEnd(b)) - Number(isEnd(a)),
  );
  const texts: string[] = [];
  sorted.forEach((element, index) => {
    if (isEnd(element)) return;
    const from = bytesOf(element);
    const next = sorted[index + 1];
    const to = next ? before(bytesOf(next)) : Buffer.alloc(from.length, 0xff);
    texts.push(elementText(set, element, rangeOf(value, from, to, { devices: options.devices }), options));
  });
  return texts;
}

function rangeOf(value: Value, from: Buffer, to: Buffer, how: Parameters<typeof show>[2]): string {
  const { type } = value;
  if (type === 'ipv4_addr' || type === 'ipv6_addr' || type === 'ifname') return rangeText(type, from, to);
  if (from.equals(to)) return show(value, from, how);
  const numeric = { ...how, numeric: true };
  return `${show(value, from, numeric)}-${show(value, to, numeric)}`;
}

function before(bytes: Buffer): Buffer {
  const result = Buffer.from(bytes);
  for (let index = result.length - 1; index >= 0; index--) {
    const byte = result[index] as number;
    result[index] = (byte - 1) & 0xff;
    if (byte !== 0) break;
  }
  return result;
}

function elementText(set: NftSet, element: RawElement, key: string, options: ElementsTextOptions): string {
  const { data, timeout, expiration, userdata, expr, expressions, objref } = element;
  const comment = userComment(userdata, 0);
  const parts = [
    key,
    ...(timeout === undefined ? [] : [`timeout ${durationText(timeout)}`]),
    ...(expiration === undefined ? [] : [`expires ${durationText(expiration)}`]),
    ...[...(expr ? [expr] : []), ...(expressions ?? [])].map((each) =>
      options.stateful(each as RuleExpression),
    ),
    ...(comment === undefined ? [] : [`comment "${comment}"`]),
  ];
  const value = objref === undefined ? dataText(set, data, options) : `"${objref}"`;
  return value === undefined ? parts.join(' ') : `${parts.join(' ')} : ${value}`;
}

function dataText(
  { data: types }: NftSet,
  data: NftData | undefined,
  { devices }: ElementsTextOptions,
): string | undefined {
  if (types === undefined || data === undefined) return undefined;
  if (data.verdict) return verdictText(data.verdict);
  if (types === 'verdict') return undefined;
  const bytes = data.value ?? Buffer.alloc(0);
  const [type] = types;
  const length = type === undefined ? 0 : dataTypes[type][1];
  // From and to, one behind the other.
  if (types.length === 1 && length > 0 && bytes.length >= 2 * length)
    return rangeText(type, bytes.subarray(0, length), bytes.subarray(length, 2 * length));
  return partsOf(
    types.map((each) => partLength(types, each, bytes.length)),
    bytes,
  )
    .map((part, index) => show({ text: '', type: types[index], length: part.length }, part, { devices }))
    .join(' . ');
}

export function verdictText({ code, chain }: NonNullable<NftData['verdict']>): string {
  return chain === undefined ? String(code) : `${String(code)} ${chain}`;
}

function partLength(types: readonly unknown[], type: DataType | undefined, whole: number): number {
  if (types.length === 1) return whole;
  const length = type === undefined ? 0 : dataTypes[type][1];
  return length === 0 ? 4 : length;
}

/** Parts of a concatenation begin at multiples of four bytes. */
function partsOf(lengths: readonly number[], bytes: Buffer): Buffer[] {
  if (lengths.length <= 1) return [bytes];
  const parts: Buffer[] = [];
  let at = 0;
  for (const length of lengths) {
    parts.push(bytes.subarray(at, at + length));
    at += (length + 3) & ~3;
  }
  return parts;
}
