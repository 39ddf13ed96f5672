/** Capabilities of files: read, set, removed, one by one or a whole tree. */
import { constants } from 'node:fs';
import { open, readdir, readlink, realpath, stat, statfs, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { WarrenError, quote, type ErrorCode, type ErrorKind } from '../../errors.js';
import {
  type FileCapabilities,
  decodeFileCapabilities,
  encodeFileCapabilities,
  fileCapabilityAttribute,
} from '../../kernel/file-capabilities.js';
import { getEntryAttribute, removeEntryAttribute, setEntryAttribute } from '../../native/credentials.js';
import { errnoOf } from '../target.js';

/**
 * @returns Undefined when it has none. An empty set is not the same: it is a set, and takes capabilities away at execve(2).
 * @throws {WarrenError} `ERR_FILE_NOT_FOUND`, `ERR_FILE_CAPABILITIES`.
 */
export async function readFileCapabilities(path: string): Promise<FileCapabilities | undefined> {
  // A link has none of its own, and what it leads to is what will be executed.
  const real = await realpath(path).catch(() => path);
  return atEntry(real, 'read', (directory, name) => readEntry(directory, name));
}

/**
 * Symbolic links are refused: whoever owns the directory could lead elsewhere.
 *
 * @throws {WarrenError} `ERR_FILE_NOT_FOUND`, `ERR_FILE_NOT_REGULAR`, `ERR_FILE_CAPABILITIES_DENIED`, `ERR_FILE_CAPABILITIES`.
 * @see setcap(8)
 */
export async function setFileCapabilities(path: string, capabilities: FileCapabilities): Promise<void> {
  const value = encodeFileCapabilities(capabilities);
  await atEntry(path, 'set', async (directory, name) => {
    await refuseOthers(path, directory, name);
    setEntryAttribute(directory.fd, name, fileCapabilityAttribute, value);
  });
}

/**
 * @returns Whether there was something to remove.
 * @throws {WarrenError} As `setFileCapabilities()`.
 */
export async function removeFileCapabilities(path: string): Promise<boolean> {
  return atEntry(path, 'remove', async (directory, name) => {
    await refuseOthers(path, directory, name);
    try {
      removeEntryAttribute(directory.fd, name, fileCapabilityAttribute);
      return true;
    } catch (error) {
      if (errnoOf(error) === 'ENODATA') return false;
      throw error;
    }
  });
}

/** A regular file of a tree. */
export interface TreeFile {
  readonly path: string;
  readonly executable: boolean;
  readonly capabilities: FileCapabilities | undefined;
}

/** f_type of file systems that hold no programs: proc, sysfs, cgroup, cgroup2. See statfs(2). */
const skippedTypes: ReadonlySet<number> = new Set([0x9fa0, 0x62656572, 0x27e0eb, 0x63677270]);

/**
 * Every regular file below a directory, links not followed; a file itself. What the kernel makes up (/proc, /sys) is left out.
 *
 * @param onError Called for a directory or file that cannot be read; the walk goes on.
 */
export async function* walkFiles(
  path: string,
  onError: (path: string, error: unknown) => void,
): AsyncGenerator<TreeFile> {
  const pending = [resolve(path)];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    let directory: FileHandle;
    try {
      directory = await open(next, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    } catch (error) {
      if (errnoOf(error) === 'ENOTDIR') {
        const file = await lookAt(next, onError);
        if (file) yield file;
      } else onError(next, error);
      continue;
    }
    try {
      const here = `/proc/self/fd/${directory.fd}`;
      if (skippedTypes.has((await statfs(here)).type)) continue;
      const entries = await readdir(here, { withFileTypes: true, encoding: 'buffer' });
      const subdirectories: string[] = [];
      for (const entry of entries) {
        const full = join(next, entry.name.toString());
        if (entry.isDirectory()) subdirectories.push(full);
        else if (entry.isFile()) {
          const file = await lookAt(full, onError, directory, entry.name);
          if (file) yield file;
        }
      }
      pending.push(...subdirectories.reverse());
    } catch (error) {
      onError(next, error);
    } finally {
      await directory.close();
    }
  }
}

async function lookAt(
  path: string,
  onError: (path: string, error: unknown) => void,
  directory?: FileHandle,
  name?: Buffer,
): Promise<TreeFile | undefined> {
  try {
    if (directory === undefined || name === undefined) {
      const found = await stat(path);
      if (!found.isFile()) return undefined;
      return { path, executable: (found.mode & 0o111) !== 0, capabilities: await readFileCapabilities(path) };
    }
    const { mode } = await stat(Buffer.concat([Buffer.from(`/proc/self/fd/${directory.fd}/`), name]));
    return { path, executable: (mode & 0o111) !== 0, capabilities: readEntry(directory, name) };
  } catch (error) {
    onError(path, error);
    return undefined;
  }
}

function readEntry(directory: FileHandle, name: Uint8Array): FileCapabilities | undefined {
  try {
    return decodeFileCapabilities(getEntryAttribute(directory.fd, name, fileCapabilityAttribute));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENODATA' || errno === 'EOPNOTSUPP') return undefined;
    throw error;
  }
}

/** Holds the directory, so that a name exchanged meanwhile leads nowhere else. */
async function atEntry<T>(
  path: string,
  action: string,
  act: (directory: FileHandle, name: Uint8Array) => T | Promise<T>,
): Promise<T> {
  try {
    const full = resolve(path);
    const directory = await open(dirname(full), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      const name = Buffer.from(basename(full));
      // ENOENT now, and not as an attribute that is missing.
      await stat(`/proc/self/fd/${directory.fd}/${basename(full)}`);
      return await act(directory, name);
    } finally {
      await directory.close();
    }
  } catch (error) {
    throw fileError(path, action, error);
  }
}

async function refuseOthers(path: string, directory: FileHandle, name: Uint8Array): Promise<void> {
  const entry = `/proc/self/fd/${directory.fd}/${Buffer.from(name).toString()}`;
  const link = await readlink(entry).catch(() => undefined);
  if (link === undefined && (await stat(entry)).isFile()) return;
  throw new WarrenError('ERR_FILE_NOT_REGULAR', `Cannot change the capabilities of ${quote(path)}`, {
    kind: 'invalid-argument',
    why: link === undefined ? 'it is not a regular file' : `it is a symbolic link to ${quote(link)}`,
    fix: link === undefined ? 'only regular files have capabilities' : 'name the file itself',
  });
}

function fileError(path: string, action: string, error: unknown): unknown {
  const errno = errnoOf(error);
  if (error instanceof WarrenError || errno === undefined) return error;
  const make = (code: ErrorCode, kind: ErrorKind, why: string, fix: string): WarrenError =>
    new WarrenError(code, `Cannot ${action} the capabilities of ${quote(path)}`, {
      kind,
      why,
      fix,
      syscall: (error as NodeJS.ErrnoException).syscall,
      errno,
      cause: error,
    });
  switch (errno) {
    case 'ENOENT':
    case 'ENOTDIR':
      return make('ERR_FILE_NOT_FOUND', 'not-found', `there is no such file (${errno})`, 'check the path');
    case 'EPERM':
    case 'EACCES':
      return make(
        'ERR_FILE_CAPABILITIES_DENIED',
        'permission-denied',
        `the kernel refuses it (${errno}): it needs CAP_SETFCAP over the file, whose owner and group must have ids in your user namespace`,
        'run as root; in a user namespace, use files that belong to ids of it',
      );
    case 'EROFS':
      return make('ERR_FILE_CAPABILITIES', 'conflict', 'its file system is read-only', 'remount it writable');
    case 'EOPNOTSUPP':
      return make(
        'ERR_FILE_CAPABILITIES',
        'unsupported',
        'its file system has no extended attributes of this kind',
        'move the file to ext4, xfs, btrfs, overlayfs or tmpfs',
      );
    case 'EOVERFLOW':
      return make(
        'ERR_FILE_CAPABILITIES',
        'unsupported',
        'they are of a user namespace whose root has no id in yours',
        'look from the user namespace that they were set in, or from the first one',
      );
    case 'EINVAL':
      return make(
        'ERR_FILE_CAPABILITIES',
        'invalid-argument',
        'the kernel refuses the value (EINVAL): likely the root id has no id in your user namespace',
        'give a root id that is mapped here',
      );
    default:
      return error;
  }
}
