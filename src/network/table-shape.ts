/**
 * The one table of ours, `inet warren`: its sets, maps and chains. Their number stays the same for one container and for a
 * thousand: networks and published ports are elements.
 *
 * - A network is known by the device group of its devices, which nothing in a container can choose.
 * - A connection to a port published on 127.0.0.1 (or ::1) gets the gateway's address as its source before the kernel tracks
 *   it, and its answers get the loopback address back after they have been routed. So no device needs `route_localnet`, with
 *   which neighbours reach what listens on 127.0.0.1 (CVE-2020-8558).
 * - Nobody holds a published port open: the kernel gives it to clients of the host too, as the port that they connect from. What
 *   a server on the loopback answers to such a client looks like a connection to what is published; it is remembered whom
 *   clients with such a port ask, so that the answers are left alone.
 */
import { nft, type NetlinkRequest } from '../netlink/index.js';

const { ctState, ctStatus, fibType, lookup, match, matchPrefix, verdict } = nft;
type Expression = nft.Expression;

export const table = { family: 'inet', table: 'warren' } as const;

const port = ['inet_proto', 'inet_service'] as const;

/** After the last packet: as long as the kernel keeps a TCP connection on which nothing is said. */
const FORGOTTEN_MS = 5 * 24 * 60 * 60 * 1000;

/** Sets have a key, maps data too. */
export const shapes = {
  /** Device groups of all networks. */
  networks: { ...table, set: 'networks', key: ['devgroup'] },
  /** Of those without a way out. */
  internal: { ...table, set: 'internal', key: ['devgroup'] },
  /** Of those whose packets leave with the host's address. */
  outbound: { ...table, set: 'outbound', key: ['devgroup'] },
  /** Group twice: containers of the network reach each other. */
  inside: { ...table, set: 'inside', key: ['devgroup', 'devgroup'] },
  /** Group twice, of all networks: the host's own address may lead back to where the packet came from. */
  hairpin: { ...table, set: 'hairpin', key: ['devgroup', 'devgroup'] },
  /** Address twice, of containers with published ports: where frames of a bridge are filtered, devices tell too little. */
  itself4: { ...table, set: 'itself4', key: ['ipv4_addr', 'ipv4_addr'] },
  itself6: { ...table, set: 'itself6', key: ['ipv6_addr', 'ipv6_addr'] },
  publish4: { ...table, set: 'publish4', key: port, data: ['ipv4_addr', 'inet_service'] },
  publish6: { ...table, set: 'publish6', key: port, data: ['ipv6_addr', 'inet_service'] },
  publish4_at: {
    ...table,
    set: 'publish4_at',
    key: ['ipv4_addr', ...port],
    data: ['ipv4_addr', 'inet_service'],
  },
  publish6_at: {
    ...table,
    set: 'publish6_at',
    key: ['ipv6_addr', ...port],
    data: ['ipv6_addr', 'inet_service'],
  },
  /** The source that connections from the loopback address get. */
  loopback4: { ...table, set: 'loopback4', key: port, data: ['ipv4_addr'] },
  loopback6: { ...table, set: 'loopback6', key: port, data: ['ipv6_addr'] },
  loopback4_at: { ...table, set: 'loopback4_at', key: ['ipv4_addr', ...port], data: ['ipv4_addr'] },
  loopback6_at: { ...table, set: 'loopback6_at', key: ['ipv6_addr', ...port], data: ['ipv6_addr'] },
} as const satisfies Readonly<Record<string, nft.SetShape>>;
export type SetKind = keyof typeof shapes;

/** Filled by the rules. */
const remembered = { flags: ['dynamic', 'timeout'], timeoutMs: FORGOTTEN_MS, size: 65_536 } as const;
/** Address and port of a server on the loopback, and the port that is published, from which a client asks it. */
const clientSets: readonly nft.NewSet[] = [
  { ...table, set: 'clients4', key: ['ipv4_addr', ...port, 'inet_service'], ...remembered },
  { ...table, set: 'clients6', key: ['ipv6_addr', ...port, 'inet_service'], ...remembered },
];

const FIRST = 8;
const iifIn = (set: SetKind): Expression[] => lookup('inet', ['meta iifgroup'], shapes[set].set);
const oifIn = (set: SetKind, inverted = false): Expression[] =>
  lookup('inet', ['meta oifgroup'], shapes[set].set, { inverted });
const bothIn = (set: SetKind): Expression[] =>
  lookup('inet', ['meta iifgroup', 'meta oifgroup'], shapes[set].set);
const LOOPBACK = '127.0.0.0/8';

interface Chain {
  readonly chain: string;
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
  readonly type: 'filter' | 'nat' | 'route';
  readonly priority: number;
  readonly rules: readonly { readonly comment: string; readonly expressions: readonly Expression[] }[];
}

function rule(
  comment: string,
  ...parts: readonly (Expression | readonly Expression[])[]
): Chain['rules'][number] {
  const expressions: Expression[] = parts.flat();
  return { comment, expressions };
}

/** Before connection tracking, which is at -200. */
const EARLY = -310;
/** After the answers' source has been translated back, which is at 100. */
const LATE = 110;

const publishing = (): Chain['rules'] => [
  rule('published on one address', dnat('publish4_at', 'ip', ['ip daddr', 'meta l4proto', 'th dport'])),
  rule('published on one address', dnat('publish6_at', 'ip6', ['ip6 daddr', 'meta l4proto', 'th dport'])),
  rule('published', fibType('daddr', 'local'), dnat('publish4', 'ip', ['meta l4proto', 'th dport'])),
  rule('published', fibType('daddr', 'local'), dnat('publish6', 'ip6', ['meta l4proto', 'th dport'])),
];

/** In the order of the hooks that a packet meets. */
const chains = (): readonly Chain[] => [
  {
    chain: 'early',
    hook: 'prerouting',
    type: 'filter',
    priority: EARLY,
    rules: [
      rule('CVE-2020-8558', iifIn('networks'), matchPrefix('inet', 'ip daddr', LOOPBACK), verdict('drop')),
      rule('CVE-2020-8558', iifIn('networks'), matchPrefix('inet', 'ip saddr', LOOPBACK), verdict('drop')),
    ],
  },
  {
    chain: 'early_out',
    hook: 'output',
    type: 'route',
    priority: EARLY,
    rules: [
      rule('answer to a client', ...answersClient(4)),
      rule('answer to a client', ...answersClient(6)),
      rule(
        'client with a published port',
        ...remember('clients4', 'loopback4_at', ['ip saddr', 'meta l4proto', 'th sport']),
      ),
      rule(
        'client with a published port',
        ...remember('clients4', 'loopback4', ['meta l4proto', 'th sport']),
      ),
      rule(
        'client with a published port',
        ...remember('clients6', 'loopback6_at', ['ip6 saddr', 'meta l4proto', 'th sport']),
      ),
      rule(
        'client with a published port',
        ...remember('clients6', 'loopback6', ['meta l4proto', 'th sport']),
      ),
      rule('from loopback', ...fromLoopback4('loopback4_at', ['ip daddr', 'meta l4proto', 'th dport'])),
      rule('from loopback', ...fromLoopback4('loopback4', ['meta l4proto', 'th dport'])),
      rule('from loopback', ...fromLoopback6('loopback6_at', ['ip6 daddr', 'meta l4proto', 'th dport'])),
      rule('from loopback', ...fromLoopback6('loopback6', ['meta l4proto', 'th dport'])),
    ],
  },
  {
    chain: 'publish',
    hook: 'prerouting',
    type: 'nat',
    priority: nft.priorities.dstnat,
    rules: [
      // Translated before it is routed, such a packet from a neighbour would not be seen as a martian any more.
      rule(
        'not from neighbours',
        match('meta iifname', 'lo', '!='),
        matchPrefix('inet', 'ip daddr', LOOPBACK),
        verdict('return'),
      ),
      ...publishing(),
    ],
  },
  { chain: 'publish_out', hook: 'output', type: 'nat', priority: nft.priorities.dstnat, rules: publishing() },
  {
    chain: 'forward',
    hook: 'forward',
    type: 'filter',
    priority: nft.priorities.filter,
    rules: [
      rule('answers', ctState('established', 'related'), verdict('accept')),
      rule('within a network', bothIn('inside'), verdict('accept')),
      rule('internal', iifIn('internal'), verdict('drop')),
      rule('internal', oifIn('internal'), verdict('drop')),
      rule('published', oifIn('networks'), ctStatus('dnat'), verdict('accept')),
      rule('what is not published, and other networks', oifIn('networks'), verdict('drop')),
    ],
  },
  {
    chain: 'input',
    hook: 'input',
    type: 'filter',
    priority: nft.priorities.filter,
    rules: [rule('internal', iifIn('internal'), ctState('new'), verdict('drop'))],
  },
  {
    chain: 'masquerade',
    hook: 'postrouting',
    type: 'nat',
    priority: nft.priorities.srcnat,
    rules: [
      // The answer must come back through here, and not go straight to its neighbour.
      rule('hairpin', bothIn('hairpin'), ctStatus('dnat'), { name: 'masq', data: {} }),
      rule('hairpin', lookup('inet', ['ip saddr', 'ip daddr'], 'itself4'), { name: 'masq', data: {} }),
      rule('hairpin', lookup('inet', ['ip6 saddr', 'ip6 daddr'], 'itself6'), { name: 'masq', data: {} }),
      rule('to elsewhere', iifIn('outbound'), oifIn('networks', true), { name: 'masq', data: {} }),
    ],
  },
  {
    chain: 'late',
    hook: 'input',
    type: 'filter',
    priority: LATE,
    rules: [rule('to loopback', ...toLoopback4()), rule('to loopback', ...toLoopback6())],
  },
];

/** How many rules each chain has: what the kernel counts as its uses. */
export const ruleCounts: Readonly<Record<string, number>> = {
  early: 2,
  early_out: 10,
  publish: 5,
  publish_out: 4,
  forward: 6,
  input: 1,
  masquerade: 4,
  late: 2,
};

/** Makes the table with everything but elements. */
export function tableRequests(): NetlinkRequest[] {
  return [
    nft.addTable(table),
    ...[...Object.values(shapes), ...clientSets].map((shape) => nft.addSet(shape)),
    ...chains().flatMap(({ chain, hook, type, priority, rules }) => [
      nft.addChain({ ...table, chain, hook, type, priority, policy: 'accept' }),
      ...rules.map(({ comment, expressions }) => nft.addRule({ ...table, chain, comment, expressions })),
    ]),
  ];
}

function dnat(map: SetKind, ip: 'ip' | 'ip6', selectors: readonly string[]): Expression[] {
  return nft.dnatMap('inet', selectors, map, { ip, withPort: true });
}

/** Loads what a map has for the selectors' values; goes no further where it has nothing. */
function mapValue(map: SetKind, selectors: readonly string[]): Expression[] {
  return [
    ...lookup('inet', selectors, map).slice(0, -1),
    { name: 'lookup', data: { set: map, sreg: FIRST, dreg: FIRST } },
  ];
}

function isOnLoopback(version: 4 | 6): Expression[] {
  return version === 4
    ? [...nft.matchField('inet', 'ip saddr', '127.0.0.1'), ...matchPrefix('inet', 'ip daddr', LOOPBACK)]
    : [...nft.matchField('inet', 'ip6 saddr', '::1'), ...nft.matchField('inet', 'ip6 daddr', '::1')];
}

function fromLoopback4(map: SetKind, selectors: readonly string[]): Expression[] {
  return [...isOnLoopback(4), ...mapValue(map, selectors), writeAddress(4, 12)];
}

function fromLoopback6(map: SetKind, selectors: readonly string[]): Expression[] {
  return [...isOnLoopback(6), ...mapValue(map, selectors), writeAddress(16, 8)];
}

/** A packet of a server's to a client that is remembered. */
function answersClient(version: 4 | 6): Expression[] {
  const ip = version === 4 ? 'ip' : 'ip6';
  const serverSide = [`${ip} saddr`, 'meta l4proto', 'th sport', 'th dport'];
  return [
    // What is not on the loopback, which is most, costs no look.
    ...matchPrefix('inet', `${ip} daddr`, version === 4 ? '127.0.0.1/32' : '::1/128'),
    ...lookup('inet', serverSide, `clients${version}`),
    verdict('accept'),
  ].flat();
}

/** A packet of a client's, from a port that the map has. */
function remember(set: 'clients4' | 'clients6', map: SetKind, selectors: readonly string[]): Expression[] {
  const isV4 = set === 'clients4';
  const clientSide = [isV4 ? 'ip daddr' : 'ip6 daddr', 'meta l4proto', 'th dport', 'th sport'];
  return [
    ...isOnLoopback(isV4 ? 4 : 6),
    ...mapValue(map, selectors),
    ...lookup('inet', clientSide, set).slice(0, -1),
    { name: 'dynset', data: { set, op: 'update', sreg_key: FIRST, timeout: FORGOTTEN_MS } },
  ];
}

function toLoopback4(): Expression[] {
  return [
    ...match('meta nfproto', Buffer.from([nft.nftFamilies.ip])),
    ...answerToDnat(),
    { name: 'ct', data: { dreg: FIRST, key: 'ip daddr', direction: 'original' } },
    {
      name: 'bitwise',
      data: {
        sreg: FIRST,
        dreg: FIRST,
        len: 4,
        mask: { value: Buffer.from([255, 0, 0, 0]) },
        xor: { value: Buffer.alloc(4) },
      },
    },
    { name: 'cmp', data: { sreg: FIRST, op: '==', data: { value: Buffer.from([127, 0, 0, 0]) } } },
    { name: 'immediate', data: { dreg: FIRST, data: { value: Buffer.from([127, 0, 0, 1]) } } },
    writeAddress(4, 16),
  ];
}

function toLoopback6(): Expression[] {
  const loopback = Buffer.alloc(16);
  loopback[15] = 1;
  return [
    ...match('meta nfproto', Buffer.from([nft.nftFamilies.ip6])),
    ...answerToDnat(),
    { name: 'ct', data: { dreg: FIRST, key: 'ip6 daddr', direction: 'original' } },
    { name: 'cmp', data: { sreg: FIRST, op: '==', data: { value: loopback } } },
    { name: 'immediate', data: { dreg: FIRST, data: { value: loopback } } },
    writeAddress(16, 24),
  ];
}

function answerToDnat(): Expression[] {
  return [...match('ct direction', Buffer.from([1])), ...ctStatus('dnat')];
}

/** Into the IP header, from the first register; the checksums follow (NFT_PAYLOAD_CSUM_INET, NFT_PAYLOAD_L4CSUM_PSEUDOHDR). */
function writeAddress(len: 4 | 16, offset: number): Expression {
  const ofHeader = len === 4 ? { csum_type: 1, csum_offset: 10 } : { csum_type: 0, csum_offset: 0 };
  return { name: 'payload', data: { sreg: FIRST, base: 'network', offset, len, ...ofHeader, csum_flags: 1 } };
}
