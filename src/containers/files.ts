/** The state directory on disk: names, locks, and writes that are whole or not at all. */
import {
  closeSync,
  fsync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { WarrenError, quote } from '../errors.js';
import { LOCK_EX, LOCK_NB, LOCK_SH, flock } from '../native/index.js';
import type { ContainerRecord } from './record.js';

export const containerId = /^[0-9a-f]{64}$/;

/**
 * What others can write to is not believed: root would follow their links, and start what they have written down.
 *
 * @throws {WarrenError} `ERR_STATE_DIRECTORY`; nothing where there is no directory yet.
 */
export function checkStateRoot(root: string): void {
  const refuse = (why: string, fix: string): WarrenError =>
    new WarrenError('ERR_STATE_DIRECTORY', `Cannot keep containers in ${quote(root)}`, {
      kind: 'permission-denied',
      why,
      fix,
    });
  let stats;
  try {
    stats = lstatSync(root, { throwIfNoEntry: false });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw refuse(
      `lstat failed with ${String(code)}`,
      'name a directory of your own (WARREN_STATE); is HOME yours?',
    );
  }
  if (!stats) return;
  if (!stats.isDirectory()) throw refuse('it is not a directory', 'name a directory, not a link to one');
  const own = process.geteuid?.() ?? 0;
  if (stats.uid !== own)
    throw refuse(
      `it belongs to user ${stats.uid}, and not to you`,
      'name a directory of your own (WARREN_STATE)',
    );
  if ((stats.mode & 0o022) !== 0)
    throw refuse('others can write to it', `keep it to yourself: chmod 700 ${root}`);
}

/** `making` and `removing` hold containers that are not in the list yet, or no more. */
const parts = ['containers', 'names', 'making', 'removing'];

/** Makes what is missing of the state directory; for nobody but its owner. */
export function makeStateRoot(root: string): void {
  try {
    for (const name of ['', ...parts]) mkdirSync(join(root, name), { recursive: name === '', mode: 0o700 });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') {
      for (const name of parts) makeDirectory(join(root, name));
      return;
    }
    throw stateError(root, cause);
  }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw stateError(path, cause);
  }
}

/** A write that failed for want of room or rights. What was there before is as it was. */
export function stateError(path: string, cause: unknown): unknown {
  const { code, syscall } = cause as NodeJS.ErrnoException;
  if (code === undefined || cause instanceof WarrenError) return cause;
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new WarrenError('ERR_STATE_WRITE', `Cannot write ${quote(path)}`, {
    kind: full
      ? 'resource-exhausted'
      : code === 'EACCES' || code === 'EPERM'
        ? 'permission-denied'
        : 'kernel',
    why: `${syscall ?? 'writing'} failed with ${code}${full ? ' (no space left on device)' : ''}`,
    fix: full
      ? 'make room on that file system, or keep containers elsewhere (WARREN_STATE); see: warren prune'
      : 'look at the rights of the state directory (WARREN_STATE)',
    syscall,
    errno: code,
    cause,
  });
}

export function directoryEntries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw stateError(path, error);
  }
}

const sync = promisify(fsync);

/** A new file. For the disk to have it, milliseconds, is waited without holding up anybody else. */
export async function writeSynced(path: string, text: string): Promise<void> {
  const fd = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(fd, text);
    await sync(fd);
  } finally {
    closeSync(fd);
  }
}

/** To a temporary name, synced, renamed: a reader sees the old text or the new. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${process.pid}.new`;
  try {
    const fd = openSync(temporary, 'w', 0o600);
    try {
      const bytes = Buffer.from(content);
      for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (cause) {
    removeIfThere(temporary);
    throw stateError(path, cause);
  }
}

export function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** A lock that the kernel lets go of when this process ends. */
export class FileLock {
  #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  release(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}

/** @returns undefined where somebody else holds it. @throws ENOENT where the directory is gone. */
export function tryLock(directory: string): FileLock | undefined {
  const fd = openSync(join(directory, 'lock'), 'a', 0o600);
  if (flock(fd, LOCK_EX | LOCK_NB)) return new FileLock(fd);
  closeSync(fd);
  return undefined;
}

/**
 * Says that this process works below `making` or `removing`: everything there is somebody's as long as anybody does. The
 * kernel takes it back from the dead.
 */
export async function shareDirectory(path: string): Promise<FileLock> {
  const fd = openSync(path, 'r');
  // A collector holds it alone, for a moment.
  while (!flock(fd, LOCK_SH | LOCK_NB)) await sleep(1);
  return new FileLock(fd);
}

/** @returns undefined while somebody works there. */
export function tryOwnDirectory(path: string): FileLock | undefined {
  const fd = openSync(path, 'r');
  if (flock(fd, LOCK_EX | LOCK_NB)) return new FileLock(fd);
  closeSync(fd);
  return undefined;
}

/** Longer than any operation that waits for nothing but the kernel. */
const LOCK_PATIENCE_MS = 30_000;

/**
 * For an operation on a container: one at a time, whichever process it is in.
 *
 * @throws {WarrenError} `ERR_CONTAINER_NOT_FOUND` where it has been removed meanwhile; `ERR_CONTAINER_BUSY`.
 */
export async function lockContainer(directory: string, name: string): Promise<FileLock> {
  const deadline = performance.now() + LOCK_PATIENCE_MS;
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    try {
      const lock = tryLock(directory);
      if (lock) {
        // Taken from whoever removed it: the directory has gone elsewhere.
        lstatSync(join(directory, 'lock'));
        return lock;
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw notFound(name);
      throw error;
    }
    if (performance.now() > deadline) {
      throw new WarrenError('ERR_CONTAINER_BUSY', `Cannot change the container ${quote(name)}`, {
        kind: 'conflict',
        why: 'another command has been working on it for half a minute',
        fix: 'see what that is: fuser -v ' + join(directory, 'lock'),
      });
    }
    await sleep(pause);
  }
}

export function notFound(name: string): WarrenError {
  return new WarrenError('ERR_CONTAINER_NOT_FOUND', `Cannot find the container ${quote(name)}`, {
    kind: 'not-found',
    why: 'no such container',
    fix: 'see which there are: warren ps -a',
  });
}

/** Whether a monitor holds the status file, open as `fd`. Somebody who asks at the same moment does not count. */
export function isMonitored(fd: number): boolean {
  return !flock(fd, LOCK_SH | LOCK_NB);
}

export function nameTaken(name: string, owner: string | undefined): WarrenError {
  return new WarrenError('ERR_CONTAINER_NAME_TAKEN', `Cannot name a container ${quote(name)}`, {
    kind: 'already-exists',
    why: `the name is already in use by container ${owner?.slice(0, 12) ?? 'that is just being made'}`,
    fix: `choose another, or remove that one: warren rm ${name}`,
  });
}

// ── names ──

/** Takes a name for a container. @returns False where another has it. */
export function takeName(root: string, name: string, id: string): boolean {
  const path = join(root, 'names', name);
  for (;;) {
    try {
      symlinkSync(id, path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw stateError(path, error);
    }
    const owner = ownerOfName(root, name);
    if (owner !== undefined) return owner === id;
    // Left by a container that is gone.
    removeName(root, name, () => ownerOfName(root, name) === undefined);
  }
}

/**
 * Removes a name if it (still) is nobody's: one at a time, or the second would remove what somebody has made after the first.
 *
 * @returns Whether it did.
 */
export function removeName(root: string, name: string, isNobodys: () => boolean): boolean {
  const names = openSync(join(root, 'names'), 'r');
  try {
    flock(names, LOCK_EX);
    if (!isNobodys()) return false;
    removeIfThere(join(root, 'names', name));
    return true;
  } finally {
    closeSync(names);
  }
}

/** The id of the container that has a name, if there is one. */
export function ownerOfName(root: string, name: string): string | undefined {
  try {
    const id = readlinkSync(join(root, 'names', name));
    if (!containerId.test(id)) return undefined;
    return isThere(join(root, 'containers', id)) || isThere(join(root, 'making', id)) ? id : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

export function giveNameBack(root: string, name: string, id: string): void {
  try {
    removeName(root, name, () => readlinkSync(join(root, 'names', name)) === id);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

/** Says in a container's directory which name it has, for whoever removes it without reading its config.json. */
export function linkName(directory: string, name: string): void {
  const temporary = join(directory, `name.${process.pid}.new`);
  try {
    removeIfThere(temporary);
    symlinkSync(`../../names/${name}`, temporary);
    renameSync(temporary, join(directory, 'name'));
  } catch (cause) {
    removeIfThere(temporary);
    throw stateError(directory, cause);
  }
}

/** @returns undefined where it is lost. */
export function linkedName(directory: string): string | undefined {
  try {
    return basename(readlinkSync(join(directory, 'name')));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** EINVAL: not a link. */
function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'EINVAL' || code === 'ENOTDIR' || code === 'ENAMETOOLONG';
}

// ── config.json ──

/** Masks of seccomp profiles have 64 bits, which JSON's readers round. */
const BIG = '$bigint';

export function recordText(record: ContainerRecord): string {
  return `${JSON.stringify(record, (_, value: unknown) => (typeof value === 'bigint' ? { [BIG]: String(value) } : value))}\n`;
}

/**
 * @throws {WarrenError} `ERR_STATE_DAMAGED` naming the file; ENOENT where the container is gone.
 */
export function readRecord(directory: string, id: string): ContainerRecord {
  const path = join(directory, 'config.json');
  const text = readFileSync(path, 'utf8');
  const damaged = (why: string, cause?: unknown): WarrenError =>
    new WarrenError('ERR_STATE_DAMAGED', `Cannot read ${quote(path)}`, {
      kind: 'internal',
      why,
      fix: `look at it; if nothing can be saved, remove the container: warren rm -f ${id.slice(0, 12)}`,
      cause,
    });
  let value: unknown;
  try {
    // A reviver costs more than all of the rest.
    value = text.includes(BIG) ? JSON.parse(text, reviveBig) : JSON.parse(text);
  } catch (cause) {
    throw damaged('it is not JSON', cause);
  }
  const record = value as Partial<ContainerRecord> | null;
  if (typeof record !== 'object' || record === null) throw damaged('it is no object');
  if (record.version !== 1) {
    throw damaged(`it is of version ${JSON.stringify(record.version)}, and this Warren knows version 1`);
  }
  if (record.id !== id) throw damaged('it is of another container');
  const isWhole =
    typeof record.name === 'string' &&
    typeof record.createdAt === 'string' &&
    Array.isArray(record.command) &&
    typeof record.options === 'object' &&
    typeof record.labels === 'object' &&
    typeof record.restart === 'object' &&
    typeof record.log === 'object';
  if (!isWhole) throw damaged('fields are missing');
  return record as ContainerRecord;
}

function reviveBig(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !(BIG in value)) return value;
  return BigInt(String(value[BIG]));
}
