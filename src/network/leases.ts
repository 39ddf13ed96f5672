/**
 * Which addresses of a network are whose: one symbolic link an address, whose text says it. Of many who want one at the same
 * time exactly one makes the link, without a lock; and unlike a file, it is never there without its text.
 */
import { closeSync, constants, openSync, readFileSync, readlinkSync, symlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { invalid, quote, WarrenError } from '../errors.js';
import {
  addressNumber,
  addressText,
  contains,
  familyOfAddress,
  parseBlock,
  usable,
  type Block,
} from './address.js';
import { type NetworkRecord, type NetworkSubnet } from './record.js';
import { runDirectory } from './run-directory.js';
import { hasCode, namesIn, readIfThere, removeFile } from './state.js';

/** Whose an address is: a container, and the process that is attaching it. */
export interface LeaseHolder {
  readonly container: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: a process id may be used again, with the time of its start it is unique. */
  readonly startTime: string;
}

export interface Lease extends LeaseHolder {
  readonly address: string;
}

export function leasesDirectory(network: string): string {
  return join(runDirectory(network), 'leases');
}

/** Read once: it stays the same. */
const self: { startTime?: string } = {};

/** This process, attaching a container. */
export function holderFor(container: string): LeaseHolder {
  self.startTime ??= startTimeOf(process.pid) ?? '0';
  return { container, pid: process.pid, startTime: self.startTime };
}

/** @returns Undefined: there is no such process. */
export function startTimeOf(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The name in parentheses may hold anything; field 3 follows it.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

/**
 * Takes an address.
 *
 * @param wanted This one; default: the next that is free.
 * @throws {WarrenError} `ERR_ADDRESS_IN_USE`, `ERR_ADDRESS_OUTSIDE`, `ERR_NETWORK_FULL`
 */
export function takeAddress(
  network: NetworkRecord,
  subnet: NetworkSubnet,
  holder: LeaseHolder,
  wanted?: string,
): string {
  const block = parseBlock(subnet.subnet);
  const text = `${holder.container}:${holder.pid}:${holder.startTime}`;
  const directory = leasesDirectory(network.name);
  if (wanted !== undefined) {
    const address = checkAddress(network, subnet, wanted);
    if (makeLink(join(directory, address), text)) return address;
    const holderNow = readLease(directory, address)?.container ?? '';
    throw new WarrenError('ERR_ADDRESS_IN_USE', `Cannot give the address ${address} to the container`, {
      kind: 'conflict',
      why: `it is that of the container ${quote(holderNow.slice(0, 12))}`,
      fix: 'take another address, or none: a free one is chosen',
    });
  }
  const gateway = subnet.gateway === undefined ? undefined : addressNumber(subnet.gateway);
  const { first, last } = rangeOf(subnet, block);
  // The one after the last that was given: the same address comes again as late as possible, and the search is short.
  const hintPath = join(runDirectory(network.name), `next-${block.family}`);
  const hint = parseHint(readIfThere(hintPath));
  const start = hint !== undefined && hint >= first && hint <= last ? hint : first;
  for (const number of around(start, first, last)) {
    if (number === gateway) continue;
    const address = addressText(block.family, number);
    if (!makeLink(join(directory, address), text)) continue;
    writeHint(hintPath, number + 1n);
    return address;
  }
  throw new WarrenError(
    'ERR_NETWORK_FULL',
    `Cannot find a free address in the network ${quote(network.name)}`,
    {
      kind: 'resource-exhausted',
      why: `every address of ${subnet.ipRange ?? subnet.subnet} is in use`,
      fix: 'detach containers (warren gc forgets dead ones), or make a network with a larger subnet',
    },
  );
}

/** No more than this are tried of one subnet: an IPv6 one has more addresses than there is time. */
const MOST_TRIES = 1 << 20;

function* around(start: bigint, first: bigint, last: bigint): Generator<bigint> {
  let tries = 0;
  for (let number = start; number <= last && tries < MOST_TRIES; number++, tries++) yield number;
  for (let number = first; number < start && tries < MOST_TRIES; number++, tries++) yield number;
}

function rangeOf(subnet: NetworkSubnet, block: Block): { first: bigint; last: bigint } {
  const whole = usable(block);
  if (subnet.ipRange === undefined) return whole;
  const range = parseBlock(subnet.ipRange);
  const size = 1n << BigInt((range.family === 'inet' ? 32 : 128) - range.length);
  const last = range.first + size - 1n;
  return {
    first: range.first < whole.first ? whole.first : range.first,
    last: last > whole.last ? whole.last : last,
  };
}

const HINT_DIGITS = 39;

/**
 * In place, always as long: to replace a file by another, as elsewhere, makes ext4 write the new one to the disk there and then.
 * Two who write at the same time leave one of their numbers; whatever it says, an address is taken only if nobody has it.
 */
function writeHint(path: string, next: bigint): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
  try {
    writeSync(fd, `${String(next).padStart(HINT_DIGITS)}\n`, 0);
  } finally {
    closeSync(fd);
  }
}

function parseHint(text: string | undefined): bigint | undefined {
  return text !== undefined && /^ *\d{1,39}\n$/.test(text) ? BigInt(text.trim()) : undefined;
}

/**
 * @returns It, as it is written everywhere.
 * @throws {WarrenError} `ERR_ADDRESS_OUTSIDE`
 */
export function checkAddress(
  network: Pick<NetworkRecord, 'name'>,
  subnet: NetworkSubnet,
  wanted: string,
): string {
  const block = parseBlock(subnet.subnet);
  const number = addressNumber(wanted);
  const address = addressText(familyOfAddress(wanted), number);
  const { first, last } = usable(block);
  const isInside = contains(block, familyOfAddress(wanted), number);
  const outside = !isInside || number < first || number > last;
  const isGateway = subnet.gateway !== undefined && addressNumber(subnet.gateway) === number;
  if (outside || isGateway) {
    throw invalid(
      'ERR_ADDRESS_OUTSIDE',
      `Cannot give the address ${quote(wanted)} to a container`,
      outside
        ? isInside
          ? `it is the first or last of ${subnet.subnet}, which stand for the network ${quote(network.name)} itself and for all in it`
          : `the network ${quote(network.name)} has ${subnet.subnet}`
        : `it is the gateway of the network ${quote(network.name)}`,
    );
  }
  return address;
}

/** Gives it back, if it is still this container's. */
export function dropAddress(network: string, address: string, container: string): void {
  const directory = leasesDirectory(network);
  if (readLease(directory, address)?.container === container) removeFile(join(directory, address));
}

export function leasesOf(network: string): Lease[] {
  const directory = leasesDirectory(network);
  return namesIn(directory).flatMap((address) => readLease(directory, address) ?? []);
}

/** @returns False: somebody has it. */
function makeLink(path: string, text: string): boolean {
  try {
    symlinkSync(text, path);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

function readLease(directory: string, address: string): Lease | undefined {
  let text: string;
  try {
    text = readlinkSync(join(directory, address));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  const [container = '', pid = '0', startTime = '0'] = text.split(':');
  return { address, container, pid: Number(pid), startTime };
}
