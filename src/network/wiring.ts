/** Devices, addresses and routes of one attachment: one send on the host, one in the container. */
import { closeSync, constants, writeSync } from 'node:fs';
import { quote, WarrenError } from '../errors.js';
import {
  addAddressRequest,
  addLinkRequest,
  addNeighbourRequest,
  addRouteRequest,
  codec,
  deleteLink,
  link,
  linkForm,
  type NetlinkRequest,
  type NetlinkSocket,
  openInNamespace,
  setBridgePortRequest,
  setLinkRequest,
} from '../netlink/index.js';
import { bitsOf, familyOfAddress, lastOf, parseBlock, addressText } from './address.js';
import type { AttachContext } from './attach-one.js';
import type { Endpoint } from './endpoint.js';
import type { PlannedAttachment } from './prepare.js';
import type { NetworkRecord } from './record.js';

const NLM_F_ECHO = 0x8;
/** Of a routed network's end on the host: containers know it without asking. Locally administered. */
const ROUTER_MAC = '02:57:72:00:00:01';

/** @throws {WarrenError} `ERR_NETWORK_PORTS`, `ERR_NETLINK` */
export async function wire(
  planned: PlannedAttachment,
  endpoint: Endpoint,
  context: AttachContext,
): Promise<void> {
  const { record } = planned;
  const { host, inside, fd } = context;
  const ifindex =
    record.driver === 'macvlan'
      ? await makeMacvlan(planned, endpoint, context)
      : await makePair(planned, endpoint, context);
  try {
    setIpv6(fd, endpoint);
    await all(inside, [
      setLinkRequest('lo', { up: true }),
      setLinkRequest(ifindex, { up: true }),
      ...addressRequests(record, endpoint, ifindex),
      ...routeRequests(record, ifindex, context.defaultRoute),
    ]);
  } catch (error) {
    const [socket, target] = endpoint.device === undefined ? [inside, ifindex] : [host, endpoint.device];
    await deleteLink(socket, target).catch(() => undefined);
    throw error;
  }
}

async function all(socket: NetlinkSocket, requests: readonly NetlinkRequest[]): Promise<void> {
  for (const { error } of await socket.batch(requests)) if (error) throw error;
}

/** @returns The index of the container's end, in there. */
async function makePair(
  { record, deviceIndex }: PlannedAttachment,
  endpoint: Endpoint,
  { host, inside, fd }: AttachContext,
): Promise<number> {
  const { group, icc } = record;
  const { mtu, mac, device = '' } = endpoint;
  const isRouted = record.driver === 'routed';
  const pair = addLinkRequest({
    kind: 'veth',
    ifname: device,
    mtu,
    group,
    ...(isRouted ? { address: ROUTER_MAC } : { master: deviceIndex }),
    peer: { ifname: endpoint.interface, address: mac, mtu, netns: { fd } },
  });
  const [made, ...rest] = await host.batch([
    { ...pair, flags: pair.flags | NLM_F_ECHO },
    // Up only when it will make no link-local address: nobody has a use for one there, and it would be announced.
    setLinkRequest(device, { inet6_addr_gen_mode: 'none' }),
    setLinkRequest(device, { up: true }),
    ...(isRouted || icc ? [] : [setBridgePortRequest(device, { isolated: true })]),
  ]);
  // Nothing is to be undone then: a device of that name is somebody else's.
  if (made?.error) throw refusedPort(made.error, record);
  try {
    for (const { error } of rest) if (error && !isWithoutIpv6(error)) throw error;
    const [told] = made?.replies ?? [];
    const here = told === undefined ? undefined : codec.readBody(linkForm, told);
    if (isRouted)
      await makeReachable(host, here?.header.index ?? (await link(host, device)).ifindex, record, endpoint);
    // Before Linux 6.2 the kernel does not tell.
    return here?.attributes.link ?? (await link(inside, endpoint.interface)).ifindex;
  } catch (error) {
    await deleteLink(host, device).catch(() => undefined);
    throw error;
  }
}

/** Of a kernel without IPv6 there is nothing to be set. */
function isWithoutIpv6(error: WarrenError): boolean {
  return error.errno === 'EAFNOSUPPORT';
}

/** The kernel gives a bridge 1,024 ports, one of which it keeps. */
function refusedPort(error: WarrenError, record: NetworkRecord): WarrenError {
  if (error.errno !== 'EXFULL') return error;
  return new WarrenError('ERR_NETWORK_PORTS', `Cannot attach another container to ${quote(record.name)}`, {
    kind: 'resource-exhausted',
    why: 'its bridge has as many ports as the kernel allows, 1,023',
    fix: 'use a second network, or one with --driver routed, which has no such limit',
    errno: 'EXFULL',
    cause: error,
  });
}

/** A route and the neighbour for each address: without a bridge there is nobody to ask. */
async function makeReachable(
  host: NetlinkSocket,
  ifindex: number,
  record: NetworkRecord,
  endpoint: Endpoint,
): Promise<void> {
  await all(
    host,
    endpoint.addresses.flatMap((withLength) => {
      const address = withoutLength(withLength);
      const family = familyOfAddress(address);
      const { gateway } = record.subnets.find(({ subnet }) => familyOfAddress(subnet) === family) ?? {};
      return [
        addNeighbourRequest({ ifindex, dst: address, lladdr: endpoint.mac }),
        addRouteRequest({
          dst: address,
          oif: ifindex,
          family,
          ...(family === 'inet' ? { prefsrc: gateway } : {}),
        }),
      ];
    }),
  );
}

/** Born in the container's namespace, under its name there. */
async function makeMacvlan(
  { record, deviceIndex }: PlannedAttachment,
  endpoint: Endpoint,
  { host, inside, fd }: AttachContext,
): Promise<number> {
  await all(host, [
    addLinkRequest({
      kind: 'macvlan',
      ifname: endpoint.interface,
      link: deviceIndex,
      address: endpoint.mac,
      mtu: endpoint.mtu,
      netns: { fd },
      data: { mode: record.macvlanMode ?? 'bridge' },
    }),
  ]);
  return (await link(inside, endpoint.interface)).ifindex;
}

/**
 * Whoever shares a link can send router advertisements, and containers are no routers: none are heeded. An interface without an
 * IPv6 address has no IPv6 at all, or a neighbour could give it some.
 */
function setIpv6(fd: number, endpoint: Endpoint): void {
  const hasIpv6 = endpoint.addresses.some((address) => address.includes(':'));
  const [key, value] = hasIpv6 ? ['accept_ra', '0'] : ['disable_ipv6', '1'];
  try {
    const file = openInNamespace(
      { fd },
      `/proc/sys/net/ipv6/conf/${endpoint.interface}/${key}`,
      constants.O_WRONLY,
    );
    try {
      writeSync(file, value);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    // A kernel without IPv6.
    if (!(error instanceof WarrenError && error.kind === 'not-found')) throw error;
  }
}

function addressRequests({ driver }: NetworkRecord, endpoint: Endpoint, ifindex: number): NetlinkRequest[] {
  return endpoint.addresses.map((withLength) => {
    const local = withoutLength(withLength);
    const block = parseBlock(withLength);
    const { family, length } = block;
    const prefixlen = driver === 'routed' ? bitsOf(family) : length;
    return addAddressRequest({
      ifindex,
      local,
      prefixlen,
      // The lease says that nobody else has it: no need to ask for a second.
      flags: family === 'inet6' ? ['nodad'] : undefined,
      broadcast: family === 'inet' && prefixlen < 31 ? addressText(family, lastOf(block)) : undefined,
    });
  });
}

function routeRequests(record: NetworkRecord, oif: number, isDefault: boolean): NetlinkRequest[] {
  const isRouted = record.driver === 'routed';
  return record.subnets.flatMap(({ subnet, gateway }) => {
    if (gateway === undefined) return [];
    const family = familyOfAddress(subnet);
    return [
      ...(isRouted
        ? [
            addNeighbourRequest({ ifindex: oif, dst: gateway, lladdr: ROUTER_MAC }),
            addRouteRequest({ dst: gateway, oif, family }),
            addRouteRequest({ dst: subnet, gateway, oif, family }),
          ]
        : []),
      ...(isDefault ? [addRouteRequest({ dst: 'default', gateway, oif, family, protocol: 'boot' })] : []),
    ];
  });
}

function withoutLength(address: string): string {
  return address.slice(0, address.indexOf('/'));
}
