/** Matches beside those that every firewall has. See <linux/netfilter/xt_*.h>. */
import { formatIp } from '../codec/index.js';
import { prefixLength } from '../nftables/value-text.js';
import {
  addressAt,
  type ExtensionText,
  hex,
  hexByte,
  not,
  ports,
  quoted,
  type Table,
  text,
} from './words.js';

/** `name OP value`, which both say alike. */
function simple(nft: string, iptables: string, value: string, inverted: boolean): ExtensionText {
  return {
    nft: `${nft} ${inverted ? '!= ' : ''}${value}`,
    iptables: `${iptables.replace('!', not(inverted))} ${value}`,
  };
}

/** Of TTL and hop limit: equal, unequal, lower, greater. */
function hops(name: string, nft: string): (info: Buffer) => ExtensionText {
  return (info) => {
    const [mode, value] = [info[0] ?? 0, info[1] ?? 0];
    const words = ['eq', 'eq', 'lt', 'gt'][mode] ?? 'eq';
    const sign = mode === 1 ? '!= ' : words === 'eq' ? '' : `${words} `;
    return {
      nft: `${nft} ${sign}${value}`,
      iptables: `-m ${name} ${not(mode === 1)}--${name}-${words} ${value}`,
    };
  };
}

export const moreMatches: Table = {
  'iprange 1': [
    65,
    (info, _, isIpv6) => {
      const flags = info[64] ?? 0;
      const one = (bit: number, at: number, nft: string, option: string): ExtensionText[] => {
        if ((flags & bit) === 0) return [];
        const range = `${addressAt(info, at, isIpv6)}-${addressAt(info, at + 16, isIpv6)}`;
        return [simple(`${isIpv6 ? 'ip6' : 'ip'} ${nft}`, `!--${option}`, range, (flags & (bit << 4)) !== 0)];
      };
      const all = [...one(1, 0, 'saddr', 'src-range'), ...one(2, 32, 'daddr', 'dst-range')];
      return {
        nft: all.map(({ nft }) => nft).join(' '),
        iptables: `-m iprange ${all.map(({ iptables }) => iptables).join(' ')}`,
      };
    },
  ],
  'mac 0': [
    12,
    (info) => {
      const address = info.toString('hex', 0, 6).replace(/..(?!$)/g, '$&:');
      return simple('ether saddr', '-m mac !--mac-source', address, info.readInt32LE(8) !== 0);
    },
  ],
  'pkttype 0': [
    8,
    (info) => {
      const kind = ['unicast', 'broadcast', 'multicast'][info.readInt32LE(0)] ?? String(info.readInt32LE(0));
      const inverted = info.readInt32LE(4) !== 0;
      const { iptables } = simple('', '-m pkttype !--pkt-type', kind, inverted);
      return { nft: `pkttype ${inverted ? '!= ' : ''}${kind}`, iptables };
    },
  ],
  'ttl 0': [2, hops('ttl', 'ip ttl')],
  'hl 0': [2, hops('hl', 'ip6 hoplimit')],
  'tos 1': [
    3,
    (info) => {
      const value = `${hexByte(info[1] ?? 0)}/${hexByte(info[0] ?? 0)}`;
      return { nft: 'xt match tos', iptables: `-m tos ${not(info[2] !== 0)}--tos ${value}` };
    },
  ],
  'dscp 0': [2, (info) => simple('ip dscp', '-m dscp !--dscp', hexByte(info[0] ?? 0), info[1] !== 0)],
  'length 0': [
    5,
    (info) => {
      const [from, to, inverted] = [info.readUInt16LE(0), info.readUInt16LE(2), info[4] !== 0];
      const { iptables } = simple('', '-m length !--length', ports(from, to, ':'), inverted);
      return { nft: simple('meta length', '', ports(from, to, '-'), inverted).nft, iptables };
    },
  ],
  'statistic 0': [
    16,
    (info) => {
      const inverted = (info.readUInt16LE(2) & 1) !== 0;
      if (info.readUInt16LE(0) === 0) {
        const probability = info.readUInt32LE(4);
        const sign = inverted ? '>=' : '<';
        return {
          nft: `meta random & 2147483647 ${sign} ${probability}`,
          iptables: `-m statistic --mode random ${not(inverted)}--probability ${(probability / 2 ** 31).toFixed(11)}`,
        };
      }
      const [every, packet] = [info.readUInt32LE(4) + 1, info.readUInt32LE(8)];
      return {
        nft: `numgen inc mod ${every} ${inverted ? '!= ' : ''}${packet}`,
        iptables: `-m statistic --mode nth ${not(inverted)}--every ${every} --packet ${packet}`,
      };
    },
  ],
  'connmark 1': [
    9,
    (info) => {
      const [mark, mask, inverted] = [info.readUInt32LE(0), info.readUInt32LE(4), info[8] === 1];
      const all = mask === 0xffff_ffff;
      return {
        nft: `ct mark ${all ? '' : `and ${hex(mask)} `}${inverted ? '!= ' : all ? '' : '== '}${hex(mark)}`,
        iptables: `-m connmark ${not(inverted)}--mark ${hex(mark)}${all ? '' : `/${hex(mask)}`}`,
      };
    },
  ],
  'helper 0': [
    34,
    (info) => {
      const name = text(info, 4, 34);
      const inverted = info.readInt32LE(0) !== 0;
      return {
        nft: `ct helper ${inverted ? '!= ' : ''}"${name}"`,
        iptables: `-m helper ${not(inverted)}--helper ${quoted(name)}`,
      };
    },
  ],
  'connlimit 1': [
    24,
    (info, _, isIpv6) => {
      const flags = info.readUInt32LE(20);
      const length = prefixLength(info.subarray(0, isIpv6 ? 16 : 4)) ?? 0;
      const how = (flags & 1) === 0 ? 'above' : 'upto';
      return {
        nft: 'xt match connlimit',
        iptables: `-m connlimit --connlimit-${how} ${info.readUInt32LE(16)} --connlimit-mask ${length} --connlimit-${(flags & 2) === 0 ? 's' : 'd'}addr`,
      };
    },
  ],
  'esp 0': [9, (info) => spis('esp', info, info.readUInt8(8))],
  'tcpmss 0': [
    5,
    (info) => {
      const [from, to, inverted] = [info.readUInt16LE(0), info.readUInt16LE(2), info[4] !== 0];
      return {
        nft: simple('tcp option maxseg size', '', ports(from, to, '-'), inverted).nft,
        iptables: `-m tcpmss ${not(inverted)}--mss ${ports(from, to, ':')}`,
      };
    },
  ],
  'physdev 0': [
    66,
    (info) => {
      const [inverted, asked] = [info[64] ?? 0, info[65] ?? 0];
      const flag = (bit: number, word: string, value = ''): string[] =>
        (asked & bit) === 0 ? [] : [`${not((inverted & bit) !== 0)}--physdev-${word}${value}`];
      const words = [
        ...flag(8, 'is-in'),
        ...flag(1, 'in', ` ${text(info, 0, 16)}`),
        ...flag(16, 'is-out'),
        ...flag(2, 'out', ` ${text(info, 32, 48)}`),
        ...flag(4, 'is-bridged'),
      ];
      return { nft: 'xt match physdev', iptables: `-m physdev ${words.join(' ')}` };
    },
  ],
  'recent 1': [
    228,
    (info, _, isIpv6) => {
      const how = info[8] ?? 0;
      const action = [
        [2, '--set'],
        [1, '--rcheck'],
        [4, '--update'],
        [8, '--remove'],
      ].find(([bit]) => (how & Number(bit)) !== 0)?.[1];
      const [seconds, hits] = [info.readUInt32LE(0), info.readUInt32LE(4)];
      const words = [
        `${not(info[9] !== 0)}${action ?? ''}`,
        ...(seconds === 0 ? [] : [`--seconds ${seconds}`]),
        ...((how & 32) === 0 ? [] : ['--reap']),
        ...(hits === 0 ? [] : [`--hitcount ${hits}`]),
        ...((how & 16) === 0 ? [] : ['--rttl']),
        `--name ${text(info, 10, 210)}`,
        `--mask ${addressAt(info, 212, isIpv6)}`,
        info[210] === 0 ? '--rsource' : '--rdest',
      ];
      return { nft: 'xt match recent', iptables: `-m recent ${words.join(' ')}` };
    },
  ],
  'cpu 0': [
    8,
    (info) => simple('cpu', '-m cpu !--cpu', String(info.readUInt32LE(0)), info.readUInt32LE(4) !== 0),
  ],
  'realm 0': [
    9,
    (info) => {
      const [id, mask] = [info.readUInt32LE(0), info.readUInt32LE(4)];
      const value = `${hex(id)}${mask === 0xffff_ffff ? '' : `/${hex(mask)}`}`;
      return simple('rtclassid', '-m realm !--realm', value, info[8] !== 0);
    },
  ],
  'rpfilter 0': [
    1,
    (info) => flags('rpfilter', info[0] ?? 0, ['loose', 'validmark', 'accept-local', 'invert']),
  ],
  ...Object.fromEntries(
    [1, 2, 3].map((revision) => [
      `socket ${revision}`,
      [1, (info: Buffer) => flags('socket', info[0] ?? 0, ['transparent', 'nowildcard', 'restore-skmark'])],
    ]),
  ),
};

function flags(name: string, given: number, words: readonly string[]): ExtensionText {
  const found = words.filter((_, bit) => (given & (1 << bit)) !== 0).map((word) => ` --${word}`);
  return { nft: `xt match ${name}`, iptables: `-m ${name}${found.join('')}` };
}

function spis(name: string, info: Buffer, inverted: number): ExtensionText {
  const [from, to] = [info.readUInt32LE(0), info.readUInt32LE(4)];
  const isInverted = (inverted & 1) !== 0;
  if (from === 0 && to === 0xffff_ffff && !isInverted) return { nft: '', iptables: `-m ${name}` };
  return {
    nft: `${name} spi ${isInverted ? '!= ' : ''}${ports(from, to, '-')}`,
    iptables: `-m ${name} ${not(isInverted)}--${name}spi ${ports(from, to, ':')}`,
  };
}

const states: readonly (readonly [number, string])[] = [
  [0x1, 'invalid'],
  [0x8, 'new'],
  [0x4, 'related'],
  [0x2, 'established'],
  [0x100, 'untracked'],
  [0x40, 'snat'],
  [0x80, 'dnat'],
];
const statuses: readonly (readonly [number, string])[] = [
  [1, 'expected'],
  [2, 'seen-reply'],
  [4, 'assured'],
  [8, 'confirmed'],
];

/** @param isAlias Written as `-m state`, the older name of the same. */
export function stateText(mask: number, inverted: boolean, isAlias: boolean): ExtensionText {
  const found = states.filter(([bit]) => (mask & bit) !== 0).map(([, name]) => name);
  // For nft, that an address was translated is the connection's status, not its state.
  const isStatus = found.length > 0 && found.every((name) => name.endsWith('nat'));
  return {
    nft: `ct ${isStatus ? 'status' : 'state'} ${not(inverted)}${found.join(',')}`,
    iptables: `-m ${isAlias ? 'state' : 'conntrack'} ${not(inverted)}--${isAlias ? 'state' : 'ctstate'} ${found.join(',').toUpperCase()}`,
  };
}

/** struct xt_conntrack_mtinfo3 */
export function conntrackText(info: Buffer, _: string, isIpv6: boolean): ExtensionText {
  const STATE_ALIAS = 0x2000;
  const given = info.readUInt16LE(146);
  const inverted = info.readUInt16LE(148);
  const isAlias = (given & STATE_ALIAS) !== 0;
  const nft: string[] = [];
  const iptables: string[] = [];
  const one = (
    bit: number,
    read: (isInverted: boolean) => readonly [nft: string, iptables: string],
  ): void => {
    if ((given & bit) === 0) return;
    const [first, second] = read((inverted & bit) !== 0);
    nft.push(first);
    iptables.push(second);
  };
  const value = (bit: number, name: string, option: string, shown: () => readonly [string, string]): void =>
    one(bit, (isInverted) => {
      const [nftValue, own] = shown();
      return [`ct ${name} ${isInverted ? '!= ' : ''}${nftValue}`, `${not(isInverted)}--${option} ${own}`];
    });
  one(1, (isInverted) => {
    const state = stateText(info.readUInt16LE(150), isInverted, isAlias);
    return [state.nft, state.iptables.replace(/^-m \w+ /, '')];
  });
  value(2, 'original protocol', 'ctproto', () => [`${info.readUInt16LE(136)}`, `${info.readUInt16LE(136)}`]);
  const sides = ['original saddr', 'original daddr', 'reply saddr', 'reply daddr'];
  ['ctorigsrc', 'ctorigdst', 'ctreplsrc', 'ctrepldst'].forEach((option, index) => {
    value(4 << index, sides[index] ?? '', option, () => {
      const at = index * 32;
      const size = isIpv6 ? 16 : 4;
      const length = prefixLength(info.subarray(at + 16, at + 16 + size)) ?? 0;
      const address = formatIp(info.subarray(at, at + size));
      const shown = length === size * 8 ? address : `${address}/${length}`;
      return [shown, shown];
    });
  });
  const places = ['original proto-src', 'original proto-dst', 'reply proto-src', 'reply proto-dst'];
  ['ctorigsrcport', 'ctorigdstport', 'ctreplsrcport', 'ctrepldstport'].forEach((option, index) => {
    value(256 << index, places[index] ?? '', option, () => {
      const from = info.readUInt16LE(138 + index * 2);
      const high = info.length >= 162 ? info.readUInt16LE(154 + index * 2) : 0;
      const to = high === 0 ? from : high;
      return [ports(from, to, '-'), ports(from, to, ':')];
    });
  });
  value(64, 'status', 'ctstatus', () => {
    const found = statuses.filter(([bit]) => (info.readUInt16LE(152) & bit) !== 0).map(([, name]) => name);
    return [found.join(','), found.join(',').toUpperCase().replaceAll('-', '_')];
  });
  value(128, 'expiration', 'ctexpire', () => {
    const [from, to] = [info.readUInt32LE(128), info.readUInt32LE(132)];
    return [ports(from, to, '-'), ports(from, to, ':')];
  });
  one(4096, (isInverted) => [
    `ct direction ${isInverted ? 'reply' : 'original'}`,
    `--ctdir ${isInverted ? 'REPLY' : 'ORIGINAL'}`,
  ]);
  return { nft: nft.join(' '), iptables: `-m ${isAlias ? 'state' : 'conntrack'} ${iptables.join(' ')}` };
}
