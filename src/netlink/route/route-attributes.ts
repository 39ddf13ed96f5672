/** The attributes of routes: a table of facts. See rtnetlink(7), <linux/rtnetlink.h>. */
import {
  attributes,
  binary,
  bits,
  type Decoded,
  type Encodable,
  enumeration,
  formatIp,
  ip,
  malformed,
  messageForm,
  parseIp,
  s32,
  string,
  struct,
  type Type,
  u16,
  u32,
  u8,
  unencodable,
} from '../codec/index.js';
import { families, type IpFamily, routeProtocols, scopes } from './constants.js';

export const routeTypes = {
  unspec: 0,
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
  nat: 10,
} as const;

export const nextHopFlags = {
  dead: 0x1,
  pervasive: 0x2,
  onlink: 0x4,
  offload: 0x8,
  linkdown: 0x10,
  unresolved: 0x20,
  trap: 0x40,
} as const;

export const routeMetrics = attributes({
  lock: [1, u32],
  mtu: [2, u32],
  window: [3, u32],
  rtt: [4, u32],
  rttvar: [5, u32],
  ssthresh: [6, u32],
  cwnd: [7, u32],
  advmss: [8, u32],
  reordering: [9, u32],
  hoplimit: [10, u32],
  initcwnd: [11, u32],
  features: [12, u32],
  rto_min: [13, u32],
  initrwnd: [14, u32],
  quickack: [15, u32],
  congctl: [16, string],
  fastopen_no_cookie: [17, u32],
});

/** A gateway of another family: IPv4 through an IPv6 neighbour. */
const via: Type<{ readonly family: IpFamily; readonly host: string }> = {
  read(bytes, start, end) {
    const length = end - start - 2;
    if (length !== 4 && length !== 16) throw malformed('a gateway', `its address has ${length} bytes`);
    const host = formatIp(bytes.subarray(start + 2, end));
    return { family: length === 4 ? 'inet' : 'inet6', host };
  },
  write(out, { family, host }) {
    const bytes = parseIp(host);
    if (!bytes) throw unencodable(JSON.stringify(host), 'it is not an IP address');
    u16.write(out, families[family]);
    out.append(bytes);
  },
};

const nextHopHeader = struct({
  length: u16,
  flags: bits(u8, nextHopFlags),
  /** Less one. */
  hops: u8,
  ifindex: s32,
});
const nextHopAttributes = attributes({
  gateway: [5, ip],
  via: [18, via],
  encap_type: [21, u16],
  encap: [22, binary],
});

type NextHopHeader = Decoded<typeof nextHopHeader>;
export interface RawNextHop {
  readonly header: Pick<NextHopHeader, 'flags' | 'hops' | 'ifindex'>;
  readonly attributes: Encodable<typeof nextHopAttributes>;
}

/** RTA_MULTIPATH: structures with attributes, one after another, each with its own length (struct rtnexthop). */
const nextHops: Type<readonly RawNextHop[]> = {
  read(bytes, start, end) {
    const hops: RawNextHop[] = [];
    for (let at = start; at < end;) {
      if (end - at < nextHopHeader.size)
        throw malformed('the next hops', `${end - at} bytes are left, too few for another`);
      const header = nextHopHeader.read(bytes, at, at + nextHopHeader.size);
      if (header.length < nextHopHeader.size || at + header.length > end) {
        throw malformed('a next hop', `it claims ${header.length} bytes where ${end - at} are left`);
      }
      hops.push({
        header,
        attributes: nextHopAttributes.read(bytes, at + nextHopHeader.size, at + header.length),
      });
      at += (header.length + 3) & ~3;
    }
    return hops;
  },
  write(out, hops) {
    for (const { header, attributes: values } of hops) {
      const start = out.length;
      nextHopHeader.write(out, header);
      nextHopAttributes.write(out, values);
      out.memory.writeUInt16LE(out.length - start, start);
    }
  },
};

export const routeForm = messageForm(
  'route',
  struct({
    family: u8,
    dst_len: u8,
    src_len: u8,
    tos: u8,
    table: u8,
    protocol: enumeration(u8, routeProtocols),
    scope: enumeration(u8, scopes),
    type: enumeration(u8, routeTypes),
    flags: u32,
  }),
  {
    dst: [1, ip],
    src: [2, ip],
    iif: [3, u32],
    oif: [4, u32],
    gateway: [5, ip],
    metric: [6, u32],
    prefsrc: [7, ip],
    metrics: [8, routeMetrics],
    multipath: [9, nextHops],
    realm: [11, u32],
    cacheinfo: [
      12,
      struct({
        clntref: u32,
        lastuse: u32,
        expires: s32,
        error: u32,
        used: u32,
        id: u32,
        ts: u32,
        tsage: u32,
      }),
    ],
    table: [15, u32],
    mark: [16, u32],
    via: [18, via],
    pref: [20, enumeration(u8, { medium: 0, high: 1, low: 3 })],
    encap_type: [21, u16],
    encap: [22, binary],
    expires: [23, u32],
    uid: [25, u32],
    ttl_propagate: [26, u8],
    ip_proto: [27, u8],
    sport: [28, u16],
    dport: [29, u16],
    nhid: [30, u32],
  },
);
