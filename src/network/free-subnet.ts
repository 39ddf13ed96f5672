/** Default subnets: those that nothing on this host knows of. */
import { WarrenError } from '../errors.js';
import { addresses, type NetlinkSocket, routes, rules, type IpFamily } from '../netlink/index.js';
import { type Block, bitsOf, formatBlock, overlap, parseBlock, sizeOf } from './address.js';

/** A range of addresses that something uses. */
export interface Occupied {
  readonly block: Block;
  /** For messages: `the route 10.0.0.0/8`. */
  readonly what: string;
}

interface Pool {
  readonly base: Block;
  /** Length of the subnets that are cut from it. */
  readonly length: number;
}

/** docker's, in its order. */
const pools: readonly Pool[] = [
  ...Array.from({ length: 15 }, (_, index) => ({ base: parseBlock(`172.${17 + index}.0.0/16`), length: 16 })),
  { base: parseBlock('192.168.0.0/16'), length: 20 },
];

/** The first default subnet that overlaps nothing; undefined when all are in use. */
export function chooseSubnet(occupied: readonly Occupied[]): Block | undefined {
  for (const { base, length } of pools) {
    const size = 1n << BigInt(32 - length);
    for (let first = base.first; first < base.first + sizeOf(base); first += size) {
      const block: Block = { family: 'inet', first, length };
      if (!occupied.some((each) => overlap(each.block, block))) return block;
    }
  }
  return undefined;
}

/**
 * A unique local subnet (RFC 4193) of a network: its 40 random bits are those of the network's id.
 *
 * @param id At least 26 hexadecimal digits.
 */
export function chooseSubnet6(id: string, occupied: readonly Occupied[]): Block | undefined {
  for (let at = 0; at + 10 <= id.length; at++) {
    const first = BigInt(`0xfd${id.slice(at, at + 10)}0000`) << 64n;
    const block: Block = { family: 'inet6', first, length: 64 };
    if (!occupied.some((each) => overlap(each.block, block))) return block;
  }
  return undefined;
}

/** What overlaps a subnet. */
export function findOverlap(block: Block, occupied: readonly Occupied[]): Occupied | undefined {
  return occupied.find((each) => overlap(each.block, block));
}

/**
 * Every range that a route, an address or a rule of the socket's namespace names. Default routes name none, nor do link-local
 * and multicast ones.
 *
 * @param options `except`: devices (by index) of which routes and addresses do not count.
 */
export async function occupiedByHost(
  socket: NetlinkSocket,
  options: { readonly except?: readonly number[] } = {},
): Promise<Occupied[]> {
  const found: Occupied[] = [];
  const add = (text: string, what: string): void => {
    const block = parseBlock(text);
    if (block.length > 0 && !isEverywhere(block)) found.push({ block, what: `${what} ${text}` });
  };
  const except = new Set(options.except ?? []);
  const counts = (index: number | undefined): boolean => index === undefined || !except.has(index);
  for (const { local, prefixlen, ifindex } of await addresses(socket))
    if (counts(ifindex)) add(`${local}/${prefixlen}`, 'the address');
  for (const { dst, oif } of await routes(socket))
    if (dst !== 'default' && counts(oif)) add(dst, 'the route to');
  for (const { src, dst } of await rules(socket)) {
    for (const text of [src, dst]) if (text !== undefined && text !== 'all') add(text, 'the policy rule of');
  }
  return found;
}

/** Loopback, link-local, multicast: on every host, and in no pool. */
const everywhere = ['127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', 'fe80::/10', 'ff00::/8', '::1/128'].map(
  (text) => parseBlock(text),
);

function isEverywhere(block: Block): boolean {
  return everywhere.some((each) => overlap(each, block));
}

/** A subnet that containers can be in. @throws {WarrenError} `ERR_NETWORK_SUBNET` */
export function checkUsable(block: Block): void {
  const smallest = bitsOf(block.family) - 1;
  if (block.length === 0 || block.length > smallest || isEverywhere(block)) {
    throw new WarrenError('ERR_NETWORK_SUBNET', `Cannot use the subnet ${formatBlock(block)}`, {
      kind: 'invalid-argument',
      why:
        block.length > smallest || block.length === 0
          ? `its length is not between 1 and ${smallest}`
          : 'it is a loopback, link-local or multicast range',
      fix: 'take one of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or fd00::/8',
    });
  }
}

export function noSubnet(family: IpFamily): WarrenError {
  return new WarrenError('ERR_NETWORK_NO_SUBNET', 'Cannot choose a subnet', {
    kind: 'resource-exhausted',
    why:
      family === 'inet'
        ? 'every part of 172.17–31.0.0/16 and 192.168.0.0/16 overlaps a route, an address, a rule or a network of this host'
        : 'every unique local subnet that was tried overlaps something of this host',
    fix: 'name one with --subnet, or remove networks: warren network prune',
  });
}
