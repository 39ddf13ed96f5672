/** Our table on the kernel: made when it is needed, restored when somebody has flushed it. */
import { WarrenError } from '../errors.js';
import {
  codec,
  nft,
  NetlinkError,
  type NetlinkSocket,
  netlinkRequest,
  openNetlink,
  type NetlinkRequest,
} from '../netlink/index.js';
import { chainForm, elementsForm, NFT_MSG, nftFamilies } from '../netlink/nftables/forms.js';
import { type Endpoint, endpointsOf } from './endpoint.js';
import { portElements, type PortElement, selfElements } from './port-elements.js';
import { allRecords, type NetworkRecord } from './record.js';
import { ruleCounts, shapes, type SetKind, table, tableRequests } from './table-shape.js';

/** Opens the packet filter of the caller's namespace. @throws {WarrenError} `ERR_NO_NFTABLES` */
export function openTables(): NetlinkSocket {
  try {
    return openNetlink('netfilter');
  } catch (cause) {
    throw withoutNftables(cause);
  }
}

/** Whether a network of this kind has elements in the table. macvlan's packets do not pass through the host. */
function isFiltered({ driver }: NetworkRecord): boolean {
  return driver !== 'macvlan';
}

/** The elements by which the rules know a network. */
export function networkElements(record: NetworkRecord): PortElement[] {
  if (!isFiltered(record)) return [];
  const { group, internal, icc, masquerade } = record;
  const comment = record.name;
  const one = (set: SetKind): PortElement => ({ set, element: { key: [group], comment } });
  const twice = (set: SetKind): PortElement => ({ set, element: { key: [group, group], comment } });
  return [
    one('networks'),
    twice('hairpin'),
    ...(internal ? [one('internal')] : []),
    ...(masquerade && !internal ? [one('outbound')] : []),
    ...(icc ? [twice('inside')] : []),
  ];
}

/**
 * Makes sure that the table stands, and knows this network. Two or three short questions when it does.
 *
 * @returns True: it had to be made, or restored.
 * @throws {WarrenError} `ERR_NO_NFTABLES`
 */
export async function ensureTable(
  socket: NetlinkSocket,
  networks: readonly NetworkRecord[] = [],
): Promise<boolean> {
  if (await isWhole(socket, networks)) return false;
  await restoreTable(socket);
  return true;
}

/** Every chain with all its rules, and the networks' elements. */
async function isWhole(socket: NetlinkSocket, networks: readonly NetworkRecord[]): Promise<boolean> {
  const filtered = networks.filter(isFiltered);
  const names = Object.keys(ruleCounts);
  const results = await socket.batch([
    ...names.map(getChain),
    ...filtered.map(({ group }) => getElement(shapes.networks, { key: [group] })),
  ]);
  return results.every(({ error, replies }, index) => {
    if (error) {
      if (error instanceof NetlinkError && error.errno === 'ENOENT') return false;
      throw withoutNftables(error);
    }
    const name = names[index];
    const [reply] = replies;
    if (name === undefined) return true;
    return reply !== undefined && codec.readBody(chainForm, reply).attributes.use === ruleCounts[name];
  });
}

function getChain(name: string): NetlinkRequest {
  return netlinkRequest(chainForm, {
    what: `find the chain ${name}`,
    type: NFT_MSG.GETCHAIN,
    header: { family: nftFamilies.inet },
    attributes: { table: table.table, name },
  });
}

/** ENOENT where it is not in the set. */
export function getElement(shape: nft.SetShape, element: nft.NewElement): NetlinkRequest {
  return {
    ...nft.deleteElements(shape, [element]),
    what: `find an element of the set ${shape.set}`,
    type: NFT_MSG.GETSETELEM,
  };
}

const TRIES = 50;

/**
 * Makes the table anew, with the elements of every network and container that are kept: in one transaction, so that no packet
 * meets half of it.
 */
export async function restoreTable(socket: NetlinkSocket): Promise<void> {
  for (let tries = 1; ; tries++) {
    const generation = await nft.generation(socket).catch((error: unknown) => {
      throw withoutNftables(error);
    });
    const networks = allRecords();
    const elements = networks.flatMap((record) => [
      ...networkElements(record),
      ...endpointsOf(record.name).flatMap(endpointElements),
    ]);
    const requests = [
      // Making it first lets the deletion succeed where there was none.
      nft.addTable(table),
      nft.deleteTable(table),
      ...tableRequests(),
      ...addRequests(elements),
    ];
    try {
      await nft.commit(socket, requests, { generation });
      return;
    } catch (error) {
      // Somebody changed something in between, perhaps what was read here.
      if (error instanceof NetlinkError && error.errno === 'ERESTART' && tries < TRIES) continue;
      throw withoutNftables(error);
    }
  }
}

export async function deleteTable(socket: NetlinkSocket): Promise<void> {
  await nft.commit(socket, [nft.addTable(table), nft.deleteTable(table)]);
}

/** What a container's published ports are in the table. */
export function endpointElements(endpoint: Endpoint): PortElement[] {
  return [...selfElements(endpoint), ...endpoint.ports.flatMap((port) => portElements(endpoint, port))];
}

/** One request a set. */
export function addRequests(
  elements: readonly PortElement[],
  options: { readonly exclusive?: boolean } = {},
): NetlinkRequest[] {
  return bySet(elements).map(([set, some]) => nft.addElements(shapes[set], some, options));
}

export function deleteRequests(elements: readonly PortElement[]): NetlinkRequest[] {
  return bySet(elements).map(([set, some]) => nft.deleteElements(shapes[set], some));
}

/** As many as fit into a netlink attribute of 64 KiB. */
const MOST_ELEMENTS = 250;

function bySet(elements: readonly PortElement[]): [SetKind, nft.NewElement[]][] {
  const sets = new Map<SetKind, nft.NewElement[][]>();
  for (const { set, element } of elements) {
    const parts = sets.get(set) ?? [[]];
    if ((parts.at(-1)?.length ?? 0) >= MOST_ELEMENTS) parts.push([]);
    parts.at(-1)?.push(element);
    sets.set(set, parts);
  }
  return [...sets].flatMap(([set, parts]) => parts.map((part): [SetKind, nft.NewElement[]] => [set, part]));
}

/** Deletes what is there of these elements: one transaction each, since what is missing makes a whole one fail. */
export async function deleteWhatIsThere(
  socket: NetlinkSocket,
  elements: readonly PortElement[],
): Promise<void> {
  if (elements.length === 0) return;
  try {
    await nft.commit(socket, deleteRequests(elements));
    return;
  } catch (error) {
    if (!(error instanceof NetlinkError && error.errno === 'ENOENT')) throw error;
  }
  for (const element of elements) {
    await nft.commit(socket, deleteRequests([element])).catch((error: unknown) => {
      if (!(error instanceof NetlinkError && error.errno === 'ENOENT')) throw error;
    });
  }
}

/** One element, by the bytes of its key. */
export async function deleteRaw(socket: NetlinkSocket, set: SetKind, key: Buffer): Promise<void> {
  const request = netlinkRequest(elementsForm, {
    what: `delete an element of the set ${set}`,
    type: NFT_MSG.DELSETELEM,
    header: { family: nftFamilies.inet },
    attributes: { table: table.table, set, elements: [{ key: { value: key } }] },
  });
  await nft.commit(socket, [request]).catch((error: unknown) => {
    if (!(error instanceof NetlinkError && error.errno === 'ENOENT')) throw error;
  });
}

function withoutNftables(error: unknown): unknown {
  const { errno } = error as { errno?: string };
  if (errno !== 'EPROTONOSUPPORT' && errno !== 'EOPNOTSUPP' && errno !== 'EINVAL') return error;
  return new WarrenError('ERR_NO_NFTABLES', 'Cannot set up the rules for networks', {
    kind: 'unsupported',
    why: `the kernel answered ${errno} to nf_tables`,
    fix: 'load the modules nf_tables, nft_chain_nat, nft_masq and nft_fib_inet, or use --network none, host or a macvlan network',
    errno,
    cause: error,
  });
}
