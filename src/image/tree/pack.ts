import {
  closeSync,
  constants,
  fstatSync,
  read,
  readlinkSync,
  readSync,
  statfsSync,
  type BigIntStats,
} from 'node:fs';
import { promisify } from 'node:util';
import { quote, WarrenError } from '../../errors.js';
import { decodeName } from '../tar/byte-text.js';
import type { TarHeader, TarType } from '../tar/header.js';
import { writeTar, type TarFile, type TarHeaderInput } from '../tar/write.js';
import { O_PATH } from '../../native/xattr.js';
import { idForArchive, readXattrs, type IdMaps } from './attributes.js';
import { Directory, errnoOf, namesOf, reopen, selfPath, whyOf } from './directory.js';
import type { TreeProblem } from './problem.js';

export interface PackOptions extends IdMaps {
  /** Told of each file that could not be packed as it is. Default: nobody is. */
  readonly onProblem?: ((problem: TreeProblem) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A file by the directory it is in, or the open file (no link) itself. The descriptor stays the caller's. */
export type TreeStart = { readonly directory: Directory; readonly name: string } | { readonly fd: number };

const { S_IFMT, S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, O_RDONLY, O_DIRECTORY, O_NONBLOCK } =
  constants;

const kinds = new Map<number, TarType>([
  [S_IFREG, 'file'],
  [S_IFDIR, 'directory'],
  [S_IFLNK, 'symlink'],
  [S_IFCHR, 'character-device'],
  [S_IFBLK, 'block-device'],
  [S_IFIFO, 'fifo'],
]);

/** PATH_MAX: what is deeper has no name that anybody could use; it also bounds the descriptors held at once. */
const PATH_LIMIT = 4095;

/** Files up to this are read in one call on the spot; larger ones piece by piece, beside other work. */
const PIECE = 256 * 1024;

const readAsync = promisify(read);

/**
 * File systems that the kernel makes up, by statfs(2)'s `f_type`: what lies there is no file of the container, has no size,
 * or more than the machine has memory. proc, sysfs, cgroup, cgroup2, devpts, mqueue, debugfs, tracefs, securityfs, bpf,
 * pstore, efivarfs, configfs, binfmt_misc, selinuxfs, fusectl, nsfs.
 */
const kernelFileSystems: ReadonlySet<number> = new Set([
  0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x1cd1, 0x19800202, 0x64626720, 0x74726163, 0x73636673,
  0xcafe4a11, 0x6165676c, 0xde5e81e4, 0x62656570, 0x42494e4d, 0xf97cff8c, 0x65735543, 0x6e736673,
]);

/** Whether the open file is on a file system that the kernel makes up. */
export function isKernelFile(fd: number): boolean {
  return kernelFileSystems.has(statfsSync(selfPath(fd)).type);
}

/**
 * Packs a file, or a directory with all that is below it, into a tar archive. Links are packed, never followed; names of
 * one file (hard links) stay names of one file; mount points of the kernel's own file systems are left empty.
 *
 * A file that shrinks while it is read is filled up with zeros, one that grows is cut, and both are reported.
 *
 * @param as Its name in the archive; `.` for a directory whose contents are meant.
 * @throws {WarrenError} `ERR_COPY_READ` where the start itself cannot be read, `ERR_COPY_KERNEL_FILE`.
 */
export function packTree(
  start: TreeStart,
  as: string,
  options: PackOptions = {},
): AsyncGenerator<Uint8Array> {
  return writeTar(new Packer(options).files(start, as));
}

/** A directory that is being packed. */
interface Frame {
  readonly directory: Directory;
  readonly path: string;
  readonly names: Iterator<string>;
  readonly device: bigint;
}

/** One file: what the archive says of it, and what to go on with. */
interface Packed {
  readonly file: TarFile;
  /** Of the file that `body` reads. */
  readonly fd?: number;
  readonly frame?: Frame;
}

class Packer {
  /** First names of files that have several, by device and inode. */
  readonly #seen = new Map<string, string>();

  constructor(private readonly options: PackOptions) {}

  async *files(start: TreeStart, as: string): AsyncGenerator<TarFile> {
    const frames: Frame[] = [];
    try {
      const first = this.#packStart(start, as);
      if (first) yield* this.#give(first, frames);
      for (let frame = frames.at(-1); frame; frame = frames.at(-1)) {
        const next = frame.names.next();
        if (next.done === true) {
          frame.directory.close();
          frames.pop();
          continue;
        }
        const path = `${frame.path}/${next.value}`;
        const packed = this.#packBelow(frame, next.value, path);
        if (packed) yield* this.#give(packed, frames);
      }
    } finally {
      for (const frame of frames) frame.directory.close();
    }
  }

  #packStart(start: TreeStart, as: string): Packed | undefined {
    try {
      if ('fd' in start) return this.#packOpen(reopen(start.fd, O_PATH), () => '', as, undefined);
      return this.#pack(start.directory, start.name, as, undefined);
    } catch (error) {
      if (error instanceof WarrenError) throw error;
      const errno = errnoOf(error);
      throw new WarrenError('ERR_COPY_READ', `Cannot read ${quote(as)}`, {
        kind: errno === 'EACCES' || errno === 'EPERM' ? 'permission-denied' : 'kernel',
        why: whyOf(error),
        errno,
        cause: error,
      });
    }
  }

  *#give({ file, fd, frame }: Packed, frames: Frame[]): Generator<TarFile> {
    if (frame) frames.push(frame);
    try {
      this.options.signal?.throwIfAborted();
      yield file;
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  /** What goes wrong with one file of many is reported, and the others go on. */
  #packBelow(frame: Frame, name: string, path: string): Packed | undefined {
    try {
      if (Buffer.byteLength(path) > PATH_LIMIT) {
        this.#report('failed', path, `its path has more than ${PATH_LIMIT} bytes`);
        return undefined;
      }
      return this.#pack(frame.directory, name, path, frame.device);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === '' || errno.startsWith('ERR_') || errno === 'EMFILE') throw error;
      if (errno === 'ENOENT' || errno === 'EINVAL')
        this.#report('changed', path, 'it went away while it was read');
      else this.#report('failed', path, whyOf(error));
      return undefined;
    }
  }

  #pack(directory: Directory, name: string, path: string, device: bigint | undefined): Packed | undefined {
    const readLink = (): string => decodeName(readlinkSync(directory.at(name), 'buffer'));
    return this.#packOpen(directory.openEntry(name), readLink, path, device);
  }

  /** Looks at the descriptor, no longer at the name; and closes it. */
  #packOpen(
    fd: number,
    readLink: () => string,
    path: string,
    device: bigint | undefined,
  ): Packed | undefined {
    try {
      const stat = fstatSync(fd, { bigint: true });
      const type = kinds.get(Number(stat.mode) & S_IFMT);
      if (type === undefined) {
        this.#report('skipped', path, 'it is a socket');
        return undefined;
      }
      // A mount point shows in the device's number.
      const foreign = stat.dev !== device && type !== 'symlink' && isKernelFile(fd);
      if (foreign && (device === undefined || type !== 'directory')) {
        if (device !== undefined) {
          this.#report('skipped', path, 'the kernel makes it up when it is read');
          return undefined;
        }
        throw kernelFile(path);
      }
      const header = this.#header(path, type, stat);
      if (type === 'directory') return this.#packDirectory(fd, header, path, stat.dev, foreign);

      const other = this.#otherName(stat, path);
      if (other !== undefined) return { file: { header: { ...header, type: 'hard-link', linkName: other } } };
      if (type === 'symlink') return { file: { header: { ...header, linkName: readLink() } } };
      return type === 'file' ? this.#packFile(fd, header, path, stat) : { file: { header } };
    } finally {
      closeSync(fd);
    }
  }

  #packDirectory(fd: number, header: TarHeaderInput, path: string, device: bigint, foreign: boolean): Packed {
    const open = reopen(fd, O_RDONLY | O_DIRECTORY);
    try {
      const xattrs = readXattrs(open, this.options);
      if (foreign) this.#report('skipped', path, 'the kernel makes up what is in it');
      const names = foreign ? [] : namesOf(open);
      const frame = { directory: new Directory(open), path, names: names[Symbol.iterator](), device };
      return { file: { header: { ...header, name: `${path}/`, xattrs } }, frame };
    } catch (error) {
      closeSync(open);
      throw error;
    }
  }

  #packFile(fd: number, header: TarHeaderInput, path: string, stat: BigIntStats): Packed {
    const open = reopen(fd, O_RDONLY | O_NONBLOCK);
    try {
      const size = Number(stat.size);
      const xattrs = readXattrs(open, this.options);
      return { file: { header: { ...header, size, xattrs }, body: this.#body(open, path, stat) }, fd: open };
    } catch (error) {
      closeSync(open);
      throw error;
    }
  }

  async *#body(fd: number, path: string, before: BigIntStats): AsyncGenerator<Uint8Array> {
    const size = Number(before.size);
    let why: string | undefined;
    for (let at = 0; at < size;) {
      this.options.signal?.throwIfAborted();
      // A chunk is its reader's: it is not used again.
      const piece = Buffer.allocUnsafe(Math.min(size - at, PIECE));
      let count = 0;
      try {
        if (why === undefined) count = await readPiece(fd, piece, at, size);
        if (count === 0) why ??= 'it became shorter while it was read; zeros stand for the rest';
      } catch (error) {
        why = `${whyOf(error)}; zeros stand for the rest`;
        this.#report('failed', path, why);
      }
      if (count === 0) {
        piece.fill(0);
        count = piece.length;
      }
      at += count;
      yield piece.subarray(0, count);
    }
    const after = fstatSync(fd, { bigint: true });
    if (after.size > BigInt(size)) why ??= 'it became longer while it was read; it is cut';
    else if (after.mtimeNs !== before.mtimeNs) why ??= 'it was written to while it was read';
    if (why !== undefined) this.#report('changed', path, why);
  }

  #header(name: string, type: TarType, stat: BigIntStats): TarHeaderInput {
    const device = type === 'character-device' || type === 'block-device' ? stat.rdev : 0n;
    return {
      name,
      type,
      mode: Number(stat.mode) & 0o7777,
      uid: idForArchive(this.options, 'uid', Number(stat.uid)),
      gid: idForArchive(this.options, 'gid', Number(stat.gid)),
      mtimeNs: stat.mtimeNs,
      ...deviceNumbers(device),
    };
  }

  #otherName({ nlink, dev, ino }: BigIntStats, path: string): string | undefined {
    if (nlink < 2n) return undefined;
    const key = `${dev}:${ino}`;
    const other = this.#seen.get(key);
    if (other === undefined) this.#seen.set(key, path);
    return other;
  }

  #report(kind: TreeProblem['kind'], path: string, why: string): void {
    this.options.onProblem?.({ kind, path, why });
  }
}

async function readPiece(fd: number, piece: Buffer, at: number, size: number): Promise<number> {
  if (size <= PIECE) return readSync(fd, piece, 0, piece.length, at);
  return (await readAsync(fd, piece, 0, piece.length, at)).bytesRead;
}

/** As makedev(3) of glibc puts them together. */
function deviceNumbers(device: bigint): Pick<TarHeader, 'deviceMajor' | 'deviceMinor'> {
  return {
    deviceMajor: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
    deviceMinor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
  };
}

function kernelFile(path: string): WarrenError {
  return new WarrenError('ERR_COPY_KERNEL_FILE', `Cannot copy ${quote(path)}`, {
    kind: 'unsupported',
    why: 'it is on a file system that the kernel makes up, such as /proc or /sys: it has no size until it is read',
    fix: 'read it in the container: warren exec CONTAINER cat FILE',
  });
}
