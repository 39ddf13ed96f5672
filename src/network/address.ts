/** Arithmetic on IP addresses: numbers and text, prefixes and what is in them. Pure. */
import { invalid, quote } from '../errors.js';
import { codec, parsePrefix, type IpFamily } from '../netlink/index.js';

/** All addresses whose first `length` bits are those of `first`. */
export interface Block {
  readonly family: IpFamily;
  /** The lowest address, as a number. */
  readonly first: bigint;
  readonly length: number;
}

export function bitsOf(family: IpFamily): 32 | 128 {
  return family === 'inet' ? 32 : 128;
}

export function familyOfAddress(address: string): IpFamily {
  return address.includes(':') ? 'inet6' : 'inet';
}

/** @throws {WarrenError} `ERR_IP_ADDRESS` */
export function addressNumber(text: string): bigint {
  const bytes = codec.parseIp(text);
  if (!bytes) throw invalid('ERR_IP_ADDRESS', `Cannot use ${quote(text)} as an IP address`, 'it is none');
  return BigInt(`0x${bytes.toString('hex')}`);
}

export function addressText(family: IpFamily, number: bigint): string {
  const digits = number.toString(16).padStart(bitsOf(family) / 4, '0');
  return codec.formatIp(Buffer.from(digits, 'hex'));
}

export { canonicalAddress } from '../kernel/ip-address.js';

/**
 * Reads `10.1.0.0/16`. An address alone is a block of one.
 *
 * @param options `strict`: bits set beyond the length are an error, for `10.1.2.3/16` is likely a slip.
 * @throws {WarrenError} `ERR_IP_PREFIX`
 */
export function parseBlock(text: string, options: { readonly strict?: boolean } = {}): Block {
  const { family, address, length } = parsePrefix(text);
  const number = addressNumber(address);
  const rest = BigInt(bitsOf(family) - length);
  const first = (number >> rest) << rest;
  if (options.strict === true && first !== number) {
    throw invalid(
      'ERR_IP_PREFIX',
      `Cannot use ${quote(text)} as a subnet`,
      `it has bits set beyond the first ${length}`,
      `likely meant: ${formatBlock({ family, first, length })}`,
    );
  }
  return { family, first, length };
}

export function formatBlock({ family, first, length }: Block): string {
  return `${addressText(family, first)}/${length}`;
}

export function sizeOf({ family, length }: Block): bigint {
  return 1n << BigInt(bitsOf(family) - length);
}

export function lastOf(block: Block): bigint {
  return block.first + sizeOf(block) - 1n;
}

export function contains(block: Block, family: IpFamily, number: bigint): boolean {
  return block.family === family && number >= block.first && number <= lastOf(block);
}

export function isWithin(inner: Block, outer: Block): boolean {
  return inner.length >= outer.length && contains(outer, inner.family, inner.first);
}

export function overlap(a: Block, b: Block): boolean {
  return isWithin(a, b) || isWithin(b, a);
}

/**
 * The addresses of a block that devices may have: of IPv4 without the network's own and the broadcast address (RFC 3021
 * lets /31 do without them), of IPv6 without the routers' anycast address (RFC 4291).
 */
export function usable(block: Block): { readonly first: bigint; readonly last: bigint } {
  const last = lastOf(block);
  if (bitsOf(block.family) - block.length < 2) return { first: block.first, last };
  return block.family === 'inet'
    ? { first: block.first + 1n, last: last - 1n }
    : { first: block.first + 1n, last };
}
