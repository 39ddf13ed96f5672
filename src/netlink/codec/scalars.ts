/** Numbers, text and bytes. */
import { malformed, unencodable } from './errors.js';
import { type Type } from './type.js';
import { type Writer } from './writer.js';

/** What a signed or unsigned integer of up to 32 bits needs to know. */
interface IntegerForm {
  readonly name: string;
  readonly size: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly get: (bytes: Buffer, at: number) => number;
  readonly put: (bytes: Buffer, value: number, at: number) => void;
}

export interface IntegerType extends Type<number> {
  readonly size: number;
}

function integer({ name, size, minimum, maximum, get, put }: IntegerForm): IntegerType {
  return {
    size,
    read(bytes, start, end) {
      checkSize(name, size, start, end);
      return get(bytes, start);
    },
    write(out, value) {
      if (!Number.isInteger(value) || value < minimum || value > maximum) {
        throw unencodable(
          `the number ${String(value)}`,
          `a ${name} is an integer from ${minimum} to ${maximum}`,
        );
      }
      const at = out.reserve(size);
      put(out.memory, value, at);
    },
  };
}

function checkSize(name: string, size: number, start: number, end: number): void {
  if (end - start !== size) throw malformed(`a ${name}`, `it has ${end - start} bytes instead of ${size}`);
}

const U8 = 0xff;
const U16 = 0xffff;
const U32 = 0xffff_ffff;

export const u8 = integer({
  name: 'u8',
  size: 1,
  minimum: 0,
  maximum: U8,
  get: (bytes, at) => bytes.readUInt8(at),
  put: (bytes, value, at) => void bytes.writeUInt8(value, at),
});
export const u16 = integer({
  name: 'u16',
  size: 2,
  minimum: 0,
  maximum: U16,
  get: (bytes, at) => bytes.readUInt16LE(at),
  put: (bytes, value, at) => void bytes.writeUInt16LE(value, at),
});
export const u32 = integer({
  name: 'u32',
  size: 4,
  minimum: 0,
  maximum: U32,
  get: (bytes, at) => bytes.readUInt32LE(at),
  put: (bytes, value, at) => void bytes.writeUInt32LE(value, at),
});
export const s32 = integer({
  name: 's32',
  size: 4,
  minimum: -0x8000_0000,
  maximum: 0x7fff_ffff,
  get: (bytes, at) => bytes.readInt32LE(at),
  put: (bytes, value, at) => void bytes.writeInt32LE(value, at),
});
/** In network byte order, as the next two. */
export const be16 = integer({
  name: 'be16',
  size: 2,
  minimum: 0,
  maximum: U16,
  get: (bytes, at) => bytes.readUInt16BE(at),
  put: (bytes, value, at) => void bytes.writeUInt16BE(value, at),
});
export const be32 = integer({
  name: 'be32',
  size: 4,
  minimum: 0,
  maximum: U32,
  get: (bytes, at) => bytes.readUInt32BE(at),
  put: (bytes, value, at) => void bytes.writeUInt32BE(value, at),
});
export const sbe32 = integer({
  name: 'signed be32',
  size: 4,
  minimum: -0x8000_0000,
  maximum: 0x7fff_ffff,
  get: (bytes, at) => bytes.readInt32BE(at),
  put: (bytes, value, at) => void bytes.writeInt32BE(value, at),
});

/** A u8 that is 0 or 1. */
export const bool: Type<boolean> & { readonly size: number } = {
  size: 1,
  read: (bytes, start, end) => u8.read(bytes, start, end) !== 0,
  write: (out, value) => u8.write(out, value ? 1 : 0),
};

/** A number while JavaScript's are exact (up to 2^53 - 1), beyond a bigint. Either is taken. */
export type Wide = number | bigint;

function wide(
  name: string,
  upper: (bytes: Buffer, at: number) => number,
  lower: (bytes: Buffer, at: number) => number,
  put: (bytes: Buffer, value: bigint, at: number) => void,
): Type<Wide> & { readonly size: number } {
  return {
    size: 8,
    read(bytes, start, end) {
      checkSize(name, 8, start, end);
      // Most are small: a bigint for each would take most of the time that a list of devices does.
      const high = upper(bytes, start);
      if (high < 0x20_0000) return high * 0x1_0000_0000 + lower(bytes, start);
      return (BigInt(high) << 32n) | BigInt(lower(bytes, start));
    },
    write(out, value) {
      const exact = typeof value === 'bigint' || Number.isSafeInteger(value) ? BigInt(value) : undefined;
      if (exact === undefined || exact < 0n || exact > 0xffff_ffff_ffff_ffffn) {
        throw unencodable(`the number ${String(value)}`, `a ${name} is an integer from 0 to 2^64 - 1`);
      }
      const at = out.reserve(8);
      put(out.memory, exact, at);
    },
  };
}

export const u64 = wide(
  'u64',
  (bytes, at) => bytes.readUInt32LE(at + 4),
  (bytes, at) => bytes.readUInt32LE(at),
  (bytes, value, at) => void bytes.writeBigUInt64LE(value, at),
);
export const be64 = wide(
  'be64',
  (bytes, at) => bytes.readUInt32BE(at),
  (bytes, at) => bytes.readUInt32BE(at + 4),
  (bytes, value, at) => void bytes.writeBigUInt64BE(value, at),
);

/** An attribute that says something by being there. */
export const flag: Type<true, boolean> = {
  size: 0,
  read: () => true,
  write: () => undefined,
};

/** Text, ended by a NUL when written; read up to the first one. */
export const string: Type<string> = {
  read(bytes, start, end) {
    const nul = bytes.indexOf(0, start);
    return bytes.toString('utf8', start, nul < 0 || nul > end ? end : nul);
  },
  write(out, value) {
    writeText(out, value);
    out.reserve(1);
  },
};

function writeText(out: Writer, value: string): void {
  if (value.includes('\0')) throw unencodable(JSON.stringify(value), 'it contains a NUL character');
  out.append(Buffer.from(value));
}

/** Bytes as they are, of any length; read as a copy. */
export const binary: Type<Buffer, Uint8Array> = {
  read: (bytes, start, end) => Buffer.from(bytes.subarray(start, end)),
  write: (out, value) => out.append(value),
};

/** As {@link binary}, of one length only. */
export function bytes(size: number): Type<Buffer, Uint8Array> & { readonly size: number } {
  return {
    size,
    read(buffer, start, end) {
      checkSize('field', size, start, end);
      return binary.read(buffer, start, end);
    },
    write(out, value) {
      if (value.length !== size)
        throw unencodable('a field', `it has ${value.length} bytes instead of ${size}`);
      out.append(value);
    },
  };
}

/** Text in a field of fixed length (a char array of a C structure). */
export function text(size: number): Type<string> & { readonly size: number } {
  return {
    size,
    read(buffer, start, end) {
      checkSize('text field', size, start, end);
      return string.read(buffer, start, end);
    },
    write(out, value) {
      const encoded = Buffer.from(value);
      if (encoded.length >= size || value.includes('\0')) {
        throw unencodable(JSON.stringify(value), `it has more than ${size - 1} bytes, or a NUL character`);
      }
      const at = out.reserve(size);
      encoded.copy(out.memory, at);
    },
  };
}

/** Bytes of a structure that hold nothing. */
export function pad(size: number): Type<undefined> & { readonly size: number } {
  return { size, read: () => undefined, write: (out) => void out.reserve(size) };
}

/** One of a set of numbers, by name; a number that has no name here stays a number. */
export function enumeration<const Names extends Readonly<Record<string, number>>>(
  form: IntegerType,
  names: Names,
): Type<(keyof Names & string) | number> & { readonly size: number } {
  const byNumber = new Map(
    Object.entries(names).map(([name, number]) => [number, name as keyof Names & string]),
  );
  return {
    size: form.size,
    read(buffer, start, end) {
      const number = form.read(buffer, start, end);
      return byNumber.get(number) ?? number;
    },
    write(out, value) {
      const number = typeof value === 'number' ? value : names[value];
      if (number === undefined) {
        throw unencodable(JSON.stringify(value), `known are ${Object.keys(names).join(', ')}, and numbers`);
      }
      form.write(out, number);
    },
  };
}

/** A set of bits, by name; those without one are together the last element, as hexadecimal text. */
export function bits<const Names extends Readonly<Record<string, number>>>(
  form: IntegerType,
  names: Names,
): Type<readonly ((keyof Names & string) | `0x${string}`)[]> & { readonly size: number } {
  const all = Object.entries(names) as [keyof Names & string, number][];
  return {
    size: form.size,
    read(buffer, start, end) {
      let left = form.read(buffer, start, end);
      const found: ((keyof Names & string) | `0x${string}`)[] = [];
      for (const [name, mask] of all) {
        if ((left & mask) >>> 0 === mask && mask !== 0) {
          found.push(name);
          left = (left & ~mask) >>> 0;
        }
      }
      if (left !== 0) found.push(`0x${left.toString(16)}`);
      return found;
    },
    write(out, value) {
      form.write(out, maskOf(names, value));
    },
  };
}

/** The number that names stand for. */
export function maskOf(names: Readonly<Record<string, number>>, wanted: readonly string[]): number {
  let mask = 0;
  for (const name of wanted) {
    const bit = names[name] ?? (/^0x[0-9a-f]{1,8}$/i.test(name) ? Number(name) : undefined);
    if (bit === undefined)
      throw unencodable(JSON.stringify(name), `known are ${Object.keys(names).join(', ')}`);
    mask = (mask | bit) >>> 0;
  }
  return mask;
}
