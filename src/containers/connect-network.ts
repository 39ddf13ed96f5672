/** Networks and published ports of a container, changed after it was made: now, if it runs, and for its next starts. */
import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { WarrenError, quote } from '../errors.js';
import { signalPidfd } from '../native/index.js';
import {
  addPorts,
  attachAll,
  checkNetworkRequest,
  disconnectContainer,
  endpointsOfContainer,
  getNetwork,
  prepareNetworks,
  removePorts,
  reroute,
  type Attachment,
  type NetworkRequest,
  type PublishedPort,
  type PublishRequest,
} from '../network/index.js';
import type { DetachedContainer } from './container.js';
import type { MonitorConnection } from './connection.js';
import { lockContainer, readRecord, recordText, writeWhole } from './files.js';
import { announce, isHostName } from './network.js';
import { followHosts, leaveHosts, unfollowHosts } from './network-hosts.js';
import { notRunningError } from './not-running.js';
import { separateHosts } from './own-hosts.js';
import type { ContainerRecord, StoredNetworking } from './record.js';
import { openContainers } from './store.js';
import { withNetwork, withoutNetwork, withoutPorts, withPorts } from './stored-networking.js';

/**
 * Puts a container into one more network: at once if it runs, and at each of its starts; its neighbours there find it by name.
 *
 * @param root The state directory.
 * @returns Undefined: it does not run.
 * @throws {WarrenError} what `prepareNetworks()` and `attachAll()` throw; `ERR_NETWORK_REQUEST` where its network namespace is
 *   not its own.
 */
export async function connectNetwork(
  root: string,
  nameOrId: string,
  request: NetworkRequest,
): Promise<Attachment | undefined> {
  return change(root, nameOrId, async (container, record, connection) => {
    const networking = ownNetworking(record, 'connect', 'to a network');
    const isSame = isNetwork(checkNetworkRequest(request));
    const isKnown = networking.networks.some(({ network }) => isSame(network));
    if (isKnown && !connection) throw alreadyConnected(record.name, request.network);
    const made = connection && (await attach(root, container, connection, request));
    try {
      write(container, { ...record, networking: withNetwork(networking, request, isSame) });
    } catch (error) {
      if (made) await disconnectContainer(getNetwork(made.network), container.id);
      throw error;
    }
    return made;
  });
}

/**
 * Takes a container out of a network: at once if it runs, and for its next starts. What it published there, and its way out, are
 * then those of another of its networks. One that is gone can be named as it was when the container was made.
 *
 * @throws {WarrenError} `ERR_NOT_ATTACHED`, `ERR_NETWORK_NOT_FOUND`, `ERR_CONTAINER_NOT_FOUND`.
 */
export async function disconnectNetwork(root: string, nameOrId: string, network: string): Promise<void> {
  await change(root, nameOrId, async (container, record, connection) => {
    const networking = record.networking ?? { networks: [] };
    const isLiteral = networking.networks.some((each) => each.network === network);
    const found = findNetwork(network, isLiteral);
    const left = withoutNetwork(networking, found ? isNetwork(found) : (word) => word === network);
    const isThere = found !== undefined && isMember(container.id, found.name);
    if (found && isThere && connection) {
      const networks = endpointsOfContainer(container.id).map(({ network: name }) => name);
      await separateHosts(root, container.id, connection, networks);
      const gone = await disconnectContainer(found, container.id);
      unfollowHosts(root, found.name, container.id);
      leaveHosts(root, found.name, container.id);
      await reroute(gone, { pid: connection.pid });
    } else if (!left) throw notAttached(record.name, network);
    if (left) write(container, { ...record, networking: left });
  });
}

/**
 * Publishes more ports of a container that runs, now and at its next starts.
 *
 * @returns Those that were added.
 * @throws {WarrenError} what `addPorts()` throws; `ERR_CONTAINER_NOT_RUNNING`.
 */
export async function publishContainerPorts(
  root: string,
  nameOrId: string,
  requests: readonly PublishRequest[],
): Promise<PublishedPort[]> {
  return change(root, nameOrId, async (container, record, connection) => {
    const networking = ownNetworking(record, 'publish ports of', '');
    if (!connection) throw notRunningError(record.name, 'publish ports of');
    const ports = await addPorts(container.id, requests);
    try {
      write(container, { ...record, networking: withPorts(networking, requests) });
    } catch (error) {
      await removePorts(container.id, ports);
      throw error;
    }
    return ports;
  });
}

/**
 * Takes back published ports of a container that runs, now and for its next starts.
 *
 * @returns Those that were taken back.
 * @throws {WarrenError} `ERR_PORT_NOT_PUBLISHED`, `ERR_CONTAINER_NOT_RUNNING`.
 */
export async function unpublishContainerPorts(
  root: string,
  nameOrId: string,
  which: readonly Pick<PublishedPort, 'hostIp' | 'hostPort' | 'protocol'>[],
): Promise<PublishedPort[]> {
  return change(root, nameOrId, async (container, record, connection) => {
    if (!connection) throw notRunningError(record.name, 'take back ports of');
    const gone = await removePorts(container.id, which);
    if (record.networking) write(container, { ...record, networking: withoutPorts(record.networking, gone) });
    return gone;
  });
}

/** Nobody starts, ends or removes it meanwhile. */
async function change<T>(
  root: string,
  nameOrId: string,
  act: (
    container: DetachedContainer,
    record: ContainerRecord,
    connection: MonitorConnection | undefined,
  ) => Promise<T>,
): Promise<T> {
  const container = await openContainers(root).find(nameOrId);
  const lock = await lockContainer(container.directory, container.name);
  try {
    const connection = await container.connect();
    try {
      // Its monitor waits before it starts it again, or is ending.
      if (connection && connection.pidfd < 0) throw notRunningError(container.name, 'change the networks of');
      return await act(container, readRecord(container.directory, container.id), connection);
    } finally {
      connection?.close();
    }
  } finally {
    lock.release();
  }
}

function write(container: DetachedContainer, record: ContainerRecord): void {
  writeWhole(join(container.directory, 'config.json'), recordText(record));
}

async function attach(
  root: string,
  container: DetachedContainer,
  connection: MonitorConnection,
  request: NetworkRequest,
): Promise<Attachment> {
  const { pid, pidfd } = connection;
  const { id, name } = container;
  const plan = await prepareNetworks([
    { ...request, aliases: [...(isHostName(name) ? [name] : []), ...(request.aliases ?? [])] },
  ]);
  const [made] = await attachAll(plan, { pid }, id, { running: true });
  if (!made) throw notRunningError(name, 'connect');
  try {
    const there = endpointsOfContainer(id).find(({ network }) => network === made.network);
    // By its number: it is the one only if it is still there.
    signalPidfd(pidfd, 0);
    if (readlinkSync(`/proc/${pid}/ns/net`) !== `net:[${there?.namespace ?? 0}]`) throw new Error('another');
  } catch {
    await disconnectContainer(getNetwork(made.network), id);
    throw notRunningError(name, 'connect');
  }
  try {
    announce(root, id, container.record.options.hostname ?? id.slice(0, 12), [made]);
    const networks = endpointsOfContainer(id).map(({ network }) => network);
    const isMade = await separateHosts(root, id, connection, networks);
    if (!isMade) followHosts(root, made.network, id);
  } catch (error) {
    await disconnectContainer(getNetwork(made.network), id);
    leaveHosts(root, made.network, id);
    throw error;
  }
  return made;
}

/** Whether a word, as a container's record has it, is this network. */
function isNetwork({ id, name }: { readonly id: string; readonly name: string }): (word: string) => boolean {
  return (word) => word === name || (/^[0-9a-f]+$/.test(word) && id.startsWith(word));
}

function findNetwork(word: string, isOptional: boolean) {
  try {
    return getNetwork(word);
  } catch (error) {
    if (isOptional && error instanceof WarrenError && error.code === 'ERR_NETWORK_NOT_FOUND')
      return undefined;
    throw error;
  }
}

function isMember(container: string, name: string): boolean {
  return endpointsOfContainer(container).some(({ network }) => network === name);
}

function ownNetworking({ name, networking }: ContainerRecord, action: string, to: string): StoredNetworking {
  if (networking) return networking;
  const what = `Cannot ${action} the container ${quote(name)}${to === '' ? '' : ` ${to}`}`;
  throw new WarrenError('ERR_NETWORK_REQUEST', what, {
    kind: 'conflict',
    why: 'it was made without a network: its network namespace is not kept by a monitor, or is somebody else’s',
    fix: 'make it with --network NETWORK',
  });
}

function alreadyConnected(name: string, network: string): WarrenError {
  return new WarrenError(
    'ERR_ALREADY_ATTACHED',
    `Cannot connect the container ${quote(name)} to the network ${quote(network)}`,
    { kind: 'already-exists', why: 'it will be in that network when it starts' },
  );
}

function notAttached(name: string, network: string): WarrenError {
  return new WarrenError(
    'ERR_NOT_ATTACHED',
    `Cannot take the container ${quote(name)} out of the network ${quote(network)}`,
    { kind: 'not-found', why: 'it is not in that network' },
  );
}
