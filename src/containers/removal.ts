/** The end of a container, and of what it leaves. */
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WarrenError } from '../errors.js';
import * as c from '../plan/constants.js';
import { removeTree } from '../runtime/remove-tree.js';
import { giveNameBack, linkedName, makeStateRoot, notFound, shareDirectory } from './files.js';
import type { Liveness } from './liveness.js';
import { readRunRecord } from './run-record.js';

/** Who removes by force does not care how it ends: sooner than others are told that a monitor is silent. */
const END_PATIENCE_MS = 3000;

/** For a removal: whoever holds the lock decides, and no policy starts it again. A monitor that is silent is killed. */
export async function endByForce(container: Liveness): Promise<void> {
  try {
    const connection = await container.connect(END_PATIENCE_MS);
    if (!connection) return;
    try {
      do await connection.request(c.MSG_STOP, c.SIGKILL, 0);
      while (!(await settlesWithin(connection.ended, END_PATIENCE_MS)));
    } finally {
      connection.close();
    }
  } catch (error) {
    if (!(error instanceof WarrenError) || error.code !== 'ERR_MONITOR_SILENT') throw error;
    const { killMonitor } = await import('./kill-monitor.js');
    killMonitor(container.directory);
    // Not even SIGKILL ends what hangs in the kernel.
    if (!(await settlesWithin(container.untilLetGo(), END_PATIENCE_MS))) throw error;
  }
}

async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const patience = new AbortController();
  const late = sleep(ms, false, { signal: patience.signal }).catch(() => false);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    patience.abort();
  }
}

/**
 * Ends what is left of a run whose monitor was killed: its control groups, and whoever is still in them. Its state does not
 * tell: a monitor that was killed during the start has not written any.
 */
export async function bury(directory: string): Promise<void> {
  const left = readRunRecord(directory).cgroups.filter((path) => existsSync(path));
  if (left.length === 0) return;
  const { collectGroups } = await import('../runtime/collect-garbage.js');
  await collectGroups(left);
}

/**
 * @param root The state directory.
 * @param onGone Called once nobody finds it any more.
 * @throws {WarrenError} `ERR_CONTAINER_NOT_FOUND`.
 */
export async function removeFiles(
  root: string,
  id: string,
  { directory, name }: Liveness,
  onGone: () => void,
): Promise<void> {
  const removing = join(root, 'removing');
  const gone = join(removing, id);
  makeStateRoot(root);
  const working = await shareDirectory(removing);
  try {
    // Not as a handle knows it: somebody may have given it another.
    const linked = linkedName(directory);
    renameSync(directory, gone);
    if (linked !== undefined) giveNameBack(root, linked, id);
    onGone();
    await removeTree(gone);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw notFound(name);
    throw error;
  } finally {
    working.release();
  }
}
