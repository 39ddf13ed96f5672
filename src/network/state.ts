/**
 * Where networks are kept, and how files are written so that a crash leaves the old or the new one.
 *
 *   networks/NAME/network.json       NetworkRecord (record.ts)
 *   networks/NAME/run                below /run: what a reboot makes void (run-directory.ts)
 *     endpoints/ID.json              Endpoint (endpoint.ts), one for each container in it
 *     leases/ADDRESS                 whose the address is (leases.ts)
 *     next-inet, next-inet6          where the search for a free address begins
 *   networks/lock                    held while a network is made or removed, and while ports of a container change
 */
import {
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { WarrenError } from '../errors.js';
import { stateRoot } from '../state-root.js';

/** The directory of all networks. */
export function networksDirectory(root: string = stateRoot()): string {
  return join(root, 'networks');
}

/** Writes beside it, syncs, renames: whoever reads sees the old or the new text, also after a crash. */
export function writeDurably(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.${uniqueNumber()}.tmp`;
  const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
  const directory = openSync(dirname(path), constants.O_RDONLY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** As {@link writeDurably}, without the syncs: for what a reboot makes void anyway. */
export function writeAtomically(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.${uniqueNumber()}.tmp`;
  const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}

function uniqueNumber(): bigint {
  return process.hrtime.bigint();
}

/** @returns Undefined: there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Names in a directory, without temporary files. */
export function namesIn(path: string): string[] {
  return allNames(path).filter((name) => !name.endsWith('.tmp'));
}

/** None where there is no such directory. */
export function allNames(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return [];
    throw error;
  }
}

export function removeFile(path: string): boolean {
  try {
    rmSync(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

export function makeDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}

export function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (hasCode(error, 'ENOTDIR')) return false;
    throw error;
  }
}

export function hasCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}

/** A state file that is no JSON, or not ours. */
export function damaged(path: string, cause: unknown): WarrenError {
  return new WarrenError('ERR_STATE_DAMAGED', `Cannot read ${JSON.stringify(path)}`, {
    kind: 'internal',
    why: 'it is not what Warren writes',
    fix: 'remove the file; what it described is then gone',
    cause,
  });
}
