/** A file of its own in the place of its network's, for a container that runs. */
import { closeSync, fstatSync, lstatSync, openSync, statSync } from 'node:fs';
import { hostsFile } from '../network/index.js';
import { openBelow, signalPidfd } from '../native/index.js';
import { O_PATH } from '../plan/constants.js';
import { ask } from '../runtime/launch.js';
import type { MonitorConnection } from './connection.js';
import { bindFile } from './network.js';
import { makeOwnHosts, ownHosts } from './network-hosts.js';

/**
 * The network's file has the names of one network only. Where its container has something else as /etc/hosts, that stays.
 *
 * @param networks Whose members are in it from now on.
 * @returns False: it has a file of its own already.
 * @throws {WarrenError} `ERR_STEP`, `ERR_STATE_WRITE`.
 */
export async function separateHosts(
  root: string,
  id: string,
  { pid, pidfd }: MonitorConnection,
  networks: readonly string[],
): Promise<boolean> {
  const path = ownHosts(root, id);
  if (!lstatSync(path).isSymbolicLink()) return false;
  const namespace = openSync(`/proc/${pid}/ns/mnt`, 'r');
  try {
    const isSeen = seesFile(pid, path);
    // By their numbers: they are its own only if it is still there.
    signalPidfd(pidfd, 0);
    makeOwnHosts(root, id, hostsFile([]), networks);
    if (!isSeen) return true;
    await ask({
      steps: [
        { op: 'open-namespace', kind: 'mnt', path: `/proc/${process.pid}/fd/${namespace}` },
        { op: 'open-source', mount: bindFile(path, 'etc/hosts', false), index: 0 },
        { op: 'join-namespace', kind: 'mnt' },
        { op: 'mount-over', index: 0, target: '/etc/hosts' },
      ],
    });
    return true;
  } finally {
    closeSync(namespace);
  }
}

/** Whether its /etc/hosts is this file. */
function seesFile(pid: number, path: string): boolean {
  let fd: number;
  try {
    fd = openBelow(`/proc/${pid}/root`, 'etc/hosts', O_PATH);
  } catch {
    return false;
  }
  try {
    const [there, here] = [fstatSync(fd), statSync(path)];
    return there.dev === here.dev && there.ino === here.ino;
  } finally {
    closeSync(fd);
  }
}
