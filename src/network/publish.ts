/** Publishes ports of containers on the host. */
import {
  deleteConnections,
  NetlinkError,
  nft,
  type NetlinkSocket,
  openNetlink,
  setBridgePort,
} from '../netlink/index.js';
import { elementsForm } from '../netlink/nftables/forms.js';
import { invalid, quote } from '../errors.js';
import { familyOfAddress } from './address.js';
import { type Endpoint, type PublishedPort, writeEndpoint } from './endpoint.js';
import { readHostSysctl } from './forwarding.js';
import { choosePort, inUse } from './port-choice.js';
import { portElements, type PortElement, selfElements } from './port-elements.js';
import { listenersFor } from './port-holders.js';
import { isEveryAddress, type PublishRequest } from '../kernel/port-spec.js';
import { shapes } from './table-shape.js';
import { addRequests, deleteWhatIsThere, getElement, openTables } from './table.js';

/** How often another port is tried where several would do. */
const MOST_TRIES = 64;

type Publisher = Pick<Endpoint, 'container' | 'addresses' | 'gateways'>;

/** A port that another container has. */
interface Clash {
  readonly port: PublishedPort;
  readonly container: string;
}

/**
 * Publishes what is asked for, all of it or nothing, and writes it down.
 *
 * @param taken What the container publishes in its other networks.
 * @returns The endpoint as it is now.
 * @throws {WarrenError} `ERR_PORT_IN_USE`, `ERR_PORTS_EXHAUSTED`, `ERR_NETWORK_REQUEST` where the host's address is of a family of
 *   which the container has none.
 */
export async function publishPorts(
  endpoint: Endpoint,
  requests: readonly PublishRequest[],
  taken: readonly PublishedPort[] = [],
): Promise<Endpoint> {
  const unreachable = requests.find((request) => !canServe(endpoint, request));
  if (unreachable) throw noAddressFor(endpoint, unreachable);
  const tables = openTables();
  try {
    const listeners = await listenersFor(requests);
    const refused: PublishedPort[] = [];
    for (let tries = 1; ; tries++) {
      const ports: PublishedPort[] = [];
      for (const request of requests)
        ports.push(choosePort(request, listeners, [...refused, ...ports, ...endpoint.ports, ...taken]));
      const now = { ...endpoint, ports: [...endpoint.ports, ...ports] };
      // Written first: a table that somebody restores in between has it too.
      writeEndpoint(now);
      let isDone = false;
      try {
        const clash = await addPorts(tables, now, ports);
        if (!clash) {
          await allowHairpin(now);
          await forgetConnections(tables, ports);
          isDone = true;
          return now;
        }
        const wanted = requests[ports.indexOf(clash.port)]?.hostPorts;
        if ((wanted !== undefined && wanted.first === wanted.last) || tries >= MOST_TRIES)
          throw inUse(clash.port, `it is published by the container ${clash.container.slice(0, 12)}`);
        refused.push(clash.port);
      } finally {
        if (!isDone) writeEndpoint(endpoint);
      }
    }
  } finally {
    tables.close();
  }
}

/** Whether the container has an address of the family of the host's. */
export function canServe(
  { addresses }: Pick<Endpoint, 'addresses'>,
  { hostIp }: Pick<PublishRequest, 'hostIp'>,
): boolean {
  if (hostIp === undefined) return true;
  return addresses.some((address) => familyOfAddress(address) === familyOfAddress(hostIp));
}

function noAddressFor({ network }: Endpoint, { hostIp = '', containerPort, protocol }: PublishRequest) {
  const isV6 = familyOfAddress(hostIp) === 'inet6';
  return invalid(
    'ERR_NETWORK_REQUEST',
    `Cannot publish port ${containerPort}/${protocol} on ${hostIp}`,
    `the container has no IPv${isV6 ? 6 : 4} address in the network ${quote(network)}`,
    isV6
      ? 'make the network with --ipv6, or take an IPv4 address'
      : 'take an IPv6 address, as in [::1]:8080:80',
  );
}

/**
 * A container's way to itself by the host's address. Where the frames of bridges are filtered (br_netfilter), they are translated
 * on the bridge, and go back through the port that they came from.
 */
async function allowHairpin(endpoint: Endpoint): Promise<void> {
  if (endpoint.device === undefined || readHostSysctl('net/bridge/bridge-nf-call-iptables') !== '1') return;
  const socket = openNetlink('route');
  try {
    await setBridgePort(socket, endpoint.device, { hairpin: true });
  } catch (error) {
    // Not on a bridge.
    if (!(error instanceof NetlinkError && error.errno === 'EOPNOTSUPP')) throw error;
  } finally {
    socket.close();
  }
}

/**
 * Takes ports back; what is not there any more is no error. Connections without an end of their own (UDP) are forgotten, or they
 * would go on to whoever has the address next.
 *
 * @param options `last`: there is no other.
 */
export async function unpublish(
  endpoint: Endpoint,
  ports: readonly PublishedPort[],
  options: { readonly last: boolean },
): Promise<void> {
  if (ports.length === 0) return;
  const tables = openTables();
  try {
    await deleteWhatIsThere(tables, [
      ...ports.flatMap((port) => portElements(endpoint, port)),
      ...(options.last ? selfElements(endpoint) : []),
    ]);
    await forgetConnections(tables, ports);
  } finally {
    tables.close();
  }
}

const UDP = 17;

/** UDP packets of a connection that is known go where its first one went, whatever is published now. */
async function forgetConnections(tables: NetlinkSocket, ports: readonly PublishedPort[]): Promise<void> {
  const numbers = new Set(ports.filter(({ protocol }) => protocol === 'udp').map(({ hostPort }) => hostPort));
  if (numbers.size === 0) return;
  await deleteConnections(tables, ({ orig }) => orig.protocol === UDP && numbers.has(orig.dport ?? 0));
}

/** @returns Undefined: they are all there. Otherwise nothing was added. */
async function addPorts(
  tables: NetlinkSocket,
  endpoint: Endpoint,
  ports: readonly PublishedPort[],
): Promise<Clash | undefined> {
  const clash = await findOverlapping(tables, endpoint, ports);
  if (clash) return clash;
  let missing = ports.flatMap((port) => portElements(endpoint, port).map((element) => ({ port, element })));
  while (missing.length > 0) {
    try {
      const elements = missing.map(({ element }) => element);
      await nft.commit(tables, [
        ...addRequests(elements, { exclusive: true }),
        ...addRequests(selfElements(endpoint)),
      ]);
      return undefined;
    } catch (error) {
      if (!(error instanceof NetlinkError && error.errno === 'EEXIST')) throw error;
    }
    // Some are there: another container's, or this one's since somebody restored the table a moment ago.
    const left: typeof missing = [];
    for (const each of missing) {
      const owner = await ownerOf(tables, each.element);
      if (owner === undefined) left.push(each);
      else if (owner !== endpoint.container) return { port: each.port, container: owner };
    }
    missing = left;
  }
  return undefined;
}

/** A port that is published on every address is taken on each of them, and the other way round. */
async function findOverlapping(
  tables: NetlinkSocket,
  endpoint: Publisher,
  ports: readonly PublishedPort[],
): Promise<Clash | undefined> {
  const lists = new Map<string, { key: Buffer; owner: string }[]>();
  for (const port of ports) {
    const families = new Set(endpoint.addresses.map(familyOfAddress));
    for (const version of [
      ...(families.has('inet') ? ([4] as const) : []),
      ...(families.has('inet6') ? ([6] as const) : []),
    ]) {
      if (port.hostIp !== undefined && (familyOfAddress(port.hostIp) === 'inet6') !== (version === 6))
        continue;
      if (!isEveryAddress(port.hostIp)) {
        const everywhere: PortElement = {
          set: `publish${version}`,
          element: { key: [port.protocol, port.hostPort] },
        };
        const owner = await ownerOf(tables, everywhere);
        if (owner !== undefined && owner !== endpoint.container) return { port, container: owner };
        continue;
      }
      const set = `publish${version}_at` as const;
      const list = lists.get(set) ?? (await listOwners(tables, set));
      lists.set(set, list);
      const end = nft.encodeKey(['inet_proto', 'inet_service'], [port.protocol, port.hostPort]);
      const found = list.find(
        ({ key, owner }) => owner !== endpoint.container && key.subarray(-end.length).equals(end),
      );
      if (found) return { port, container: found.owner };
    }
  }
  return undefined;
}

async function listOwners(
  tables: NetlinkSocket,
  set: 'publish4_at' | 'publish6_at',
): Promise<{ key: Buffer; owner: string }[]> {
  const found = await nft.elements(tables, shapes[set]);
  return found.flatMap(({ key, userdata }) =>
    key?.value ? [{ key: key.value, owner: nft.userComment(userdata, 0) ?? '' }] : [],
  );
}

/** The container that an element is of. @returns Undefined: there is no such element. */
async function ownerOf(tables: NetlinkSocket, { set, element }: PortElement): Promise<string | undefined> {
  try {
    const [found] = await tables.request(getElement(shapes[set], { key: element.key }), elementsForm);
    return nft.userComment(found?.attributes.elements?.[0]?.userdata, 0) ?? '';
  } catch (error) {
    if (error instanceof NetlinkError && error.errno === 'ENOENT') return undefined;
    throw error;
  }
}
