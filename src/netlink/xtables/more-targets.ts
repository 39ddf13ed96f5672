/** Targets beside those that every firewall has. See <linux/netfilter/xt_*.h>. */
import { formatIp } from '../codec/index.js';
import { prefixLength } from '../nftables/value-text.js';
import { addressAt, hex, hexByte, quoted, type Read, type Table, text } from './words.js';

/** @param at Where the mode is: later revisions have a shift before it. */
const connmark =
  (at: number): Read =>
  (info) => {
    const [mark, ctMask, nfMask] = [info.readUInt32LE(0), info.readUInt32LE(4), info.readUInt32LE(8)];
    const masks = `--nfmask ${hex(nfMask)} --ctmask ${hex(ctMask)}`;
    const isWhole = nfMask === 0xffff_ffff && ctMask === 0xffff_ffff;
    if (info[at] === 1)
      return {
        nft: isWhole ? 'ct mark set mark' : 'xt target CONNMARK',
        iptables: `-j CONNMARK --save-mark ${masks}`,
      };
    if (info[at] === 2)
      return {
        nft:
          ctMask === nfMask
            ? `meta mark set ct mark${isWhole ? '' : ` and ${hex(ctMask)}`}`
            : 'xt target CONNMARK',
        iptables: `-j CONNMARK --restore-mark ${masks}`,
      };
    return {
      nft: `ct mark set ${ctMask === 0xffff_ffff ? hex(mark) : `ct mark xor ${hex(mark)} and ${hex(~ctMask >>> 0)}`}`,
      iptables: `-j CONNMARK --set-xmark ${hex(mark)}/${hex(ctMask)}`,
    };
  };

const queue: Read = (info) => {
  const [first, total, flags] = [info.readUInt16LE(0), info.readUInt16LE(2), info.readUInt16LE(4)];
  const last = first + total - 1;
  const range = total > 1 ? `--queue-balance ${first}:${last}` : `--queue-num ${first}`;
  const more = [...((flags & 1) === 0 ? [] : ['bypass']), ...((flags & 2) === 0 ? [] : ['cpu-fanout'])];
  return {
    nft: `queue num ${total > 1 ? `${first}-${last}` : first}${more.length === 0 ? '' : ` ${more.join(',').replace('cpu-', '')}`}`,
    iptables: `-j NFQUEUE ${range}${more.map((word) => ` --queue-${word}`).join('')}`,
  };
};

/** Of TTL and hop limit: set, raise, lower. */
function hops(name: string): Read {
  return (info) => ({
    nft: `xt target ${name}`,
    iptables: `-j ${name} --${name.toLowerCase()}-${['set', 'inc', 'dec'][info[0] ?? 0] ?? 'set'} ${info[1] ?? 0}`,
  });
}

const track: Read = (info) => {
  const flags = info.readUInt16LE(0);
  const [NOTRACK, ALIAS] = [1, 2];
  if ((flags & ALIAS) !== 0) return { nft: 'notrack', iptables: '-j NOTRACK' };
  if ((flags & NOTRACK) !== 0) return { nft: 'notrack', iptables: '-j CT --notrack' };
  const [zone, helper, timeout] = [info.readUInt16LE(2), text(info, 12, 28), text(info, 28, 60)];
  const words = [
    ...(helper === '' ? [] : [`--helper ${quoted(helper)}`]),
    ...(timeout === '' ? [] : [`--timeout ${quoted(timeout)}`]),
    ...(zone === 0 ? [] : [`--zone ${zone}`]),
  ];
  return { nft: 'xt target CT', iptables: ['-j CT', ...words].join(' ') };
};

export const moreTargets: Table = {
  'CONNMARK 1': [13, connmark(12)],
  'CONNMARK 2': [15, connmark(14)],
  'TCPMSS 0': [
    2,
    (info) => {
      const size = info.readUInt16LE(0);
      const isPath = size === 0xffff;
      return {
        nft: `tcp option maxseg size set ${isPath ? 'rt mtu' : size}`,
        iptables: `-j TCPMSS ${isPath ? '--clamp-mss-to-pmtu' : `--set-mss ${size}`}`,
      };
    },
  ],
  'TTL 0': [2, hops('TTL')],
  'HL 0': [2, hops('HL')],
  'DSCP 0': [
    1,
    (info) => ({
      nft: `ip dscp set ${hexByte(info[0] ?? 0)}`,
      iptables: `-j DSCP --set-dscp ${hexByte(info[0] ?? 0)}`,
    }),
  ],
  'TOS 1': [
    2,
    (info) => ({
      nft: 'xt target TOS',
      iptables: `-j TOS --set-tos ${hexByte(info[0] ?? 0)}/${hexByte(info[1] ?? 0)}`,
    }),
  ],
  'TEE 1': [
    32,
    (info, _, isIpv6) => {
      const [gateway, device] = [addressAt(info, 0, isIpv6), text(info, 16, 32)];
      return {
        nft: `dup to ${gateway}${device === '' ? '' : ` device ${device}`}`,
        iptables: `-j TEE --gateway ${gateway}${device === '' ? '' : ` --oif ${device}`}`,
      };
    },
  ],
  'TPROXY 1': [
    26,
    (info, _, isIpv6) => ({
      nft: 'xt target TPROXY',
      iptables: `-j TPROXY --on-port ${info.readUInt16BE(24)} --on-ip ${addressAt(info, 8, isIpv6)} --tproxy-mark ${hex(info.readUInt32LE(4))}/${hex(info.readUInt32LE(0))}`,
    }),
  ],
  'CLASSIFY 0': [
    4,
    (info) => {
      const [major, minor] = [info.readUInt16LE(2), info.readUInt16LE(0)];
      const padded = (number: number): string => number.toString(16).padStart(4, '0');
      return {
        nft: `meta priority set ${major.toString(16)}:${minor.toString(16)}`,
        iptables: `-j CLASSIFY --set-class ${padded(major)}:${padded(minor)}`,
      };
    },
  ],
  'CHECKSUM 0': [1, () => ({ nft: 'xt target CHECKSUM', iptables: '-j CHECKSUM --checksum-fill' })],
  'NFLOG 0': [
    76,
    (info) => {
      const [size, group, threshold, flags] = [
        info.readUInt32LE(0),
        info.readUInt16LE(4),
        info.readUInt16LE(6),
        info.readUInt16LE(8),
      ];
      const prefix = text(info, 12, 76);
      const isSized = (flags & 1) !== 0;
      return {
        nft: [
          'log',
          ...(prefix === '' ? [] : [`prefix ${JSON.stringify(prefix)}`]),
          `group ${group}`,
          ...(isSized ? [`snaplen ${size}`] : []),
          ...(threshold > 1 ? [`queue-threshold ${threshold}`] : []),
        ].join(' '),
        iptables: [
          '-j NFLOG',
          ...(prefix === '' ? [] : [`--nflog-prefix ${quoted(prefix)}`]),
          ...(group === 0 ? [] : [`--nflog-group ${group}`]),
          ...(isSized ? [`--nflog-size ${size}`] : []),
          ...(threshold > 1 ? [`--nflog-threshold ${threshold}`] : []),
        ].join(' '),
      };
    },
  ],
  'NFQUEUE 2': [6, queue],
  'NFQUEUE 3': [6, queue],
  'CT 1': [60, track],
  'CT 2': [60, track],
  'AUDIT 0': [
    1,
    (info) => ({
      nft: 'log level audit',
      iptables: `-j AUDIT --type ${['accept', 'drop', 'reject'][info[0] ?? 0] ?? String(info[0])}`,
    }),
  ],
  'NETMAP 0': [
    20,
    (info, _, wantsIpv6) => {
      const isIpv6 = wantsIpv6 && info.length >= 40;
      const [from, to] = isIpv6
        ? [info.subarray(4, 20), info.subarray(20, 36)]
        : [info.subarray(8, 12), info.subarray(12, 16)];
      const mask = from.map((byte, index) => ~(byte ^ (to[index] ?? 0)) & 0xff);
      return {
        nft: 'xt target NETMAP',
        iptables: `-j NETMAP --to ${formatIp(from)}/${prefixLength(mask) ?? formatIp(mask)}`,
      };
    },
  ],
};
