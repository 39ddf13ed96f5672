/** The device of a network on the host: a bridge, the holder of a routed network's gateways, or the parent of macvlan. */
import { quote, WarrenError } from '../errors.js';
import {
  addAddressRequest,
  addLinkRequest,
  addRouteRequest,
  deleteLink,
  deleteRouteRequest,
  link,
  type Link,
  NetlinkError,
  type NetlinkRequest,
  type NetlinkSocket,
  routeTo,
  setLinkRequest,
} from '../netlink/index.js';
import { bitsOf, familyOfAddress, parseBlock } from './address.js';
import { checkIpv6, setHostSysctl } from './forwarding.js';
import { findOverlap, occupiedByHost } from './free-subnet.js';
import type { NetworkRecord } from './record.js';

/** @returns Undefined: there is none of that name. */
export async function findDevice(socket: NetlinkSocket, name: string): Promise<Link | undefined> {
  try {
    return await link(socket, name);
  } catch (error) {
    if (error instanceof NetlinkError && error.errno === 'ENODEV') return undefined;
    throw error;
  }
}

export async function deviceIndex(socket: NetlinkSocket, name: string): Promise<number | undefined> {
  return (await findDevice(socket, name))?.ifindex;
}

/** How our devices say whose they are: ip-link(8) shows it. */
export function aliasOf(record: NetworkRecord): string {
  return `warren network ${record.name} ${record.id.slice(0, 12)}`;
}

/**
 * The device as it must be. One that is gone, after a reboot for instance, is made again; then whether the subnets are still
 * free is looked at again too.
 *
 * @param options `fresh`: the network is being created, and a device of that name is not ours.
 * @throws {WarrenError} `ERR_NETWORK_DEVICE`, `ERR_NETWORK_OVERLAP`, `ERR_IPV6_DISABLED`
 */
export async function ensureDevice(
  socket: NetlinkSocket,
  record: NetworkRecord,
  options: { readonly fresh?: boolean } = {},
): Promise<Link> {
  const found = await findDevice(socket, record.device);
  if (record.driver === 'macvlan') {
    if (found) return found;
    throw new WarrenError('ERR_NETWORK_DEVICE', `Cannot use the device ${quote(record.device)}`, {
      kind: 'not-found',
      why: 'there is no device of that name, for the macvlan network to be on',
      fix: 'name one of: ip -brief link, by --opt parent=NAME',
    });
  }
  if (found && options.fresh !== true && found.ifalias === aliasOf(record)) return found;
  if (found) throw notOurs(record.device);
  if (record.subnets.some(({ subnet }) => subnet.includes(':'))) checkIpv6();
  if (options.fresh !== true) await checkStillFree(socket, record);
  return makeDevice(socket, record);
}

async function checkStillFree(socket: NetlinkSocket, record: NetworkRecord): Promise<void> {
  const occupied = await occupiedByHost(socket);
  for (const { subnet } of record.subnets) {
    const overlapping = findOverlap(parseBlock(subnet), occupied);
    if (overlapping) {
      throw new WarrenError('ERR_NETWORK_OVERLAP', `Cannot set up the network ${quote(record.name)}`, {
        kind: 'conflict',
        why: `its subnet ${subnet} now overlaps ${overlapping.what}`,
        fix: 'remove what is in the way, or make the network anew: warren network rm, warren network create',
      });
    }
  }
}

async function makeDevice(socket: NetlinkSocket, record: NetworkRecord): Promise<Link> {
  const { device, driver, group } = record;
  // Its own address, or the bridge would take that of the lowest port, and lose it with the port.
  const address = `02:57${record.id.slice(0, 8).replace(/../g, ':$&')}`;
  const mtu = record.mtu ?? (await mtuOfWayOut(socket));
  // A routed network's has no ports: kernels without dummy devices have bridges.
  const [made] = await socket.batch([
    addLinkRequest({ kind: 'bridge', ifname: device, address, mtu, group }),
  ]);
  if (made?.error)
    throw made.error instanceof NetlinkError && made.error.errno === 'EEXIST' ? notOurs(device) : made.error;
  try {
    // CVE-2020-13401: containers are the only ones behind it, and none of them is a router.
    setHostSysctl(`net/ipv6/conf/${device}/accept_ra`, '0');
    setHostSysctl(`net/ipv4/conf/${device}/route_localnet`, '0');
    const { ifindex } = await link(socket, device);
    const hasIpv6 = record.subnets.some(({ subnet }) => subnet.includes(':'));
    const requests: NetlinkRequest[] = [
      setLinkRequest(device, {
        ifalias: aliasOf(record),
        up: true,
        inet6_addr_gen_mode: hasIpv6 ? undefined : 'none',
      }),
      ...record.subnets.flatMap(({ subnet, gateway }) => {
        if (gateway === undefined) return [];
        const { family, length } = parseBlock(subnet);
        const prefixlen = driver === 'bridge' ? length : bitsOf(family);
        const flags = family === 'inet6' ? (['nodad'] as const) : [];
        const block = parseBlock(subnet);
        const broadcast =
          family === 'inet' && driver === 'bridge' && length < 31 ? broadcastOf(block) : undefined;
        return [addAddressRequest({ ifindex, local: gateway, prefixlen, flags, broadcast })];
      }),
      ...(driver === 'routed'
        ? record.subnets.map(({ subnet }) => addRouteRequest(unreachable(subnet)))
        : []),
    ];
    for (const { error } of await socket.batch(requests)) if (error) throw error;
    return await link(socket, ifindex);
  } catch (error) {
    await deleteLink(socket, device).catch(() => undefined);
    throw error;
  }
}

function broadcastOf({ first, length }: ReturnType<typeof parseBlock>): string {
  const last = first + (1n << BigInt(32 - length)) - 1n;
  return [24n, 16n, 8n, 0n].map((shift) => String((last >> shift) & 255n)).join('.');
}

/** By which these routes are known to be ours: worse than any other but one. */
export const UNREACHABLE_METRIC = 0x7fff_fffe;

/** What nobody in a routed network has goes nowhere, and not out by the default route. */
function unreachable(subnet: string) {
  return {
    dst: subnet,
    type: 'unreachable',
    family: familyOfAddress(subnet),
    metric: UNREACHABLE_METRIC,
  } as const;
}

/** Removes what is ours; the ends of containers' pairs become devices without a bridge. */
export async function removeDevice(socket: NetlinkSocket, record: NetworkRecord): Promise<void> {
  if (record.driver === 'macvlan') return;
  const found = await findDevice(socket, record.device);
  if (found?.ifalias === aliasOf(record)) await deleteLink(socket, found.ifindex);
  if (record.driver === 'routed')
    await socket.batch(record.subnets.map(({ subnet }) => deleteRouteRequest(unreachable(subnet))));
}

const DEFAULT_MTU = 1500;

/** Of the device that leads to the rest of the world; 1500 where none does. */
export async function mtuOfWayOut(socket: NetlinkSocket): Promise<number> {
  // Documentation addresses (RFC 5737, RFC 3849): nothing has a route of its own to them.
  for (const somewhere of ['192.0.2.1', '2001:db8::1']) {
    try {
      const { oif, metrics } = await routeTo(socket, somewhere);
      if (oif !== undefined) return metrics?.mtu ?? (await link(socket, oif)).mtu ?? DEFAULT_MTU;
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
    }
  }
  return DEFAULT_MTU;
}

function notOurs(device: string): WarrenError {
  return new WarrenError('ERR_NETWORK_DEVICE', `Cannot use the device ${quote(device)} for the network`, {
    kind: 'conflict',
    why: 'there is a device of that name, and it is not the network’s',
    fix: 'give the network another: --opt bridge=NAME, or remove the device: ip link delete NAME',
  });
}
