/** Numbers in a header block: octal digits, or (GNU) big-endian two's complement with the first bit set. */
import { malformed } from './header.js';

const SPACE = 0x20;
const ZERO = 0x30;
const SEVEN = 0x37;

/** @param label For messages. @throws {WarrenError} `ERR_TAR`. */
export function decodeNumber(field: Uint8Array, label: string): number {
  const first = field[0] ?? 0;
  if ((first & 0x80) !== 0) return decodeBinary(field, label);
  let at = 0;
  while (field[at] === SPACE) at++;
  let value = 0;
  for (; at < field.length; at++) {
    const digit = field[at] ?? 0;
    if (digit === 0 || digit === SPACE) break;
    if (digit < ZERO || digit > SEVEN) throw malformed(`its ${label} is no octal number`);
    value = value * 8 + (digit - ZERO);
  }
  // What follows the digits is NULs and spaces; anything else is no header of ours.
  for (; at < field.length; at++) {
    if (field[at] !== 0 && field[at] !== SPACE) throw malformed(`its ${label} is no octal number`);
  }
  return value;
}

/** Octal, with a NUL at the end; undefined when the field is too short for it, or the number negative. */
export function encodeOctal(value: number | bigint, length: number): string | undefined {
  if (value < 0) return undefined;
  const digits = value.toString(8);
  return digits.length < length ? `${digits.padStart(length - 1, '0')}\0` : undefined;
}

function decodeBinary(field: Uint8Array, label: string): number {
  const bits = BigInt(field.length * 8 - 1);
  let value = 0n;
  for (const byte of field) value = (value << 8n) | BigInt(byte);
  // The first bit only marks the form; the next one is the sign.
  value = BigInt.asIntN(Number(bits), value);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw malformed(`its ${label} is beyond all sense`);
  return number;
}
