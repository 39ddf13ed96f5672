/** What a network namespace owns. */
import { closeSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import {
  addresses,
  fdb,
  inetSockets,
  type InetSocket,
  type FdbEntry,
  type InterfaceAddress,
  legacyTables,
  type LegacyTable,
  type Link,
  links,
  type Neighbour,
  neighbours,
  NetlinkError,
  netlinkSockets,
  type NetlinkSocketInfo,
  type NetworkNamespace,
  nft,
  openNetlink,
  type NetlinkSocket,
  type PacketSocket,
  packetSockets,
  type Route,
  routes,
  type Rule,
  rules,
  openNetworkNamespace,
  type UnixSocket,
  unixSockets,
} from '../../netlink/index.js';

interface Owned {
  /** Who has it open; one of several. */
  readonly process?: { readonly pid: number; readonly command: string };
}
export type SocketView = InetSocket & Owned;

export interface NetnsSnapshot {
  readonly devices: readonly Link[];
  readonly addresses: readonly InterfaceAddress[];
  readonly rules: readonly Rule[];
  /** Of every table. */
  readonly routes: readonly Route[];
  readonly neighbours: readonly Neighbour[];
  readonly fdb: readonly FdbEntry[];
  /** As `nft list ruleset` prints it; iptables-nft's rules are among them. */
  readonly nftables: string;
  /** iptables-legacy. */
  readonly iptables: readonly LegacyTable[];
  readonly sockets: readonly SocketView[];
  readonly unixSockets: readonly (UnixSocket & Owned)[];
  /** Of captures, DHCP clients. */
  readonly packetSockets: readonly (PacketSocket & Owned)[];
  readonly netlinkSockets: readonly (NetlinkSocketInfo & Owned)[];
}

/**
 * @param pids Processes in the namespace, whose sockets are told apart.
 * @throws {WarrenError} `ERR_NAMESPACE_NOT_FOUND`
 */
export async function readNetns(
  namespace: NetworkNamespace,
  pids: readonly number[] = [],
): Promise<NetnsSnapshot> {
  const fd = openNetworkNamespace(namespace);
  const before = new Set(socketInodes('self'));
  const open: NetlinkSocket[] = [];
  const socket = (protocol: 'route' | 'netfilter' | 'sock_diag'): NetlinkSocket => {
    const made = openNetlink(protocol, { namespace: { fd } });
    open.push(made);
    return made;
  };
  try {
    const route = socket('route');
    const devices = await links(route);
    const names = new Map(devices.map(({ ifindex, ifname }) => [ifindex, ifname]));
    const owners = processesOf(pids);
    const own = socket('sock_diag');
    const owned = async <T extends { readonly inode: number }>(
      list: (from: NetlinkSocket) => Promise<readonly T[]>,
    ): Promise<(T & Owned)[]> =>
      (await orEmpty(async () => list(own), [])).map((each) => {
        const process = owners.get(each.inode);
        return process ? { ...each, process } : each;
      });
    return {
      devices,
      addresses: await addresses(route),
      rules: await rules(route),
      routes: await routes(route),
      neighbours: await neighbours(route),
      fdb: await fdb(route),
      nftables: await orEmpty(
        async () => nft.rulesetText(await nft.ruleset(socket('netfilter')), { devices: names }),
        '',
      ),
      iptables: legacyTables({ namespace: { fd } }),
      sockets: await owned(inetSockets),
      unixSockets: await owned(unixSockets),
      packetSockets: await owned(packetSockets),
      netlinkSockets: withoutOwn(await owned(netlinkSockets), before),
    };
  } finally {
    for (const each of open) each.close();
    if (!('fd' in namespace)) closeSync(fd);
  }
}

/** What a kernel was built without has nothing to show. */
async function orEmpty<T>(read: () => Promise<T>, empty: T): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (
      error instanceof NetlinkError &&
      (error.errno === 'EOPNOTSUPP' || error.errno === 'ENOENT' || error.errno === 'EINVAL')
    )
      return empty;
    throw error;
  }
}

function processesOf(pids: readonly number[]): Map<number, { pid: number; command: string }> {
  const found = new Map<number, { pid: number; command: string }>();
  for (const pid of pids) {
    try {
      const command = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      for (const inode of socketInodes(pid)) if (!found.has(inode)) found.set(inode, { pid, command });
    } catch {
      // It has ended, or is not ours to look at.
    }
  }
  return found;
}

function socketInodes(pid: number | 'self'): number[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((name) => {
    const inode = /^socket:\[(\d+)\]$/.exec(unlessGone(`/proc/${pid}/fd/${name}`))?.[1];
    return inode === undefined ? [] : [Number(inode)];
  });
}

/** Without those by which it is being read, which were not there before; nor the kernel's own. */
function withoutOwn<T extends { readonly inode: number; readonly portid: number }>(
  sockets: readonly T[],
  before: ReadonlySet<number>,
): T[] {
  const now = new Set(socketInodes('self'));
  return sockets.filter(({ inode, portid }) => portid !== 0 && (before.has(inode) || !now.has(inode)));
}

function unlessGone(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
