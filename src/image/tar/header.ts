/**
 * The tar format as POSIX.1-2001 (pax) and GNU tar write it: blocks of 512 bytes; a header block, then the body padded
 * to whole blocks; two blocks of zeros at the end. See pax(1p), tar(5).
 */
import { quote, WarrenError } from '../../errors.js';

export const BLOCK = 512;

export type TarType =
  'file' | 'hard-link' | 'symlink' | 'character-device' | 'block-device' | 'directory' | 'fifo';

/** What an archive says of one file. Names are text without loss (byte-text.ts). */
export interface TarHeader {
  /** As it stands in the archive; it can be absolute or hold `..`. A directory's mostly ends with `/`. */
  readonly name: string;
  readonly type: TarType;
  /** The twelve permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly userName: string;
  readonly groupName: string;
  /** Bytes of the body: 0 for all but files. */
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  readonly atimeNs: bigint | undefined;
  readonly ctimeNs: bigint | undefined;
  /** Where a symbolic link leads, or the name in the archive that a hard link is another name for. */
  readonly linkName: string;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** Extended attributes, by their names. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
  /** Every pax record in force for this file, known here or not. */
  readonly pax: ReadonlyMap<string, Uint8Array>;
}

/** Places of a header's fields: offset and length. */
export const fields = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkName: [157, 100],
  magic: [257, 8],
  userName: [265, 32],
  groupName: [297, 32],
  deviceMajor: [329, 8],
  deviceMinor: [337, 8],
  prefix: [345, 155],
} as const satisfies Readonly<Record<string, readonly [offset: number, length: number]>>;

export type TarField = keyof typeof fields;

export const typeFlags: Readonly<Record<TarType, string>> = {
  file: '0',
  'hard-link': '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
};

/** With the checksum's own field counted as spaces; `signed` as some old programs summed. */
export function checksum(block: Uint8Array, signed = false): number {
  const [start, length] = fields.checksum;
  let sum = length * 0x20;
  for (let at = 0; at < BLOCK; at++) {
    if (at === start) at += length;
    const byte = block[at] ?? 0;
    sum += signed && byte > 127 ? byte - 256 : byte;
  }
  return sum;
}

/** Bytes that fill a body up to whole blocks. */
export function paddingAfter(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** The archive is damaged, cut short, or no archive. */
export function malformed(why: string, name?: string): WarrenError {
  return new WarrenError(
    'ERR_TAR',
    `Cannot read the tar archive${name === undefined ? '' : ` at ${quote(name)}`}`,
    {
      kind: 'invalid-argument',
      why,
      fix: 'look at it with: tar -tvf; compressed archives must be unpacked first',
    },
  );
}

/** The archive is whole, and uses something that is not read here. */
export function unsupported(why: string, name: string, fix: string): WarrenError {
  return new WarrenError('ERR_TAR_UNSUPPORTED', `Cannot read ${quote(name)} of the tar archive`, {
    kind: 'unsupported',
    why,
    fix,
  });
}

/** A file that no archive can hold, or whose body is not what its header says. */
export function unwritable(why: string, name: string): WarrenError {
  return new WarrenError('ERR_TAR_WRITE', `Cannot put ${quote(name)} into a tar archive`, {
    kind: 'invalid-argument',
    why,
  });
}
