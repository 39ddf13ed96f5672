/** Where the fields of packets stand, by nft's names: facts of RFC 791, 8200, 9293, 768, 792, 4443, 826 and IEEE 802.3. */
import { type DataType } from './datatypes.js';

export type HeaderBase = 'link' | 'network' | 'transport';

export interface PayloadField {
  readonly name: string;
  readonly base: HeaderBase;
  /** The protocol that must be there: as `meta nfproto`, `meta protocol` or `meta l4proto` name it; any for `th`. */
  readonly protocol: string;
  readonly offset: number;
  readonly length: number;
  readonly type: DataType;
}

const rows: readonly (readonly [string, HeaderBase, number, number, DataType])[] = [
  ['ether daddr', 'link', 0, 6, 'ether_addr'],
  ['ether saddr', 'link', 6, 6, 'ether_addr'],
  ['ether type', 'link', 12, 2, 'ether_type'],
  ['vlan id', 'link', 14, 2, 'integer'],
  ['ip tos', 'network', 1, 1, 'integer'],
  ['ip length', 'network', 2, 2, 'integer'],
  ['ip id', 'network', 4, 2, 'integer'],
  ['ip frag-off', 'network', 6, 2, 'integer'],
  ['ip ttl', 'network', 8, 1, 'integer'],
  ['ip protocol', 'network', 9, 1, 'inet_proto'],
  ['ip checksum', 'network', 10, 2, 'integer'],
  ['ip saddr', 'network', 12, 4, 'ipv4_addr'],
  ['ip daddr', 'network', 16, 4, 'ipv4_addr'],
  ['ip6 length', 'network', 4, 2, 'integer'],
  ['ip6 nexthdr', 'network', 6, 1, 'inet_proto'],
  ['ip6 hoplimit', 'network', 7, 1, 'integer'],
  ['ip6 saddr', 'network', 8, 16, 'ipv6_addr'],
  ['ip6 daddr', 'network', 24, 16, 'ipv6_addr'],
  ['arp htype', 'network', 0, 2, 'integer'],
  ['arp ptype', 'network', 2, 2, 'ether_type'],
  ['arp hlen', 'network', 4, 1, 'integer'],
  ['arp plen', 'network', 5, 1, 'integer'],
  ['arp operation', 'network', 6, 2, 'arp_op'],
  ['arp saddr ether', 'network', 8, 6, 'ether_addr'],
  ['arp saddr ip', 'network', 14, 4, 'ipv4_addr'],
  ['arp daddr ether', 'network', 18, 6, 'ether_addr'],
  ['arp daddr ip', 'network', 24, 4, 'ipv4_addr'],
  ['tcp sport', 'transport', 0, 2, 'inet_service'],
  ['tcp dport', 'transport', 2, 2, 'inet_service'],
  ['tcp sequence', 'transport', 4, 4, 'integer'],
  ['tcp ackseq', 'transport', 8, 4, 'integer'],
  ['tcp flags', 'transport', 13, 1, 'tcp_flag'],
  ['tcp window', 'transport', 14, 2, 'integer'],
  ['udp sport', 'transport', 0, 2, 'inet_service'],
  ['udp dport', 'transport', 2, 2, 'inet_service'],
  ['udp length', 'transport', 4, 2, 'integer'],
  ['sctp sport', 'transport', 0, 2, 'inet_service'],
  ['sctp dport', 'transport', 2, 2, 'inet_service'],
  ['udplite sport', 'transport', 0, 2, 'inet_service'],
  ['udplite dport', 'transport', 2, 2, 'inet_service'],
  ['dccp sport', 'transport', 0, 2, 'inet_service'],
  ['dccp dport', 'transport', 2, 2, 'inet_service'],
  ['th sport', 'transport', 0, 2, 'inet_service'],
  ['th dport', 'transport', 2, 2, 'inet_service'],
  ['icmp type', 'transport', 0, 1, 'icmp_type'],
  ['icmp code', 'transport', 1, 1, 'icmp_code'],
  ['icmp id', 'transport', 4, 2, 'integer'],
  ['icmp sequence', 'transport', 6, 2, 'integer'],
  ['icmpv6 type', 'transport', 0, 1, 'icmpv6_type'],
  ['icmpv6 code', 'transport', 1, 1, 'icmpv6_code'],
  ['icmpv6 id', 'transport', 4, 2, 'integer'],
  ['icmpv6 sequence', 'transport', 6, 2, 'integer'],
];

export const payloadFields: readonly PayloadField[] = rows.map(([name, base, offset, length, type]) => ({
  name,
  base,
  protocol: name.slice(0, name.indexOf(' ')),
  offset,
  length,
  type,
}));

/** What `meta KEY` gives. */
export const metaTypes: Readonly<Record<string, DataType>> = {
  protocol: 'ether_type',
  mark: 'mark',
  iif: 'iface_index',
  oif: 'iface_index',
  iifname: 'ifname',
  oifname: 'ifname',
  ibrname: 'ifname',
  obrname: 'ifname',
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
  nftrace: 'boolean',
  rtclassid: 'realm',
};

/** Keys that nft shows without `meta` before them. */
export const bareMetaKeys: ReadonlySet<string> = new Set([
  'iif',
  'oif',
  'iifname',
  'oifname',
  'iiftype',
  'oiftype',
  'iifgroup',
  'oifgroup',
  'ibrname',
  'obrname',
]);

/** What `ct KEY` gives. */
export const ctTypes: Readonly<Record<string, DataType>> = {
  state: 'ct_state',
  direction: 'ct_dir',
  status: 'ct_status',
  mark: 'mark',
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
