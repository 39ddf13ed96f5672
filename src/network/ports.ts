/** Published ports of containers that run. */
import { invalid, quote, WarrenError } from '../errors.js';
import { checkContainerId } from './container-id.js';
import { endpointsOfContainer } from './detach.js';
import { type Endpoint, type PublishedPort, writeEndpoint } from './endpoint.js';
import { withLock } from './lock.js';
import { canPublish } from './prepare.js';
import { formatPort, type PublishRequest } from '../kernel/port-spec.js';
import { canServe, publishPorts, unpublish } from './publish.js';
import { getRecord } from './record.js';
import { ensureTable, openTables } from './table.js';

/** What is published of a container, in every network. */
export function portsOf(container: string): PublishedPort[] {
  checkContainerId(container);
  return endpointsOfContainer(container).flatMap(({ ports }) => ports);
}

/**
 * Publishes more ports of a container that runs, on the first of its networks that can, and has what the host's addresses need.
 *
 * @returns Those that were added.
 * @throws {WarrenError} `ERR_NOT_ATTACHED`, `ERR_PORT_IN_USE`, `ERR_PORTS_EXHAUSTED`, `ERR_NETWORK_REQUEST`
 */
export async function addPorts(
  container: string,
  requests: readonly PublishRequest[],
): Promise<PublishedPort[]> {
  checkContainerId(container);
  return withLock(async () => {
    const endpoints = endpointsOfContainer(container);
    const endpoint = publisher(container, endpoints, requests);
    const tables = openTables();
    try {
      await ensureTable(tables, [getRecord(endpoint.network)]);
    } finally {
      tables.close();
    }
    const others = endpoints.filter((each) => each !== endpoint).flatMap(({ ports }) => ports);
    const now = await publishPorts(endpoint, requests, others);
    return now.ports.slice(endpoint.ports.length);
  });
}

/**
 * Takes back ports that are published; connections that exist go on until they end.
 *
 * @param which Those of these ports of the host and protocols; of any address where none is given.
 * @returns Those that were taken back.
 * @throws {WarrenError} `ERR_PORT_NOT_PUBLISHED`
 */
export async function removePorts(
  container: string,
  which: readonly Pick<PublishedPort, 'hostIp' | 'hostPort' | 'protocol'>[],
): Promise<PublishedPort[]> {
  checkContainerId(container);
  return withLock(async () => {
    const endpoints = endpointsOfContainer(container);
    const gone: PublishedPort[] = [];
    for (const wanted of which) {
      const fits = (port: PublishedPort): boolean =>
        port.hostPort === wanted.hostPort &&
        port.protocol === wanted.protocol &&
        (wanted.hostIp === undefined || port.hostIp === wanted.hostIp);
      if (!endpoints.some(({ ports }) => ports.some(fits))) {
        throw invalid(
          'ERR_PORT_NOT_PUBLISHED',
          `Cannot take back port ${wanted.hostPort}/${wanted.protocol}`,
          `the container publishes ${
            endpoints
              .flatMap(({ ports }) => ports)
              .map(formatPort)
              .join(', ') || 'none'
          }`,
        );
      }
    }
    for (const endpoint of endpoints) {
      const some = endpoint.ports.filter((port) =>
        which.some(
          ({ hostIp, hostPort, protocol }) =>
            port.hostPort === hostPort &&
            port.protocol === protocol &&
            (hostIp === undefined || hostIp === port.hostIp),
        ),
      );
      if (some.length === 0) continue;
      const rest = endpoint.ports.filter((port) => !some.includes(port));
      writeEndpoint({ ...endpoint, ports: rest });
      await unpublish(endpoint, some, { last: rest.length === 0 });
      gone.push(...some);
    }
    return gone;
  });
}

function publisher(
  container: string,
  endpoints: readonly Endpoint[],
  requests: readonly PublishRequest[],
): Endpoint {
  const able = endpoints.filter(({ network }) => canPublish(getRecord(network)));
  const found = able.find((each) => requests.every((request) => canServe(each, request))) ?? able[0];
  if (found) return found;
  throw new WarrenError(
    'ERR_NOT_ATTACHED',
    `Cannot publish ports of the container ${quote(container.slice(0, 12))}`,
    {
      kind: 'conflict',
      why: 'it is in no network with a way to the host: bridge or routed, and not internal',
      fix: 'warren network connect NETWORK CONTAINER',
    },
  );
}
