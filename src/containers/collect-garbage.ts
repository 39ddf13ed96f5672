/** What killed commands, monitors and containers leave in the state directory, and in the control groups. */
import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { collectGarbage as collectGroups } from '../runtime/collect-garbage.js';
import { removeTree } from '../runtime/remove-tree.js';
import {
  directoryEntries,
  ownerOfName,
  readRecord,
  removeName,
  tryLock,
  tryOwnDirectory,
  type FileLock,
} from './files.js';
import { collectNetworks } from './network-garbage.js';
import { readSnapshot } from './snapshot.js';
import type { ContainerStore } from './store.js';

export interface StateGarbage {
  /** What was removed: paths, names of control groups, and of networks in words. */
  readonly removed: readonly string[];
  /** Nobody's either, but it would not go. */
  readonly kept: readonly string[];
}

/**
 * Removes what nobody holds any more: containers that were being made or removed, names that lead nowhere, containers made
 * with `autoRemove` that have ended, control groups without a launcher (and what still runs in them), addresses, ports and names
 * of networks. Never what is alive: whoever works on something holds a lock, which the kernel takes from the dead.
 */
export async function collectState(store: ContainerStore): Promise<StateGarbage> {
  // Where there is nothing to do, nothing is waited for: who collects in a loop would never let anybody else have a turn.
  await setImmediate();
  // First: what has lost its monitor, and still runs, ends by this.
  const groups = await collectGroups();
  const directories = await collectDirectories(store.root);
  const removed = [...groups.removed, ...directories.removed, ...collectNames(store.root)];
  const kept = [...groups.kept, ...directories.kept];
  for (const id of store.ids()) {
    const directory = join(store.root, 'containers', id);
    try {
      const { record, status } = readSnapshot(directory, id);
      const ended = status.state === 'exited' || status.state === 'dead';
      // Where there still is a monitor, somebody is reading the last of the output.
      if (record.autoRemove && ended && status.monitorPid === 0) {
        await (await store.find(id)).remove();
        removed.push(directory);
      }
    } catch {
      // Gone meanwhile, or damaged: a container that cannot be read is not thrown away unasked.
    }
  }
  // Last: what has just been ended has no use for its networks.
  const networks = await collectNetworks(store.root);
  return { removed: [...removed, ...networks.removed], kept: [...kept, ...networks.kept] };
}

/** Half-made and half-removed containers; also done whenever one is made, for there are never many. */
export async function collectDirectories(root: string): Promise<StateGarbage> {
  const [making, removing] = await Promise.all(
    ['making', 'removing'].map(async (part) => collectBelow(join(root, part))),
  );
  return {
    removed: [...(making?.removed ?? []), ...(removing?.removed ?? [])],
    kept: [...(making?.kept ?? []), ...(removing?.kept ?? [])],
  };
}

/** Nothing, while somebody works there: what is whose cannot be told apart. The next one will find it. */
async function collectBelow(path: string): Promise<StateGarbage> {
  const found: { removed: string[]; kept: string[] } = { removed: [], kept: [] };
  if (directoryEntries(path).length === 0) return found;
  const lock = tryOwnDirectory(path);
  if (!lock) return found;
  try {
    for (const name of directoryEntries(path)) {
      const each = join(path, name);
      await removeTree(each).then(
        () => found.removed.push(each),
        () => found.kept.push(each),
      );
    }
    return found;
  } finally {
    lock.release();
  }
}

/** Names that lead nowhere, or to a container that bears another: somebody was killed while renaming it. */
function collectNames(root: string): string[] {
  return directoryEntries(join(root, 'names'))
    .filter((name) => isStray(root, name) && removeName(root, name, () => isStray(root, name)))
    .map((name) => join(root, 'names', name));
}

function isStray(root: string, name: string): boolean {
  let lock: FileLock | undefined;
  try {
    if (ownerOfName(root, name) === undefined) return true;
    const id = readlinkSync(join(root, 'names', name));
    const directory = join(root, 'containers', id);
    // Not one that is just being renamed.
    lock = tryLock(directory);
    return lock !== undefined && readRecord(directory, id).name !== name;
  } catch {
    // Being made, gone meanwhile, or of a container that cannot be read.
    return false;
  } finally {
    lock?.release();
  }
}
