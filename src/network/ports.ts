/** Published ports of containers that run. */
import { invalid, quote, WarrenError } from '../errors.js';
import { checkContainerId } from './container-id.js';
import { endpointsOfContainer } from './detach.js';
import { type Endpoint, type PublishedPort, writeEndpoint } from './endpoint.js';
import { withLock } from './lock.js';
import { canPublish } from './prepare.js';
import { formatPort, type PublishRequest } from '../kernel/port-spec.js';
import { hostAddresses } from './port-elements.js';
import { canServe, publishPorts, unpublish } from './publish.js';
import { getRecord } from './record.js';
import { ensureTable, openTables } from './table.js';

/** What is published of a container, in every network. */
export function portsOf(container: string): PublishedPort[] {
  checkContainerId(container);
  return endpointsOfContainer(container).flatMap(({ ports }) => ports);
}

/** As {@link portsOf}, each with the address of the host that it is on: on every one, with `0.0.0.0`, `::`, or once with each. */
export function portBindingsOf(container: string): Required<PublishedPort>[] {
  checkContainerId(container);
  return endpointsOfContainer(container).flatMap((endpoint) =>
    endpoint.ports.flatMap((port) => hostAddresses(endpoint, port).map((hostIp) => ({ ...port, hostIp }))),
  );
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
 * @param which Those of these ports of the host and protocols; of any address where none is given. Of a port on every address,
 *   `0.0.0.0` and `::` are that family's part.
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
      if (!endpoints.some((each) => each.ports.some((port) => divide(each, port, wanted)))) {
        throw invalid(
          'ERR_PORT_NOT_PUBLISHED',
          `Cannot take back port ${wanted.hostPort}/${wanted.protocol}${wanted.hostIp === undefined ? '' : ` of ${wanted.hostIp}`}`,
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
      const some: PublishedPort[] = [];
      let left = endpoint.ports;
      for (const wanted of which)
        left = left.flatMap((port) => {
          const divided = divide(endpoint, port, wanted);
          if (!divided) return [port];
          some.push(divided.gone);
          return divided.left;
        });
      if (some.length === 0) continue;
      writeEndpoint({ ...endpoint, ports: left });
      await unpublish(endpoint, some, { last: left.length === 0 });
      gone.push(...some);
    }
    return gone;
  });
}

/** @returns What is wanted of a port, and the rest; undefined: nothing of it is. */
function divide(
  endpoint: Endpoint,
  port: PublishedPort,
  { hostIp, hostPort, protocol }: Pick<PublishedPort, 'hostIp' | 'hostPort' | 'protocol'>,
): { readonly gone: PublishedPort; readonly left: readonly PublishedPort[] } | undefined {
  if (port.hostPort !== hostPort || port.protocol !== protocol) return undefined;
  if (hostIp === undefined || hostIp === port.hostIp) return { gone: port, left: [] };
  const parts = hostAddresses(endpoint, port);
  if (port.hostIp !== undefined || !parts.includes(hostIp)) return undefined;
  const others = parts.filter((each) => each !== hostIp);
  return others.length === 0
    ? { gone: port, left: [] }
    : { gone: { ...port, hostIp }, left: others.map((each) => ({ ...port, hostIp: each })) };
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
