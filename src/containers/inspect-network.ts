/** What `inspect` and `ps` say of a container's networks. Pure, but for `readEndpoints()`. */
import {
  endpointsOf,
  hostAddresses,
  listNetworks,
  parsePortSpec,
  type Endpoint,
  type PublishedPort,
} from '../network/index.js';
import { isUserNetwork } from '../runtime/user-network/words.js';
import type { ContainerRecord, ContainerSnapshot, StoredNetworking } from './record.js';

/** A container's place in a network, with the network's id. */
export interface NetworkPlace extends Endpoint {
  readonly networkId: string;
}

/** Of all containers, by id. What has ended, and was not collected yet, is there too. */
export function readEndpoints(): ReadonlyMap<string, readonly NetworkPlace[]> {
  const found = new Map<string, NetworkPlace[]>();
  for (const { name, id } of listNetworks()) {
    for (const endpoint of endpointsOf(name)) {
      const place = { ...endpoint, networkId: id };
      const places = found.get(endpoint.container);
      if (places) places.push(place);
      else found.set(endpoint.container, [place]);
    }
  }
  for (const places of found.values()) places.sort((a, b) => compare(a.interface, b.interface));
  return found;
}

/** Of a container that a program of the user's connects: its published ports. Nothing is kept of it but its options. */
export function userPlaceOf({
  id,
  options,
}: Pick<ContainerRecord, 'id' | 'options'>): NetworkPlace | undefined {
  const { network, publish = [] } = options;
  if (!isUserNetwork(network)) return undefined;
  return {
    ...{ version: 1, container: id, network, networkId: '', interface: 'eth0', namespace: 0 },
    ...{ addresses: [], gateways: [], aliases: [], mac: '', mtu: 0, pid: 0, startTime: '' },
    ports: publish
      .flatMap(parsePortSpec)
      .map(({ hostIp = '0.0.0.0', hostPorts, containerPort, protocol }) => ({
        hostIp,
        hostPort: hostPorts?.first ?? 0,
        containerPort,
        protocol,
      })),
  };
}

/** docker's `NetworkSettings`. What is of one network only stands above as well, for the first: as docker has it of its bridge. */
export function networkSettingsOf(
  { networking, options }: Pick<ContainerSnapshot['record'], 'networking' | 'options'>,
  places: readonly NetworkPlace[],
) {
  const [first] = places;
  const missing = (networking?.networks ?? []).filter(
    ({ network }) => !places.some((place) => place.network === network || place.networkId === network),
  );
  return {
    Bridge: '',
    ...addressesOf(first),
    Ports: portsOf(places),
    Networks: Object.fromEntries([
      ...places.map((place) => [place.network, endpointOf(place)] as const),
      ...missing.map(({ network }) => [network, endpointOf(undefined)] as const),
      ...(networking === undefined && (options.network ?? 'none') === 'host'
        ? [['host', endpointOf(undefined)] as const]
        : []),
    ]),
  };
}

function endpointOf(place: NetworkPlace | undefined) {
  return {
    Aliases: [...(place?.aliases ?? [])],
    NetworkID: place?.networkId ?? '',
    ...addressesOf(place),
  };
}

function addressesOf(place: NetworkPlace | undefined) {
  const of = (isIt: (text: string) => boolean) => {
    const [address = '', length = '0'] = place?.addresses.find(isIt)?.split('/') ?? [];
    return { address, length: Number(length), gateway: place?.gateways.find(isIt) ?? '' };
  };
  const v4 = of((text) => !text.includes(':'));
  const v6 = of((text) => text.includes(':'));
  return {
    // docker's has no other use than to be unique.
    EndpointID: place?.container ?? '',
    Gateway: v4.gateway,
    IPAddress: v4.address,
    IPPrefixLen: v4.length,
    IPv6Gateway: v6.gateway,
    GlobalIPv6Address: v6.address,
    GlobalIPv6PrefixLen: v6.length,
    MacAddress: place?.mac ?? '',
  };
}

type PortMap = Record<string, { HostIp: string; HostPort: string }[]>;

function portsOf(places: readonly NetworkPlace[]): PortMap {
  const ports: PortMap = {};
  for (const { ip, port } of places.flatMap(hostPortsOf))
    (ports[`${port.containerPort}/${port.protocol}`] ??= []).push({
      HostIp: ip,
      HostPort: String(port.hostPort),
    });
  return ports;
}

/** What was asked for: docker's `HostConfig.PortBindings`. */
export function portBindingsOf({ publish = [] }: Pick<StoredNetworking, 'publish'>): PortMap {
  const ports: PortMap = {};
  for (const { hostIp = '', hostPorts, containerPort, protocol } of publish.flatMap(parsePortSpec)) {
    const { first, last } = hostPorts ?? { first: 0, last: 0 };
    const HostPort = first === 0 ? '' : first === last ? String(first) : `${first}-${last}`;
    (ports[`${containerPort}/${protocol}`] ??= []).push({ HostIp: hostIp, HostPort });
  }
  return ports;
}

function hostPortsOf(place: NetworkPlace): { readonly ip: string; readonly port: PublishedPort }[] {
  return place.ports.flatMap((port) => hostAddresses(place, port).map((ip) => ({ ip, port })));
}

/** As docker's `ps` has them: `0.0.0.0:8080->80/tcp, [::]:8080->80/tcp`; ports in a row are written as a range. */
export function formatPorts(places: readonly NetworkPlace[]): string {
  const rows: { ip: string; protocol: string; host: number; inside: number; count: number }[] = [];
  const all = places
    .flatMap(hostPortsOf)
    .sort(
      (a, b) =>
        compare(a.port.protocol, b.port.protocol) ||
        compare(a.ip, b.ip) ||
        a.port.containerPort - b.port.containerPort ||
        a.port.hostPort - b.port.hostPort,
    );
  for (const { ip, port } of all) {
    const last = rows.at(-1);
    const follows =
      last?.ip === ip &&
      last.protocol === port.protocol &&
      last.host + last.count === port.hostPort &&
      last.inside + last.count === port.containerPort;
    if (follows) last.count++;
    else
      rows.push({ ip, protocol: port.protocol, host: port.hostPort, inside: port.containerPort, count: 1 });
  }
  rows.sort((a, b) => a.inside - b.inside || compare(a.protocol, b.protocol));
  return rows
    .map(({ ip, protocol, host, inside, count }) => {
      const range = (first: number): string => (count === 1 ? `${first}` : `${first}-${first + count - 1}`);
      return `${ip.includes(':') ? `[${ip}]` : ip}:${range(host)}->${range(inside)}/${protocol}`;
    })
    .join(', ');
}

/** docker's column: their names. */
export function networkNamesOf({ networking, options }: ContainerSnapshot['record']): string[] {
  if (networking) return networking.networks.map(({ network }) => network);
  const { network } = options;
  return [network === undefined || network === 'private' ? 'none' : network];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
