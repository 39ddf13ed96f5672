/** The sockets of a namespace, as ss(8) lists them. See sock_diag(7). */
import { type Body, type Decoded, formatIp, type MessageForm, type Fields } from '../codec/index.js';
import {
  NetlinkError,
  netlinkRequest,
  type NetlinkRequest,
  type NetlinkSocket,
  type RequestOptions,
} from '../socket/index.js';
import { AF_INET, AF_INET6 } from '../route/constants.js';
import {
  inetReply,
  inetRequest,
  netlinkDiagReply,
  netlinkDiagRequest,
  noCookie,
  packetReply,
  packetRequest,
  socketStates,
  type socketTypes,
  unixReply,
  unixRequest,
} from './forms.js';

const SOCK_DIAG_BY_FAMILY = 20;
const AF_UNIX = 1;
const AF_NETLINK = 16;
const AF_PACKET = 17;
const ALL_STATES = 0xfff;

/** IPPROTO_* */
export const inetProtocols = { tcp: 6, udp: 17, sctp: 132, udplite: 136, raw: 255 } as const;
export type InetProtocol = keyof typeof inetProtocols;
export type SocketState = keyof typeof socketStates;

export interface InetSocket {
  readonly protocol: InetProtocol;
  readonly family: 'inet' | 'inet6';
  readonly state: SocketState | number;
  readonly local: string;
  readonly localPort: number;
  readonly peer: string;
  readonly peerPort: number;
  /** The device that it is bound to; 0 for none. */
  readonly ifindex: number;
  readonly recvQ: number;
  readonly sendQ: number;
  readonly uid: number;
  /** Of `/proc/PID/fd/N`, `socket:[INODE]`. 0 for what has no descriptor (TIME-WAIT). */
  readonly inode: number;
  readonly mark?: number;
  readonly v6only?: boolean;
  /** The inode of the cgroup (v2) that it was made in. */
  readonly cgroupId?: number | bigint;
}

export interface UnixSocket {
  readonly type: keyof typeof socketTypes | number;
  readonly state: SocketState | number;
  readonly inode: number;
  /** A path, or `@name` in the abstract namespace (NULs in it shown as `@` too, as ss does). */
  readonly name?: string;
  /** Of the socket at the other end. */
  readonly peerInode?: number;
  /** Device and inode of the path's file. */
  readonly file?: { readonly inode: number; readonly dev: number };
  readonly recvQ: number;
  readonly sendQ: number;
  readonly uid?: number;
}

export interface PacketSocket {
  readonly type: keyof typeof socketTypes | number;
  /** ETH_P_* */
  readonly protocol: number;
  readonly inode: number;
  /** 0: every device. */
  readonly ifindex: number;
  readonly uid?: number;
}

export interface NetlinkSocketInfo {
  readonly protocol: number;
  readonly portid: number;
  readonly inode: number;
  /** Multicast groups that it has joined. */
  readonly groups: readonly number[];
}

export interface InetSocketsOptions extends RequestOptions {
  /** Default: tcp, udp, and those of sctp, udplite, raw that the kernel has. */
  readonly protocols?: readonly InetProtocol[] | undefined;
  readonly family?: 'inet' | 'inet6' | undefined;
  /** Default: all. */
  readonly states?: readonly SocketState[] | undefined;
}

/** TCP, UDP and related sockets of the namespace that `socket` (opened with `sock_diag`) is in. */
export async function inetSockets(
  socket: NetlinkSocket,
  options: InetSocketsOptions = {},
): Promise<InetSocket[]> {
  const { family, protocols = Object.keys(inetProtocols) as InetProtocol[] } = options;
  const states =
    (options.states ?? []).reduce((mask, name) => mask | (1 << socketStates[name]), 0) || ALL_STATES << 1;
  const found: InetSocket[] = [];
  for (const protocol of protocols) {
    for (const number of family === undefined
      ? [AF_INET, AF_INET6]
      : [family === 'inet' ? AF_INET : AF_INET6]) {
      const request = netlinkRequest(inetRequest, {
        what: `list the ${protocol} sockets`,
        type: SOCK_DIAG_BY_FAMILY,
        header: {
          family: number,
          protocol: inetProtocols[protocol],
          states,
          id: { cookie: noCookie },
        },
      });
      const all = await listed(socket, request, inetReply, options, options.protocols === undefined);
      found.push(...all.map((body) => toInetSocket(protocol, body)));
    }
  }
  return found;
}

export async function unixSockets(
  socket: NetlinkSocket,
  options: RequestOptions = {},
): Promise<UnixSocket[]> {
  const NAME_VFS_PEER_RQLEN_UID = 0x1 | 0x2 | 0x4 | 0x10 | 0x40;
  const request = netlinkRequest(unixRequest, {
    what: 'list the unix sockets',
    type: SOCK_DIAG_BY_FAMILY,
    header: { family: AF_UNIX, states: 0xffff_ffff, show: NAME_VFS_PEER_RQLEN_UID, cookie: noCookie },
  });
  return (await socket.dump(request, unixReply, options)).map(toUnixSocket);
}

export async function packetSockets(
  socket: NetlinkSocket,
  options: RequestOptions = {},
): Promise<PacketSocket[]> {
  const request = netlinkRequest(packetRequest, {
    what: 'list the packet sockets',
    type: SOCK_DIAG_BY_FAMILY,
    header: { family: AF_PACKET, show: 1, cookie: noCookie },
  });
  return (await listed(socket, request, packetReply, options, true)).map(({ header, attributes }) => ({
    type: header.type,
    protocol: header.protocol,
    inode: header.inode,
    ifindex: attributes.info?.ifindex ?? 0,
    ...(attributes.uid === undefined ? {} : { uid: attributes.uid }),
  }));
}

export async function netlinkSockets(
  socket: NetlinkSocket,
  options: RequestOptions = {},
): Promise<NetlinkSocketInfo[]> {
  const ALL_PROTOCOLS = 255;
  const GROUPS = 2;
  const request = netlinkRequest(netlinkDiagRequest, {
    what: 'list the netlink sockets',
    type: SOCK_DIAG_BY_FAMILY,
    header: { family: AF_NETLINK, protocol: ALL_PROTOCOLS, show: GROUPS, cookie: noCookie },
  });
  const found = (await listed(socket, request, netlinkDiagReply, options, true)).map(
    ({ header, attributes }): NetlinkSocketInfo => ({
      protocol: header.protocol,
      portid: header.port,
      inode: header.inode,
      groups: groupNumbers(attributes.groups),
    }),
  );
  // The kernel lists one that is in a group twice: among all, and among those in groups. Its own have no inode.
  const first = new Map(found.map((each, index) => [each.inode, index]).toReversed() as [number, number][]);
  return found.filter(({ inode }, index) => inode === 0 || first.get(inode) === index);
}

/** Lists; nothing when the kernel has no such sockets, or no way to list them, and `lenient`. */
async function listed<H, HIn, F extends Fields>(
  socket: NetlinkSocket,
  request: NetlinkRequest,
  form: MessageForm<H, HIn, F>,
  options: RequestOptions,
  lenient: boolean,
): Promise<Body<H, F>[]> {
  try {
    return await socket.dump(request, form, options);
  } catch (error) {
    if (
      lenient &&
      error instanceof NetlinkError &&
      (error.errno === 'ENOENT' || error.errno === 'EOPNOTSUPP')
    )
      return [];
    throw error;
  }
}

function toInetSocket(
  protocol: InetProtocol,
  { header, attributes }: Body<Decoded<typeof inetReply.header>, typeof inetReply.attributes.fields>,
): InetSocket {
  const { id, family } = header;
  const length = family === AF_INET ? 4 : 16;
  const { mark, v6only, cgroup_id } = attributes;
  return {
    protocol,
    family: family === AF_INET ? 'inet' : 'inet6',
    state: header.state,
    local: formatIp(id.src.subarray(0, length)),
    localPort: id.sport,
    peer: formatIp(id.dst.subarray(0, length)),
    peerPort: id.dport,
    ifindex: id.ifindex,
    recvQ: header.rqueue,
    sendQ: header.wqueue,
    uid: header.uid,
    inode: header.inode,
    ...(mark === undefined ? {} : { mark }),
    ...(v6only === undefined ? {} : { v6only: v6only !== 0 }),
    ...(cgroup_id === undefined ? {} : { cgroupId: cgroup_id }),
  };
}

function toUnixSocket({
  header,
  attributes,
}: Body<Decoded<typeof unixReply.header>, typeof unixReply.attributes.fields>): UnixSocket {
  const { name, vfs, peer, queues, uid } = attributes;
  return {
    type: header.type,
    state: header.state,
    inode: header.inode,
    ...(name === undefined || name.length === 0 ? {} : { name: unixName(name) }),
    ...(peer === undefined ? {} : { peerInode: peer }),
    ...(vfs === undefined ? {} : { file: vfs }),
    recvQ: queues?.rqueue ?? 0,
    sendQ: queues?.wqueue ?? 0,
    ...(uid === undefined ? {} : { uid }),
  };
}

/** A path ends at its NUL; an abstract name begins with one and may contain others. */
function unixName(bytes: Buffer): string {
  if (bytes[0] === 0) return bytes.toString().replaceAll('\0', '@');
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

function groupNumbers(bitmap: Buffer | undefined): number[] {
  const groups: number[] = [];
  bitmap?.forEach((byte, index) => {
    for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) groups.push(index * 8 + bit + 1);
  });
  return groups;
}
