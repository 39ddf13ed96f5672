/**
 * Where the fields of packets stand, by nft's names: facts of RFC 791, 8200, 9293, 768, 792, 4443, 826, 2236, 4302, 4303,
 * 3173, 9260, 4340 and IEEE 802.3, 802.1Q.
 */
import { type DataType } from './datatypes.js';

export type HeaderBase = 'link' | 'network' | 'transport';

export interface BitField {
  readonly name: string;
  /** In bits from the header's begin. */
  readonly offset: number;
  readonly length: number;
  readonly type: DataType;
  /** Of ICMP: types of the message that this is a field of; the first that fits is taken where the type is not known. */
  readonly when?: readonly string[];
}

type Row = readonly [name: string, offset: number, length: number, type: DataType, when?: string];

/** By protocol, as `meta nfproto`, `meta protocol` or `meta l4proto` name it; `th` is any with ports. */
const rows: Readonly<Record<string, readonly [HeaderBase, readonly Row[]]>> = {
  ether: [
    'link',
    [
      ['daddr', 0, 48, 'ether_addr'],
      ['saddr', 48, 48, 'ether_addr'],
      ['type', 96, 16, 'ether_type'],
    ],
  ],
  vlan: [
    'link',
    [
      ['pcp', 112, 3, 'integer'],
      ['dei', 115, 1, 'integer'],
      ['id', 116, 12, 'integer'],
      ['type', 128, 16, 'ether_type'],
    ],
  ],
  ip: [
    'network',
    [
      ['version', 0, 4, 'integer'],
      ['hdrlength', 4, 4, 'integer'],
      ['dscp', 8, 6, 'dscp'],
      ['ecn', 14, 2, 'ecn'],
      ['length', 16, 16, 'integer'],
      ['id', 32, 16, 'integer'],
      ['frag-off', 48, 16, 'integer'],
      ['ttl', 64, 8, 'integer'],
      ['protocol', 72, 8, 'inet_proto'],
      ['checksum', 80, 16, 'integer'],
      ['saddr', 96, 32, 'ipv4_addr'],
      ['daddr', 128, 32, 'ipv4_addr'],
    ],
  ],
  ip6: [
    'network',
    [
      ['version', 0, 4, 'integer'],
      ['dscp', 4, 6, 'dscp'],
      ['ecn', 10, 2, 'ecn'],
      ['flowlabel', 12, 20, 'integer'],
      ['length', 32, 16, 'integer'],
      ['nexthdr', 48, 8, 'inet_proto'],
      ['hoplimit', 56, 8, 'integer'],
      ['saddr', 64, 128, 'ipv6_addr'],
      ['daddr', 192, 128, 'ipv6_addr'],
    ],
  ],
  arp: [
    'network',
    [
      ['htype', 0, 16, 'integer'],
      ['ptype', 16, 16, 'ether_type'],
      ['hlen', 32, 8, 'integer'],
      ['plen', 40, 8, 'integer'],
      ['operation', 48, 16, 'arp_op'],
      ['saddr ether', 64, 48, 'ether_addr'],
      ['saddr ip', 112, 32, 'ipv4_addr'],
      ['daddr ether', 144, 48, 'ether_addr'],
      ['daddr ip', 192, 32, 'ipv4_addr'],
    ],
  ],
  tcp: [
    'transport',
    [
      ['sport', 0, 16, 'inet_service'],
      ['dport', 16, 16, 'inet_service'],
      ['sequence', 32, 32, 'integer'],
      ['ackseq', 64, 32, 'integer'],
      ['doff', 96, 4, 'integer'],
      ['reserved', 100, 4, 'integer'],
      ['flags', 104, 8, 'tcp_flag'],
      ['window', 112, 16, 'integer'],
      ['checksum', 128, 16, 'integer'],
      ['urgptr', 144, 16, 'integer'],
    ],
  ],
  udp: [
    'transport',
    [
      ['sport', 0, 16, 'inet_service'],
      ['dport', 16, 16, 'inet_service'],
      ['length', 32, 16, 'integer'],
      ['checksum', 48, 16, 'integer'],
    ],
  ],
  udplite: [
    'transport',
    [
      ['sport', 0, 16, 'inet_service'],
      ['dport', 16, 16, 'inet_service'],
      ['csumcov', 32, 16, 'integer'],
      ['checksum', 48, 16, 'integer'],
    ],
  ],
  sctp: [
    'transport',
    [
      ['sport', 0, 16, 'inet_service'],
      ['dport', 16, 16, 'inet_service'],
      ['vtag', 32, 32, 'integer'],
      ['checksum', 64, 32, 'integer'],
    ],
  ],
  dccp: [
    'transport',
    [
      ['sport', 0, 16, 'inet_service'],
      ['dport', 16, 16, 'inet_service'],
      ['type', 67, 4, 'dccp_pkttype'],
    ],
  ],
  th: [
    'transport',
    [
      ['sport', 0, 16, 'inet_service'],
      ['dport', 16, 16, 'inet_service'],
    ],
  ],
  icmp: [
    'transport',
    [
      ['type', 0, 8, 'icmp_type'],
      ['code', 8, 8, 'icmp_code'],
      ['checksum', 16, 16, 'integer'],
      ['gateway', 32, 32, 'integer', 'redirect'],
      ['mtu', 48, 16, 'integer', 'destination-unreachable'],
      ['id', 32, 16, 'integer'],
      ['sequence', 48, 16, 'integer'],
    ],
  ],
  igmp: [
    'transport',
    [
      ['type', 0, 8, 'igmp_type'],
      ['mrt', 8, 8, 'integer'],
      ['checksum', 16, 16, 'integer'],
      ['group', 32, 32, 'integer'],
    ],
  ],
  icmpv6: [
    'transport',
    [
      ['type', 0, 8, 'icmpv6_type'],
      ['code', 8, 8, 'icmpv6_code'],
      ['checksum', 16, 16, 'integer'],
      ['parameter-problem', 32, 32, 'integer', 'parameter-problem'],
      ['mtu', 32, 32, 'integer', 'packet-too-big'],
      ['max-delay', 32, 16, 'integer', 'mld-listener-query'],
      ['id', 32, 16, 'integer'],
      ['sequence', 48, 16, 'integer'],
    ],
  ],
  esp: [
    'transport',
    [
      ['spi', 0, 32, 'integer'],
      ['sequence', 32, 32, 'integer'],
    ],
  ],
  ah: [
    'transport',
    [
      ['nexthdr', 0, 8, 'inet_proto'],
      ['hdrlength', 8, 8, 'integer'],
      ['reserved', 16, 16, 'integer'],
      ['spi', 32, 32, 'integer'],
      ['sequence', 64, 32, 'integer'],
    ],
  ],
  comp: [
    'transport',
    [
      ['nexthdr', 0, 8, 'inet_proto'],
      ['flags', 8, 8, 'bitmask'],
      ['cpi', 16, 16, 'integer'],
    ],
  ],
};

/** Of a protocol that is known by its name. */
export const protocolFields: ReadonlyMap<
  string,
  { readonly base: HeaderBase; readonly fields: readonly BitField[] }
> = new Map(
  Object.entries(rows).map(([protocol, [base, all]]) => [
    protocol,
    {
      base,
      fields: all.map(([name, offset, length, type, when]) => ({
        name: `${protocol} ${name}`,
        offset,
        length,
        type,
        ...(when === undefined ? {} : { when: [when] }),
      })),
    },
  ]),
);

export interface PayloadField {
  readonly name: string;
  readonly base: HeaderBase;
  readonly protocol: string;
  /** In bytes. */
  readonly offset: number;
  readonly length: number;
  readonly type: DataType;
}

/** Fields of whole bytes, which a rule can be built with. */
export const payloadFields: readonly PayloadField[] = [...protocolFields].flatMap(
  ([protocol, { base, fields }]) =>
    fields
      .filter(({ offset, length }) => offset % 8 === 0 && length % 8 === 0)
      .map(({ name, offset, length, type }) => ({
        name,
        base,
        protocol,
        offset: offset / 8,
        length: length / 8,
        type,
      })),
);

/** What `meta KEY` gives. */
export const metaTypes: Readonly<Record<string, DataType>> = {
  protocol: 'ether_type',
  priority: 'classid',
  mark: 'mark',
  iif: 'iface_index',
  oif: 'iface_index',
  iifname: 'ifname',
  oifname: 'ifname',
  ibrname: 'ifname',
  obrname: 'ifname',
  iifkind: 'ifname',
  oifkind: 'ifname',
  sdif: 'iface_index',
  sdifname: 'ifname',
  iiftype: 'iface_type',
  oiftype: 'iface_type',
  skuid: 'uid',
  skgid: 'gid',
  nfproto: 'nf_proto',
  l4proto: 'inet_proto',
  pkttype: 'pkt_type',
  iifgroup: 'devgroup',
  oifgroup: 'devgroup',
  rtclassid: 'realm',
  secpath: 'boolean',
  ibrvproto: 'ether_type',
  time: 'time',
  day: 'day',
  hour: 'hour',
};

/** Keys that nft calls otherwise than the kernel's constants. */
export const metaNames: Readonly<Record<string, string>> = { len: 'length', secpath: 'ipsec' };

/** Bytes of what has no type of its own, where it is not four. */
export const metaLengths: Readonly<Record<string, number>> = { hour: 4, ibrpvid: 2 };

/** Numbers in network order although they come out of no packet. */
export const bigEndianKeys: ReadonlySet<string> = new Set(['meta random', 'ct id', 'meta ibrvproto']);

/** Keys that nft shows without `meta` before them. */
export const bareMetaKeys: ReadonlySet<string> = new Set([
  'iif',
  'oif',
  'iifname',
  'oifname',
  'iifgroup',
  'oifgroup',
]);

/** What `ct KEY` gives. */
export const ctTypes: Readonly<Record<string, DataType>> = {
  state: 'ct_state',
  direction: 'ct_dir',
  status: 'ct_status',
  mark: 'mark',
  expiration: 'duration',
  helper: 'string',
  l3proto: 'nf_proto',
  protocol: 'inet_proto',
  'proto-src': 'inet_service',
  'proto-dst': 'inet_service',
  label: 'ct_label',
  event: 'ct_event',
  'ip saddr': 'ipv4_addr',
  'ip daddr': 'ipv4_addr',
  'ip6 saddr': 'ipv6_addr',
  'ip6 daddr': 'ipv6_addr',
};

/** Bytes of counters, which are longer than other numbers. */
export const ctLengths: Readonly<Record<string, number>> = { packets: 8, bytes: 8, avgpkt: 8, zone: 2 };
