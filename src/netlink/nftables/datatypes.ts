/** The types of set keys, by nft's names: numbers that nft(8) keeps with a set, and the kernel does not look at. */
import { invalid, quote } from '../../errors.js';
import { parseIp } from '../codec/index.js';

/** Number, and bytes of a value. */
export const dataTypes = {
  verdict: [1, 0],
  nf_proto: [2, 1],
  bitmask: [3, 0],
  integer: [4, 0],
  string: [5, 0],
  ll_addr: [6, 0],
  ipv4_addr: [7, 4],
  ipv6_addr: [8, 16],
  ether_addr: [9, 6],
  ether_type: [10, 2],
  arp_op: [11, 2],
  inet_proto: [12, 1],
  inet_service: [13, 2],
  icmp_type: [14, 1],
  tcp_flag: [15, 1],
  dccp_pkttype: [16, 1],
  mh_type: [17, 1],
  /** A length of time, in milliseconds; `time` is a moment. nft(8) calls both time. */
  duration: [18, 8],
  mark: [19, 4],
  iface_index: [20, 4],
  iface_type: [21, 2],
  realm: [22, 4],
  classid: [23, 4],
  uid: [24, 4],
  gid: [25, 4],
  ct_state: [26, 4],
  ct_dir: [27, 1],
  ct_status: [28, 4],
  icmpv6_type: [29, 1],
  ct_label: [30, 16],
  pkt_type: [31, 1],
  icmp_code: [32, 1],
  icmpv6_code: [33, 1],
  icmpx_code: [34, 1],
  devgroup: [35, 4],
  dscp: [36, 1],
  ecn: [37, 1],
  fib_addrtype: [38, 4],
  boolean: [39, 1],
  ct_event: [40, 4],
  ifname: [41, 16],
  igmp_type: [42, 1],
  time: [43, 8],
  hour: [44, 8],
  day: [45, 1],
  cgroupsv2: [46, 8],
} as const satisfies Readonly<Record<string, readonly [number, number]>>;
export type DataType = keyof typeof dataTypes;

const byNumber: ReadonlyMap<number, DataType> = new Map(
  Object.entries(dataTypes).map(([name, [number]]) => [number, name as DataType]),
);

/** In a concatenation each type takes six bits, the last the lowest. */
const TYPE_BITS = 6;

export function typesOf(number: number): (DataType | undefined)[] {
  const types: (DataType | undefined)[] = [];
  for (let rest = number; rest > 0; rest >>>= TYPE_BITS) types.unshift(byNumber.get(rest & 0x3f));
  return types;
}

export function typeNumber(types: readonly DataType[]): number {
  return types.reduce((sum, type) => ((sum << TYPE_BITS) | dataTypes[type][0]) >>> 0, 0);
}

/** Parts of a concatenation begin at multiples of four bytes. */
export function typeLength(types: readonly DataType[]): number {
  if (types.length === 1) return dataTypes[types[0] as DataType][1];
  return types.reduce((sum, type) => sum + ((dataTypes[type][1] + 3) & ~3), 0);
}

/** IPPROTO_* by the names that /etc/protocols has for them. */
export const inetProtocolNames = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  esp: 50,
  ah: 51,
  'ipv6-icmp': 58,
  comp: 108,
  sctp: 132,
  udplite: 136,
} as const;

/**
 * The bytes of a value as a set's key or data has them: `10.0.0.1`, `tcp`, 8080, `eth0`.
 *
 * @throws {WarrenError} `ERR_NFT_VALUE`
 */
export function encodeValue(type: DataType, value: string | number): Buffer {
  const size: number = dataTypes[type][1];
  switch (type) {
    case 'ipv4_addr':
    case 'ipv6_addr': {
      const bytes = parseIp(String(value));
      if (bytes?.length === size) return bytes;
      break;
    }
    case 'ether_addr': {
      const bytes = Buffer.from(String(value).replaceAll(':', ''), 'hex');
      if (bytes.length === 6) return bytes;
      break;
    }
    case 'ifname': {
      const bytes = Buffer.alloc(16);
      if (Buffer.byteLength(String(value)) < 16) {
        bytes.write(String(value));
        return bytes;
      }
      break;
    }
    case 'inet_proto': {
      const number = typeof value === 'number' ? value : (inetProtocolNames as Record<string, number>)[value];
      if (number !== undefined && number >= 0 && number < 256) return Buffer.from([number]);
      break;
    }
    default: {
      const number = Number(value);
      if (size > 0 && size <= 4 && Number.isInteger(number) && number >= 0 && number < 256 ** size) {
        const bytes = Buffer.alloc(size);
        if (isNetworkOrder(type)) bytes.writeUIntBE(number, 0, size);
        else bytes.writeUIntLE(number, 0, size);
        return bytes;
      }
    }
  }
  throw invalid(
    'ERR_NFT_VALUE',
    `Cannot use ${quote(String(value))} in a set`,
    `it is not a value of the type ${type}`,
  );
}

/** One value, or a concatenation, each part padded to four bytes. */
export function encodeKey(types: readonly DataType[], values: readonly (string | number)[]): Buffer {
  if (types.length !== values.length) {
    throw invalid(
      'ERR_NFT_VALUE',
      `Cannot use ${quote(values.join(' . '))} in a set`,
      `it needs ${types.join(' . ')}`,
    );
  }
  if (types.length === 1) return encodeValue(types[0] as DataType, values[0] as string | number);
  return Buffer.concat(
    types.map((type, index) => {
      const bytes = encodeValue(type, values[index] as string | number);
      return Buffer.concat([bytes, Buffer.alloc(((bytes.length + 3) & ~3) - bytes.length)]);
    }),
  );
}

/** Whether a type's numbers are in network byte order, thus sort and read from their first byte. */
export function isNetworkOrder(type: DataType | undefined): boolean {
  return (
    type === 'ipv4_addr' ||
    type === 'ipv6_addr' ||
    type === 'ether_addr' ||
    type === 'ether_type' ||
    type === 'inet_service' ||
    type === 'arp_op'
  );
}
