/**
 * Where a path leads in a tree, the way `docker cp` reads paths: absolute in any case, `..` taken away as text, a slash or
 * `/.` at the end asking for a directory. Links lead no further up than the root.
 */
import { constants, fstatSync, readlinkSync, type BigIntStats } from 'node:fs';
import { basename, dirname, normalize } from 'node:path/posix';
import { quote, WarrenError } from '../errors.js';
import { O_PATH } from '../native/xattr.js';
import { decodeName } from '../image/tar/byte-text.js';
import { Directory, errnoOf, selfPath } from '../image/tree/directory.js';

/** What the words of a path say, before anything is looked at. */
export interface CopyPath {
  /** Absolute, with neither `.` nor `..`, and no slash at the end. */
  readonly path: string;
  /** It ends with `/` or `/.`: only a directory will do. */
  readonly wantsDirectory: boolean;
  /** It ends with `/.`: the directory's contents are meant. */
  readonly wantsContents: boolean;
}

/** A name in a directory that is held open. */
export interface Place {
  readonly directory: Directory;
  readonly name: string;
  /** Undefined where nothing has this name. */
  readonly stat: BigIntStats | undefined;
  [Symbol.dispose](): void;
}

/** As the kernel counts; see path_resolution(7). */
const LINK_LIMIT = 40;

export function readCopyPath(text: string): CopyPath {
  const path = normalize(`/${text}`).replace(/\/+$/, '') || '/';
  const wantsContents = path === '/' || /(?:^|\/)\.$/.test(text);
  return { path, wantsContents, wantsDirectory: wantsContents || /(?:\/|^\.\.|\/\.\.)$/.test(text) };
}

/**
 * @param follow Also where the last component is a link: then the place is where it leads, be something there or not.
 * @throws {WarrenError} `ERR_COPY_NOT_FOUND` where the directory of the name is not there.
 */
export function findPlace(root: Directory, path: string, label: string, follow: boolean): Place {
  let at = path;
  for (let links = 0; ; links++) {
    const parent = dirname(at);
    const name = basename(at);
    const directory = openDirectory(root, parent, label);
    try {
      // "/", and what a link such as `..` leads to.
      if (name === '' || name === '.' || name === '..') {
        directory.close();
        return directoryAsPlace(openDirectory(root, at, label));
      }
      const stat = directory.look(name);
      if (!follow || !stat?.isSymbolicLink()) return place(directory, name, stat);
      if (links === LINK_LIMIT) throw notFound(label, 'too many links lead on from it');
      const target = decodeName(readlinkSync(directory.at(name), 'buffer'));
      // As text: `..` of a link counts from where its directory really is, which the kernel knows.
      at = (target.startsWith('/') ? target : `${parent}/${target}`).replace(/\/+$/, '') || '/';
    } catch (error) {
      closeQuietly(directory);
      throw error;
    }
    directory.close();
  }
}

/** @throws {WarrenError} `ERR_COPY_NOT_FOUND`, `ERR_COPY_NOT_DIRECTORY`. */
export function openDirectory(root: Directory, path: string, label: string): Directory {
  try {
    return new Directory(root.openInRoot(path, O_PATH | constants.O_DIRECTORY));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT') throw notFound(label, `there is no directory ${quote(path)}`);
    if (errno === 'ENOTDIR') throw notDirectory(label, path);
    if (errno === 'ELOOP') throw notFound(label, 'too many links lead on from it, or one of /proc/PID');
    if (errno === 'EACCES')
      throw new WarrenError('ERR_COPY_DENIED', `Cannot copy ${quote(label)}`, {
        kind: 'permission-denied',
        why: `you may not look into ${quote(path)}`,
        errno,
        cause: error,
      });
    throw error;
  }
}

/** The path of an open file as the container sees it: what `readlink` shows, below what it shows for the root. */
export function pathInRoot(root: Directory, fd: number): string {
  const top = decodeName(readlinkSync(selfPath(root.fd), 'buffer')).replace(/\/+$/, '');
  const path = decodeName(readlinkSync(selfPath(fd), 'buffer'));
  return path === top ? '/' : path.startsWith(`${top}/`) ? path.slice(top.length) : path;
}

export function notFound(label: string, why = 'no such file or directory'): WarrenError {
  return new WarrenError('ERR_COPY_NOT_FOUND', `Cannot copy ${quote(label)}`, { kind: 'not-found', why });
}

export function notDirectory(label: string, path: string): WarrenError {
  return new WarrenError('ERR_COPY_NOT_DIRECTORY', `Cannot copy ${quote(label)}`, {
    kind: 'conflict',
    why: `${quote(path)} is not a directory`,
  });
}

/** The directory itself: an empty name. */
function directoryAsPlace(directory: Directory): Place {
  return place(directory, '', fstatSync(directory.fd, { bigint: true }));
}

function place(directory: Directory, name: string, stat: BigIntStats | undefined): Place {
  return {
    directory,
    name,
    stat,
    [Symbol.dispose]() {
      directory.close();
    },
  };
}

function closeQuietly(directory: Directory): void {
  try {
    directory.close();
  } catch (error) {
    if (errnoOf(error) !== 'EBADF') throw error;
  }
}
