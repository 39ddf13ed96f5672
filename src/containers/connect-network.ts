/** Networks of a container that runs. */
import { readlinkSync } from 'node:fs';
import { WarrenError, quote } from '../errors.js';
import { signalPidfd } from '../native/index.js';
import {
  attachAll,
  disconnectContainer,
  endpointsOfContainer,
  getNetwork,
  prepareNetworks,
  type Attachment,
  type NetworkRequest,
} from '../network/index.js';
import { lockContainer } from './files.js';
import { announce, isHostName } from './network.js';
import { leaveHosts } from './network-hosts.js';
import { notRunningError } from './not-running.js';
import { openContainers } from './store.js';

/**
 * Puts a running container into one more network, until it ends; its neighbours there find it by name.
 *
 * @param root The state directory.
 * @throws {WarrenError} what `prepareNetworks()` and `attachAll()` throw; `ERR_CONTAINER_NOT_RUNNING`; `ERR_NETWORK_REQUEST`
 *   where its network namespace is not its own.
 */
export async function connectNetwork(
  root: string,
  nameOrId: string,
  request: NetworkRequest,
): Promise<Attachment> {
  const container = await openContainers(root).find(nameOrId);
  const { id, name } = container;
  if (!container.record.networking) {
    throw new WarrenError('ERR_NETWORK_REQUEST', `Cannot connect the container ${quote(name)} to a network`, {
      kind: 'conflict',
      why: 'it was made without one: its network namespace is not kept by a monitor, or is somebody else’s',
      fix: 'make it with --network NETWORK',
    });
  }
  const lock = await lockContainer(container.directory, name);
  const connection = await container.connect();
  try {
    if (!connection || connection.pidfd < 0) throw notRunningError(name, 'connect');
    const { pid, pidfd } = connection;
    const plan = await prepareNetworks([
      { ...request, aliases: [...(isHostName(name) ? [name] : []), ...(request.aliases ?? [])] },
    ]);
    const [made] = await attachAll(plan, { pid }, id, { running: true });
    if (!made) throw notRunningError(name, 'connect');
    try {
      const there = endpointsOfContainer(id).find(({ network }) => network === made.network);
      // By its number: it is the one only if it is still there.
      signalPidfd(pidfd, 0);
      if (readlinkSync(`/proc/${pid}/ns/net`) !== `net:[${there?.namespace ?? 0}]`)
        throw new Error('another');
    } catch {
      await disconnectContainer(getNetwork(made.network), id);
      throw notRunningError(name, 'connect');
    }
    announce(root, id, container.record.options.hostname ?? id.slice(0, 12), [made]);
    return made;
  } finally {
    connection?.close();
    lock.release();
  }
}

/** @throws {WarrenError} `ERR_NOT_ATTACHED`, `ERR_NETWORK_NOT_FOUND`, `ERR_CONTAINER_NOT_FOUND`. */
export async function disconnectNetwork(root: string, nameOrId: string, network: string): Promise<void> {
  const record = getNetwork(network);
  const container = await openContainers(root).find(nameOrId);
  const lock = await lockContainer(container.directory, container.name);
  try {
    await disconnectContainer(record, container.id);
    leaveHosts(root, record.name, container.id);
  } finally {
    lock.release();
  }
}
