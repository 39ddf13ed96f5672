/**
 * A directory held open, and what is in it by name: never by a path that somebody could change meanwhile.
 *
 * Every call on an entry goes through `/proc/self/fd/N/NAME` or a *at() call, neither of which follows a link that NAME may
 * have become. So whoever moves things about in a container, while its tree is read or written, moves our work with them
 * at most, and never out of the container (CVE-2018-15664).
 */
import { closeSync, constants, lstatSync, openSync, readdirSync, type BigIntStats } from 'node:fs';
import {
  openat2,
  O_PATH,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
} from '../../native/xattr.js';
import { decodeName, encodeName } from '../tar/byte-text.js';

/** To be closed by whoever opened it: `using`. */
export class Directory {
  /** O_PATH: it names the directory, and cannot be read. */
  readonly fd: number;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** Opens a path of the caller's own world, whatever links it has: a root, or a place the caller chose. */
  static open(path: string | Buffer): Directory {
    return new Directory(openSync(path, O_PATH | constants.O_DIRECTORY));
  }

  /**
   * Opens a path as if this directory were `/`: links and `..` stay inside.
   *
   * @param flags Of open(2). Default O_PATH.
   * @throws The system error of openat2(2).
   */
  openInRoot(path: string, flags = O_PATH): number {
    return openat2(this.fd, encodeName(`./${path}`), flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  }

  /** Opens a path that has neither links nor `..` in it. @throws The system error: ELOOP for a link. */
  openPlain(path: string, flags = O_PATH): number {
    return openat2(
      this.fd,
      encodeName(path === '' ? '.' : path),
      flags,
      0,
      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    );
  }

  /** Opens an entry as what it is, a link too. O_PATH: opening a device or a pipe would do something to it. */
  openEntry(name: string): number {
    return openat2(
      this.fd,
      encodeName(name),
      O_PATH | constants.O_NOFOLLOW,
      0,
      RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    );
  }

  /** What a name in this directory is, undefined for nothing. */
  look(name: string): BigIntStats | undefined {
    return lstatSync(this.at(name), { bigint: true, throwIfNoEntry: false });
  }

  /** A path for node:fs calls that do not follow their last component (mkdir, symlink, link, rename, unlink, lchown, …). */
  at(name: string): string | Buffer {
    if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0'))
      throw Object.assign(new Error(`no name of a file: ${JSON.stringify(name)}`), { code: 'EINVAL' });
    return bytePath(`/proc/self/fd/${this.fd}/${name}`);
  }

  /** Names, sorted as bytes. */
  names(): string[] {
    return namesOf(this.fd);
  }

  close(): void {
    closeSync(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The file behind a descriptor, opened anew: what an O_PATH descriptor stands for, and nothing that took its name since. */
export function reopen(fd: number, flags: number): number {
  return openSync(selfPath(fd), flags);
}

/** For calls that follow links: the open file itself. */
export function selfPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

export function namesOf(fd: number): string[] {
  const names = readdirSync(selfPath(fd), { encoding: 'buffer' });
  return names.sort((a, b) => Buffer.compare(a, b)).map((bytes) => decodeName(bytes));
}

/** The text itself where it is sound, which is quicker; else its bytes. */
function bytePath(text: string): string | Buffer {
  const bytes = encodeName(text);
  return bytes.length === Buffer.byteLength(text) && text === bytes.toString() ? text : bytes;
}

/**
 * The components of a path in an archive or of a user, without empty ones and `.`.
 *
 * @returns Undefined where there is a `..`, which no honest archive has.
 */
export function componentsOf(path: string): string[] | undefined {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  return parts.includes('..') ? undefined : parts;
}

/** The symbolic errno of a system error, else ''. */
export function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? '';
}

/** What the kernel said, without the `/proc/self/fd/N` that means nothing to a reader. */
export function whyOf(error: unknown): string {
  return (error as Error).message.replace(/ '?\/proc\/self\/fd\/.*$/s, '');
}
