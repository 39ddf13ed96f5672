/** Records of pax headers, `LENGTH KEY=VALUE\n`: LENGTH counts all of it, itself too. Values are bytes. See pax(1p). */
import { decodeName, encodeName } from './byte-text.js';
import { malformed } from './header.js';

/** What the name of an extended attribute follows in a record's key: star's, and since GNU's and libarchive's. */
export const XATTR_PREFIX = 'SCHILY.xattr.';

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;
const NANOSECOND_DIGITS = 9;

/** @throws {WarrenError} `ERR_TAR`. */
export function decodePax(bytes: Buffer): Map<string, Uint8Array> {
  const records = new Map<string, Uint8Array>();
  for (let at = 0; at < bytes.length;) {
    // A number of so many digits cannot be the length of anything here.
    const space = bytes.subarray(at, at + 12).indexOf(SPACE);
    const digits = bytes.toString('latin1', at, at + Math.max(space, 0));
    const length = Number(digits);
    const end = at + length;
    if (
      !/^[1-9]\d*$/.test(digits) ||
      length <= space + 1 ||
      end > bytes.length ||
      bytes[end - 1] !== NEWLINE
    ) {
      // Some programs fill up with NULs.
      if (bytes.subarray(at).every((byte) => byte === 0)) break;
      throw malformed('a pax record has a wrong length');
    }
    const record = bytes.subarray(at + space + 1, end - 1);
    const equals = record.indexOf(EQUALS);
    if (equals < 1) throw malformed('a pax record has no key');
    // A copy: the header block's memory need not live as long as a value.
    records.set(decodeName(record.subarray(0, equals)), Uint8Array.from(record.subarray(equals + 1)));
    at = end;
  }
  return records;
}

export function encodePax(records: ReadonlyMap<string, Uint8Array>): Buffer {
  const parts: Uint8Array[] = [];
  for (const [key, value] of records) {
    const name = encodeName(key);
    const rest = name.length + value.length + 3;
    let length = rest + String(rest).length;
    // The length's own digits can make it one digit longer.
    if (rest + String(length).length !== length) length++;
    parts.push(Buffer.from(`${length} `), name, Buffer.from('='), value, Buffer.from('\n'));
  }
  return Buffer.concat(parts);
}

/** `1350244992.023960108`, with a sign before 1970; digits beyond the nanosecond are dropped. */
export function decodeTime(value: Uint8Array): bigint {
  const text = Buffer.from(value).toString('latin1');
  const match = /^(-?)(\d{1,18})(?:\.(\d*))?$/.exec(text);
  if (!match) throw malformed('a time in a pax record is no decimal number');
  const [, sign, seconds = '0', fraction = ''] = match;
  const digits = fraction.slice(0, NANOSECOND_DIGITS).padEnd(NANOSECOND_DIGITS, '0');
  const magnitude = BigInt(seconds + digits);
  return sign === '-' ? -magnitude : magnitude;
}

export function encodeTime(nanoseconds: bigint): string {
  const digits = (nanoseconds < 0n ? -nanoseconds : nanoseconds)
    .toString()
    .padStart(NANOSECOND_DIGITS + 1, '0');
  const fraction = digits.slice(-NANOSECOND_DIGITS).replace(/0+$/, '');
  const whole = digits.slice(0, -NANOSECOND_DIGITS);
  return `${nanoseconds < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

/** @param label For messages. @param least The smallest number allowed. */
export function decodeDecimal(value: Uint8Array, label: string, least = 0): number {
  const text = Buffer.from(value).toString('latin1');
  const number = /^-?\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(number) || number < least)
    throw malformed(`its ${label} in a pax record is no number`);
  return number;
}

/** Keys cannot hold `=`: GNU tar writes it, and `%`, as in a URL. */
export function xattrKey(name: string): string {
  return XATTR_PREFIX + name.replaceAll('%', '%25').replaceAll('=', '%3D');
}

/** The extended attributes among the records. */
export function xattrsOf(records: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> {
  const xattrs = new Map<string, Uint8Array>();
  for (const [key, value] of records) {
    if (!key.startsWith(XATTR_PREFIX)) continue;
    const name = key.slice(XATTR_PREFIX.length).replaceAll('%3D', '=').replaceAll('%25', '%');
    if (name === '' || name.includes('\0')) throw malformed('an extended attribute has no name');
    xattrs.set(name, value);
  }
  return xattrs;
}
