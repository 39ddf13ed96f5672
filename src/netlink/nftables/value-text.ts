/** Values as nft(8) writes them. */
import { formatIp } from '../codec/index.js';
import { type DataType, isNetworkOrder } from './datatypes.js';
import { bitNames, valueNames } from './value-names.js';

export function isBits(type: DataType | undefined): boolean {
  return type === 'ct_label' || (type !== undefined && bitNames[type] !== undefined);
}

/** The number that bytes are, in the byte order of their type; bytes of packets are in network order. */
export function numberOf(
  type: DataType | undefined,
  bytes: Uint8Array,
  networkOrder = isNetworkOrder(type),
): bigint {
  let number = 0n;
  for (let index = 0; index < bytes.length; index++) {
    number = (number << 8n) | BigInt(bytes[networkOrder ? index : bytes.length - 1 - index] as number);
  }
  return number;
}

export interface ValueTextOptions {
  /** Whether the first byte is the highest. Default: as the type has it. */
  readonly networkOrder?: boolean | undefined;
  /** Numbers instead of names, as within ranges. */
  readonly numeric?: boolean;
  /** Between several bits. Default `,`. */
  readonly between?: string;
}

export function valueText(
  type: DataType | undefined,
  bytes: Uint8Array,
  { networkOrder, numeric = false, between = ',' }: ValueTextOptions = {},
): string {
  const number = numberOf(type, bytes, networkOrder);
  if (type === 'ct_label') return labelText(number);
  const bitsOf = type === undefined ? undefined : bitNames[type];
  if (bitsOf) {
    const found = Object.entries(bitsOf).filter(([, bit]) => (number & BigInt(bit)) !== 0n);
    const left = found.reduce((rest, [, bit]) => rest & ~BigInt(bit), number);
    if (found.length === 0 || left !== 0n) return `0x${number.toString(16)}`;
    return found.map(([name]) => name).join(between);
  }
  const name = numeric || type === undefined ? undefined : valueNames[type]?.[Number(number)];
  if (name !== undefined) return name;
  switch (type) {
    case 'ipv4_addr':
    case 'ipv6_addr':
      return bytes.length === 4 || bytes.length === 16 ? formatIp(bytes) : hex(bytes);
    case 'ether_addr':
    case 'll_addr':
      return Buffer.from(bytes)
        .toString('hex')
        .replace(/..(?!$)/g, '$&:');
    case 'ifname': {
      // Fewer bytes than a whole name, without a NUL: anything that begins so.
      const end = bytes.indexOf(0);
      const text = Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString();
      return `"${end < 0 && bytes.length < 16 ? `${text}*` : text}"`;
    }
    case 'mark':
      return `0x${number.toString(16).padStart(bytes.length * 2, '0')}`;
    case 'string':
      return `"${Buffer.from(bytes).toString().replace(/\0.*$/s, '')}"`;
    case 'ether_type':
      return `0x${number.toString(16).padStart(4, '0')}`;
    case 'dscp':
    case 'ecn':
      return `0x${number.toString(16).padStart(2, '0')}`;
    case 'bitmask':
      return `0x${number.toString(16)}`;
    case 'classid':
      return `${(number >> 16n).toString(16)}:${(number & 0xffffn).toString(16)}`;
    case 'duration':
      return numeric ? `${number / 1000n}s` : durationText(number);
    case 'hour':
      return hourText(Number(number));
    case 'time':
      return momentText(number);
    default:
      return bytes.length > 8 ? hex(bytes) : number.toString();
  }
}

/** Labels are called by the numbers of their bits. */
function labelText(number: bigint): string {
  const found: number[] = [];
  for (let bit = 0; bit < 128; bit++) if ((number & (1n << BigInt(bit))) !== 0n) found.push(bit);
  return found.length === 0 ? '0x0' : found.join(',');
}

const two = (number: number): string => String(number).padStart(2, '0');

/** Seconds of a day at Greenwich, told as the clock says here. */
function hourText(seconds: number): string {
  const offset = -new Date().getTimezoneOffset() * 60;
  const here = (((seconds + offset) % 86_400) + 86_400) % 86_400;
  const rest = here % 60;
  return `"${two(Math.floor(here / 3600))}:${two(Math.floor(here / 60) % 60)}${rest === 0 ? '' : `:${two(rest)}`}"`;
}

/** Nanoseconds since 1970. */
function momentText(nanoseconds: bigint): string {
  const at = new Date(Number(nanoseconds / 1_000_000n));
  if (Number.isNaN(at.getTime())) return nanoseconds.toString();
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `"${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}"`;
}

function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString('hex')}`;
}

/** The length of a mask that is a prefix, else undefined. */
export function prefixLength(mask: Uint8Array): number | undefined {
  let length = 0;
  while (length < mask.length * 8 && ((mask[length >> 3] as number) & (0x80 >> (length & 7))) !== 0) length++;
  for (let bit = length; bit < mask.length * 8; bit++) {
    if (((mask[bit >> 3] as number) & (0x80 >> (bit & 7))) !== 0) return undefined;
  }
  return length;
}

/** `10.0.0.0/8` for such a range of addresses, `a-b` for others, the value alone when it is one. */
export function rangeText(type: DataType | undefined, from: Uint8Array, to: Uint8Array): string {
  if (Buffer.compare(from, to) === 0) return valueText(type, from, { networkOrder: true });
  if (type === 'ifname') {
    // All that begin so: the rest from zeros to ones.
    const end = from.indexOf(0);
    if (end >= 0 && to.every((byte, at) => byte === (at < end ? from[at] : 0xff)))
      return valueText(type, from.subarray(0, end));
  }
  if (type === 'ipv4_addr' || type === 'ipv6_addr') {
    const length = prefixLength(from.map((byte, index) => ~(byte ^ (to[index] as number)) & 0xff));
    const tail = (bytes: Uint8Array, bit: number): boolean =>
      ((bytes[bit >> 3] as number) & (0x80 >> (bit & 7))) !== 0;
    let whole = length !== undefined;
    for (let bit = length ?? 0; whole && bit < from.length * 8; bit++)
      whole = !tail(from, bit) && tail(to, bit);
    if (whole) return `${valueText(type, from)}/${length ?? 0}`;
  }
  return `${valueText(type, from, { networkOrder: true, numeric: true })}-${valueText(type, to, { networkOrder: true, numeric: true })}`;
}

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

/** `1h30m` */
export function durationText(milliseconds: number | bigint): string {
  let left = Number(milliseconds);
  let text = '';
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    if (count > 0) text += `${count}${unit}`;
    left -= count * size;
  }
  return text === '' ? '0s' : text;
}
