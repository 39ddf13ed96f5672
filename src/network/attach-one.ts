/** One container, one network. */
import { quote, WarrenError } from '../errors.js';
import { codec, type NetlinkSocket } from '../netlink/index.js';
import { parseBlock } from './address.js';
import { deviceNameFor } from './device-names.js';
import { type Endpoint, hasEndpoint, removeEndpoint, writeEndpoint } from './endpoint.js';
import { collectNetworkGarbage } from './garbage.js';
import { dropAddress, holderFor, type LeaseHolder, takeAddress } from './leases.js';
import type { PlannedAttachment } from './prepare.js';
import type { NetworkRecord, NetworkSubnet } from './record.js';
import { wire } from './wiring.js';

export interface AttachContext {
  /** rtnetlink of the host. */
  readonly host: NetlinkSocket;
  /** rtnetlink of the container. */
  readonly inside: NetlinkSocket;
  /** The container's network namespace, and its inode. */
  readonly fd: number;
  readonly ino: number;
  readonly container: string;
  /** Of its interface: `eth0`, `eth1`, … */
  readonly index: number;
  /** Its way out leads through this network. */
  readonly defaultRoute: boolean;
}

/** In the order that leaves nothing unknown when this process is killed: addresses, the record, the devices. */
export async function attachOne(planned: PlannedAttachment, context: AttachContext): Promise<Endpoint> {
  const { record } = planned;
  const { container, index, ino } = context;
  if (hasEndpoint(record.name, container)) throw alreadyAttached(record, container);
  const holder = holderFor(container);
  const taken: string[] = [];
  let isRecorded = false;
  try {
    const addresses: string[] = [];
    for (const subnet of record.subnets) {
      const { family, length } = parseBlock(subnet.subnet);
      const address = await takeAnyAddress(
        record,
        subnet,
        holder,
        family === 'inet' ? planned.ip : planned.ip6,
      );
      taken.push(address);
      addresses.push(`${address}/${length}`);
    }
    const endpoint: Endpoint = {
      version: 1,
      container,
      network: record.name,
      interface: `eth${index}`,
      ...(record.driver === 'macvlan' ? {} : { device: deviceNameFor(container, index) }),
      mac: planned.mac ?? macFor(taken, container),
      addresses,
      gateways: record.subnets.flatMap(({ gateway }) => gateway ?? []),
      mtu: planned.mtu,
      namespace: ino,
      aliases: planned.aliases,
      ports: [],
      pid: holder.pid,
      startTime: holder.startTime,
    };
    writeEndpoint(endpoint);
    isRecorded = true;
    await wire(planned, endpoint, context);
    return endpoint;
  } catch (error) {
    if (isRecorded) removeEndpoint(record.name, container);
    for (const address of taken) dropAddress(record.name, address, container);
    throw error;
  }
}

/** A network that is full may be full of the dead. */
async function takeAnyAddress(
  record: NetworkRecord,
  subnet: NetworkSubnet,
  holder: LeaseHolder,
  wanted: string | undefined,
): Promise<string> {
  try {
    return takeAddress(record, subnet, holder, wanted);
  } catch (error) {
    const { code } = error as WarrenError;
    if (code !== 'ERR_NETWORK_FULL' && code !== 'ERR_ADDRESS_IN_USE') throw error;
    const { removed } = await collectNetworkGarbage();
    if (removed.length === 0) throw error;
    return takeAddress(record, subnet, holder, wanted);
  }
}

/**
 * Docker's way: the IPv4 address is in it, so that an address has the same one again, and what neighbours remember of it stays
 * true. Locally administered, unicast.
 */
export function macFor(addresses: readonly string[], container: string): string {
  const inet = addresses.find((address) => !address.includes(':'));
  const bytes = inet === undefined ? Buffer.from(container.slice(0, 8), 'hex') : codec.parseIp(inet);
  return `02:42:${(bytes ?? Buffer.alloc(4)).toString('hex').replace(/..(?!$)/g, '$&:')}`;
}

function alreadyAttached(record: NetworkRecord, container: string): WarrenError {
  return new WarrenError(
    'ERR_ALREADY_ATTACHED',
    `Cannot attach the container ${quote(container.slice(0, 12))} to ${quote(record.name)}`,
    { kind: 'already-exists', why: 'it is in that network' },
  );
}
