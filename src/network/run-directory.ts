/**
 * What is void after a reboot, a network's leases and its containers' places in it, is kept below /run, in memory: there it goes
 * by itself, and to make and remove a file costs next to nothing. ext4, for comparison, passes over every inode of its group
 * that was removed in the last half minute (so that a crash cannot mix up old and new), one by one: with hundreds of starts, each
 * new file takes it a millisecond.
 *
 * `networks/NAME/run` in the state directory is a symbolic link there: who uses the same state directory uses the same files.
 * Where nothing can be made below /run, it is a directory.
 */
import { lstatSync, readlinkSync, rmdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { networkDirectory } from './record.js';
import { allNames, hasCode, isThere, makeDirectory } from './state.js';

const ROOT = '/run/warren/networks';
/** In each of them: back to the network's directory. */
const OWNER = 'owner';
const contents = ['leases', 'endpoints'];

export function runDirectory(network: string): string {
  return join(networkDirectory(network), 'run');
}

/** For a network that is being made. @param id The network's. */
export function makeRunDirectory(network: string, id: string): void {
  makeDirectory(networkDirectory(network));
  const target = join(ROOT, id);
  if (makeInMemory(target, network)) symlinkSync(target, runDirectory(network));
  fill(runDirectory(network));
}

/** What a reboot has taken is made again. */
export function ensureRunDirectory(network: string): void {
  const path = runDirectory(network);
  if (isThere(join(path, contents.at(-1) ?? ''))) return;
  const target = linkedTo(path);
  if (target !== undefined && !makeInMemory(target, network)) {
    // Nothing can be made there any more. Another start may be as far as this one.
    if (linkedTo(path) !== undefined) rmSync(path, { force: true });
  }
  fill(path);
}

export function removeRunDirectory(network: string): void {
  const path = runDirectory(network);
  const target = linkedTo(path);
  if (target !== undefined && ownerOf(target) === networkDirectory(network)) removeTarget(target);
  rmSync(path, { recursive: true, force: true });
}

/** Those whose network, of this state directory, is gone. @returns What was removed. For who holds the lock. */
export function collectRunDirectories(networks: string): string[] {
  return allNames(ROOT).flatMap((name) => {
    const target = join(ROOT, name);
    const owner = ownerOf(target);
    // Of other state directories, others know.
    if (owner === undefined || dirname(owner) !== networks || linkedTo(join(owner, 'run')) === target)
      return [];
    removeTarget(target);
    return [`leases of a network that is gone, ${target}`];
  });
}

/** @returns False where nothing can be made there, or somebody else could change what is. */
function makeInMemory(target: string, network: string): boolean {
  try {
    makeDirectory(target);
    if (![dirname(ROOT), ROOT, target].every(isOurs)) return false;
    symlinkSync(networkDirectory(network), join(target, OWNER));
    return true;
  } catch (error) {
    // Another start has made it at the same time.
    if (hasCode(error, 'EEXIST')) return true;
    if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENOSPC', 'ENOENT'].some((code) => hasCode(error, code)))
      return false;
    throw error;
  }
}

function isOurs(path: string): boolean {
  const stats = lstatSync(path);
  return stats.isDirectory() && stats.uid === process.geteuid?.() && (stats.mode & 0o022) === 0;
}

function fill(path: string): void {
  for (const name of contents) makeDirectory(join(path, name));
}

function removeTarget(target: string): void {
  rmSync(target, { recursive: true, force: true });
  // Nothing stays behind the last one.
  for (const directory of [ROOT, dirname(ROOT)]) {
    try {
      rmdirSync(directory);
    } catch {
      return;
    }
  }
}

function ownerOf(target: string): string | undefined {
  return linkedTo(join(target, OWNER));
}

/** @returns Undefined: it is no link. */
function linkedTo(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'EINVAL') || hasCode(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}
