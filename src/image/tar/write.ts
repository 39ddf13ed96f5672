import { encodeName } from './byte-text.js';
import {
  BLOCK,
  checksum,
  fields,
  paddingAfter,
  typeFlags,
  unwritable,
  type TarField,
  type TarHeader,
} from './header.js';
import { encodeOctal } from './numbers.js';
import { encodePax, encodeTime, xattrKey } from './pax.js';

/** What must be said of a file; the rest defaults to 0, '' and none. */
export type TarHeaderInput = Pick<TarHeader, 'name' | 'type'> & Partial<TarHeader>;

export interface TarFile {
  readonly header: TarHeaderInput;
  /** `header.size` bytes, no more and no fewer. */
  readonly body?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

const NANOSECONDS = 1_000_000_000n;

/** Two blocks of zeros. */
const END = 2 * BLOCK;

/**
 * Writes an archive: ustar, with a pax header before a file only where ustar has no room (a long name, a large number, a
 * time with a fraction, extended attributes, other records given in `header.pax`). Names are written as the bytes they are.
 *
 * @throws {WarrenError} `ERR_TAR_WRITE`.
 */
export async function* writeTar(
  files: AsyncIterable<TarFile> | Iterable<TarFile>,
): AsyncGenerator<Buffer | Uint8Array, void, undefined> {
  // A view of it is nobody's to write to.
  const zeros = Buffer.alloc(END);
  for await (const { header, body } of files) {
    yield encodeTarHeader(header);
    const size = header.size ?? 0;
    let written = 0;
    for await (const chunk of body ?? []) {
      written += chunk.length;
      if (written > size)
        throw unwritable(`its body has more than the ${size} bytes of its header`, header.name);
      if (chunk.length > 0) yield chunk;
    }
    if (written < size)
      throw unwritable(`its body has ${written} bytes, and ${size} by its header`, header.name);
    const padding = paddingAfter(size);
    if (padding > 0) yield zeros.subarray(0, padding);
  }
  yield zeros;
}

/**
 * The blocks before a file's body.
 *
 * @throws {WarrenError} `ERR_TAR_WRITE`.
 */
export function encodeTarHeader(header: TarHeaderInput): Buffer {
  check(header);
  const records = new Map(header.pax ?? []);
  // Said by the header itself, below, where it is needed.
  for (const key of [...records.keys()]) if (isOurs(key)) records.delete(key);
  const main = encodeBlock(header, records);
  for (const [name, value] of header.xattrs ?? []) records.set(xattrKey(name), value);
  if (header.atimeNs !== undefined) records.set('atime', Buffer.from(encodeTime(header.atimeNs)));
  if (header.ctimeNs !== undefined) records.set('ctime', Buffer.from(encodeTime(header.ctimeNs)));
  if (records.size === 0) return main;
  const body = encodePax(records);
  const name = Buffer.concat([
    Buffer.from('PaxHeaders/'),
    encodeName(header.name.replace(/^.*\/(?=.)/s, '')),
  ]);
  const before = Buffer.alloc(BLOCK);
  put(before, 'name', name.subarray(0, fields.name[1]));
  finishBlock(before, 'x', { mode: 0o644, uid: 0, gid: 0, size: body.length, mtime: 0 });
  return Buffer.concat([before, body, Buffer.alloc(paddingAfter(body.length)), main]);
}

/** Fills in what ustar has room for, and adds to `records` what it has not. */
function encodeBlock(header: TarHeaderInput, records: Map<string, Uint8Array>): Buffer {
  const block = Buffer.alloc(BLOCK);
  const { mode = 0, uid = 0, gid = 0, size = 0, mtimeNs = 0n, linkName = '' } = header;

  const name = encodeName(header.name);
  const split = splitName(name);
  if (split) {
    put(block, 'prefix', split.prefix);
    put(block, 'name', split.name);
  } else {
    records.set('path', name);
    put(block, 'name', name.subarray(0, fields.name[1]));
  }
  const text = (field: 'linkName' | 'userName' | 'groupName', key: string, value: string): void => {
    const bytes = encodeName(value);
    // Owners' names end with a NUL, a link's target needs none.
    const room = fields[field][1] - (field === 'linkName' ? 0 : 1);
    if (bytes.length > room) records.set(key, bytes);
    put(block, field, bytes.subarray(0, room));
  };
  text('linkName', 'linkpath', linkName);
  text('userName', 'uname', header.userName ?? '');
  text('groupName', 'gname', header.groupName ?? '');

  const seconds = mtimeNs / NANOSECONDS;
  const number = (field: 'uid' | 'gid' | 'size', value: number): number => {
    if (encodeOctal(value, fields[field][1]) !== undefined) return value;
    records.set(field, Buffer.from(String(value)));
    return 0;
  };
  const wholeSeconds = mtimeNs % NANOSECONDS === 0n && encodeOctal(seconds, fields.mtime[1]) !== undefined;
  if (!wholeSeconds) records.set('mtime', Buffer.from(encodeTime(mtimeNs)));
  const room = encodeOctal(seconds, fields.mtime[1]) !== undefined;
  if (header.type === 'character-device' || header.type === 'block-device') {
    putNumber(block, 'deviceMajor', header.deviceMajor ?? 0, header.name);
    putNumber(block, 'deviceMinor', header.deviceMinor ?? 0, header.name);
  }
  finishBlock(block, typeFlags[header.type], {
    mode,
    uid: number('uid', uid),
    gid: number('gid', gid),
    size: number('size', size),
    mtime: room ? Number(seconds) : 0,
  });
  // Names that are no UTF-8 are to be taken as the bytes they are.
  const texts = ['path', 'linkpath', 'uname', 'gname'].flatMap((key) => records.get(key) ?? []);
  if (texts.some((bytes) => !isUtf8(bytes))) records.set('hdrcharset', Buffer.from('BINARY'));
  return block;
}

function finishBlock(
  block: Buffer,
  flag: string,
  numbers: Readonly<Record<'mode' | 'uid' | 'gid' | 'size' | 'mtime', number>>,
): void {
  for (const field of ['mode', 'uid', 'gid', 'size', 'mtime'] as const)
    putNumber(block, field, numbers[field], '');
  put(block, 'type', Buffer.from(flag));
  put(block, 'magic', Buffer.from('ustar\x0000'));
  const sum = checksum(block).toString(8).padStart(6, '0');
  put(block, 'checksum', Buffer.from(`${sum}\0 `));
}

/** At a slash: at most 155 bytes before it and 1 to 100 after. */
function splitName(name: Buffer): { prefix: Buffer; name: Buffer } | undefined {
  const room = fields.name[1];
  if (name.length <= room) return { prefix: Buffer.alloc(0), name };
  const slash = name.indexOf('/', name.length - room - 1);
  if (slash < 1 || slash > fields.prefix[1] || slash === name.length - 1) return undefined;
  return { prefix: name.subarray(0, slash), name: name.subarray(slash + 1) };
}

function check(header: TarHeaderInput): void {
  const { name, type, linkName = '' } = header;
  if (name === '') throw unwritable('it has no name', name);
  if (type === 'file' && name.endsWith('/'))
    throw unwritable('a name with "/" at its end is a directory\'s', name);
  const texts = [name, linkName, header.userName ?? '', header.groupName ?? ''];
  if (texts.some((text) => text.includes('\0'))) throw unwritable('a name has a NUL in it', name);
  for (const key of ['mode', 'uid', 'gid', 'size', 'deviceMajor', 'deviceMinor'] as const) {
    const value = header[key] ?? 0;
    if (!Number.isSafeInteger(value) || value < 0) throw unwritable(`its ${key} is ${value}`, name);
  }
  if (type !== 'file' && (header.size ?? 0) > 0) throw unwritable(`a ${type} has no body`, name);
  if ((type === 'symlink' || type === 'hard-link') !== (linkName !== ''))
    throw unwritable(linkName === '' ? 'the link leads nowhere' : `a ${type} leads nowhere`, name);
  for (const attribute of header.xattrs?.keys() ?? []) {
    if (attribute === '' || attribute.includes('\0'))
      throw unwritable('an extended attribute has no name, or a NUL in it', name);
  }
  for (const key of header.pax?.keys() ?? []) {
    if (key === '' || key.includes('=')) throw unwritable('a pax record has no key, or "=" in it', name);
  }
}

/** Records that follow from the header's own fields. */
function isOurs(key: string): boolean {
  return (
    /^(?:path|linkpath|uname|gname|uid|gid|size|mtime|atime|ctime|hdrcharset)$/.test(key) ||
    key.startsWith('SCHILY.xattr.')
  );
}

function isUtf8(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes);
  return Buffer.from(buffer.toString('utf8')).equals(buffer);
}

function put(block: Buffer, field: TarField, bytes: Uint8Array): void {
  block.set(bytes, fields[field][0]);
}

function putNumber(block: Buffer, field: TarField, value: number, name: string): void {
  const octal = encodeOctal(value, fields[field][1]);
  if (octal === undefined) throw unwritable(`its ${field} is ${value}, for which there is no room`, name);
  put(block, field, Buffer.from(octal));
}
