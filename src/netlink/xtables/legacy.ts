/**
 * The tables of iptables-legacy, which nf_tables does not show, and which the kernel goes through all the same. They are
 * read by getsockopt(2), in the structures of <linux/netfilter_ipv4/ip_tables.h> and its IPv6 twin.
 */
import { closeSync, constants, readFileSync } from 'node:fs';
import { netlinkAddon } from '../../native/index.js';
import { formatIp, malformed } from '../codec/index.js';
import { prefixLength, valueText } from '../nftables/value-text.js';
import { socketError } from '../socket/error.js';
import { type NetworkNamespace, withNamespace } from '../socket/namespace.js';
import { describeExtension, describeReject6 } from './extensions.js';

export interface LegacyTable {
  readonly family: 'ip' | 'ip6';
  readonly name: string;
  readonly chains: readonly LegacyChain[];
}

export interface LegacyChain {
  readonly name: string;
  /** Of the chains that the kernel calls. */
  readonly policy?: string;
  readonly rules: readonly LegacyRule[];
}

export interface LegacyRule {
  /** Options as `iptables -S` has them, without `-A CHAIN`. */
  readonly text: string;
  readonly packets: number | bigint;
  readonly bytes: number | bigint;
  readonly target: string;
  /** Names of matches and targets that are not understood here: they stand as `-m NAME` alone. */
  readonly opaque: readonly string[];
}

export interface Layout {
  readonly family: 'ip' | 'ip6';
  readonly level: number;
  readonly domain: number;
  readonly names: string;
  /** Bytes of an address. */
  readonly address: number;
  /** Where the members of an entry are. */
  readonly proto: number;
  readonly flags: number;
  readonly inverted: number;
  readonly targetOffset: number;
  readonly counters: number;
  readonly elements: number;
}

export const layouts: readonly Layout[] = [
  {
    family: 'ip',
    level: 0,
    domain: 2,
    names: '/proc/thread-self/net/ip_tables_names',
    address: 4,
    proto: 80,
    flags: 82,
    inverted: 83,
    targetOffset: 88,
    counters: 96,
    elements: 112,
  },
  {
    family: 'ip6',
    level: 41,
    domain: 10,
    names: '/proc/thread-self/net/ip6_tables_names',
    address: 16,
    proto: 128,
    flags: 131,
    inverted: 132,
    targetOffset: 140,
    counters: 152,
    elements: 168,
  },
];

const SOCK_RAW = 3;
const IPPROTO_RAW = 255;
const SO_GET_INFO = 64;
const SO_GET_ENTRIES = 65;
const INFO_BYTES = 84;
const NAME_BYTES = 32;
/** Of struct ipt_get_entries, before the entries. */
const ENTRIES_HEAD = 40;
const EXTENSION_HEAD = 32;
const hookNames = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];

/**
 * The tables that exist in a namespace. Asking for one that does not would make it, so the kernel's list of names comes
 * first.
 *
 * @throws {WarrenError} `ERR_NETLINK_SOCKET`: EPERM without CAP_NET_ADMIN.
 */
export function legacyTables(
  options: { readonly namespace?: NetworkNamespace | undefined } = {},
): LegacyTable[] {
  return withNamespace(options.namespace, (namespace) =>
    layouts.flatMap((layout) => {
      const names = tableNames(namespace, layout.names);
      if (names.length === 0) return [];
      const addon = netlinkAddon();
      let fd = -1;
      try {
        fd = addon.socketIn(namespace, layout.domain, SOCK_RAW, IPPROTO_RAW);
        return names.map((name) => parseTable(layout, name, ...readTable(fd, layout, name)));
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).syscall === undefined) throw cause;
        throw socketError(
          `Cannot read the tables of ${layout.family === 'ip' ? 'iptables' : 'ip6tables'}-legacy`,
          cause,
        );
      } finally {
        if (fd >= 0) closeSync(fd);
      }
    }),
  );
}

function tableNames(namespace: number, path: string): string[] {
  let fd: number;
  try {
    fd = netlinkAddon().openIn(namespace, path, constants.O_RDONLY);
  } catch (error) {
    // The kernel has no legacy tables at all.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw socketError('Cannot list the tables of iptables-legacy', error);
  }
  try {
    return readFileSync(fd, 'utf8').split('\n').filter(Boolean);
  } finally {
    closeSync(fd);
  }
}

/** The entries may grow between the two questions: then the kernel says EAGAIN. */
function readTable(fd: number, { level }: Layout, name: string): [info: Buffer, entries: Buffer] {
  const addon = netlinkAddon();
  for (let tries = 0; ; tries++) {
    const info = Buffer.alloc(INFO_BYTES);
    info.write(name, 0, NAME_BYTES - 1);
    addon.getSocketOption(fd, level, SO_GET_INFO, info);
    const size = info.readUInt32LE(INFO_BYTES - 4);
    const entries = Buffer.alloc(ENTRIES_HEAD + size);
    entries.write(name, 0, NAME_BYTES - 1);
    entries.writeUInt32LE(size, NAME_BYTES);
    try {
      addon.getSocketOption(fd, level, SO_GET_ENTRIES, entries);
      return [info, entries.subarray(ENTRIES_HEAD)];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || tries >= 10) throw error;
    }
  }
}

interface Entry {
  readonly offset: number;
  readonly bytes: Buffer;
  readonly target: { readonly name: string; readonly revision: number; readonly data: Buffer };
}

/** @internal Pure: for tests of what is not as it should be. */
export function parseTable(layout: Layout, name: string, info: Buffer, bytes: Buffer): LegacyTable {
  const entries = readEntries(layout, bytes);
  const heads = new Map<number, string>();
  const valid = info.readUInt32LE(32);
  hookNames.forEach((hook, index) => {
    if ((valid & (1 << index)) !== 0) heads.set(info.readUInt32LE(36 + index * 4), hook);
  });
  const underflows = new Set(hookNames.map((_, index) => info.readUInt32LE(56 + index * 4)));
  // A user's chain begins with an entry that has its name; jumps go to the entry after it.
  entries.forEach(({ target }, index) => {
    const next = entries[index + 1];
    if (target.name === 'ERROR' && next) heads.set(next.offset, cString(target.data, 0, 30));
  });

  const chains: { name: string; policy?: string; rules: LegacyRule[] }[] = [];
  for (const [index, entry] of entries.entries()) {
    const head = heads.get(entry.offset);
    if (head !== undefined) chains.push({ name: head, rules: [] });
    const chain = chains.at(-1);
    if (!chain || entry.target.name === 'ERROR') continue;
    const isBuiltIn = hookNames.includes(chain.name);
    if (isBuiltIn && underflows.has(entry.offset)) {
      chain.policy = verdictName(entry.target.data.readInt32LE(0));
      continue;
    }
    // The last entry of a user's chain returns, whatever the user wrote.
    const next = entries[index + 1];
    if (!isBuiltIn && (!next || next.target.name === 'ERROR')) continue;
    chain.rules.push(toRule(layout, entry, heads));
  }
  return { family: layout.family, name, chains };
}

function readEntries(layout: Layout, bytes: Buffer): Entry[] {
  const entries: Entry[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const left = bytes.length - offset;
    const broken = (why: string): Error => malformed('a table of iptables-legacy', why);
    if (left < layout.elements) throw broken(`${left} bytes are left, too few for an entry`);
    const targetOffset = bytes.readUInt16LE(offset + layout.targetOffset);
    const length = bytes.readUInt16LE(offset + layout.targetOffset + 2);
    if (targetOffset < layout.elements || targetOffset + EXTENSION_HEAD + 4 > length || length > left) {
      throw broken(`an entry claims ${length} bytes, its target at ${targetOffset}`);
    }
    const entry = bytes.subarray(offset, offset + length);
    entries.push({ offset, bytes: entry, target: readExtension(entry, targetOffset, length) });
    offset += length;
  }
  return entries;
}

function readExtension(entry: Buffer, at: number, end: number): Entry['target'] & { readonly size: number } {
  const size = entry.readUInt16LE(at);
  if (size < EXTENSION_HEAD || at + size > end) {
    throw malformed('an entry of iptables-legacy', `a match or target claims ${size} bytes of ${end - at}`);
  }
  return {
    name: cString(entry, at + 2, 29),
    revision: entry[at + 31] as number,
    data: entry.subarray(at + EXTENSION_HEAD, at + size),
    size,
  };
}

function toRule(layout: Layout, { bytes, target }: Entry, heads: ReadonlyMap<number, string>): LegacyRule {
  const words: string[] = [];
  const opaque: string[] = [];
  const inverted = bytes[layout.inverted] as number;
  const sign = (bit: number): string => ((inverted & bit) === 0 ? '' : '! ');
  const { address: length } = layout;
  for (const [index, option, bit] of [
    [0, '-s', 0x08],
    [1, '-d', 0x10],
  ] as const) {
    const value = bytes.subarray(index * length, (index + 1) * length);
    const mask = bytes.subarray((index + 2) * length, (index + 3) * length);
    if (mask.every((byte) => byte === 0) && (inverted & bit) === 0) continue;
    words.push(`${sign(bit)}${option} ${formatIp(value)}/${prefixLength(mask) ?? formatIp(mask)}`);
  }
  const devices = 4 * length;
  for (const [index, option, bit] of [
    [0, '-i', 0x01],
    [1, '-o', 0x02],
  ] as const) {
    const name = cString(bytes, devices + index * 16, 16);
    if (name === '') continue;
    // Compared up to the mask's end: without the NUL, anything that begins so.
    const isWhole = bytes[devices + 32 + index * 16 + Buffer.byteLength(name)] !== 0;
    // Some versions keep the sign in the name.
    words.push(`${sign(bit)}${option} ${name}${isWhole || name.endsWith('+') ? '' : '+'}`);
  }
  const protocol = bytes.readUInt16LE(layout.proto);
  const transport = valueText('inet_proto', Buffer.from([protocol & 0xff]));
  if (protocol !== 0) words.push(`${sign(0x40)}-p ${transport}`);
  const FRAGMENTS = 1;
  if (layout.family === 'ip' && ((bytes[layout.flags] as number) & FRAGMENTS) !== 0)
    words.push(`${sign(0x20)}-f`);

  const end = bytes.readUInt16LE(layout.targetOffset);
  for (let at = layout.elements; at < end;) {
    const match = readExtension(bytes, at, end);
    const text = describeExtension(
      'match',
      match.name,
      match.revision,
      match.data,
      transport,
      layout.family === 'ip6',
    )?.iptables;
    if (text === undefined) opaque.push(match.name);
    words.push(text ?? `-m ${match.name}`);
    at += match.size;
  }
  const { text, name } = targetText(layout, bytes, target, heads);
  if (text === undefined) opaque.push(name);
  words.push(text ?? `-j ${name}`);
  const count = (at: number): number | bigint => {
    const value = bytes.readBigUInt64LE(at);
    return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
  };
  return {
    text: words.filter(Boolean).join(' '),
    packets: count(layout.counters),
    bytes: count(layout.counters + 8),
    target: name,
    opaque,
  };
}

function targetText(
  layout: Layout,
  entry: Buffer,
  { name, revision, data }: Entry['target'],
  heads: ReadonlyMap<number, string>,
): { readonly text: string | undefined; readonly name: string } {
  const GOTO = 2;
  if (name !== '') {
    if (name === 'REJECT' && layout.family === 'ip6') return { text: describeReject6(data).iptables, name };
    return {
      text: describeExtension('target', name, revision, data, 'th', layout.family === 'ip6')?.iptables,
      name,
    };
  }
  const verdict = data.readInt32LE(0);
  if (verdict < 0) return { text: `-j ${verdictName(verdict)}`, name: verdictName(verdict) };
  const chain = heads.get(verdict);
  // A rule without a target goes on with the next entry.
  if (chain === undefined) return { text: '', name: '' };
  const flags = entry[layout.flags] as number;
  return { text: `${(flags & GOTO) !== 0 ? '-g' : '-j'} ${chain}`, name: chain };
}

function verdictName(verdict: number): string {
  const RETURN = -5;
  if (verdict === RETURN) return 'RETURN';
  return ['DROP', 'ACCEPT', 'STOLEN', 'QUEUE'][-verdict - 1] ?? `verdict ${verdict}`;
}

function cString(bytes: Buffer, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? field.length : end);
}
