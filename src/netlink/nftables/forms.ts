/** The objects of nf_tables, and the expressions that rules are made of: facts. See <linux/netfilter/nf_tables.h>. */
import {
  attributes,
  be16,
  be32,
  be64,
  binary,
  bits,
  choice,
  type Decoded,
  type Encodable,
  enumeration,
  list,
  messageForm,
  multi,
  nfgenHeader,
  sbe32,
  string,
  u32,
  u8,
} from '../codec/index.js';

export const NFT_MSG = {
  NEWTABLE: 0xa00,
  GETTABLE: 0xa01,
  DELTABLE: 0xa02,
  NEWCHAIN: 0xa03,
  GETCHAIN: 0xa04,
  DELCHAIN: 0xa05,
  NEWRULE: 0xa06,
  GETRULE: 0xa07,
  DELRULE: 0xa08,
  NEWSET: 0xa09,
  GETSET: 0xa0a,
  DELSET: 0xa0b,
  NEWSETELEM: 0xa0c,
  GETSETELEM: 0xa0d,
  DELSETELEM: 0xa0e,
  NEWGEN: 0xa0f,
  GETGEN: 0xa10,
  NEWOBJ: 0xa12,
  GETOBJ: 0xa13,
  DELOBJ: 0xa14,
} as const;

/** NFPROTO_* */
export const nftFamilies = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const;
export type NftFamily = keyof typeof nftFamilies;

export const verdictCodes = {
  return: -5,
  goto: -4,
  jump: -3,
  break: -2,
  continue: -1,
  drop: 0,
  accept: 1,
  queue: 3,
} as const;

const operators = { '==': 0, '!=': 1, '<': 2, '<=': 3, '>': 4, '>=': 5 } as const;

export const metaKeys = {
  len: 0,
  protocol: 1,
  priority: 2,
  mark: 3,
  iif: 4,
  oif: 5,
  iifname: 6,
  oifname: 7,
  iiftype: 8,
  oiftype: 9,
  skuid: 10,
  skgid: 11,
  nftrace: 12,
  rtclassid: 13,
  secmark: 14,
  nfproto: 15,
  l4proto: 16,
  ibrname: 17,
  obrname: 18,
  pkttype: 19,
  cpu: 20,
  iifgroup: 21,
  oifgroup: 22,
  cgroup: 23,
  random: 24,
  secpath: 25,
  iifkind: 26,
  oifkind: 27,
  ibrpvid: 28,
  ibrvproto: 29,
  time: 30,
  day: 31,
  hour: 32,
  sdif: 33,
  sdifname: 34,
} as const;

export const ctKeys = {
  state: 0,
  direction: 1,
  status: 2,
  mark: 3,
  secmark: 4,
  expiration: 5,
  helper: 6,
  l3proto: 7,
  saddr: 8,
  daddr: 9,
  protocol: 10,
  'proto-src': 11,
  'proto-dst': 12,
  label: 13,
  packets: 14,
  bytes: 15,
  avgpkt: 16,
  zone: 17,
  event: 18,
  'ip saddr': 19,
  'ip daddr': 20,
  'ip6 saddr': 21,
  'ip6 daddr': 22,
  id: 23,
} as const;

/** NF_NAT_RANGE_* */
export const natFlags = {
  map_ips: 0x1,
  proto_specified: 0x2,
  random: 0x4,
  persistent: 0x8,
  'fully-random': 0x10,
  proto_offset: 0x20,
  prefix: 0x40,
} as const;

const verdict = attributes({
  code: [1, enumeration(sbe32, verdictCodes)],
  chain: [2, string],
  chain_id: [3, be32],
});
export const nftData = attributes({ value: [1, binary], verdict: [2, verdict] });
export type NftData = Decoded<typeof nftData>;

const natFlagBits = bits(be32, natFlags);
const register = be32;

const limit = attributes({
  rate: [1, be64],
  /** Seconds. */
  unit: [2, be64],
  burst: [3, be32],
  type: [4, enumeration(be32, { packets: 0, bytes: 1 })],
  flags: [5, bits(be32, { over: 1 })],
});
const counter = attributes({ bytes: [1, be64], packets: [2, be64] });
const quota = attributes({
  bytes: [1, be64],
  flags: [2, bits(be32, { over: 1, depleted: 2 })],
  consumed: [4, be64],
});

const synproxy = attributes({ mss: [1, be16], wscale: [2, u8], flags: [3, be32] });

/** The expressions that hold no other expression. */
const simple = {
  immediate: attributes({ dreg: [1, register], data: [2, nftData] }),
  cmp: attributes({ sreg: [1, register], op: [2, enumeration(be32, operators)], data: [3, nftData] }),
  range: attributes({
    sreg: [1, register],
    op: [2, enumeration(be32, { '==': 0, '!=': 1 })],
    from: [3, nftData],
    to: [4, nftData],
  }),
  bitwise: attributes({
    sreg: [1, register],
    dreg: [2, register],
    len: [3, be32],
    mask: [4, nftData],
    xor: [5, nftData],
    op: [6, enumeration(be32, { bool: 0, lshift: 1, rshift: 2 })],
    data: [7, nftData],
  }),
  byteorder: attributes({
    sreg: [1, register],
    dreg: [2, register],
    op: [3, enumeration(be32, { ntoh: 0, hton: 1 })],
    len: [4, be32],
    size: [5, be32],
  }),
  lookup: attributes({
    set: [1, string],
    sreg: [2, register],
    dreg: [3, register],
    set_id: [4, be32],
    flags: [5, bits(be32, { inv: 1 })],
  }),
  payload: attributes({
    dreg: [1, register],
    base: [2, enumeration(be32, { link: 0, network: 1, transport: 2, inner: 3 })],
    offset: [3, be32],
    len: [4, be32],
    sreg: [5, register],
    csum_type: [6, be32],
    csum_offset: [7, be32],
    csum_flags: [8, be32],
  }),
  exthdr: attributes({
    dreg: [1, register],
    type: [2, u8],
    offset: [3, be32],
    len: [4, be32],
    flags: [5, bits(be32, { present: 1 })],
    op: [6, enumeration(be32, { ipv6: 0, tcpopt: 1, ipv4: 2, sctp: 3, dccp: 4 })],
    sreg: [7, register],
  }),
  meta: attributes({ dreg: [1, register], key: [2, enumeration(be32, metaKeys)], sreg: [3, register] }),
  rt: attributes({
    dreg: [1, register],
    key: [2, enumeration(be32, { classid: 0, nexthop4: 1, nexthop6: 2, mtu: 3, ipsec: 4 })],
  }),
  ct: attributes({
    dreg: [1, register],
    key: [2, enumeration(be32, ctKeys)],
    direction: [3, enumeration(u8, { original: 0, reply: 1 })],
    sreg: [4, register],
  }),
  fib: attributes({
    dreg: [1, register],
    result: [2, enumeration(be32, { oif: 1, oifname: 2, type: 3 })],
    flags: [3, bits(be32, { saddr: 1, daddr: 2, mark: 4, iif: 8, oif: 16, present: 32 })],
  }),
  socket: attributes({
    key: [1, enumeration(be32, { transparent: 0, mark: 1, wildcard: 2, cgroupv2: 3 })],
    dreg: [2, register],
    level: [3, be32],
  }),
  numgen: attributes({
    dreg: [1, register],
    modulus: [2, be32],
    type: [3, enumeration(be32, { inc: 0, random: 1 })],
    offset: [4, be32],
  }),
  hash: attributes({
    sreg: [1, register],
    dreg: [2, register],
    len: [3, be32],
    modulus: [4, be32],
    seed: [5, be32],
    offset: [6, be32],
    type: [7, enumeration(be32, { jhash: 0, symhash: 1 })],
  }),
  counter,
  limit,
  quota,
  connlimit: attributes({ count: [1, be32], flags: [2, bits(be32, { over: 1 })] }),
  objref: attributes({
    type: [1, be32],
    name: [2, string],
    sreg: [3, register],
    set: [4, string],
    set_id: [5, be32],
  }),
  log: attributes({
    group: [1, be16],
    prefix: [2, string],
    snaplen: [3, be32],
    qthreshold: [4, be16],
    level: [
      5,
      enumeration(be32, {
        emerg: 0,
        alert: 1,
        crit: 2,
        err: 3,
        warn: 4,
        notice: 5,
        info: 6,
        debug: 7,
        audit: 8,
      }),
    ],
    flags: [6, be32],
  }),
  reject: attributes({ type: [1, enumeration(be32, { icmp: 0, 'tcp reset': 1, icmpx: 2 })], code: [2, u8] }),
  nat: attributes({
    type: [1, enumeration(be32, { snat: 0, dnat: 1 })],
    family: [2, enumeration(be32, { ip: 2, ip6: 10 })],
    addr_min: [3, register],
    addr_max: [4, register],
    proto_min: [5, register],
    proto_max: [6, register],
    flags: [7, natFlagBits],
  }),
  masq: attributes({ flags: [1, natFlagBits], proto_min: [2, register], proto_max: [3, register] }),
  redir: attributes({ proto_min: [1, register], proto_max: [2, register], flags: [3, natFlagBits] }),
  tproxy: attributes({ family: [1, be32], addr: [2, register], port: [3, register] }),
  queue: attributes({ num: [1, be16], total: [2, be16], flags: [3, be16], sreg: [4, register] }),
  dup: attributes({ addr: [1, register], dev: [2, register] }),
  fwd: attributes({ dev: [1, register], addr: [2, register], nfproto: [3, be32] }),
  flow_offload: attributes({ name: [1, string] }),
  synproxy,
  last: attributes({ set: [1, be32], msecs: [2, be64] }),
  osf: attributes({ dreg: [1, register], ttl: [2, u8], flags: [3, be32] }),
  xfrm: attributes({
    dreg: [1, register],
    key: [
      2,
      enumeration(be32, { 'ip daddr': 1, 'ip6 daddr': 2, 'ip saddr': 3, 'ip6 saddr': 4, reqid: 5, spi: 6 }),
    ],
    dir: [3, enumeration(u8, { in: 0, out: 1 })],
    spnum: [4, be32],
  }),
  /** An extension of iptables, with the structure of its own. */
  match: attributes({ name: [1, string], rev: [2, be32], info: [3, binary] }),
  target: attributes({ name: [1, string], rev: [2, be32], info: [3, binary] }),
} as const;

const simpleExpression = attributes({ name: [1, string], data: [2, choice('name', simple)] });

/** Adds to a set what packets carry; its elements may have counters and limits of their own, but no more such. */
const dynset = attributes({
  set: [1, string],
  set_id: [2, be32],
  op: [3, enumeration(be32, { add: 0, update: 1, delete: 2 })],
  sreg_key: [4, register],
  sreg_data: [5, register],
  /** Milliseconds. */
  timeout: [6, be64],
  expr: [7, simpleExpression],
  flags: [9, bits(be32, { inv: 1, expr: 2 })],
  expressions: [10, list(simpleExpression)],
});

export const expressionKinds = { ...simple, dynset } as const;
export type ExpressionKinds = {
  readonly [K in keyof typeof expressionKinds]: Decoded<(typeof expressionKinds)[K]>;
};
export const expression = attributes({ name: [1, string], data: [2, choice('name', expressionKinds)] });

export const tableForm = messageForm('table', nfgenHeader, {
  name: [1, string],
  flags: [2, bits(be32, { dormant: 1, owner: 2, persist: 4 })],
  use: [3, be32],
  handle: [4, be64],
  userdata: [6, binary],
  owner: [7, be32],
});

export const chainForm = messageForm('chain', nfgenHeader, {
  table: [1, string],
  handle: [2, be64],
  name: [3, string],
  hook: [
    4,
    attributes({
      number: [1, be32],
      priority: [2, sbe32],
      dev: [3, string],
      devs: [4, attributes({ names: [1, multi(string)] })],
    }),
  ],
  policy: [5, enumeration(be32, { drop: 0, accept: 1 })],
  use: [6, be32],
  type: [7, string],
  counters: [8, counter],
  flags: [10, bits(be32, { base: 1, offload: 2, binding: 4 })],
  id: [11, be32],
  userdata: [12, binary],
});

export const ruleForm = messageForm('rule', nfgenHeader, {
  table: [1, string],
  chain: [2, string],
  handle: [3, be64],
  expressions: [4, list(expression)],
  compat: [5, attributes({ proto: [1, be32], flags: [2, be32] })],
  position: [6, be64],
  userdata: [7, binary],
  id: [9, be32],
  position_id: [10, be32],
  chain_id: [11, be32],
});

export const setFlags = {
  anonymous: 1,
  constant: 2,
  interval: 4,
  map: 8,
  timeout: 16,
  dynamic: 32,
  object: 64,
  concat: 128,
  expr: 256,
} as const;

export const setForm = messageForm('set', nfgenHeader, {
  table: [1, string],
  name: [2, string],
  flags: [3, bits(be32, setFlags)],
  key_type: [4, be32],
  key_len: [5, be32],
  data_type: [6, be32],
  data_len: [7, be32],
  policy: [8, enumeration(be32, { performance: 0, memory: 1 })],
  desc: [9, attributes({ size: [1, be32], concat: [2, list(attributes({ len: [1, be32] }))] })],
  id: [10, be32],
  /** Milliseconds. */
  timeout: [11, be64],
  gc_interval: [12, be32],
  userdata: [13, binary],
  obj_type: [15, be32],
  handle: [16, be64],
  expr: [17, simpleExpression],
  expressions: [18, list(simpleExpression)],
});

export const element = attributes({
  key: [1, nftData],
  data: [2, nftData],
  flags: [3, bits(be32, { interval_end: 1, catchall: 2 })],
  timeout: [4, be64],
  expiration: [5, be64],
  userdata: [6, binary],
  expr: [7, simpleExpression],
  objref: [9, string],
  key_end: [10, nftData],
  expressions: [11, list(simpleExpression)],
});
export type RawElement = Decoded<typeof element>;
export type RawElementInput = Encodable<typeof element>;

export const elementsForm = messageForm('set elements', nfgenHeader, {
  table: [1, string],
  set: [2, string],
  elements: [3, list(element)],
  set_id: [4, be32],
});

export const objectForm = messageForm('stateful object', nfgenHeader, {
  table: [1, string],
  name: [2, string],
  type: [3, be32],
  data: [4, binary],
  use: [5, be32],
  handle: [6, be64],
  userdata: [8, binary],
});
/** By nft's names, as those of the data. */
export const objectTypes = {
  counter: 1,
  quota: 2,
  'ct helper': 3,
  limit: 4,
  'ct timeout': 7,
  secmark: 8,
  'ct expectation': 9,
  synproxy: 10,
} as const;
export const objectData = {
  counter,
  quota,
  limit,
  'ct helper': attributes({ name: [1, string], l3proto: [2, be16], l4proto: [3, u8] }),
  'ct timeout': attributes({ l3proto: [1, be16], l4proto: [2, u8], policy: [3, list(be32)] }),
  secmark: attributes({ context: [1, string] }),
  'ct expectation': attributes({
    l3proto: [1, be16],
    l4proto: [2, u8],
    dport: [3, be16],
    timeout: [4, u32],
    size: [5, u8],
  }),
  synproxy,
} as const;

export const generationForm = messageForm('generation', nfgenHeader, {
  id: [1, be32],
  pid: [2, be32],
  name: [3, string],
});
