/** What a container's networks need before it starts: read, checked, and made ready on the host. */
import { invalid, quote } from '../errors.js';
import { openNetlink, type NetlinkSocket } from '../netlink/index.js';
import { canonicalAddress, familyOfAddress } from './address.js';
import { ensureDevice, mtuOfWayOut } from './device.js';
import { ensureForwarding, type SysctlChange } from './forwarding.js';
import type { PublishRequest } from '../kernel/port-spec.js';
import { checkAddress } from './leases.js';
import { getRecord, type NetworkRecord } from './record.js';
import { ensureRunDirectory } from './run-directory.js';
import { ensureTable, openTables } from './table.js';

/** docker's `--network NET[:ip=…,mac=…,alias=…]`, in fields. */
export interface NetworkRequest {
  /** Name or id. */
  readonly network: string;
  /** Default: a free one. */
  readonly ip?: string;
  readonly ip6?: string;
  readonly mac?: string;
  readonly aliases?: readonly string[];
}

export interface PlannedAttachment {
  readonly record: NetworkRecord;
  /** Of the network's device on the host. */
  readonly deviceIndex: number;
  readonly mtu: number;
  readonly ip: string | undefined;
  readonly ip6: string | undefined;
  readonly mac: string | undefined;
  readonly aliases: readonly string[];
}

export interface NetworkPlan {
  readonly attachments: readonly PlannedAttachment[];
  readonly publish: readonly PublishRequest[];
  /** Parameters of the host that had to be changed. */
  readonly changes: readonly SysctlChange[];
}

/**
 * Finds the networks, and makes sure that their devices, our table and forwarding are there. Nothing belongs to a container yet.
 *
 * @throws {WarrenError} `ERR_NETWORK_NOT_FOUND`, `ERR_NETWORK_REQUEST`, `ERR_NETWORK_DEVICE`, `ERR_NETWORK_OVERLAP`,
 *   `ERR_HOST_SYSCTL`, `ERR_NO_NFTABLES`
 */
export async function prepareNetworks(
  requests: readonly NetworkRequest[],
  options: { readonly publish?: readonly PublishRequest[] } = {},
): Promise<NetworkPlan> {
  const publish = options.publish ?? [];
  const records = requests.map(checkNetworkRequest);
  const twice = records.find((record, index) => records.findIndex(({ id }) => id === record.id) !== index);
  if (twice) throw badRequest(twice.name, 'it is named twice');
  if (publish.length > 0 && !records.some(canPublish)) {
    throw invalid(
      'ERR_NETWORK_REQUEST',
      'Cannot publish ports',
      'the container is in no network with a way to the host: bridge or routed, and not internal',
      'add one with --network, or leave out -p',
    );
  }
  if (records.length === 0) return { attachments: [], publish, changes: [] };
  const socket = openNetlink('route');
  try {
    const attachments: PlannedAttachment[] = [];
    for (const [index, record] of records.entries()) {
      ensureRunDirectory(record.name);
      const device = await ensureDevice(socket, record);
      const { ip, ip6, mac, aliases = [] } = requests[index] as NetworkRequest;
      attachments.push({
        record,
        deviceIndex: device.ifindex,
        mtu: await mtuFor(socket, record, device.mtu),
        ip,
        ip6,
        mac: mac?.toLowerCase(),
        aliases,
      });
    }
    const changes = ensureForwarding(
      new Set(
        records
          .filter(({ internal, driver }) => !internal && driver !== 'macvlan')
          .flatMap(({ subnets }) => subnets.map(({ subnet }) => familyOfAddress(subnet))),
      ),
    );
    if (records.some(({ driver }) => driver !== 'macvlan')) await prepareTable(records);
    return { attachments, publish, changes };
  } finally {
    socket.close();
  }
}

/** Whether ports of its containers can be published on the host. */
export function canPublish({ internal, driver }: NetworkRecord): boolean {
  return !internal && driver !== 'macvlan';
}

async function prepareTable(records: readonly NetworkRecord[]): Promise<void> {
  const tables = openTables();
  try {
    await ensureTable(tables, records);
  } finally {
    tables.close();
  }
}

/** macvlan: no more than its parent's. */
async function mtuFor(
  socket: NetlinkSocket,
  record: NetworkRecord,
  ofDevice: number | undefined,
): Promise<number> {
  if (record.mtu !== undefined) return record.mtu;
  if (record.driver === 'macvlan' && ofDevice !== undefined) return ofDevice;
  return mtuOfWayOut(socket);
}

/**
 * @returns The network.
 * @throws {WarrenError} `ERR_NETWORK_NOT_FOUND`, `ERR_NETWORK_REQUEST`, `ERR_ADDRESS_OUTSIDE`
 */
export function checkNetworkRequest(request: NetworkRequest): NetworkRecord {
  const record = getRecord(request.network);
  const { ip, ip6, mac, aliases = [] } = request;
  for (const [address, family, name] of [
    [ip, 'inet', 'IPv4'],
    [ip6, 'inet6', 'IPv6'],
  ] as const) {
    if (address === undefined) continue;
    if (familyOfAddress(canonicalAddress(address)) !== family)
      throw badRequest(record.name, `${quote(address)} is no ${name} address`);
    const subnet = record.subnets.find((each) => familyOfAddress(each.subnet) === family);
    if (!subnet) throw badRequest(record.name, `it has no ${name} subnet`);
    checkAddress(record, subnet, address);
  }
  if (mac !== undefined && !/^(?!00(?::00){5}$)[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i.test(mac))
    throw badRequest(record.name, `${quote(mac)} is no unicast link-layer address`);
  for (const alias of aliases)
    if (
      !/^(?=.{1,253}$)[A-Za-z0-9_]([\w-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([\w-]{0,61}[A-Za-z0-9_])?)*$/.test(
        alias,
      )
    )
      throw badRequest(record.name, `the alias ${quote(alias)} is no host name`);
  return record;
}

function badRequest(name: string, why: string) {
  return invalid('ERR_NETWORK_REQUEST', `Cannot attach a container to the network ${quote(name)}`, why);
}
