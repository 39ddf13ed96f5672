/** Which port of the host a request gets. */
import { WarrenError } from '../errors.js';
import type { PublishedPort } from './endpoint.js';
import { readHostSysctl } from './forwarding.js';
import { describeListener, type Listener } from './port-holders.js';
import { formatPort, shareAddress, type PublishRequest } from '../kernel/port-spec.js';

/** The kernel's default for net.ipv4.ip_local_port_range. */
const DEFAULT_RANGE = '32768\t60999';

/**
 * A port that no process of the host and none of `taken` holds.
 *
 * @throws {WarrenError} `ERR_PORT_IN_USE`, `ERR_PORTS_EXHAUSTED`
 */
export function choosePort(
  request: PublishRequest,
  listeners: readonly Listener[],
  taken: readonly PublishedPort[],
): PublishedPort {
  const { hostPorts, hostIp, containerPort, protocol } = request;
  const [low = 32_768, high = 60_999] = (readHostSysctl('net/ipv4/ip_local_port_range') ?? DEFAULT_RANGE)
    .split(/\s+/)
    .map(Number);
  const { first, last } = hostPorts ?? { first: low, last: high };
  const count = last - first + 1;
  // At random only where no port was named: a range is taken in its order.
  const start = hostPorts ? 0 : Math.floor(Math.random() * count);
  for (let step = 0; step < count; step++) {
    const port: PublishedPort = {
      ...(hostIp === undefined ? {} : { hostIp }),
      hostPort: first + ((start + step) % count),
      containerPort,
      protocol,
    };
    const listener = listeners.find((each) => isOn(each, port));
    const other = taken.find((each) => overlaps(each, port));
    if (!listener && !other) return port;
    if (count === 1)
      throw inUse(
        port,
        listener ? describeListener(listener) : 'it is published already, or asked for twice',
      );
  }
  throw new WarrenError('ERR_PORTS_EXHAUSTED', `Cannot publish port ${containerPort}/${protocol}`, {
    kind: 'resource-exhausted',
    why: `every port of the host from ${first} to ${last} is in use`,
    fix: 'name another range: -p 9000-9100:80',
  });
}

export function overlaps(a: PublishedPort, b: PublishedPort): boolean {
  return a.hostPort === b.hostPort && a.protocol === b.protocol && shareAddress(a.hostIp, b.hostIp);
}

function isOn(listener: Listener, port: PublishedPort): boolean {
  return (
    listener.port === port.hostPort &&
    listener.protocol === port.protocol &&
    shareAddress(listener.address, port.hostIp)
  );
}

export function inUse(port: PublishedPort, why: string): WarrenError {
  return new WarrenError('ERR_PORT_IN_USE', `Cannot publish ${formatPort(port)}`, {
    kind: 'conflict',
    why,
    fix: 'take another port of the host, or none: write -p CONTAINER_PORT, and a free one is chosen',
  });
}
