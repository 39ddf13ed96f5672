/** Values as nft(8) writes them. */
import { formatIp } from '../codec/index.js';
import { type DataType, inetProtocolNames, isNetworkOrder } from './datatypes.js';

type Names = Readonly<Record<number, string>>;

const flip = (names: Readonly<Record<string, number>>): Names =>
  Object.fromEntries(Object.entries(names).map(([name, number]) => [number, name]));

const names: Readonly<Partial<Record<DataType, Names>>> = {
  nf_proto: { 2: 'ipv4', 10: 'ipv6' },
  ether_type: {
    0x0800: 'ip',
    0x0806: 'arp',
    0x86dd: 'ip6',
    0x8100: '8021q',
    0x88a8: '8021ad',
    0x8847: 'vlan',
  },
  arp_op: { 1: 'request', 2: 'reply', 3: 'rrequest', 4: 'rreply', 8: 'inrequest', 9: 'inreply', 10: 'nak' },
  inet_proto: flip(inetProtocolNames),
  icmp_type: {
    0: 'echo-reply',
    3: 'destination-unreachable',
    4: 'source-quench',
    5: 'redirect',
    8: 'echo-request',
    9: 'router-advertisement',
    10: 'router-solicitation',
    11: 'time-exceeded',
    12: 'parameter-problem',
    13: 'timestamp-request',
    14: 'timestamp-reply',
    15: 'info-request',
    16: 'info-reply',
    17: 'address-mask-request',
    18: 'address-mask-reply',
  },
  icmpv6_type: {
    1: 'destination-unreachable',
    2: 'packet-too-big',
    3: 'time-exceeded',
    4: 'parameter-problem',
    128: 'echo-request',
    129: 'echo-reply',
    130: 'mld-listener-query',
    131: 'mld-listener-report',
    132: 'mld-listener-done',
    133: 'nd-router-solicit',
    134: 'nd-router-advert',
    135: 'nd-neighbor-solicit',
    136: 'nd-neighbor-advert',
    137: 'nd-redirect',
    138: 'router-renumbering',
    141: 'ind-neighbor-solicit',
    142: 'ind-neighbor-advert',
    143: 'mld2-listener-report',
  },
  pkt_type: { 0: 'host', 1: 'broadcast', 2: 'multicast', 3: 'other' },
  fib_addrtype: {
    0: 'unspec',
    1: 'unicast',
    2: 'local',
    3: 'broadcast',
    4: 'anycast',
    5: 'multicast',
    6: 'blackhole',
    7: 'unreachable',
    8: 'prohibit',
  },
  boolean: { 0: 'missing', 1: 'exists' },
  ct_dir: { 0: 'original', 1: 'reply' },
  icmp_code: {
    0: 'net-unreachable',
    1: 'host-unreachable',
    2: 'prot-unreachable',
    3: 'port-unreachable',
    4: 'frag-needed',
    9: 'net-prohibited',
    10: 'host-prohibited',
    13: 'admin-prohibited',
  },
  icmpv6_code: {
    0: 'no-route',
    1: 'admin-prohibited',
    3: 'addr-unreachable',
    4: 'port-unreachable',
    5: 'policy-fail',
    6: 'reject-route',
  },
  icmpx_code: { 0: 'no-route', 1: 'port-unreachable', 2: 'host-unreachable', 3: 'admin-prohibited' },
  iface_type: {
    1: 'ether',
    512: 'ppp',
    768: 'ipip',
    769: 'ipip6',
    772: 'loopback',
    776: 'sit',
    778: 'ipgre',
  },
};

/** Types whose values are sets of bits, lowest first. */
const bitNames: Readonly<Partial<Record<DataType, Readonly<Record<string, number>>>>> = {
  ct_state: { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 },
  ct_status: {
    expected: 1,
    'seen-reply': 2,
    assured: 4,
    confirmed: 8,
    snat: 16,
    dnat: 32,
    dying: 512,
  },
  tcp_flag: { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ecn: 64, cwr: 128 },
};

export function isBits(type: DataType | undefined): boolean {
  return type !== undefined && bitNames[type] !== undefined;
}

/** The number that bytes are, in the byte order of their type; bytes of packets are in network order. */
export function numberOf(
  type: DataType | undefined,
  bytes: Uint8Array,
  networkOrder = isNetworkOrder(type),
): bigint {
  let number = 0n;
  for (let index = 0; index < bytes.length; index++) {
    number = (number << 8n) | BigInt(bytes[networkOrder ? index : bytes.length - 1 - index] as number);
  }
  return number;
}

/** @param networkOrder Of a number without a type of its own: whether it comes from a packet. */
export function valueText(type: DataType | undefined, bytes: Uint8Array, networkOrder?: boolean): string {
  const number = numberOf(type, bytes, networkOrder);
  const bitsOf = type === undefined ? undefined : bitNames[type];
  if (bitsOf) {
    const found = Object.entries(bitsOf).filter(([, bit]) => (number & BigInt(bit)) !== 0n);
    const left = found.reduce((rest, [, bit]) => rest & ~BigInt(bit), number);
    if (found.length === 0 || left !== 0n) return `0x${number.toString(16)}`;
    return found.map(([name]) => name).join(',');
  }
  const name = type === undefined ? undefined : names[type]?.[Number(number)];
  if (name !== undefined) return name;
  switch (type) {
    case 'ipv4_addr':
    case 'ipv6_addr':
      return bytes.length === 4 || bytes.length === 16 ? formatIp(bytes) : hex(bytes);
    case 'ether_addr':
    case 'll_addr':
      return Buffer.from(bytes)
        .toString('hex')
        .replace(/..(?!$)/g, '$&:');
    case 'ifname': {
      // Fewer bytes than a whole name, without a NUL: anything that begins so.
      const end = bytes.indexOf(0);
      const text = Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString();
      return `"${end < 0 && bytes.length < 16 ? `${text}*` : text}"`;
    }
    case 'mark':
    case 'realm':
      return `0x${number.toString(16).padStart(bytes.length * 2, '0')}`;
    case 'string':
      return `"${Buffer.from(bytes).toString().replace(/\0.*$/s, '')}"`;
    case 'ct_label':
    case 'ether_type':
      return `0x${number.toString(16).padStart(4, '0')}`;
    default:
      return bytes.length > 8 ? hex(bytes) : number.toString();
  }
}

function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString('hex')}`;
}

/** The length of a mask that is a prefix, else undefined. */
export function prefixLength(mask: Uint8Array): number | undefined {
  let length = 0;
  while (length < mask.length * 8 && ((mask[length >> 3] as number) & (0x80 >> (length & 7))) !== 0) length++;
  for (let bit = length; bit < mask.length * 8; bit++) {
    if (((mask[bit >> 3] as number) & (0x80 >> (bit & 7))) !== 0) return undefined;
  }
  return length;
}

/** `10.0.0.0/8` for such a range of addresses, `a-b` for others, the value alone when it is one. */
export function rangeText(type: DataType | undefined, from: Uint8Array, to: Uint8Array): string {
  if (Buffer.compare(from, to) === 0) return valueText(type, from, true);
  if (type === 'ipv4_addr' || type === 'ipv6_addr') {
    const length = prefixLength(from.map((byte, index) => ~(byte ^ (to[index] as number)) & 0xff));
    const tail = (bytes: Uint8Array, bit: number): boolean =>
      ((bytes[bit >> 3] as number) & (0x80 >> (bit & 7))) !== 0;
    let whole = length !== undefined;
    for (let bit = length ?? 0; whole && bit < from.length * 8; bit++)
      whole = !tail(from, bit) && tail(to, bit);
    if (whole) return `${valueText(type, from)}/${length ?? 0}`;
  }
  return `${valueText(type, from, true)}-${valueText(type, to, true)}`;
}

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

/** `1h30m` */
export function durationText(milliseconds: number | bigint): string {
  let left = Number(milliseconds);
  let text = '';
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    if (count > 0) text += `${count}${unit}`;
    left -= count * size;
  }
  return text === '' ? '0s' : text;
}
