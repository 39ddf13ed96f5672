/**
 * Files into a container and out of it, as `docker cp` and the Docker API's archive calls move them: through the container's
 * root as its processes see it, volumes and all. Nothing of the container is executed or loaded, nobody changes root
 * (CVE-2019-14271), and no link leads out (CVE-2018-15664).
 */
import { closeSync, constants, fstatSync } from 'node:fs';
import { basename } from 'node:path/posix';
import { setImmediate } from 'node:timers/promises';
import { quote, WarrenError } from '../errors.js';
import { Directory } from '../image/tree/directory.js';
import { extractTree, type ExtractOptions, type TreeTarget } from '../image/tree/extract.js';
import { packTree, type TreeStart } from '../image/tree/pack.js';
import type { TreeProblem } from '../image/tree/problem.js';
import type { IdMapRange } from '../kernel/idmap.js';
import {
  findPlace,
  notDirectory,
  notFound,
  openDirectory,
  pathInRoot,
  readCopyPath,
  type Place,
} from './place.js';

/** The root of a container, running (`/proc/PID/root`) or stopped (where its root is mounted). */
export interface RootAccess {
  readonly path: string;
  /** Where the container has a user namespace of its own. */
  readonly uidMap?: readonly IdMapRange[] | undefined;
  readonly gidMap?: readonly IdMapRange[] | undefined;
}

export interface CopyOptions {
  /** Keep owners, and on the way out also set-id bits, devices and all attributes (`-a`). Default false. */
  readonly archive?: boolean | undefined;
  /** Copy what the source leads to, where it is a link (`-L`). Default false. */
  readonly followLink?: boolean | undefined;
  /** Told of each file that was not copied as it is. Default: nobody is. */
  readonly onProblem?: ((problem: TreeProblem) => void) | undefined;
  /** Told, piece by piece, how many bytes have gone through. Default: nobody is. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What the Docker API says of a path before it is copied. */
export interface PathStat {
  readonly name: string;
  readonly sizeBytes: bigint;
  /** `st_mode`, kind included; see inode(7). */
  readonly mode: number;
  readonly mtimeNs: bigint;
  /** Where a symbolic link leads in the end, as the container sees it, be something there or not; empty for what is no link. */
  readonly linkTarget: string;
}

/** What is to be copied. */
interface Source {
  readonly start: TreeStart;
  readonly isDirectory: boolean;
  /** The name to have at the destination where nothing else is asked for. `.` for the contents of a directory. */
  readonly name: string;
  [Symbol.dispose](): void;
}

const { S_IFREG, S_IFMT } = constants;

/** How long a copy keeps the event loop to itself. */
const TURN_MS = 10;

/** @throws {WarrenError} `ERR_COPY_NOT_FOUND`, `ERR_COPY_NOT_DIRECTORY`. */
export function statIn(access: RootAccess, path: string): PathStat {
  using root = openRoot(access);
  const wanted = readCopyPath(path);
  using found = findExisting(root, path, wanted.path, wanted.wantsDirectory, path);
  return {
    name: basename(wanted.path) || '/',
    sizeBytes: found.stat.size,
    mode: Number(found.stat.mode),
    mtimeNs: found.stat.mtimeNs,
    linkTarget: found.stat.isSymbolicLink() ? linkTarget(root, wanted.path) : '',
  };
}

/**
 * Unpacks a tar stream in a directory of the container.
 *
 * @param path A directory that exists.
 * @param options Default: owners, modes and all else are as the archive says, by the container's ids.
 * @throws {WarrenError} Also those of {@link extractTree}.
 */
export async function copyInto(
  access: RootAccess,
  path: string,
  tar: AsyncIterable<Uint8Array>,
  options: Pick<ExtractOptions, 'owner' | 'keepDirectories' | 'onProblem' | 'signal'> = {},
): Promise<void> {
  using root = openRoot(access);
  using directory = openDirectory(root, readCopyPath(path).path, path);
  await extractInto({ root, directory, path: pathInRoot(root, directory.fd) }, access, tar, options);
}

/**
 * Packs a file or directory of the container; its name in the archive is the last one of the path. Of `DIR/.`
 * it is `.`.
 *
 * @throws {WarrenError} At the first read: `ERR_COPY_NOT_FOUND`, `ERR_COPY_NOT_DIRECTORY`, `ERR_COPY_KERNEL_FILE`.
 */
export async function* copyOutOf(
  access: RootAccess,
  path: string,
  options: Omit<CopyOptions, 'archive'> = {},
): AsyncGenerator<Uint8Array> {
  using root = openRoot(access);
  using source = openSource(root, path, path, options.followLink === true);
  yield* paced(packTree(source.start, source.name, { ...mapsOf(access), ...options }), options);
}

/**
 * Copies a local file or directory into a container, as `docker cp SOURCE CONTAINER:TARGET`: it belongs to root there.
 *
 * @throws {WarrenError} `ERR_COPY_NOT_FOUND`, `ERR_COPY_NOT_DIRECTORY`, `ERR_COPY_CONFLICT`, and those of {@link extractTree}.
 */
export async function copyToContainer(
  access: RootAccess,
  source: string,
  target: string,
  options: CopyOptions = {},
): Promise<void> {
  using here = Directory.open('/');
  using root = openRoot(access);
  using from = openSource(here, absolute(source), source, options.followLink === true);
  using to = openTarget(root, target, target, from);
  const { directory } = to.place;
  const stream = paced(packTree(from.start, to.name, options), options);
  await extractInto({ root, directory, path: pathInRoot(root, directory.fd) }, access, stream, {
    onProblem: options.onProblem,
    signal: options.signal,
    ...(options.archive === true ? {} : { owner: { uid: 0, gid: 0 }, keepDirectories: true }),
  });
}

/**
 * Copies a file or directory of a container to a local place, as `docker cp CONTAINER:SOURCE TARGET`: it belongs to the
 * caller. What an unknown image can do harm with (set-id bits, devices, capabilities) comes only with `archive`.
 *
 * @throws {WarrenError} As {@link copyToContainer}.
 */
export async function copyFromContainer(
  access: RootAccess,
  source: string,
  target: string,
  options: CopyOptions = {},
): Promise<void> {
  using root = openRoot(access);
  using here = Directory.open('/');
  using from = openSource(root, source, source, options.followLink === true);
  using to = openTarget(here, absolute(target), target, from);
  const { directory } = to.place;
  const stream = paced(packTree(from.start, to.name, { ...mapsOf(access), ...options }), options);
  const { archive = false, onProblem, signal } = options;
  const own = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  // The directory is all the root there is: links that the container made lead nowhere else.
  await extractTree({ root: directory, directory, path: '' }, stream, {
    onProblem,
    signal,
    setId: archive,
    devices: archive,
    keepDirectories: !archive,
    ...(archive
      ? {}
      : { owner: own, wantXattr: (attribute: string): boolean => attribute.startsWith('user.') }),
  });
}

async function extractInto(
  target: TreeTarget,
  access: RootAccess,
  tar: AsyncIterable<Uint8Array>,
  options: ExtractOptions,
): Promise<void> {
  // In a user namespace nobody could make a device; one that is made from outside would be real.
  const devices = access.uidMap === undefined;
  await extractTree(target, tar, { ...options, ...mapsOf(access), devices });
}

function openSource(root: Directory, path: string, label: string, followLink: boolean): Source {
  const wanted = readCopyPath(path);
  const found = findExisting(root, path, wanted.path, wanted.wantsDirectory || followLink, label);
  const isDirectory = found.stat.isDirectory();
  if (wanted.wantsDirectory && !isDirectory) {
    found[Symbol.dispose]();
    throw notDirectory(label, wanted.path);
  }
  return {
    start: found.name === '' ? { fd: found.directory.fd } : found,
    isDirectory,
    name: wanted.wantsContents ? '.' : basename(wanted.path),
    [Symbol.dispose]() {
      found[Symbol.dispose]();
    },
  };
}

interface Target {
  /** Its directory is what to unpack in. */
  readonly place: Place;
  /** What the source is to be called in it. */
  readonly name: string;
  [Symbol.dispose](): void;
}

/** Docker's table of what is copied to where; see its manual of `docker cp`. */
function openTarget(root: Directory, path: string, label: string, source: Source): Target {
  const wanted = readCopyPath(path);
  const place = findPlace(root, wanted.path, label, true);
  const target = (to: Place, name: string): Target => ({
    place: to,
    name,
    [Symbol.dispose]() {
      to[Symbol.dispose]();
    },
  });
  if (place.stat?.isDirectory() === true) {
    if (place.name === '') return target(place, source.name);
    const inside = openEntryAsDirectory(place, label);
    place[Symbol.dispose]();
    return target(inside, source.name);
  }
  try {
    if (place.stat === undefined) {
      if (!source.isDirectory && wanted.wantsDirectory)
        throw notFound(
          label,
          'no such directory: only a directory can be copied to a name that ends with "/"',
        );
    } else if (source.isDirectory) {
      throw conflict(label, 'cannot copy a directory to a file');
    } else if (wanted.wantsDirectory) {
      throw notDirectory(label, wanted.path);
    } else if ((Number(place.stat.mode) & S_IFMT) !== S_IFREG) {
      throw conflict(label, 'it is neither a directory nor a regular file');
    }
    return target(place, place.name);
  } catch (error) {
    place[Symbol.dispose]();
    throw error;
  }
}

function openEntryAsDirectory(place: Place, label: string): Place {
  const fd = place.directory.openEntry(place.name);
  const stat = fstatSync(fd, { bigint: true });
  if (!stat.isDirectory()) {
    closeSync(fd);
    throw notDirectory(label, place.name);
  }
  const directory = new Directory(fd);
  return {
    directory,
    name: '',
    stat,
    [Symbol.dispose]() {
      directory.close();
    },
  };
}

function findExisting(
  root: Directory,
  text: string,
  path: string,
  follow: boolean,
  label: string,
): Place & { readonly stat: NonNullable<Place['stat']> } {
  const place = findPlace(root, path, label, follow);
  const { stat } = place;
  if (stat) return { ...place, stat };
  place[Symbol.dispose]();
  throw notFound(label, text === label ? undefined : `no such file or directory: ${quote(path)}`);
}

function linkTarget(root: Directory, path: string): string {
  using place = findPlace(root, path, path, true);
  if (place.name === '') return pathInRoot(root, place.directory.fd);
  const directory = pathInRoot(root, place.directory.fd);
  return `${directory === '/' ? '' : directory}/${place.name}`;
}

/** Tells of the bytes, and lets others have their turn: small files are read and written without ever waiting. */
async function* paced(
  stream: AsyncIterable<Uint8Array>,
  { onBytes }: Pick<CopyOptions, 'onBytes'>,
): AsyncGenerator<Uint8Array> {
  let since = performance.now();
  for await (const chunk of stream) {
    onBytes?.(chunk.length);
    yield chunk;
    if (performance.now() - since < TURN_MS) continue;
    await setImmediate();
    since = performance.now();
  }
}

function openRoot({ path }: RootAccess): Directory {
  return Directory.open(path);
}

function mapsOf({ uidMap, gidMap }: RootAccess): Pick<RootAccess, 'uidMap' | 'gidMap'> {
  return { uidMap, gidMap };
}

/** A local path from the working directory on, its end (`/`, `/.`) kept. */
function absolute(path: string): string {
  return path.startsWith('/') ? path : `${process.cwd()}/${path}`;
}

function conflict(label: string, why: string): WarrenError {
  return new WarrenError('ERR_COPY_CONFLICT', `Cannot copy to ${quote(label)}`, {
    kind: 'conflict',
    why,
    fix: 'name another place, or remove what is there',
  });
}
