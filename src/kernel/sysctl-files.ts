/** The files below /proc/sys/net of any network namespace, read and written in this process. */
import { closeSync, constants, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import { constants as system } from 'node:os';
import { openInNamespace, readInNamespace } from '../netlink/index.js';
import { accessOfErrno, errnoOf, trimValue, type Access, type Reading } from './sysctl-reading.js';

/**
 * Every folder that the kernel's networking has below /proc/sys/net. Listing /proc/sys/net tells only those of the caller's own
 * namespace, wherever it was opened; inside one of these folders, what was opened is what is listed.
 */
const folders = [
  'appletalk',
  'ax25',
  'bridge',
  'can',
  'core',
  'ieee802154',
  'ipv4',
  'ipv6',
  'ipx',
  'iw_cm',
  'llc',
  'mac802154',
  'mpls',
  'mptcp',
  'netfilter',
  'netrom',
  'phonet',
  'rds',
  'rose',
  'rxrpc',
  'sctp',
  'smc',
  'tipc',
  'unix',
  'vsock',
  'x25',
];
const loneFiles = ['net/nf_conntrack_max'];

/** What has to be opened for all keys to be within reach: see `NetworkSysctls.of()`. */
export const networkFolders: readonly string[] = [...folders.map((folder) => `net/${folder}`), ...loneFiles];

/**
 * A short-lived thread enters the namespace to open a parameter, or to read many. A folder that it has opened stays the namespace's, and
 * is listed by this one; opening parameters below it from outside would work as well, but the kernel then keeps an entry of its cache
 * for every time.
 */
export class NetworkSysctls {
  readonly #namespaceFd: number | undefined;
  readonly #folders = new Map<string, number | undefined>();
  /** Everything is reached by what was opened before. */
  #handed = false;

  /** @param namespaceFd It stays the caller's to close. Default: the caller's own namespace. */
  constructor(namespaceFd?: number) {
    this.#namespaceFd = namespaceFd;
  }

  /**
   * Of a namespace that this process may not enter by a thread, since its user namespace would have to be joined first.
   *
   * @param opened Descriptors of `networkFolders`, opened inside; undefined where there is none of that name. They become this
   *   object's to close.
   */
  static of(opened: ReadonlyMap<string, number | undefined>): NetworkSysctls {
    const files = new NetworkSysctls();
    files.#handed = true;
    for (const [path, fd] of opened) files.#folders.set(path, fd);
    return files;
  }

  /** Slashed, below /proc/sys, sorted. What goes while it is listed is left out. */
  keys(): string[] {
    const found: string[] = loneFiles.filter((path) => 'value' in this.read(path));
    for (const folder of folders) {
      const start = this.#locate(`net/${folder}`);
      if (start !== undefined) walk(start, `net/${folder}`, found);
    }
    return found.sort();
  }

  read(path: string): Reading {
    try {
      const file = this.#open(path, constants.O_RDONLY);
      try {
        return { value: trimValue(readFileSync(file, 'utf8')) };
      } finally {
        closeSync(file);
      }
    } catch (error) {
      return { errno: errnoOf(error) };
    }
  }

  /** The same for many, in one go: one thread enters the namespace for all of them. In the order of `paths`. */
  readMany(paths: readonly string[]): Reading[] {
    if (this.#namespaceFd === undefined) return paths.map((path) => this.read(path));
    return readInNamespace(
      { fd: this.#namespaceFd },
      paths.map((path) => `/proc/sys/${path}`),
    ).map((answer) =>
      typeof answer === 'string' ? { value: trimValue(answer) } : { errno: errnoName(answer) },
    );
  }

  /** @returns The errno where the kernel refused; undefined when it is written. */
  write(path: string, value: string): string | undefined {
    try {
      const file = this.#open(path, constants.O_WRONLY);
      try {
        // One write: the kernel parses what it is given at once.
        writeSync(file, value);
      } finally {
        closeSync(file);
      }
      return undefined;
    } catch (error) {
      return errnoOf(error);
    }
  }

  /** Opens for writing, and writes nothing. */
  access(path: string): Access {
    try {
      closeSync(this.#open(path, constants.O_WRONLY));
      return 'writable';
    } catch (error) {
      return accessOfErrno(errnoOf(error));
    }
  }

  close(): void {
    for (const fd of this.#folders.values()) if (fd !== undefined) closeSync(fd);
    this.#folders.clear();
  }

  #open(path: string, flags: number): number {
    if (this.#handed) return openSync(this.#below(path), flags);
    return this.#namespaceFd === undefined
      ? openSync(`/proc/sys/${path}`, flags)
      : openInNamespace({ fd: this.#namespaceFd }, `/proc/sys/${path}`, flags);
  }

  /** The way to a parameter by the folder that was opened. */
  #below(path: string): string {
    const folder = loneFiles.includes(path) ? path : path.split('/', 2).join('/');
    const fd = this.#folders.get(folder);
    // As the kernel says it of a folder that is not there.
    if (fd === undefined) throw Object.assign(new Error(`no ${folder}`), { code: 'ENOENT' });
    return `/proc/self/fd/${fd}${path.slice(folder.length)}`;
  }

  /** Where a folder's files are found by this process; undefined where the namespace has none. */
  #locate(path: string): string | undefined {
    if (this.#namespaceFd === undefined && !this.#handed) return `/proc/sys/${path}`;
    if (this.#namespaceFd !== undefined && !this.#folders.has(path))
      this.#folders.set(path, openFolder(this.#namespaceFd, path));
    const fd = this.#folders.get(path);
    return fd === undefined ? undefined : `/proc/self/fd/${fd}`;
  }
}

/** Whether a name is that of a folder of parameters, in this process's namespaces. */
export function isSysctlFolder(path: string): boolean {
  try {
    return statSync(`/proc/sys/${path}`).isDirectory();
  } catch (error) {
    errnoOf(error);
    return false;
  }
}

function errnoName(number: number): string {
  return Object.entries(system.errno).find(([, value]) => value === number)?.[0] ?? `errno ${number}`;
}

function openFolder(namespaceFd: number, path: string): number | undefined {
  try {
    return openInNamespace(
      { fd: namespaceFd },
      `/proc/sys/${path}`,
      constants.O_RDONLY | constants.O_DIRECTORY,
    );
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** By hand: `recursive` of readdir would give up at the first folder that goes meanwhile, such as an interface's. */
function walk(directory: string, path: string, found: string[]): void {
  for (const entry of list(directory)) {
    const below = `${path}/${entry.name}`;
    if (entry.isDirectory()) walk(`${directory}/${entry.name}`, below, found);
    else found.push(below);
  }
}

function list(directory: string): ReturnType<typeof readEntries> {
  try {
    return readEntries(directory);
  } catch (error) {
    errnoOf(error);
    return [];
  }
}

function readEntries(directory: string) {
  return readdirSync(directory, { withFileTypes: true });
}
