/** Connections that the kernel tracks. See conntrack(8). */
import {
  attributes,
  be16,
  be32,
  be64,
  binary,
  bits,
  type Body,
  type Decoded,
  enumeration,
  ipv4,
  ipv6,
  messageForm,
  nfgenHeader,
  nfnlSubsystems,
  string,
  u8,
  type Wide,
} from '../codec/index.js';
import {
  netlinkRequest,
  type NetlinkRequest,
  type NetlinkSocket,
  type RequestOptions,
} from '../socket/index.js';
import { AF_INET, AF_INET6 } from '../route/constants.js';

const SUBSYSTEM = nfnlSubsystems.ctnetlink << 8;
const IPCTNL_MSG_CT_GET = SUBSYSTEM | 1;
const IPCTNL_MSG_CT_DELETE = SUBSYSTEM | 2;

const tuple = attributes({
  ip: [1, attributes({ src4: [1, ipv4], dst4: [2, ipv4], src6: [3, ipv6], dst6: [4, ipv6] })],
  proto: [
    2,
    attributes({
      number: [1, u8],
      sport: [2, be16],
      dport: [3, be16],
      icmp_id: [4, be16],
      icmp_type: [5, u8],
      icmp_code: [6, u8],
      icmpv6_id: [7, be16],
      icmpv6_type: [8, u8],
      icmpv6_code: [9, u8],
    }),
  ],
  zone: [3, be16],
});
const counters = attributes({ packets: [1, be64], bytes: [2, be64] });

export const conntrackStatus = {
  EXPECTED: 0x1,
  SEEN_REPLY: 0x2,
  ASSURED: 0x4,
  CONFIRMED: 0x8,
  SRC_NAT: 0x10,
  DST_NAT: 0x20,
  SEQ_ADJUST: 0x40,
  SRC_NAT_DONE: 0x80,
  DST_NAT_DONE: 0x100,
  DYING: 0x200,
  FIXED_TIMEOUT: 0x400,
  TEMPLATE: 0x800,
  UNTRACKED: 0x1000,
  HELPER: 0x2000,
  OFFLOAD: 0x4000,
  HW_OFFLOAD: 0x8000,
} as const;

export const tcpStates = {
  NONE: 0,
  SYN_SENT: 1,
  SYN_RECV: 2,
  ESTABLISHED: 3,
  FIN_WAIT: 4,
  CLOSE_WAIT: 5,
  LAST_ACK: 6,
  TIME_WAIT: 7,
  CLOSE: 8,
  SYN_SENT2: 9,
} as const;

export const conntrackForm = messageForm('connection', nfgenHeader, {
  orig: [1, tuple],
  reply: [2, tuple],
  status: [3, bits(be32, conntrackStatus)],
  protoinfo: [
    4,
    attributes({
      tcp: [
        1,
        attributes({
          state: [1, enumeration(u8, tcpStates)],
          wscale_orig: [2, u8],
          wscale_reply: [3, u8],
          flags_orig: [4, binary],
          flags_reply: [5, binary],
        }),
      ],
      sctp: [3, attributes({ state: [1, u8], vtag_orig: [2, be32], vtag_reply: [3, be32] })],
    }),
  ],
  help: [5, attributes({ name: [1, string], info: [2, binary] })],
  timeout: [7, be32],
  mark: [8, be32],
  counters_orig: [9, counters],
  counters_reply: [10, counters],
  use: [11, be32],
  id: [12, be32],
  zone: [18, be16],
  secctx: [19, attributes({ name: [1, string] })],
  timestamp: [20, attributes({ start: [1, be64], stop: [2, be64] })],
  mark_mask: [21, be32],
  labels: [22, binary],
});

/** One direction of a connection. */
export interface ConnectionTuple {
  readonly src: string;
  readonly dst: string;
  /** IPPROTO_* */
  readonly protocol: number;
  readonly sport?: number;
  readonly dport?: number;
  readonly icmpType?: number;
  readonly icmpCode?: number;
  readonly icmpId?: number;
}

export interface Connection {
  readonly family: 'inet' | 'inet6';
  /** As the first packet was. */
  readonly orig: ConnectionTuple;
  /** As answers are: differs from the reverse of `orig` where addresses are translated. */
  readonly reply: ConnectionTuple;
  readonly status: readonly string[];
  readonly tcpState?: string | number;
  /** Seconds until it is forgotten, unless packets come. */
  readonly timeout?: number;
  readonly mark: number;
  readonly zone: number;
  readonly id: number;
  /** With net.netfilter.nf_conntrack_acct. */
  readonly counters?: {
    readonly orig: { readonly packets: Wide; readonly bytes: Wide };
    readonly reply: { readonly packets: Wide; readonly bytes: Wide };
  };
  readonly helper?: string;
}

/** The connections of the namespace that `socket` (opened with `netfilter`) is in. */
export async function connections(
  socket: NetlinkSocket,
  options: RequestOptions & { readonly family?: 'inet' | 'inet6'; readonly mark?: number } = {},
): Promise<Connection[]> {
  const { family, mark } = options;
  const request = netlinkRequest(conntrackForm, {
    what: 'list the tracked connections',
    type: IPCTNL_MSG_CT_GET,
    header: { family: family === undefined ? 0 : family === 'inet' ? AF_INET : AF_INET6 },
    attributes: mark === undefined ? {} : { mark, mark_mask: 0xffff_ffff },
  });
  return (await socket.dump(request, conntrackForm, options)).map(toConnection);
}

/** Forgets one connection: the next packet of it is judged by the rules as they are now. */
export function deleteConnectionRequest(
  connection: Pick<Connection, 'family' | 'orig' | 'zone'> & { readonly id?: number },
): NetlinkRequest {
  const { family, orig, zone, id } = connection;
  const isIpv4 = family === 'inet';
  return netlinkRequest(conntrackForm, {
    what: `forget the connection from ${orig.src} to ${orig.dst}`,
    type: IPCTNL_MSG_CT_DELETE,
    header: { family: isIpv4 ? AF_INET : AF_INET6 },
    attributes: {
      orig: {
        ip: isIpv4 ? { src4: orig.src, dst4: orig.dst } : { src6: orig.src, dst6: orig.dst },
        proto: {
          number: orig.protocol,
          sport: orig.sport,
          dport: orig.dport,
          ...(isIpv4
            ? { icmp_id: orig.icmpId, icmp_type: orig.icmpType, icmp_code: orig.icmpCode }
            : { icmpv6_id: orig.icmpId, icmpv6_type: orig.icmpType, icmpv6_code: orig.icmpCode }),
        },
      },
      zone: zone === 0 ? undefined : zone,
      // A number that only this connection has, so that not one made in the meantime goes in its place.
      id,
    },
  });
}

/**
 * Forgets every connection that `which` says yes to.
 *
 * @returns How many there were.
 */
export async function deleteConnections(
  socket: NetlinkSocket,
  which: (connection: Connection) => boolean,
  options: RequestOptions & { readonly family?: 'inet' | 'inet6' } = {},
): Promise<number> {
  const doomed = (await connections(socket, options)).filter(which);
  const results = await socket.batch(doomed.map(deleteConnectionRequest), options);
  let count = 0;
  for (const { error } of results) {
    // It has gone by itself.
    if (error?.errno === 'ENOENT') continue;
    if (error) throw error;
    count++;
  }
  return count;
}

function toConnection({
  header,
  attributes: found,
}: Body<Decoded<typeof conntrackForm.header>, typeof conntrackForm.attributes.fields>): Connection {
  const { orig, reply, status = [], protoinfo, timeout, mark = 0, zone = 0, id = 0, help } = found;
  const state = protoinfo?.tcp?.state;
  const counted = ({ packets = 0, bytes = 0 }: Decoded<typeof counters> = {}) => ({ packets, bytes });
  return {
    family: header.family === AF_INET ? 'inet' : 'inet6',
    orig: toTuple(orig),
    reply: toTuple(reply),
    status,
    ...(state === undefined ? {} : { tcpState: state }),
    ...(timeout === undefined ? {} : { timeout }),
    mark,
    zone,
    id,
    ...(found.counters_orig === undefined
      ? {}
      : { counters: { orig: counted(found.counters_orig), reply: counted(found.counters_reply) } }),
    ...(help?.name === undefined ? {} : { helper: help.name }),
  };
}

function toTuple({ ip, proto }: Decoded<typeof tuple> = {}): ConnectionTuple {
  const icmp = {
    icmpType: proto?.icmp_type ?? proto?.icmpv6_type,
    icmpCode: proto?.icmp_code ?? proto?.icmpv6_code,
    icmpId: proto?.icmp_id ?? proto?.icmpv6_id,
  };
  return {
    src: ip?.src4 ?? ip?.src6 ?? '',
    dst: ip?.dst4 ?? ip?.dst6 ?? '',
    protocol: proto?.number ?? 0,
    ...(proto?.sport === undefined ? {} : { sport: proto.sport }),
    ...(proto?.dport === undefined ? {} : { dport: proto.dport }),
    ...Object.fromEntries(Object.entries(icmp).filter(([, value]) => value !== undefined)),
  };
}
