import { invalid, quote } from '../errors.js';
import { didYouMean } from './nearest.js';

/**
 * Every capability that has a name, in the kernel's order: the index is the bit number.
 *
 * The last is CAP_CHECKPOINT_RESTORE, of Linux 5.9; `/proc/sys/kernel/cap_last_cap` tells the running kernel's.
 *
 * @see capabilities(7)
 */
export const capabilityNames = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
] as const;

export type Capability = (typeof capabilityNames)[number];

/** What docker gives a container that asks for nothing: 14 of them. */
export const defaultCapabilities: readonly Capability[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

/** The kernel keeps a set in 64 bits, of which it names 41 so far. */
const maskLimit = 1n << 64n;

const bitOf: ReadonlyMap<string, number> = new Map(capabilityNames.map((name, bit) => [name, bit]));

/**
 * @param text With or without `CAP_`, in any case.
 * @throws {WarrenError} `ERR_CAPABILITY_UNKNOWN`, with the nearest names as the remedy.
 */
export function parseCapability(text: string): Capability {
  const upper = text.toUpperCase();
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (isCapability(name)) return name;
  throw invalid(
    'ERR_CAPABILITY_UNKNOWN',
    `Cannot use the capability ${quote(text)}`,
    'no capability has this name',
    didYouMean(
      name.slice('CAP_'.length),
      capabilityNames.map((known) => known.slice('CAP_'.length)),
    ) ?? 'see capabilities(7) for the names',
  );
}

/**
 * The names in a mask, in bit order. A bit without a name is its number (`41`), as capsh(1) prints it.
 *
 * @throws {WarrenError} `ERR_CAPABILITY_MASK` for what is not a 64-bit mask.
 */
export function decodeCapabilities(mask: bigint): string[] {
  checkMask(mask, mask.toString());
  const names: string[] = [];
  for (let bit = 0; mask >> BigInt(bit) > 0n; bit++) {
    if ((mask >> BigInt(bit)) & 1n) names.push(capabilityNames[bit] ?? String(bit));
  }
  return names;
}

/**
 * The inverse of `decodeCapabilities()`: takes names in any form, and bit numbers from 0 to 63.
 *
 * @throws {WarrenError} `ERR_CAPABILITY_UNKNOWN`.
 */
export function encodeCapabilities(names: Iterable<string>): bigint {
  let mask = 0n;
  for (const name of names)
    mask |= 1n << BigInt(/^(?:[1-5]?\d|6[0-3])$/.test(name) ? Number(name) : bitNumber(name));
  return mask;
}

/**
 * Reads a mask as `/proc/PID/status` prints it (`000001ffffffffff`), with or without `0x`.
 *
 * @throws {WarrenError} `ERR_CAPABILITY_MASK`.
 */
export function parseCapabilityMask(text: string): bigint {
  if (!/^(?:0[xX])?[0-9a-fA-F]{1,64}$/.test(text)) throw badMask(text);
  const mask = BigInt(/^0x/i.test(text) ? text : `0x${text}`);
  checkMask(mask, text);
  return mask;
}

export interface CapabilityRequest {
  /** Names, and `ALL`. */
  readonly add?: readonly string[] | undefined;
  /** Names, and `ALL`. */
  readonly drop?: readonly string[] | undefined;
  /** Everything that is available; `add` and `drop` then have no effect, as in docker. */
  readonly privileged?: boolean | undefined;
}

export interface ResolvedCapabilities {
  readonly mask: bigint;
  /** Asked for by name, and not available: the caller should refuse. */
  readonly missing: readonly Capability[];
}

/**
 * The set a container starts with, by docker's rules.
 *
 * - `ALL` added: everything but the dropped names; it beats a dropped `ALL`, and a dropped name beats an added one.
 * - `ALL` dropped: the added names and nothing else.
 * - Neither: the default set without the dropped names, then with the added ones; a name in both is added.
 *
 * @param available The caller's bounding set. What is not in it cannot be given: capset(2) would fail with EPERM for the whole
 *   set, so `ALL`, `privileged` and the default set silently shrink to it; a name that was asked for is reported as missing.
 * @throws {WarrenError} `ERR_CAPABILITY_UNKNOWN`.
 */
export function resolveCapabilities(request: CapabilityRequest, available: bigint): ResolvedCapabilities {
  const add = splitAll(request.add ?? []);
  const drop = splitAll(request.drop ?? []);
  const added = encodeCapabilities(add.names);
  const dropped = encodeCapabilities(drop.names);

  let wanted: bigint;
  let asked = added;
  if (request.privileged) wanted = available;
  else if (add.all) {
    wanted = available & ~dropped;
    asked &= ~dropped;
  } else if (drop.all) wanted = added;
  else wanted = (encodeCapabilities(defaultCapabilities) & ~dropped) | added;

  const missing = decodeCapabilities(asked & ~available).filter(isCapability);
  return { mask: wanted & available, missing };
}

function splitAll(list: readonly string[]): { all: boolean; names: Capability[] } {
  const isAll = (text: string): boolean => text.toUpperCase() === 'ALL';
  return { all: list.some(isAll), names: list.filter((text) => !isAll(text)).map(parseCapability) };
}

function isCapability(name: string): name is Capability {
  return bitOf.has(name);
}

function bitNumber(name: string): number {
  return bitOf.get(parseCapability(name)) ?? 0;
}

function checkMask(mask: bigint, text: string): void {
  if (mask < 0n || mask >= maskLimit) throw badMask(text);
}

function badMask(text: string): Error {
  return invalid(
    'ERR_CAPABILITY_MASK',
    `Cannot read the capability mask ${quote(text)}`,
    'it is not a hexadecimal number of at most 64 bits',
    'write it as in /proc/PID/status, for example 0x3fffffffff',
  );
}
