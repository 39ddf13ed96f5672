/** A container's root, for those who look at its files from outside. */
import { closeSync, openSync } from 'node:fs';
import { parseIdMap, type IdMapRange } from '../kernel/idmap.js';
import { signalPidfd } from '../native/index.js';
import { O_PATH, SIGKILL } from '../plan/constants.js';
import type { Layer } from '../plan/config.js';
import type { Plan } from '../plan/step.js';
import { readHost } from '../runtime/host.js';
import { Launch } from '../runtime/launch.js';
import { defaultIdMap } from '../runtime/subordinate-ids.js';
import { notRunningError } from './not-running.js';
import type { StoredOptions } from './record.js';

export interface ContainerLayer extends Pick<Layer, 'lower' | 'at' | 'hidden' | 'files'> {
  /** Directory on the host. */
  readonly upper: string;
}

/**
 * A descriptor of the root that a process has, for the caller to close.
 *
 * @param pidfd Of that process: what was opened by its number is its own only if it is still there afterwards.
 */
export function openRootOf(pid: number, pidfd: number, name: string): number {
  let fd: number;
  try {
    fd = openSync(`/proc/${pid}/root`, O_PATH);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw notRunningError(name, 'look into');
    throw error;
  }
  try {
    signalPidfd(pidfd, 0);
    return fd;
  } catch {
    closeSync(fd);
    throw notRunningError(name, 'look into');
  }
}

/** Mounts a root, for as long as `use` takes. @throws {WarrenError} the step that failed. */
export async function holdRoot<T>(plan: Plan, use: (path: string) => Promise<T>): Promise<T> {
  const nowhere = openSync('/dev/null', 'r+');
  let launch: Launch;
  try {
    launch = new Launch(plan, { streams: [nowhere, nowhere, nowhere] });
  } finally {
    closeSync(nowhere);
  }
  const fd = await launch.handedOver;
  if (fd === undefined) {
    await launch.exited;
    throw new TypeError('the launcher handed no root over');
  }
  try {
    return await use(`/proc/self/fd/${fd}`);
  } finally {
    launch.closeTerminal();
    launch.signal(SIGKILL);
    // The layers are free when it is gone, not before.
    await launch.exited.catch(() => undefined);
  }
}

/** Of a container with a user namespace of its own; empty for others. */
export function idMaps({ uidMap, gidMap, userns }: StoredOptions): {
  uidMap?: readonly IdMapRange[];
  gidMap?: readonly IdMapRange[];
} {
  const uid = uidMap ?? gidMap;
  const gid = gidMap ?? uidMap;
  if (!uid || !gid) {
    const host = readHost();
    if (host.uid === 0 || (userns !== undefined && userns !== 'private')) return {};
    const map = defaultIdMap(host);
    return { uidMap: map.uid, gidMap: map.gid };
  }
  return { uidMap: parseIdMap(uid), gidMap: parseIdMap(gid) };
}
