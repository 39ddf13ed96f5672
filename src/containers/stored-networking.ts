/** What a container's next start knows of networks and ports that were added or taken back in the meantime. Pure. */
import {
  formatPublishRequest,
  parsePortSpec,
  type NetworkRequest,
  type PublishedPort,
  type PublishRequest,
} from '../network/index.js';
import { isEveryAddress } from '../kernel/port-spec.js';
import type { StoredNetworking } from './record.js';

/** In place of what it had of the same network. */
export function withNetwork(
  networking: StoredNetworking,
  request: NetworkRequest,
  isSame: (word: string) => boolean,
): StoredNetworking {
  return {
    ...networking,
    networks: [...networking.networks.filter((each) => !isSame(each.network)), request],
  };
}

/** What was asked for the first of its networks goes with that one. @returns Undefined: it has no such network. */
export function withoutNetwork(
  networking: StoredNetworking,
  isSame: (word: string) => boolean,
): StoredNetworking | undefined {
  const index = networking.networks.findIndex(({ network }) => isSame(network));
  if (index < 0) return undefined;
  const left: { -readonly [Key in keyof StoredNetworking]: StoredNetworking[Key] } = {
    ...networking,
    networks: networking.networks.toSpliced(index, 1),
  };
  if (index === 0) {
    delete left.ip;
    delete left.ip6;
    delete left.mac;
  }
  return left;
}

export function withPorts(
  networking: StoredNetworking,
  requests: readonly PublishRequest[],
): StoredNetworking {
  return { ...networking, publish: [...(networking.publish ?? []), ...requests.map(formatPublishRequest)] };
}

/** Each of these ports was published for one request: the narrowest that it fits, so that a range is not spent on it. */
export function withoutPorts(
  networking: StoredNetworking,
  ports: readonly PublishedPort[],
): StoredNetworking {
  const requests = (networking.publish ?? []).flatMap(parsePortSpec);
  for (const port of ports) {
    const [asked] = requests
      .filter((request) => isFor(request, port))
      .toSorted((a, b) => widthOf(a) - widthOf(b));
    // Of one on every address, a family's part is gone.
    const isPart = asked?.hostIp !== port.hostIp;
    const rest = { ...asked, hostIp: port.hostIp === '::' ? '0.0.0.0' : '::' } as PublishRequest;
    if (asked) requests.splice(requests.indexOf(asked), 1, ...(isPart ? [rest] : []));
  }
  return { ...networking, publish: requests.map(formatPublishRequest) };
}

function isFor({ hostIp, hostPorts, containerPort, protocol }: PublishRequest, port: PublishedPort): boolean {
  return (
    containerPort === port.containerPort &&
    protocol === port.protocol &&
    (hostIp === port.hostIp || (hostIp === undefined && isEveryAddress(port.hostIp))) &&
    (hostPorts === undefined || (port.hostPort >= hostPorts.first && port.hostPort <= hostPorts.last))
  );
}

function widthOf({ hostPorts }: PublishRequest): number {
  return hostPorts ? hostPorts.last - hostPorts.first : Infinity;
}
