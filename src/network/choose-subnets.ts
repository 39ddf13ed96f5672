/** Which subnets a new network gets: those that were asked for, checked, or free ones. */
import { invalid, quote, WarrenError } from '../errors.js';
import { type NetlinkSocket } from '../netlink/index.js';
import {
  addressNumber,
  addressText,
  type Block,
  contains,
  familyOfAddress,
  formatBlock,
  isWithin,
  overlap,
  parseBlock,
  usable,
} from './address.js';
import type { CreateNetworkOptions } from './create.js';
import { deviceIndex } from './device.js';
import {
  chooseSubnet,
  chooseSubnet6,
  findOverlap,
  noSubnet,
  occupiedByHost,
  type Occupied,
} from './free-subnet.js';
import type { NetworkDriver, NetworkRecord, NetworkSubnet } from './record.js';
import type { NetworkSettings } from './settings.js';

/** @throws {WarrenError} `ERR_NETWORK_SUBNET`, `ERR_NETWORK_OVERLAP`, `ERR_NETWORK_NO_SUBNET` */
export async function chooseSubnets(
  socket: NetlinkSocket,
  driver: NetworkDriver,
  id: string,
  given: readonly Block[],
  options: CreateNetworkOptions,
  others: readonly NetworkRecord[],
  settings: NetworkSettings,
): Promise<NetworkSubnet[]> {
  for (const family of ['inet', 'inet6'] as const) {
    if (given.filter((each) => each.family === family).length > 1)
      throw badSubnet('one of each family is what a network can have', given.map(formatBlock).join(', '));
  }
  const [one, other] = given;
  if (one && other && overlap(one, other)) throw badSubnet('they overlap', given.map(formatBlock).join(', '));
  // A macvlan's addresses are those of the network that its parent is in.
  const parent =
    driver === 'macvlan' && settings.device !== undefined
      ? await deviceIndex(socket, settings.device)
      : undefined;
  const occupied: Occupied[] = [
    ...others.flatMap(({ name, subnets }) =>
      subnets.map(({ subnet }) => ({
        block: parseBlock(subnet),
        what: `the network ${quote(name)}, which has ${subnet}`,
      })),
    ),
    ...(await occupiedByHost(socket, parent === undefined ? {} : { except: [parent] })),
  ];
  for (const block of given) {
    const found = findOverlap(block, occupied);
    if (found) throw overlaps(block, found);
  }
  const chosen = [...given];
  if (!chosen.some(({ family }) => family === 'inet') && given.length === 0) {
    if (driver === 'macvlan')
      throw badSubnet('a macvlan network is part of one that exists, and needs its subnet', '--subnet');
    const block = chooseSubnet(occupied);
    if (!block) throw noSubnet('inet');
    chosen.unshift(block);
  }
  if (options.ipv6 === true && !chosen.some(({ family }) => family === 'inet6')) {
    const block = chooseSubnet6(id, occupied);
    if (!block) throw noSubnet('inet6');
    chosen.push(block);
  }
  return describeSubnets(chosen, options, driver);
}

function describeSubnets(
  blocks: readonly Block[],
  { gateways = [], ipRanges = [] }: CreateNetworkOptions,
  driver: NetworkDriver,
): NetworkSubnet[] {
  const gatewaysLeft = new Set(gateways);
  const rangesLeft = new Set(ipRanges);
  const subnets = blocks.map((block): NetworkSubnet => {
    const { first, last } = usable(block);
    const own = gateways.filter((text) => contains(block, familyOfAddress(text), addressNumber(text)));
    const ranges = ipRanges.filter((text) => isWithin(parseBlock(text, { strict: true }), block));
    for (const text of own) gatewaysLeft.delete(text);
    for (const text of ranges) rangesLeft.delete(text);
    if (own.length > 1 || ranges.length > 1)
      throw badSubnet('it has more than one gateway or range', formatBlock(block));
    const number = own[0] === undefined ? first : addressNumber(own[0]);
    if (number < first || number > last)
      throw badSubnet(
        `its gateway ${own[0]} is the address of the network, or of broadcast`,
        formatBlock(block),
      );
    const hasGateway = driver !== 'macvlan' || own.length > 0;
    return {
      subnet: formatBlock(block),
      ...(hasGateway ? { gateway: addressText(block.family, number) } : {}),
      ...(ranges[0] === undefined ? {} : { ipRange: formatBlock(parseBlock(ranges[0])) }),
    };
  });
  for (const text of gatewaysLeft) throw badSubnet('no subnet of the network contains it', text);
  for (const text of rangesLeft) throw badSubnet('no subnet of the network contains it', text);
  return subnets;
}

function badSubnet(why: string, text: string): WarrenError {
  return invalid('ERR_NETWORK_SUBNET', `Cannot use ${quote(text)} for a network`, why);
}

function overlaps(block: Block, { what }: Occupied): WarrenError {
  return new WarrenError('ERR_NETWORK_OVERLAP', `Cannot use the subnet ${formatBlock(block)}`, {
    kind: 'conflict',
    why: `it overlaps ${what}`,
    fix: 'take another with --subnet, or none: a free one is chosen',
  });
}
