/** Neighbours (ARP, NDP), and the forwarding tables of bridges and vxlans. See ip-neighbour(8), bridge(8). */
import {
  be16,
  bits,
  type Body,
  type Decoded,
  enumeration,
  ip,
  lladdr,
  messageForm,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  pad,
  s32,
  struct,
  u16,
  u32,
  u8,
  binary,
} from '../codec/index.js';
import {
  netlinkRequest,
  type NetlinkRequest,
  type NetlinkSocket,
  type RequestOptions,
} from '../socket/index.js';
import {
  AF_BRIDGE,
  families,
  familyName,
  familyOf,
  type IpFamily,
  routeProtocols,
  RTM,
} from './constants.js';

export const neighbourStates = {
  INCOMPLETE: 0x1,
  REACHABLE: 0x2,
  STALE: 0x4,
  DELAY: 0x8,
  PROBE: 0x10,
  FAILED: 0x20,
  NOARP: 0x40,
  PERMANENT: 0x80,
} as const;

export const neighbourFlags = {
  use: 0x1,
  self: 0x2,
  master: 0x4,
  proxy: 0x8,
  extern_learn: 0x10,
  offload: 0x20,
  sticky: 0x40,
  router: 0x80,
} as const;

const header = struct({
  family: u8,
  _: pad(3),
  ifindex: s32,
  state: bits(u16, neighbourStates),
  flags: bits(u8, neighbourFlags),
  type: u8,
});

const fields = {
  lladdr: [2, lladdr],
  /** Ages in hundredths of a second. */
  cacheinfo: [3, struct({ confirmed: u32, used: u32, updated: u32, refcnt: u32 })],
  probes: [4, u32],
  vlan: [5, u16],
  port: [6, be16],
  vni: [7, u32],
  viaIf: [8, u32],
  master: [9, u32],
  link_netnsid: [10, s32],
  src_vni: [11, u32],
  protocol: [12, enumeration(u8, routeProtocols)],
  nhid: [13, u32],
  fdb_ext: [14, binary],
  flags_ext: [15, u32],
} as const;

export const neighbourForm = messageForm('neighbour', header, { dst: [1, ip], ...fields });
type NeighbourBody = Body<Decoded<typeof header>, typeof neighbourForm.attributes.fields>;

/** A neighbour, named as in `ip -json neighbour`. */
export interface Neighbour {
  readonly family: IpFamily | `family ${number}`;
  readonly ifindex: number;
  readonly dst: string;
  readonly lladdr?: string;
  readonly state: readonly string[];
  readonly flags: readonly string[];
  readonly protocol?: string | number;
}

/** An entry of a forwarding table, named as in `bridge -json fdb`. */
export interface FdbEntry {
  readonly mac: string;
  /** The port, or the device itself. */
  readonly ifindex: number;
  /** The bridge's index: the entry is the bridge's. Without it, it is the device's own (`self`). */
  readonly master?: number;
  readonly dst?: string;
  readonly vlan?: number;
  readonly vni?: number;
  /** `permanent`, `static` (not learnt), `stale`, or empty for learnt. */
  readonly state: string;
  readonly flags: readonly string[];
}

export interface NewNeighbour {
  readonly ifindex: number;
  readonly dst: string;
  readonly lladdr?: string | undefined;
  /** Default PERMANENT. */
  readonly state?: keyof typeof neighbourStates | undefined;
  /** Answer for this address ourselves. */
  readonly proxy?: boolean | undefined;
}

export interface NewFdbEntry {
  readonly mac: string;
  readonly ifindex: number;
  /** Whose table: the bridge's that the port belongs to (default), or the device's own. */
  readonly table?: 'master' | 'self' | undefined;
  /** Of a vxlan: the remote end. */
  readonly dst?: string | undefined;
  readonly vlan?: number | undefined;
  /** Default permanent. */
  readonly state?: 'permanent' | 'static' | undefined;
}

export function addNeighbourRequest(
  spec: NewNeighbour,
  options: { readonly replace?: boolean } = {},
): NetlinkRequest {
  return netlinkRequest(neighbourForm, {
    what: `add the neighbour ${spec.dst}`,
    type: RTM.NEWNEIGH,
    flags: NLM_F_CREATE | (options.replace === true ? NLM_F_REPLACE : NLM_F_EXCL),
    header: {
      family: families[familyOf(spec.dst)],
      ifindex: spec.ifindex,
      state: [spec.state ?? 'PERMANENT'],
      flags: spec.proxy === true ? ['proxy'] : [],
    },
    attributes: { dst: spec.dst, lladdr: spec.lladdr },
  });
}

export function deleteNeighbourRequest(
  spec: Pick<NewNeighbour, 'ifindex' | 'dst' | 'proxy'>,
): NetlinkRequest {
  return netlinkRequest(neighbourForm, {
    what: `delete the neighbour ${spec.dst}`,
    type: RTM.DELNEIGH,
    header: {
      family: families[familyOf(spec.dst)],
      ifindex: spec.ifindex,
      flags: spec.proxy === true ? ['proxy'] : [],
    },
    attributes: { dst: spec.dst },
  });
}

export function addFdbRequest(spec: NewFdbEntry): NetlinkRequest {
  return fdbRequest('add', RTM.NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, spec);
}

export function deleteFdbRequest(spec: NewFdbEntry): NetlinkRequest {
  return fdbRequest('delete', RTM.DELNEIGH, 0, spec);
}

export async function addNeighbour(
  socket: NetlinkSocket,
  spec: NewNeighbour,
  options?: RequestOptions & { readonly replace?: boolean },
): Promise<void> {
  await socket.request(addNeighbourRequest(spec, options), options);
}

export async function deleteNeighbour(
  socket: NetlinkSocket,
  spec: Pick<NewNeighbour, 'ifindex' | 'dst' | 'proxy'>,
  options?: RequestOptions,
): Promise<void> {
  await socket.request(deleteNeighbourRequest(spec), options);
}

export async function addFdbEntry(
  socket: NetlinkSocket,
  spec: NewFdbEntry,
  options?: RequestOptions,
): Promise<void> {
  await socket.request(addFdbRequest(spec), options);
}

export async function deleteFdbEntry(
  socket: NetlinkSocket,
  spec: NewFdbEntry,
  options?: RequestOptions,
): Promise<void> {
  await socket.request(deleteFdbRequest(spec), options);
}

/** What `ip neighbour` shows: without those that need no resolution (multicast, loopback). */
export async function neighbours(
  socket: NetlinkSocket,
  options: RequestOptions & {
    readonly family?: IpFamily;
    readonly ifindex?: number;
    readonly all?: boolean;
  } = {},
): Promise<Neighbour[]> {
  const request = netlinkRequest(neighbourForm, {
    what: 'list the neighbours',
    type: RTM.GETNEIGH,
    header: { family: options.family === undefined ? 0 : families[options.family] },
    attributes: { viaIf: options.ifindex },
  });
  return (await socket.dump(request, neighbourForm, options))
    .filter(({ header: { family } }) => family !== AF_BRIDGE)
    .map(toNeighbour)
    .filter(
      ({ ifindex, state }) =>
        (options.ifindex === undefined || ifindex === options.ifindex) &&
        (options.all === true || !(state.length === 0 || state.includes('NOARP'))),
    );
}

/** Forwarding tables: of one bridge (`master`), of one port or device (`ifindex`), or all. */
export async function fdb(
  socket: NetlinkSocket,
  options: RequestOptions & { readonly master?: number; readonly ifindex?: number } = {},
): Promise<FdbEntry[]> {
  const { master, ifindex } = options;
  const request = netlinkRequest(neighbourForm, {
    what: 'list the forwarding table',
    type: RTM.GETNEIGH,
    header: { family: AF_BRIDGE, ifindex },
    attributes: { master },
  });
  return (await socket.dump(request, neighbourForm, options))
    .map(toFdbEntry)
    .filter((each) => ifindex === undefined || each.ifindex === ifindex);
}

function fdbRequest(verb: 'add' | 'delete', type: number, flags: number, spec: NewFdbEntry): NetlinkRequest {
  return netlinkRequest(neighbourForm, {
    what: `${verb} the forwarding entry ${spec.mac}`,
    type,
    flags,
    header: {
      family: AF_BRIDGE,
      ifindex: spec.ifindex,
      state: spec.state === 'static' ? ['NOARP', 'REACHABLE'] : ['PERMANENT'],
      flags: [spec.table ?? 'master'],
    },
    attributes: { lladdr: spec.mac, dst: spec.dst, vlan: spec.vlan },
  });
}

function toNeighbour({ header: { family, ifindex, state, flags }, attributes }: NeighbourBody): Neighbour {
  const { dst = '', lladdr: address, protocol } = attributes;
  return {
    family: familyName(family),
    ifindex,
    dst,
    ...(address === undefined ? {} : { lladdr: address }),
    state,
    flags,
    ...(protocol === undefined || protocol === 'unspec' ? {} : { protocol }),
  };
}

function toFdbEntry({ header: { ifindex, state, flags }, attributes }: NeighbourBody): FdbEntry {
  const { lladdr: mac = '', master, dst, vlan, vni } = attributes;
  const has = (name: string): boolean => state.includes(name as never);
  const optional = { master, dst, vlan, vni };
  return {
    mac,
    ifindex,
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
    state: has('PERMANENT') ? 'permanent' : has('NOARP') ? 'static' : has('STALE') ? 'stale' : '',
    flags,
  };
}
