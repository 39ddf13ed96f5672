import { decodeName } from './byte-text.js';
import { ByteSource } from './byte-source.js';
import {
  BLOCK,
  checksum,
  fields,
  malformed,
  paddingAfter,
  unsupported,
  type TarField,
  type TarHeader,
  type TarType,
} from './header.js';
import { decodeNumber } from './numbers.js';
import { decodeDecimal, decodePax, decodeTime, xattrsOf } from './pax.js';

/** One file of an archive. */
export interface TarEntry {
  readonly header: TarHeader;
  /** `header.size` bytes. To be read before the next entry is asked for; what is not read is passed over. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Bytes that one header's names and pax records may have: they are held in memory. A file's xattrs rarely have 64 KiB. */
const METADATA_LIMIT = 16 * 1024 * 1024;

const NANOSECONDS = 1_000_000_000n;

const types: Readonly<Record<string, TarType>> = {
  '0': 'file',
  '\0': 'file',
  // "Contiguous": a file on every system that there is.
  '7': 'file',
  '1': 'hard-link',
  '2': 'symlink',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'directory',
  // GNU: a directory, with a list of its names as body, for incremental backups.
  D: 'directory',
  '6': 'fifo',
};

/** What the headers before a file's own say of it. */
interface Announced {
  longName: Buffer | undefined;
  longLink: Buffer | undefined;
  pax: ReadonlyMap<string, Uint8Array>;
}

/**
 * Reads an archive file by file, as it comes in: ustar, pax and GNU's, and their forerunner of 1979. After the
 * last file the stream is read to its end, so that whoever writes it can finish.
 *
 * @throws {WarrenError} `ERR_TAR` for what is no archive, damaged or cut short; `ERR_TAR_UNSUPPORTED` for sparse files and
 *   archives in several volumes.
 */
export async function* readTar(stream: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry, void, undefined> {
  const source = new ByteSource(stream);
  const globals = new Map<string, Uint8Array>();
  try {
    let announced = nothingAnnounced();
    for (;;) {
      const block = await source.read(BLOCK);
      if (isEnd(block)) {
        if (announced.pax.size > 0 || announced.longName || announced.longLink)
          throw malformed('it ends after a header that announces another file');
        // All there is: a single block of zeros, or none, ends an archive as well.
        await source.skip(Infinity);
        return;
      }
      checkBlock(block);
      const flag = String.fromCharCode(block[fields.type[0]] ?? 0);
      const size = numberOf(block, 'size');
      switch (flag) {
        case 'x':
        case 'X': // Solaris'
          announced.pax = decodePax(await metadata(source, size));
          break;
        case 'g':
          mergeGlobals(globals, decodePax(await metadata(source, size)));
          break;
        case 'L':
          announced.longName = Buffer.from(untilNul(await metadata(source, size)));
          break;
        case 'K':
          announced.longLink = Buffer.from(untilNul(await metadata(source, size)));
          break;
        case 'V': // GNU: the archive's label
          await pass(source, size + paddingAfter(size));
          break;
        default: {
          const header = headerOf(block, flag, size, globals, announced);
          announced = nothingAnnounced();
          const body = new Body(source, flag === 'D' ? size : header.size);
          yield { header, body: flag === 'D' ? none() : body.read() };
          await body.finish();
        }
      }
    }
  } finally {
    await source.close();
  }
}

/** The body of one file, which its reader may leave at any point. */
class Body {
  #left: number;
  readonly #padding: number;

  constructor(
    private readonly source: ByteSource,
    size: number,
  ) {
    this.#left = size;
    this.#padding = paddingAfter(size);
  }

  async *read(): AsyncGenerator<Uint8Array, void, undefined> {
    while (this.#left > 0) {
      const part = await this.source.some(this.#left);
      if (part.length === 0) throw cutShort();
      this.#left -= part.length;
      yield part;
    }
  }

  async finish(): Promise<void> {
    const left = this.#left + this.#padding;
    this.#left = 0;
    await pass(this.source, left);
  }
}

function headerOf(
  block: Buffer,
  flag: string,
  fieldSize: number,
  globals: ReadonlyMap<string, Uint8Array>,
  { longName, longLink, pax: own }: Announced,
): TarHeader {
  const pax = new Map([...globals, ...own]);
  // An empty value takes back what was said for all.
  for (const [key, value] of pax) if (value.length === 0 && !key.startsWith('SCHILY.xattr.')) pax.delete(key);
  const text = (key: string): Uint8Array | undefined => pax.get(key);
  const posix = magicOf(block) === 'posix';
  const known = posix || magicOf(block) === 'gnu';

  const name = decodeName(text('path') ?? longName ?? shortName(block, posix));
  if (name === '' || name.includes('\0')) throw malformed('a file in it has no name, or a NUL in it');
  refuseUnsupported(flag, pax, name);
  const linkName = decodeName(text('linkpath') ?? longLink ?? stringOf(block, 'linkName'));
  if (linkName.includes('\0')) throw malformed('the target of a link has a NUL in it', name);
  const type =
    flag !== '5' && (flag === '0' || flag === '\0') && name.endsWith('/') ? 'directory' : types[flag];
  if (type === undefined)
    throw unsupported(`its type is ${JSON.stringify(flag)}`, name, 'make the archive with GNU tar');
  if ((type === 'symlink' || type === 'hard-link') && linkName === '')
    throw malformed('a link leads nowhere', name);

  const paxNumber = (key: string): number | undefined => {
    const value = text(key);
    return value && decodeDecimal(value, key);
  };
  const time = (key: string): bigint | undefined => {
    const value = text(key);
    return value && decodeTime(value);
  };
  const size = paxNumber('size') ?? fieldSize;
  const isDevice = type === 'character-device' || type === 'block-device';
  return {
    name,
    type,
    mode: numberOf(block, 'mode') & 0o7777,
    uid: paxNumber('uid') ?? numberOf(block, 'uid'),
    gid: paxNumber('gid') ?? numberOf(block, 'gid'),
    userName: decodeName(text('uname') ?? (known ? stringOf(block, 'userName') : new Uint8Array(0))),
    groupName: decodeName(text('gname') ?? (known ? stringOf(block, 'groupName') : new Uint8Array(0))),
    // Some programs write the linked file's size where no body follows.
    size: type === 'file' ? size : 0,
    mtimeNs: time('mtime') ?? BigInt(signedNumberOf(block, 'mtime')) * NANOSECONDS,
    atimeNs: time('atime'),
    ctimeNs: time('ctime'),
    linkName: type === 'symlink' || type === 'hard-link' ? linkName : '',
    deviceMajor: isDevice && known ? numberOf(block, 'deviceMajor') : 0,
    deviceMinor: isDevice && known ? numberOf(block, 'deviceMinor') : 0,
    xattrs: xattrsOf(pax),
    pax,
  };
}

function refuseUnsupported(flag: string, pax: ReadonlyMap<string, Uint8Array>, name: string): void {
  const sparse = flag === 'S' || [...pax.keys()].some((key) => key.startsWith('GNU.sparse.'));
  if (sparse) {
    const realName = pax.get('GNU.sparse.name');
    const shown = realName === undefined ? name : decodeName(realName);
    throw unsupported('it is stored as a sparse file', shown, 'make the archive without --sparse');
  }
  if (flag === 'M' || pax.has('GNU.volume.filename'))
    throw unsupported('it is continued from another volume', name, 'make the archive without --multi-volume');
}

/** A block of zeros, or nothing. */
function isEnd(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}

function checkBlock(block: Buffer): void {
  if (block.length < BLOCK) throw cutShort();
  const sum = numberOf(block, 'checksum');
  if (sum !== checksum(block) && sum !== checksum(block, true))
    throw malformed('a header has a wrong checksum');
}

function mergeGlobals(globals: Map<string, Uint8Array>, records: ReadonlyMap<string, Uint8Array>): void {
  for (const [key, value] of records) {
    if (value.length === 0) globals.delete(key);
    else globals.set(key, value);
  }
  let bytes = 0;
  for (const [key, value] of globals) bytes += key.length + value.length;
  if (bytes > METADATA_LIMIT) throw malformed(`its global headers have more than ${METADATA_LIMIT} bytes`);
}

async function metadata(source: ByteSource, size: number): Promise<Buffer> {
  if (size > METADATA_LIMIT) throw malformed(`a header has ${size} bytes, and ${METADATA_LIMIT} are allowed`);
  const bytes = await source.read(size);
  if (bytes.length < size) throw cutShort();
  await pass(source, paddingAfter(size));
  return bytes;
}

async function pass(source: ByteSource, count: number): Promise<void> {
  if ((await source.skip(count)) < count) throw cutShort();
}

function magicOf(block: Buffer): 'posix' | 'gnu' | 'none' {
  const magic = block.toString('latin1', fields.magic[0], fields.magic[0] + fields.magic[1]);
  if (magic === 'ustar  \0') return 'gnu';
  return magic.startsWith('ustar\0') ? 'posix' : 'none';
}

/** A POSIX header has room for the directories in front; in GNU's other things are there. */
function shortName(block: Buffer, posix: boolean): Buffer {
  const name = stringOf(block, 'name');
  const prefix = posix ? stringOf(block, 'prefix') : Buffer.alloc(0);
  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]);
}

function fieldOf(block: Buffer, field: TarField): Buffer {
  const [offset, length] = fields[field];
  return block.subarray(offset, offset + length);
}

function stringOf(block: Buffer, field: TarField): Buffer {
  return untilNul(fieldOf(block, field));
}

function untilNul(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

function numberOf(block: Buffer, field: TarField): number {
  const value = signedNumberOf(block, field);
  if (value < 0) throw malformed(`its ${field} is negative`);
  return value;
}

function signedNumberOf(block: Buffer, field: TarField): number {
  return decodeNumber(fieldOf(block, field), field);
}

function nothingAnnounced(): Announced {
  return { longName: undefined, longLink: undefined, pax: new Map() };
}

async function* none(): AsyncGenerator<Uint8Array, void, undefined> {
  // A directory's list of names is nobody's body.
}

function cutShort(): Error {
  return malformed('it is cut short');
}
