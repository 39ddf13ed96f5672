/**
 * The wiring that articles on containers do by hand: a bridge, a veth pair, addresses, a default route, translation to the
 * outside. The same list is shown as the commands that a person would type, and carried out by netlink.
 */
import { closeSync } from 'node:fs';
import { invalid, quote, WarrenError } from '../../errors.js';
import {
  addAddress,
  addLink,
  addRoute,
  addresses,
  checkInterfaceName,
  deleteAddress,
  deleteLink,
  link,
  type Link,
  links,
  NetlinkError,
  type NetlinkSocket,
  type NetworkNamespace,
  nft,
  openNetlink,
  openNetworkNamespace,
  routes,
  setLink,
} from '../../netlink/index.js';
import {
  addressNumber,
  addressText,
  contains,
  familyOfAddress,
  formatBlock,
  parseBlock,
  usable,
} from '../address.js';
import { ensureForwarding, setHostSysctl } from '../forwarding.js';

export interface WireOptions {
  /** How `ip -n` or `nsenter` would name the namespace, for the commands shown. */
  readonly shownAs: { readonly name: string } | { readonly path: string };
  /** Default wire0. It may be there already. */
  readonly bridge?: string;
  /** The bridge's address with its length. Default 10.200.1.1/24. */
  readonly gateway?: string;
  /** The container's; default: the next after the gateway's that is not taken. */
  readonly address?: string;
  /** Addresses that others have. */
  readonly taken?: ReadonlySet<string>;
  /** The name of the end inside. Default eth0. */
  readonly device?: string;
  /** Default: made from the namespace's number. */
  readonly hostDevice: string;
  /** Translate to the host's address on the way out, and forward. Default true. */
  readonly nat?: boolean;
}

export interface WireStep {
  /** As a person would type it. */
  readonly command: string;
  /** What it is for. */
  readonly why: string;
  /** @returns How to take it back, where something was made. */
  readonly run: (place: WirePlace) => Promise<Undo | undefined>;
}

type Undo = () => Promise<void>;

interface WirePlace {
  readonly host: NetlinkSocket;
  readonly inside: NetlinkSocket;
  readonly fd: number;
}

/** Pure: nothing is looked at. @throws {WarrenError} `ERR_IP_PREFIX`, `ERR_WIRE`, `ERR_INTERFACE_NAME` */
export function planWire(options: WireOptions): WireStep[] {
  const { bridge = 'wire0', device = 'eth0', hostDevice, shownAs, nat = true } = options;
  for (const name of [bridge, device, hostDevice]) checkInterfaceName(name);
  const { gateway, address, length, subnet } = readAddresses(options);
  const there = shellWord('name' in shownAs ? shownAs.name : shownAs.path);
  const inside = (args: string): string =>
    'name' in shownAs ? `ip -n ${there} ${args}` : `nsenter --net=${there} ip ${args}`;
  const [bridgeWord, hostWord, deviceWord] = [bridge, hostDevice, device].map(shellWord) as [
    string,
    string,
    string,
  ];
  const steps: WireStep[] = [
    {
      command: `ip link add ${bridgeWord} type bridge`,
      why: 'a switch, that all containers are plugged into',
      run: async (place) => makeBridge(place, bridge),
    },
    {
      command: `ip addr add ${gateway}/${length} dev ${bridgeWord}`,
      why: 'the host’s own place on it, which is the containers’ gateway',
      run: async (place) => {
        const { ifindex } = await link(place.host, bridge);
        const address = { ifindex, local: gateway, prefixlen: length };
        const isNew = await unlessThere(addAddress(place.host, address));
        return isNew ? async () => deleteAddress(place.host, address) : undefined;
      },
    },
    {
      command: `ip link set ${bridgeWord} up`,
      why: 'switch it on',
      run: async (place) => bringUp(place.host, bridge),
    },
    {
      command: `ip link add ${hostWord} type veth peer name ${deviceWord} netns ${there}`,
      why: 'a cable with two ends: one here, one in the namespace',
      run: async (place) => makePair(place, hostDevice, device),
    },
    {
      command: `ip link set ${hostWord} master ${bridgeWord} up`,
      why: 'plug this end into the bridge',
      run: async (place) => {
        const { ifindex } = await link(place.host, bridge);
        await setLink(place.host, hostDevice, { master: ifindex, up: true });
        return undefined;
      },
    },
    {
      command: inside('link set lo up'),
      why: 'a new namespace has its loopback down',
      run: async (place) => bringUp(place.inside, 'lo'),
    },
    {
      command: inside(`addr add ${address}/${length} dev ${deviceWord}`),
      why: 'the container’s address',
      run: async (place) => {
        const { ifindex } = await link(place.inside, device);
        await addAddress(place.inside, { ifindex, local: address, prefixlen: length });
        return undefined;
      },
    },
    {
      command: inside(`link set ${deviceWord} up`),
      why: 'switch its end on',
      run: async ({ inside: there }) => {
        await setLink(there, device, { up: true });
        return undefined;
      },
    },
    {
      command: inside(`route add default via ${gateway}`),
      why: 'everything else goes to the bridge, and to the host’s routing table',
      run: async (place) => addDefaultRoute(place, gateway),
    },
  ];
  return nat ? [...steps, ...natSteps(bridge, subnet)] : steps;
}

function natSteps(bridge: string, subnet: string): WireStep[] {
  const name = { family: 'ip', table: 'warren_wire' } as const;
  const comment = `${bridge} ${subnet}`;
  // A string of nft(8) ends at its quote, and one that ends in * is the beginning of a name.
  if (/["*\\]/.test(bridge))
    throw invalid(
      'ERR_WIRE',
      `Cannot translate what comes from a bridge of the name ${quote(bridge)}`,
      'nft(8) cannot write it',
      'take another --bridge, or --no-nat',
    );
  const rule = `ip saddr ${subnet} oifname != "${bridge}" masquerade comment "${comment}"`;
  const ruleset = `table ip warren_wire { chain postrouting { type nat hook postrouting priority srcnat; ${rule}; }; }`;
  return [
    {
      command: 'sysctl -w net.ipv4.ip_forward=1',
      why: 'the host passes on packets that are not for itself',
      run: async () => {
        const [change] = ensureForwarding(new Set(['inet']));
        return change && (async () => void setHostSysctl('net/ipv4/ip_forward', change.from));
      },
    },
    {
      command: `nft ${shellWord(ruleset)}`,
      why: 'what leaves has the host’s address, so that answers find back',
      run: async () => {
        const socket = openNetlink('netfilter');
        try {
          const rules = await nft.rules(socket, name).catch((error: unknown) => {
            if (error instanceof NetlinkError && error.errno === 'ENOENT') return [];
            throw error;
          });
          if (rules.some((each) => each.comment === comment)) return undefined;
          await nft.commit(socket, [
            nft.addTable(name),
            nft.addChain({
              ...name,
              chain: 'postrouting',
              hook: 'postrouting',
              type: 'nat',
              priority: nft.priorities.srcnat,
            }),
            nft.addRule({
              ...name,
              chain: 'postrouting',
              comment,
              expressions: [
                ...nft.matchPrefix('ip', 'ip saddr', subnet),
                ...nft.match('meta oifname', bridge, '!='),
                nft.masquerade(),
              ],
            }),
          ]);
          return undefined;
        } finally {
          socket.close();
        }
      },
    },
  ];
}

/**
 * Carries out the steps in their order, all or none: those before one that fails, or before the signal, are taken back.
 *
 * @throws {WarrenError} `ERR_WIRE` where something that is there already is in the way, `ERR_CANCELLED`, `ERR_NETLINK`,
 *   `ERR_HOST_SYSCTL`; `AggregateError` with what could not be taken back.
 */
export async function carryOutWire(
  steps: readonly WireStep[],
  namespace: NetworkNamespace,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const fd = openNetworkNamespace(namespace);
  const sockets: NetlinkSocket[] = [];
  const undos: Undo[] = [];
  try {
    const host = openNetlink('route');
    sockets.push(host);
    const inside = openNetlink('route', { namespace: { fd } });
    sockets.push(inside);
    for (const { run } of steps) {
      if (signal?.aborted === true) throw cancelled();
      const undo = await run({ host, inside, fd });
      if (undo) undos.push(undo);
    }
  } catch (error) {
    const left: unknown[] = [];
    for (const undo of undos.reverse()) await undo().catch((each: unknown) => left.push(each));
    if (left.length > 0) throw new AggregateError([error, ...left], (error as Error).message);
    throw error;
  } finally {
    for (const socket of sockets) socket.close();
    if (!('fd' in namespace)) closeSync(fd);
  }
}

async function makeBridge({ host }: WirePlace, name: string): Promise<Undo | undefined> {
  if (await unlessThere(addLink(host, { kind: 'bridge', ifname: name })))
    return async () => deleteLink(host, name);
  const { linkinfo } = await link(host, name);
  if (linkinfo?.info_kind === 'bridge') return undefined;
  throw inTheWay(
    `Cannot use ${quote(name)} as the bridge`,
    `there is a device of that name${linkinfo?.info_kind === undefined ? '' : ` (${linkinfo.info_kind})`}, which is no bridge`,
    'take another --bridge, with a --gateway of its own',
  );
}

async function bringUp(socket: NetlinkSocket, name: string): Promise<Undo | undefined> {
  const { flags, ifindex } = await link(socket, name);
  if (flags.includes('UP')) return undefined;
  const before = (await addresses(socket, { ifindex, family: 'inet' })).map(({ local }) => local);
  await setLink(socket, name, { up: true });
  return async () => {
    await setLink(socket, name, { up: false });
    // The kernel gives a loopback 127.0.0.1 when it comes up, and leaves it there.
    for (const { local = '', prefixlen } of await addresses(socket, { ifindex, family: 'inet' }))
      if (!before.includes(local)) await deleteAddress(socket, { ifindex, local, prefixlen });
  };
}

/** The kernel says EEXIST of either end. */
async function makePair({ host, inside, fd }: WirePlace, outer: string, inner: string): Promise<Undo> {
  const isNew = await unlessThere(
    addLink(host, { kind: 'veth', ifname: outer, peer: { ifname: inner, netns: { fd } } }),
  );
  if (isNew) return async () => deleteLink(host, outer);
  const there = await find(inside, inner);
  if (there) {
    const own = (await addresses(inside, { ifindex: there.ifindex, family: 'inet' })).map(
      ({ local, prefixlen }) => `${local}/${prefixlen}`,
    );
    throw inTheWay(
      `Cannot make the device ${quote(inner)} in the namespace`,
      `it has one of that name already, with ${own.join(', ') || 'no IPv4 address'}: it may be wired already`,
      'take another --device and --host-device, or delete that one first',
    );
  }
  throw inTheWay(
    `Cannot make the device ${quote(outer)}`,
    'there is one of that name here already',
    'take another --host-device, or delete that one first: warren veth shows where it leads',
  );
}

async function addDefaultRoute({ inside }: WirePlace, gateway: string): Promise<undefined> {
  if (await unlessThere(addRoute(inside, { dst: 'default', gateway, protocol: 'boot' }))) return;
  const there = (await routes(inside, { table: 'main', family: 'inet' })).find(
    ({ dst }) => dst === 'default',
  );
  throw inTheWay(
    'Cannot make the gateway the default route of the namespace',
    `it has one already${there?.gateway === undefined ? '' : `, through ${there.gateway}`}`,
    'delete that one first, and wire again',
  );
}

async function find(socket: NetlinkSocket, name: string): Promise<Link | undefined> {
  return (await links(socket)).find(({ ifname }) => ifname === name);
}

/** @returns False: it is there already. */
async function unlessThere(made: Promise<unknown>): Promise<boolean> {
  try {
    await made;
    return true;
  } catch (error) {
    if (error instanceof NetlinkError && error.errno === 'EEXIST') return false;
    throw error;
  }
}

function inTheWay(what: string, why: string, fix: string): WarrenError {
  return new WarrenError('ERR_WIRE', what, { kind: 'already-exists', why, fix });
}

function cancelled(): WarrenError {
  return new WarrenError('ERR_CANCELLED', 'Cannot wire the namespace', {
    kind: 'cancelled',
    why: 'it was interrupted; what was made is taken back',
  });
}

function readAddresses({ gateway: given = '10.200.1.1/24', address: wanted, taken }: WireOptions) {
  const block = parseBlock(given);
  const gateway = given.split('/')[0] ?? '';
  const { first, last } = usable(block);
  const number = addressNumber(gateway);
  if (block.family !== 'inet' || number < first || number > last)
    throw invalid(
      'ERR_WIRE',
      `Cannot wire with the gateway ${given}`,
      'it is no IPv4 address of a device with its length',
      'write 10.200.1.1/24',
    );
  const address = wanted?.split('/')[0] ?? nextAddress({ first, last, gateway: number, taken });
  const isInside = familyOfAddress(address) === 'inet' && contains(block, 'inet', addressNumber(address));
  if (!isInside || addressNumber(address) === number)
    throw invalid(
      'ERR_WIRE',
      `Cannot wire with the address ${address}`,
      `it is not in ${formatBlock(block)}, or the gateway’s`,
    );
  return { gateway, address, length: block.length, subnet: formatBlock(block) };
}

function nextAddress(range: {
  readonly first: bigint;
  readonly last: bigint;
  readonly gateway: bigint;
  readonly taken: ReadonlySet<string> | undefined;
}): string {
  const { first, last, gateway, taken } = range;
  for (let next = gateway + 1n; ; next++) {
    if (next > last) next = first;
    if (next === gateway) break;
    const address = addressText('inet', next);
    if (taken?.has(address) !== true) return address;
  }
  throw invalid(
    'ERR_WIRE',
    'Cannot find an address for the namespace',
    `others have all from ${addressText('inet', first)} to ${addressText('inet', last)}`,
    'take another --gateway, with a --bridge of its own',
  );
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
