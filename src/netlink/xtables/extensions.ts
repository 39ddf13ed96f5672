/**
 * Matches and targets of iptables by the structures that its modules share with the kernel (<linux/netfilter/xt_*.h>).
 * Both iptables-nft, whose rules carry them, and iptables-legacy have them.
 */
import { formatIp } from '../codec/index.js';
import { valueText } from '../nftables/value-text.js';
import { conntrackText, moreMatches, stateText } from './more-matches.js';
import { moreTargets } from './more-targets.js';
import { type ExtensionText, hex, ports, quoted, type Table, text } from './words.js';

export type { ExtensionText } from './words.js';

const addressTypes = [
  'unspec',
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
];
const rejections: readonly (readonly [string, string])[] = [
  ['icmp net-unreachable', 'icmp-net-unreachable'],
  ['icmp host-unreachable', 'icmp-host-unreachable'],
  ['icmp prot-unreachable', 'icmp-proto-unreachable'],
  ['', 'icmp-port-unreachable'],
  ['', 'echo-reply'],
  ['icmp net-prohibited', 'icmp-net-prohibited'],
  ['icmp host-prohibited', 'icmp-host-prohibited'],
  ['tcp reset', 'tcp-reset'],
  ['icmp admin-prohibited', 'icmp-admin-prohibited'],
];
const levels = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'];

const matches: Table = {
  ...moreMatches,
  'addrtype 1': [
    8,
    (info) => {
      const flags = info.readUInt32LE(4);
      const one = (mask: number, side: 's' | 'd', inverted: boolean): ExtensionText[] => {
        if (mask === 0) return [];
        const found = addressTypes.filter((_, type) => (mask & (1 << type)) !== 0);
        const nft = found.length === 1 ? (found[0] as string) : `{ ${found.join(', ')} }`;
        const oif = (flags & 8) !== 0 ? ' . oif' : (flags & 4) !== 0 ? ' . iif' : '';
        return [
          {
            nft: `fib ${side}addr${oif} type ${inverted ? '!= ' : ''}${nft}`,
            iptables: `${inverted ? '! ' : ''}--${side === 's' ? 'src' : 'dst'}-type ${found.join(',').toUpperCase()}`,
          },
        ];
      };
      const all = [
        ...one(info.readUInt16LE(0), 's', (flags & 1) !== 0),
        ...one(info.readUInt16LE(2), 'd', (flags & 2) !== 0),
      ];
      const limits = `${(flags & 4) !== 0 ? ' --limit-iface-in' : ''}${(flags & 8) !== 0 ? ' --limit-iface-out' : ''}`;
      return {
        nft: all.map(({ nft }) => nft).join(' '),
        iptables: `-m addrtype ${all.map(({ iptables }) => iptables).join(' ')}${limits}`,
      };
    },
  ],
  'conntrack 3': [154, conntrackText],
  'state 0': [4, (info) => stateText(info.readUInt32LE(0), false, true)],
  'multiport 1': [
    48,
    (info, transport) => {
      const kind = ['sport', 'dport', 'port'][info[0] as number] ?? 'port';
      const count = Math.min(info[1] as number, 15);
      const inverted = info[47] === 1;
      const list: (readonly [number, number])[] = [];
      for (let index = 0; index < count; index++) {
        const port = info.readUInt16LE(2 + index * 2);
        const isRange = info[32 + index] === 1 && index + 1 < count;
        list.push([port, isRange ? info.readUInt16LE(4 + index * 2) : port]);
        if (isRange) index++;
      }
      const shown = (between: string, joined: string): string =>
        list.map(([a, b]) => ports(a, b, between)).join(joined);
      const set = list.length === 1 ? shown('-', '') : `{ ${shown('-', ', ')} }`;
      const sign = inverted ? '!= ' : '';
      return {
        nft:
          kind === 'port'
            ? `${transport} sport . ${transport} dport ${sign}${set}`
            : `${transport} ${kind} ${sign}${set}`,
        iptables: `-m multiport ${inverted ? '! ' : ''}--${kind}s ${shown(':', ',')}`,
      };
    },
  ],
  'comment 0': [
    1,
    (info) => {
      const comment = text(info, 0, info.length);
      return {
        nft: `comment ${JSON.stringify(comment)}`,
        iptables: `-m comment --comment ${quoted(comment)}`,
      };
    },
  ],
  'mark 1': [
    9,
    (info) => {
      const [mark, mask, inverted] = [info.readUInt32LE(0), info.readUInt32LE(4), info[8] === 1];
      const all = mask === 0xffff_ffff;
      return {
        nft: `meta mark${all ? '' : ` & ${hex(mask)}`} ${inverted ? '!= ' : all ? '' : '== '}${hex(mark)}`,
        iptables: `-m mark ${inverted ? '! ' : ''}--mark ${hex(mark)}${all ? '' : `/${hex(mask)}`}`,
      };
    },
  ],
  'tcp 0': [
    12,
    (info) => {
      const [FLAGS, OPTION] = [4, 8];
      const inverted = info[11] as number;
      const [option, mask] = [info[8] as number, info[9] as number];
      const both = portMatch('tcp', info, inverted);
      const nft = [both.nft];
      const iptables = [both.iptables];
      if (option !== 0) {
        const isInverted = (inverted & OPTION) !== 0;
        nft.push(`tcp option ${option} ${isInverted ? 'missing' : 'exists'}`);
        iptables.push(`${isInverted ? '! ' : ''}--tcp-option ${option}`);
      }
      if (mask !== 0) {
        const isInverted = (inverted & FLAGS) !== 0;
        const flags = flagNames(mask);
        const set = flagNames(info[10] as number);
        nft.push(
          `tcp flags ${isInverted ? '!= ' : ''}${set.join(',').toLowerCase() || '0x0'} / ${flags.join(',').toLowerCase()}`,
        );
        iptables.push(`${isInverted ? '! ' : ''}--tcp-flags ${flags.join(',')} ${set.join(',') || 'NONE'}`);
      }
      return { nft: nft.join(' ').trim(), iptables: iptables.join(' ') };
    },
  ],
  'udp 0': [9, (info) => portMatch('udp', info, info[8] as number)],
  'icmp6 0': [
    4,
    (info) => {
      const [type, from, to, inverted] = [info[0], info[1], info[2], info[3] === 1] as [
        number,
        number,
        number,
        boolean,
      ];
      const sign = inverted ? '!= ' : '';
      const code = from === 0 && to === 255 ? '' : ports(from, to, '-');
      return {
        nft: `icmpv6 type ${sign}${valueText('icmpv6_type', Buffer.from([type]))}${code === '' ? '' : ` icmpv6 code ${code}`}`,
        iptables: `-m icmp6 ${inverted ? '! ' : ''}--icmpv6-type ${type}${code === '' ? '' : `/${code}`}`,
      };
    },
  ],
  'icmp 0': [
    4,
    (info) => {
      const [type, from, to, inverted] = [
        info[0] as number,
        info[1] as number,
        info[2] as number,
        info[3] === 1,
      ];
      const code = from === 0 && to === 255 ? '' : `/${ports(from, to, '-')}`;
      const shown = type === 255 ? 'any' : `${type}${code}`;
      return {
        nft:
          type === 255
            ? ''
            : `icmp type ${inverted ? '!= ' : ''}${valueText('icmp_type', Buffer.from([type]))}${code === '' ? '' : ` icmp code ${from}`}`,
        iptables: `-m icmp ${inverted ? '! ' : ''}--icmp-type ${shown}`,
      };
    },
  ],
  'owner 1': [
    18,
    (info) => {
      const [match, inverted] = [info[16] as number, info[17] as number];
      const one = (bit: number, at: number, nft: string, option: string): ExtensionText[] => {
        if ((match & bit) === 0) return [];
        const range = ports(info.readUInt32LE(at), info.readUInt32LE(at + 4), '-');
        const not = (inverted & bit) !== 0;
        return [
          { nft: `${nft} ${not ? '!= ' : ''}${range}`, iptables: `${not ? '! ' : ''}--${option} ${range}` },
        ];
      };
      const all = [...one(1, 0, 'meta skuid', 'uid-owner'), ...one(2, 8, 'meta skgid', 'gid-owner')];
      // Whether there is a socket at all, which nft has no words for.
      if ((match & 4) !== 0) {
        const not = (inverted & 4) !== 0 ? '! ' : '';
        all.push({ nft: 'xt match owner', iptables: `${not}--socket-exists` });
      }
      const words = (pick: (each: ExtensionText) => string): string => all.map(pick).join(' ');
      return { nft: words(({ nft }) => nft), iptables: `-m owner ${words(({ iptables }) => iptables)}` };
    },
  ],
  'limit 0': [
    8,
    (info) => {
      const units: readonly (readonly [string, number])[] = [
        ['second', 1],
        ['minute', 60],
        ['hour', 3600],
        ['day', 86_400],
      ];
      const average = info.readUInt32LE(0);
      const burst = info.readUInt32LE(4);
      const perSecond = 10_000 / average;
      const [unit, seconds] = units.find(([, length]) => perSecond * length >= 0.99) ?? ['day', 86_400];
      const rate = `${Math.round(perSecond * seconds)}`;
      return {
        nft: `limit rate ${rate}/${unit}${burst === 5 ? '' : ` burst ${burst} packets`}`,
        iptables: `-m limit --limit ${rate}/${unit.replace('second', 'sec').replace('minute', 'min')}${burst === 5 ? '' : ` --limit-burst ${burst}`}`,
      };
    },
  ],
};

function flagNames(mask: number): string[] {
  return ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'].filter((_, bit) => (mask & (1 << bit)) !== 0);
}

function portMatch(protocol: string, info: Buffer, inverted: number): ExtensionText {
  const nft: string[] = [];
  const iptables = [`-m ${protocol}`];
  for (const [index, name] of ['sport', 'dport'].entries()) {
    const from = info.readUInt16LE(index * 4);
    const to = info.readUInt16LE(index * 4 + 2);
    const isInverted = (inverted & (1 << index)) !== 0;
    if (from === 0 && to === 0xffff && !isInverted) continue;
    nft.push(`${protocol} ${name} ${isInverted ? '!= ' : ''}${ports(from, to, '-')}`);
    iptables.push(`${isInverted ? '! ' : ''}--${name} ${ports(from, to, ':')}`);
  }
  return { nft: nft.join(' '), iptables: iptables.join(' ') };
}

interface NatRange {
  readonly flags: number;
  readonly min: string;
  readonly max: string;
  readonly minPort: number;
  readonly maxPort: number;
  readonly basePort?: number;
}

/** struct nf_nat_ipv4_multi_range_compat: a count, then one range. */
function ipv4Range(info: Buffer): NatRange {
  return {
    flags: info.readUInt32LE(4),
    min: formatIp(info.subarray(8, 12)),
    max: formatIp(info.subarray(12, 16)),
    minPort: info.readUInt16BE(16),
    maxPort: info.readUInt16BE(18),
  };
}

/** struct nf_nat_range, and nf_nat_range2, which begins so. An IPv4 address has the first four of the bytes. */
function anyRange(info: Buffer): NatRange {
  const isIpv4 =
    info.subarray(8, 20).every((byte) => byte === 0) && info.subarray(24, 36).every((byte) => byte === 0);
  const length = isIpv4 ? 4 : 16;
  return {
    flags: info.readUInt32LE(0),
    min: formatIp(info.subarray(4, 4 + length)),
    max: formatIp(info.subarray(20, 20 + length)),
    minPort: info.readUInt16BE(36),
    maxPort: info.readUInt16BE(38),
    ...(info.length >= 42 ? { basePort: info.readUInt16BE(40) } : {}),
  };
}

const MAP_IPS = 1;
const PROTO_SPECIFIED = 2;
/** Ports are shifted, from this one. */
const PROTO_OFFSET = 0x20;

function natText(kind: 'DNAT' | 'SNAT' | 'MASQUERADE' | 'REDIRECT', range: NatRange): ExtensionText {
  const { flags, min, max, minPort, maxPort, basePort } = range;
  const address = (flags & MAP_IPS) === 0 ? '' : min === max ? min : `${min}-${max}`;
  const bracketed = address.includes(':') && (flags & PROTO_SPECIFIED) !== 0 ? `[${address}]` : address;
  const shift = basePort === undefined || (flags & PROTO_OFFSET) === 0 ? '' : `/${basePort}`;
  const port = (flags & PROTO_SPECIFIED) === 0 ? '' : `${ports(minPort, maxPort, '-')}${shift}`;
  const how = [
    ...((flags & 4) === 0 ? [] : ['random']),
    ...((flags & 16) === 0 ? [] : ['fully-random']),
    ...((flags & 8) === 0 ? [] : ['persistent']),
  ];
  const options = {
    DNAT: '--to-destination',
    SNAT: '--to-source',
    MASQUERADE: '--to-ports',
    REDIRECT: '--to-ports',
  };
  const isLocal = kind === 'MASQUERADE' || kind === 'REDIRECT';
  const nftTarget = `${bracketed}${port === '' ? '' : `:${port}`}`;
  const target = isLocal ? port : nftTarget;
  return {
    nft: [
      kind.toLowerCase(),
      ...(nftTarget === '' ? [] : [`to ${nftTarget}`]),
      ...(how.length === 0 ? [] : [how.join(',')]),
    ].join(' '),
    iptables: [
      `-j ${kind}`,
      ...(target === '' ? [] : [`${options[kind]} ${target}`]),
      ...how.map((each) => `--${each === 'fully-random' ? 'random-fully' : each}`),
    ].join(' '),
  };
}

const targets: Table = {
  ...moreTargets,
  // IPv6 has the longer structure under the same number.
  'MASQUERADE 0': [20, (info) => natText('MASQUERADE', info.length >= 40 ? anyRange(info) : ipv4Range(info))],
  'REDIRECT 0': [20, (info) => natText('REDIRECT', info.length >= 40 ? anyRange(info) : ipv4Range(info))],
  'DNAT 0': [20, (info) => natText('DNAT', ipv4Range(info))],
  'DNAT 1': [40, (info) => natText('DNAT', anyRange(info))],
  'DNAT 2': [40, (info) => natText('DNAT', anyRange(info))],
  'SNAT 0': [20, (info) => natText('SNAT', ipv4Range(info))],
  'SNAT 1': [40, (info) => natText('SNAT', anyRange(info))],
  'SNAT 2': [40, (info) => natText('SNAT', anyRange(info))],
  'REJECT 0': [
    4,
    (info) => {
      const [nft, iptables] = rejections[info.readUInt32LE(0)] ?? ['', String(info.readUInt32LE(0))];
      return {
        nft: nft === '' ? 'reject' : `reject with ${nft}`,
        iptables: `-j REJECT --reject-with ${iptables}`,
      };
    },
  ],
  'LOG 0': [
    32,
    (info) => {
      const prefix = text(info, 2, 32);
      const [number, flags] = [info[0] as number, info[1] as number];
      const isUsual = levels[number] === 'warn';
      const tcp = [...((flags & 1) === 0 ? [] : ['sequence']), ...((flags & 2) === 0 ? [] : ['options'])];
      const options = ['tcp-sequence', 'tcp-options', 'ip-options', 'uid', '', 'macdecode'];
      return {
        nft: [
          'log',
          ...(prefix === '' ? [] : [`prefix ${JSON.stringify(prefix)}`]),
          ...(isUsual ? [] : [`level ${levels[number] ?? number}`]),
          ...(tcp.length === 0 ? [] : [`flags tcp ${tcp.join(',')}`]),
          ...((flags & 4) === 0 ? [] : ['flags ip options']),
          ...((flags & 8) === 0 ? [] : ['flags skuid']),
          ...((flags & 0x20) === 0 ? [] : ['flags ether']),
        ].join(' '),
        iptables: [
          '-j LOG',
          ...(prefix === '' ? [] : [`--log-prefix ${quoted(prefix)}`]),
          ...(isUsual ? [] : [`--log-level ${number}`]),
          ...options.flatMap((word, bit) =>
            (flags & (1 << bit)) === 0 || word === '' ? [] : [`--log-${word}`],
          ),
        ].join(' '),
      };
    },
  ],
  'MARK 2': [
    8,
    (info) => {
      const [mark, mask] = [info.readUInt32LE(0), info.readUInt32LE(4)];
      const whole = mask === 0xffff_ffff;
      return {
        nft: `meta mark set ${whole ? hex(mark) : `meta mark & ${hex(~mask >>> 0)} ^ ${hex(mark)}`}`,
        iptables: `-j MARK --set-xmark ${hex(mark)}/${hex(mask)}`,
      };
    },
  ],
};

const rejections6 = [
  'icmp6-no-route',
  'icmp6-adm-prohibited',
  'icmp6-not-neighbour',
  'icmp6-addr-unreachable',
  'icmp6-port-unreachable',
  'echo-reply',
  'tcp-reset',
  'icmp6-policy-fail',
  'icmp6-reject-route',
];

/** The one target whose numbers mean something else for IPv6. */
export function describeReject6(info: Buffer): ExtensionText {
  const code = info.length >= 4 ? info.readUInt32LE(0) : 4;
  const option = rejections6[code] ?? String(code);
  const words = { 1: 'admin-prohibited', 4: '', 6: 'tcp reset' }[code] ?? option.replace('icmp6-', '');
  const kind = code === 6 ? '' : 'icmpv6 ';
  return {
    nft: words === '' ? 'reject' : `reject with ${kind}${words}`,
    iptables: `-j REJECT --reject-with ${option}`,
  };
}

/** Undefined for one that is not known here, or whose structure is shorter than it should be. */
export function describeExtension(
  kind: 'match' | 'target',
  name: string,
  revision: number,
  info: Buffer,
  transport = 'th',
  isIpv6 = false,
): ExtensionText | undefined {
  const known = (kind === 'match' ? matches : targets)[`${name} ${revision}`];
  return known && info.length >= known[0] ? known[1](info, transport, isIpv6) : undefined;
}
