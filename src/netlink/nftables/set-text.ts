/** Sets and maps, and what is in them, as nft(8) writes them. */
import { type DataType, dataTypes, isNetworkOrder } from './datatypes.js';
import { type NftData, type RawElement } from './forms.js';
import { type NftSet, type RuleExpression, userComment } from './ruleset.js';
import { durationText, numberOf, rangeText, valueText } from './value-text.js';

export type StatefulText = (expression: RuleExpression) => string;

/** `{ 22, 80-90 }`, of a map `{ "lo" : accept }`. */
export function elementsText(set: NftSet, stateful: StatefulText): string {
  const items = elementTexts(set, stateful);
  return items.length === 0 ? '{ }' : `{ ${items.join(', ')} }`;
}

/** In nft's order: by value, of concatenations by their bytes from the last. */
export function elementTexts(set: NftSet, stateful: StatefulText): string[] {
  if (set.flags.includes('interval') && !set.flags.includes('concat')) return intervalTexts(set, stateful);
  const [type] = set.key;
  const order = set.key.length === 1 && isNetworkOrder(type);
  const sorted = [...set.elements]
    .map((element) => ({ element, number: numberOf(type, element.key?.value ?? Buffer.alloc(0), order) }))
    .sort((a, b) => (a.number < b.number ? -1 : a.number > b.number ? 1 : 0));
  return sorted.map(({ element }) => elementText(set, element, keyText(set, element), stateful));
}

function keyText(set: NftSet, { key, key_end, flags = [] }: RawElement): string {
  if (flags.includes('catchall')) return '*';
  const from = partsOf(set.key, key?.value ?? Buffer.alloc(0));
  if (!key_end?.value) return from.map((part, index) => valueText(set.key[index], part)).join(' . ');
  const to = partsOf(set.key, key_end.value);
  return from.map((part, index) => rangeText(set.key[index], part, to[index] ?? part)).join(' . ');
}

/** Each interval is two elements: where it begins, and, marked, where the next thing begins. */
function intervalTexts(set: NftSet, stateful: StatefulText): string[] {
  const [type] = set.key;
  const bytesOf = (element: RawElement): Buffer => element.key?.value ?? Buffer.alloc(0);
  const order = (bytes: Buffer): Buffer => (isNetworkOrder(type) ? bytes : Buffer.from(bytes).reverse());
  const isEnd = ({ flags = [] }: RawElement): boolean => flags.includes('interval_end');
  const sorted = set.elements
    .filter(({ flags = [] }) => !flags.includes('catchall'))
    .sort(
      (a, b) => Buffer.compare(order(bytesOf(a)), order(bytesOf(b))) || Number(isEnd(b)) - Number(isEnd(a)),
    );
  const texts: string[] = [];
  sorted.forEach((element, index) => {
    if (isEnd(element)) return;
    const from = order(bytesOf(element));
    const next = sorted[index + 1];
    const to = next ? before(order(bytesOf(next))) : Buffer.alloc(from.length, 0xff);
    texts.push(elementText(set, element, rangeOf(type, from, to), stateful));
  });
  for (const element of set.elements) {
    if (element.flags?.includes('catchall') === true) texts.push(elementText(set, element, '*', stateful));
  }
  return texts;
}

/** Both ends are in network order here. */
function rangeOf(type: DataType | undefined, from: Buffer, to: Buffer): string {
  if (isNetworkOrder(type)) return rangeText(type, from, to);
  const native = (bytes: Buffer): Buffer => Buffer.from(bytes).reverse();
  const text = (bytes: Buffer): string => valueText(type, native(bytes));
  return Buffer.compare(from, to) === 0 ? text(from) : `${text(from)}-${text(to)}`;
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

function elementText(set: NftSet, element: RawElement, key: string, stateful: StatefulText): string {
  const { data, timeout, expiration, userdata, expr, expressions, objref } = element;
  const comment = userComment(userdata, 0);
  const parts = [
    key,
    ...(timeout === undefined ? [] : [`timeout ${durationText(timeout)}`]),
    ...(expiration === undefined ? [] : [`expires ${durationText(expiration)}`]),
    ...[...(expr ? [expr] : []), ...(expressions ?? [])].map((each) => stateful(each as RuleExpression)),
    ...(comment === undefined ? [] : [`comment "${comment}"`]),
  ];
  const value = objref === undefined ? dataText(set, data) : `"${objref}"`;
  return value === undefined ? parts.join(' ') : `${parts.join(' ')} : ${value}`;
}

function dataText({ data: types }: NftSet, data: NftData | undefined): string | undefined {
  if (types === undefined || data === undefined) return undefined;
  if (data.verdict) return verdictText(data.verdict);
  if (types === 'verdict') return undefined;
  return partsOf(types, data.value ?? Buffer.alloc(0))
    .map((part, index) => valueText(types[index], part))
    .join(' . ');
}

export function verdictText({ code, chain }: NonNullable<NftData['verdict']>): string {
  return chain === undefined ? String(code) : `${String(code)} ${chain}`;
}

/** Parts of a concatenation begin at multiples of four bytes. */
export function partsOf(types: readonly (DataType | undefined)[], bytes: Buffer): Buffer[] {
  if (types.length <= 1) return [bytes];
  const parts: Buffer[] = [];
  let at = 0;
  for (const type of types) {
    const length = type === undefined ? 4 : dataTypes[type][1];
    parts.push(bytes.subarray(at, at + length));
    at += (length + 3) & ~3;
  }
  return parts;
}
