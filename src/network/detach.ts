/** Takes containers out of networks, and gives back what they had there. */
import { quote, WarrenError } from '../errors.js';
import { deleteLink, NetlinkError, openNetlink } from '../netlink/index.js';
import { checkContainerId } from './container-id.js';
import { type Endpoint, findEndpoint, hasEndpoint, removeEndpoint } from './endpoint.js';
import { dropAddress } from './leases.js';
import { unpublish } from './publish.js';
import { allRecords, type NetworkRecord } from './record.js';

export interface DetachOptions {
  /**
   * Also delete the device, where the namespace outlives the container. Default false: it goes with it, which costs the caller
   * nothing; deleting a pair takes the kernel more than 10 ms.
   */
  readonly deleteDevice?: boolean;
}

/**
 * Gives back what a container had in every network: addresses, published ports, records. Goes on to the end.
 *
 * @throws {AggregateError} of what would not go.
 */
export async function detachAll(container: string, options: DetachOptions = {}): Promise<void> {
  checkContainerId(container);
  const errors: unknown[] = [];
  for (const endpoint of endpointsOfContainer(container))
    await detachOne(endpoint, options).catch((error: unknown) => errors.push(error));
  if (errors.length > 0)
    throw new AggregateError(
      errors,
      `Cannot detach the container ${container.slice(0, 12)} from every network`,
    );
}

/** What a container has, in every network, in the order of its interfaces. */
export function endpointsOfContainer(container: string): Endpoint[] {
  const found = allRecords().flatMap(({ name }) =>
    hasEndpoint(name, container) ? (findEndpoint(name, container) ?? []) : [],
  );
  const number = (endpoint: Endpoint): number => Number(endpoint.interface.replace(/^\D*/, ''));
  return found.length < 2 ? found : found.sort((a, b) => number(a) - number(b));
}

/**
 * Takes a container out of one network; its interface goes.
 *
 * @returns Its place there, as it was.
 * @throws {WarrenError} `ERR_NOT_ATTACHED`
 */
export async function disconnectContainer(record: NetworkRecord, container: string): Promise<Endpoint> {
  const endpoint = findEndpoint(record.name, container);
  if (!endpoint) {
    throw new WarrenError(
      'ERR_NOT_ATTACHED',
      `Cannot take the container ${quote(container.slice(0, 12))} out of ${quote(record.name)}`,
      { kind: 'not-found', why: 'it is not in that network' },
    );
  }
  await detachOne(endpoint, { deleteDevice: true });
  return endpoint;
}

/** The record goes first: what is left then, if this process is killed, is known to be garbage. */
export async function detachOne(endpoint: Endpoint, options: DetachOptions = {}): Promise<void> {
  const { network, container, addresses, device } = endpoint;
  removeEndpoint(network, container);
  await unpublish(endpoint, endpoint.ports, { last: true });
  for (const address of addresses) dropAddress(network, address.slice(0, address.indexOf('/')), container);
  if (options.deleteDevice === true && device !== undefined) await deleteDevice(device);
}

async function deleteDevice(name: string): Promise<void> {
  const socket = openNetlink('route');
  try {
    await deleteLink(socket, name);
  } catch (error) {
    if (!(error instanceof NetlinkError && error.errno === 'ENODEV')) throw error;
  } finally {
    socket.close();
  }
}
