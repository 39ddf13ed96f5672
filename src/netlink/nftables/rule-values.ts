/** What a rule has in its registers, as text: which field it is, what was done to it, how constants of it are written. */
import { type DataType, dataTypes } from './datatypes.js';
import { extensionKinds } from './extension-fields.js';
import { type BitField } from './fields.js';
import { isBits, numberOf, prefixLength, rangeText, valueText, type ValueTextOptions } from './value-text.js';

export interface Value {
  readonly text: string;
  readonly type: DataType | undefined;
  /** Bytes. */
  readonly length: number;
  /** Known, for what the rule itself put there. */
  readonly bytes?: Buffer;
  readonly mask?: Buffer;
  /** Whether the number's first byte is its highest: of fields of packets, and after a change of byte order. */
  readonly isNetworkOrder?: boolean;
  /** Bits that the field's number stands left of the lowest. */
  readonly shift?: number;
  /** Of bytes that are no known field. */
  readonly isHex?: boolean;
  /** Of addresses: only the first bytes were loaded. */
  readonly isPrefix?: boolean;
  /** What a map gave: the text is said once, for all its parts. */
  readonly map?: string;
  /** The map gives more than one value, or two that are from and to. */
  readonly isWideMap?: boolean;
  /** Several fields in a row, that were loaded at once. */
  readonly parts?: readonly BitField[];
  /** What was done to the bytes that were loaded: which are kept, and which then flipped. */
  readonly changes?: { readonly id: string; readonly and: Buffer; readonly xor: Buffer };
  /** Where it comes from, to find the fields of a part of it. */
  readonly source?: Source;
}

export interface Source {
  /** In bits. */
  readonly offset: number;
  /** The same for what is loaded from the same place and for what is written there. */
  readonly id: string;
  readonly fieldAt: (offset: number, length: number) => BitField | undefined;
}

/** The first bits of a mask in a row, if all that are set are so. */
export function bitRun(mask: Uint8Array): { readonly offset: number; readonly length: number } | undefined {
  const bit = (index: number): boolean => ((mask[index >> 3] as number) & (0x80 >> (index & 7))) !== 0;
  const total = mask.length * 8;
  let offset = 0;
  while (offset < total && !bit(offset)) offset++;
  let length = 0;
  while (offset + length < total && bit(offset + length)) length++;
  for (let rest = offset + length; rest < total; rest++) if (bit(rest)) return undefined;
  return length === 0 ? undefined : { offset, length };
}

/** A value of which only the bits of a mask are left: the field that they are, if they are one. */
export function masked(value: Value, mask: Buffer): Value {
  const { source } = value;
  const run = bitRun(mask);
  const field = source && run ? source.fieldAt(source.offset + run.offset, run.length) : undefined;
  if (!field || !run || value.mask || field.name === value.text) return { ...value, mask };
  return {
    text: field.name,
    type: field.type,
    length: value.length,
    isNetworkOrder: true,
    shift: mask.length * 8 - run.offset - run.length,
  };
}

function shifted(bytes: Uint8Array, by: number): Buffer {
  const number = numberOf(undefined, bytes, true) >> BigInt(by);
  return Buffer.from(number.toString(16).padStart(bytes.length * 2, '0'), 'hex');
}

export interface ShowOptions extends ValueTextOptions {
  readonly devices?: ReadonlyMap<number, string> | undefined;
}

/** A constant as it is written beside this value. */
export function show(value: Value, bytes: Buffer, options: ShowOptions = {}): string {
  const { type, isNetworkOrder, shift = 0, isHex = false } = value;
  const own = shift === 0 ? bytes : shifted(bytes, shift);
  const inOrder = isNetworkOrder === undefined ? {} : { networkOrder: isNetworkOrder };
  if (isHex) return `0x${numberOf(undefined, own, true).toString(16)}`;
  if (type === 'iface_index' && own.length === 4) {
    const name = options.devices?.get(Number(numberOf(type, own, isNetworkOrder)));
    if (name !== undefined) return `"${name}"`;
  }
  return valueText(type, own, { ...options, ...inOrder });
}

export function showRange(value: Value, from: Buffer, to: Buffer, options: ShowOptions): string {
  const { type } = value;
  if (type === 'ipv4_addr' || type === 'ipv6_addr' || type === 'ifname') return rangeText(type, from, to);
  const numeric = { ...options, numeric: true };
  return `${show(value, from, numeric)}-${show(value, to, numeric)}`;
}

/** The value as it stands in a row of others, or before a set. */
export function textOf(value: Value): string {
  if (!value.mask) return value.text;
  return `${value.text} & ${maskText(value, value.mask)}`;
}

function maskText(value: Value, mask: Buffer): string {
  if (!isBits(value.type)) return show(value, mask);
  const text = show(value, mask, { between: ' | ' });
  return text.includes(' ') ? `(${text})` : text;
}

export function comparison(value: Value, op: string, bytes: Buffer, options: ShowOptions): string {
  const { text, type, mask } = value;
  const sign = op === '==' ? '' : `${op} `;
  const isAddress = type === 'ipv4_addr' || type === 'ipv6_addr';
  // Fewer bytes than the value has: those are the prefix.
  if (value.isPrefix === true || (isAddress && bytes.length < value.length)) {
    const whole = Buffer.alloc(value.length);
    bytes.copy(whole);
    return `${text} ${sign}${valueText(type, whole)}/${bytes.length * 8}`;
  }
  if (mask === undefined) {
    const explicit = op === '==' && isBits(type) ? '== ' : sign;
    return `${text} ${explicit}${show(value, bytes, { ...options, between: ' | ' })}`;
  }
  const length = isAddress ? prefixLength(mask) : undefined;
  if (length !== undefined) return `${text} ${sign}${show(value, bytes, options)}/${length}`;
  if (isBits(type)) {
    if (bytes.every((byte) => byte === 0)) return `${text} ${op === '!=' ? '' : '! '}${show(value, mask)}`;
    return `${text} ${op === '==' ? '' : '!= '}${show(value, bytes)} / ${show(value, mask)}`;
  }
  return `${textOf(value)} ${op} ${show(value, bytes, options)}`;
}

/** Bits that are kept, and then flipped: as nft says it, which sets (`|`) where it can. */
export function bitOperations(value: Value, and: Buffer, xor: Buffer): string {
  const or = and.map((byte, index) => ~byte & (xor[index] ?? 0));
  const flip = and.map((byte, index) => byte & (xor[index] ?? 0));
  const keep = and.map((byte, index) => byte | (or[index] as number));
  const is = (bytes: Uint8Array, all: number): boolean => bytes.every((byte) => byte === all);
  const text = (bytes: Uint8Array): string => show(value, Buffer.from(bytes));
  return [
    value.text,
    ...(is(keep, 0xff) ? [] : [`& ${text(keep)}`]),
    ...(is(flip, 0) ? [] : [`^ ${text(flip)}`]),
    ...(is(or, 0) ? [] : [`| ${text(or)}`]),
  ].join(' ');
}

/** A field of an extension header or option. Offset and length in bytes. */
export function extensionValue(
  kind: string,
  number: number,
  offset: number,
  length: number,
  isPresence: boolean,
): Value {
  const { before, present, known } = extensionKinds[kind] ?? {
    before: `${kind} `,
    present: `${kind} `,
    known: new Map<number, never>(),
  };
  const found = known.get(number);
  if (isPresence)
    return { text: `${present}${found?.name ?? number}`, type: 'boolean', length: 1, isNetworkOrder: true };
  const fieldAt = (at: number, bits: number): BitField | undefined => {
    const field = found?.fields.find((each) => each.offset === at && each.length === bits);
    return field && { ...field, name: `${before}${field.name}` };
  };
  const field = fieldAt(offset * 8, length * 8);
  const raw = `${before}@${number},${offset * 8},${length * 8}`;
  return {
    text: field?.name ?? raw,
    type: field?.type ?? 'integer',
    length,
    isNetworkOrder: true,
    source: { offset: offset * 8, id: `${kind} ${number} ${offset} ${length}`, fieldAt },
  };
}

/** Bytes that a value of this type takes, four where it has none. */
export function lengthOf(type: DataType | undefined): number {
  const length = type === undefined ? 0 : dataTypes[type][1];
  return length === 0 ? 4 : length;
}
