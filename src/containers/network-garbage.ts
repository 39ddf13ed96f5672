/** What the dead have left of networks. */
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import {
  collectNetworkGarbage,
  detachAll,
  endpointsOf,
  listNetworks,
  type NetworkGarbage,
} from '../network/index.js';
import { isMonitored, tryLock, type FileLock } from './files.js';
import { stateRoot } from '../state-root.js';
import { collectHosts } from './network-hosts.js';

/**
 * Addresses, published ports and names of containers that have ended, devices that nobody knows. Sooner than the network layer
 * alone could: the kernel takes its time with the devices of a namespace that has ended, a monitor's lock is gone at once.
 */
export async function collectNetworks(root: string): Promise<NetworkGarbage> {
  // Where there has never been a network, there is nothing; and who may make none need not be refused.
  if (!existsSync(join(stateRoot(), 'networks'))) return { removed: [], kept: [] };
  const ended = await collectEnded(root);
  const { removed, kept } = await collectNetworkGarbage();
  const networks = new Set(listNetworks().map(({ name }) => name));
  const names = collectHosts(root, (network) => (networks.has(network) ? membersOf(network) : undefined));
  return { removed: [...ended, ...removed, ...names], kept };
}

function membersOf(network: string): string[] {
  return endpointsOf(network).map(({ container }) => container);
}

async function collectEnded(root: string): Promise<string[]> {
  const removed: string[] = [];
  for (const id of new Set(listNetworks().flatMap(({ name }) => membersOf(name)))) {
    // Another store's, or removed already: its device tells.
    const lock = lockEnded(join(root, 'containers', id));
    if (!lock) continue;
    try {
      await detachAll(id);
      removed.push(`networks of ${id.slice(0, 12)}`);
    } finally {
      lock.release();
    }
  }
  return removed;
}

/** @returns Undefined: it runs, or somebody is just working on it. Until it is released nobody can start it. */
function lockEnded(directory: string): FileLock | undefined {
  let lock: FileLock | undefined;
  try {
    if (hasMonitor(directory)) return undefined;
    lock = tryLock(directory);
    if (!lock || !hasMonitor(directory)) return lock;
  } catch {
    // Removed meanwhile.
  }
  lock?.release();
  return undefined;
}

function hasMonitor(directory: string): boolean {
  const fd = openSync(join(directory, 'status'), 'r');
  try {
    return isMonitored(fd);
  } finally {
    closeSync(fd);
  }
}
