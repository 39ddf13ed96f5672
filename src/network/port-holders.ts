/** Which process holds a port of the host: it would get nothing any more once the port is published. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type InetSocket, inetSockets, NetlinkError, openNetlink } from '../netlink/index.js';
import type { PortProtocol } from './endpoint.js';
import type { PublishRequest } from '../kernel/port-spec.js';

export interface Listener {
  readonly protocol: PortProtocol;
  readonly port: number;
  /** `0.0.0.0` and `::`: every one of that family; absent: of both. */
  readonly address?: string;
  /** Of the socket: `/proc/PID/fd/N` is a link to `socket:[INODE]`. */
  readonly inode: number;
  readonly uid: number;
}

/** The sockets of the caller's namespace that wait for what comes in, of the protocols that are asked for. */
export async function listenersFor(requests: readonly PublishRequest[]): Promise<Listener[]> {
  const protocols = [...new Set(requests.map(({ protocol }) => protocol))];
  const socket = openNetlink('sock_diag');
  try {
    const found: InetSocket[] = [];
    for (const protocol of protocols)
      found.push(
        ...(await inetSockets(socket, {
          protocols: [protocol],
          states: [protocol === 'udp' ? 'UNCONN' : 'LISTEN'],
        }).catch((error: unknown) => {
          // A kernel without SCTP, or that cannot tell of it.
          if (protocol === 'sctp' && error instanceof NetlinkError && error.errno === 'ENOENT') return [];
          throw error;
        })),
      );
    return found.map(toListener);
  } finally {
    socket.close();
  }
}

function toListener({ protocol, local, localPort, inode, uid, v6only }: InetSocket): Listener {
  return {
    protocol: protocol as PortProtocol,
    port: localPort,
    // A socket of IPv6 takes IPv4 too, unless it says otherwise (ipv6(7)).
    ...(local === '::' && v6only !== true ? {} : { address: local.replace(/^::ffff:(?=\d+\.)/, '') }),
    inode,
    uid,
  };
}

/** For the message: every process's descriptors are looked through. */
export function describeListener(listener: Listener): string {
  const where = `a socket on ${listener.address ?? 'every address'}`;
  const holder = processOf(listener.inode);
  if (holder === undefined) return `${where} of user ${listener.uid} holds it`;
  return `the process ${holder.pid} (${holder.name}) holds it, with ${where}`;
}

function processOf(inode: number): { pid: number; name: string } | undefined {
  const wanted = `socket:[${inode}]`;
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        if (readlinkSync(`/proc/${pid}/fd/${fd}`) === wanted)
          return { pid: Number(pid), name: readFileSync(`/proc/${pid}/comm`, 'utf8').trim() };
      }
    } catch {
      // It has ended, or is not ours to look at.
    }
  }
  return undefined;
}
