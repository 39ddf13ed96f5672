/**
 * The wiring that articles on containers do by hand: a bridge, a veth pair, addresses, a default route, translation to the
 * outside. The same list is shown as the commands that a person would type, and carried out by netlink.
 */
import { closeSync } from 'node:fs';
import { invalid, quote } from '../../errors.js';
import {
  addAddressRequest,
  addLinkRequest,
  addRouteRequest,
  checkInterfaceName,
  link,
  NetlinkError,
  type NetlinkRequest,
  type NetlinkSocket,
  type NetworkNamespace,
  nft,
  openNetlink,
  setLinkRequest,
  openNetworkNamespace,
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
import { ensureForwarding } from '../forwarding.js';

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
  readonly run: (place: WirePlace) => Promise<void>;
}

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
      run: onHost(addLinkRequest({ kind: 'bridge', ifname: bridge }), ['EEXIST']),
    },
    {
      command: `ip addr add ${gateway}/${length} dev ${bridgeWord}`,
      why: 'the host’s own place on it, which is the containers’ gateway',
      run: async (place) => {
        const { ifindex } = await link(place.host, bridge);
        await onHost(addAddressRequest({ ifindex, local: gateway, prefixlen: length }), ['EEXIST'])(place);
      },
    },
    {
      command: `ip link set ${bridgeWord} up`,
      why: 'switch it on',
      run: onHost(setLinkRequest(bridge, { up: true })),
    },
    {
      command: `ip link add ${hostWord} type veth peer name ${deviceWord} netns ${there}`,
      why: 'a cable with two ends: one here, one in the namespace',
      run: async (place) =>
        onHost(
          addLinkRequest({
            kind: 'veth',
            ifname: hostDevice,
            peer: { ifname: device, netns: { fd: place.fd } },
          }),
        )(place),
    },
    {
      command: `ip link set ${hostWord} master ${bridgeWord} up`,
      why: 'plug this end into the bridge',
      run: async (place) => {
        const { ifindex } = await link(place.host, bridge);
        await onHost(setLinkRequest(hostDevice, { master: ifindex, up: true }))(place);
      },
    },
    {
      command: inside('link set lo up'),
      why: 'a new namespace has its loopback down',
      run: inThere(setLinkRequest('lo', { up: true })),
    },
    {
      command: inside(`addr add ${address}/${length} dev ${deviceWord}`),
      why: 'the container’s address',
      run: async (place) => {
        const { ifindex } = await link(place.inside, device);
        await inThere(addAddressRequest({ ifindex, local: address, prefixlen: length }))(place);
      },
    },
    {
      command: inside(`link set ${deviceWord} up`),
      why: 'switch its end on',
      run: inThere(setLinkRequest(device, { up: true })),
    },
    {
      command: inside(`route add default via ${gateway}`),
      why: 'everything else goes to the bridge, and to the host’s routing table',
      run: inThere(addRouteRequest({ dst: 'default', gateway, protocol: 'boot' })),
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
      run: async () => void ensureForwarding(new Set(['inet'])),
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
          if (rules.some((each) => each.comment === comment)) return;
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
        } finally {
          socket.close();
        }
      },
    },
  ];
}

/** Carries out the steps in their order. */
export async function carryOutWire(steps: readonly WireStep[], namespace: NetworkNamespace): Promise<void> {
  const fd = openNetworkNamespace(namespace);
  const sockets: NetlinkSocket[] = [];
  try {
    const host = openNetlink('route');
    sockets.push(host);
    const inside = openNetlink('route', { namespace: { fd } });
    sockets.push(inside);
    for (const { run } of steps) await run({ host, inside, fd });
  } finally {
    for (const socket of sockets) socket.close();
    if (!('fd' in namespace)) closeSync(fd);
  }
}

type Run = WireStep['run'];

function onHost(request: NetlinkRequest, may: readonly string[] = []): Run {
  return async ({ host }) => tolerate(host.request(request), may);
}

function inThere(request: NetlinkRequest): Run {
  return async ({ inside }) => inside.request(request);
}

async function tolerate(done: Promise<void>, may: readonly string[]): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (!(error instanceof NetlinkError && may.includes(error.errno ?? ''))) throw error;
  }
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
