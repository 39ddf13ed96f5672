/** Requests that create, change and delete network devices. See ip-link(8). */
import { invalid, quote } from '../../errors.js';
import { type Encodable, NLM_F_CREATE, NLM_F_EXCL } from '../codec/index.js';
import { netlinkRequest, type NetlinkRequest } from '../socket/index.js';
import { RTM } from './constants.js';
import { type bridgePort, type linkFlags, linkForm, type linkKinds } from './link-attributes.js';

export type LinkFlag = keyof typeof linkFlags | `0x${string}`;
export type BridgeSettings = Encodable<(typeof linkKinds)['bridge']>;
export type BridgePortSettings = Encodable<typeof bridgePort>;

/** A device by index or name. */
export type LinkTarget = number | string;

/** A namespace to put a device into: by open descriptor, or a process in it. */
export type NamespaceTarget = { readonly fd: number } | { readonly pid: number };

export interface LinkSettings {
  readonly ifname?: string | undefined;
  /** The link-layer address. */
  readonly address?: string | undefined;
  readonly broadcast?: string | undefined;
  readonly mtu?: number | undefined;
  readonly txqlen?: number | undefined;
  readonly up?: boolean | undefined;
  readonly arp?: boolean | undefined;
  readonly promisc?: boolean | undefined;
  readonly allmulticast?: boolean | undefined;
  readonly multicast?: boolean | undefined;
  /** The index of a bridge or bond; 0 for none. */
  readonly master?: number | undefined;
  readonly netns?: NamespaceTarget | undefined;
  readonly group?: number | undefined;
  readonly ifalias?: string | undefined;
  readonly inet6_addr_gen_mode?: 'eui64' | 'none' | 'stable_secret' | 'random' | undefined;
}

interface NewLinkSettings extends LinkSettings {
  readonly ifname: string;
  /** Default: the kernel chooses. */
  readonly ifindex?: number | undefined;
  readonly num_tx_queues?: number | undefined;
  readonly num_rx_queues?: number | undefined;
}

/**
 * The other end of a veth pair. `netns`: it is born in that namespace, never to be seen here. It cannot be brought up at
 * creation (ENOTCONN): do that inside.
 */
export interface VethPeer {
  /** Default: the kernel chooses `vethN`. */
  readonly ifname?: string | undefined;
  /** The kernel heeds it only where the end that stays has an `ifindex` too. */
  readonly ifindex?: number | undefined;
  readonly address?: string | undefined;
  readonly mtu?: number | undefined;
  readonly txqlen?: number | undefined;
  readonly netns?: NamespaceTarget | undefined;
}

export type NewLink = NewLinkSettings &
  (
    | { readonly kind: 'bridge'; readonly data?: BridgeSettings }
    | { readonly kind: 'veth'; readonly peer?: VethPeer }
    | { readonly kind: 'vlan'; readonly link: number; readonly data: Encodable<(typeof linkKinds)['vlan']> }
    | {
        readonly kind: 'macvlan' | 'macvtap';
        readonly link: number;
        readonly data?: Encodable<(typeof linkKinds)['macvlan']>;
      }
    | {
        readonly kind: 'ipvlan';
        readonly link: number;
        readonly data?: Encodable<(typeof linkKinds)['ipvlan']>;
      }
    | { readonly kind: 'vxlan'; readonly data: Encodable<(typeof linkKinds)['vxlan']> }
    | { readonly kind: 'dummy' | 'ifb' }
  );

/**
 * A name that the kernel takes for a device and no program misreads: 1 to 15 bytes, no space, slash or colon, no `%`
 * (which the kernel would fill in), not `.` or `..`.
 *
 * @throws {WarrenError} `ERR_INTERFACE_NAME`
 */
export function checkInterfaceName(name: string): string {
  const action = `Cannot use ${quote(name)} as the name of a network device`;
  const bad = (why: string): Error => invalid('ERR_INTERFACE_NAME', action, why);
  if (name === '' || name === '.' || name === '..') throw bad('it is no name');
  if (Buffer.byteLength(name) > 15) throw bad('it is longer than 15 bytes');

  if (/[\s/:%\u0000-\u001f\u007f]/.test(name))
    throw bad('it contains a space, a control character, or one of / : %');
  return name;
}

export function addLinkRequest(spec: NewLink): NetlinkRequest {
  const { kind, ifname, ifindex, num_tx_queues, num_rx_queues } = spec;
  checkInterfaceName(ifname);
  if (kind === 'veth' && spec.peer?.ifindex !== undefined && ifindex === undefined) {
    const why = 'its peer has an ifindex and it has none: the kernel would ignore the peer’s';
    throw invalid(
      'ERR_LINK_INDEX',
      `Cannot create the veth ${quote(ifname)}`,
      why,
      'give both ends an ifindex',
    );
  }
  return netlinkRequest(linkForm, {
    what: `create the ${kind} ${quote(ifname)}`,
    type: RTM.NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    header: { index: ifindex ?? 0, ...flagChanges(spec) },
    attributes: {
      ...settings(spec),
      ifname,
      num_tx_queues,
      num_rx_queues,
      link: 'link' in spec ? spec.link : undefined,
      linkinfo: {
        info_kind: kind,
        info_data:
          kind === 'veth'
            ? { peer: spec.peer && vethPeer(spec.peer) }
            : 'data' in spec
              ? spec.data
              : undefined,
      },
    },
  });
}

/** Changes what is given; the rest stays. `ifname` renames, and needs the device to be found by index. */
export function setLinkRequest(target: LinkTarget, changes: LinkSettings): NetlinkRequest {
  if (typeof target === 'string' && changes.ifname !== undefined) {
    throw invalid(
      'ERR_INTERFACE_NAME',
      `Cannot rename ${quote(target)}`,
      'it is given by name',
      'give its index',
    );
  }
  return netlinkRequest(linkForm, {
    what: `change the device ${describe(target)}`,
    // NEWLINK without NLM_F_CREATE: the same as SETLINK, but atomic where a check fails.
    type: RTM.NEWLINK,
    header: { index: typeof target === 'number' ? target : 0, ...flagChanges(changes) },
    attributes: {
      ...settings(changes),
      ifname:
        typeof target === 'string'
          ? checkInterfaceName(target)
          : changes.ifname && checkInterfaceName(changes.ifname),
    },
  });
}

/** Settings of a device as the port of the bridge that it is enslaved to. */
export function setBridgePortRequest(target: LinkTarget, data: BridgePortSettings): NetlinkRequest {
  return netlinkRequest(linkForm, {
    what: `change the bridge port ${describe(target)}`,
    type: RTM.NEWLINK,
    header: { index: typeof target === 'number' ? target : 0 },
    attributes: {
      ifname: typeof target === 'string' ? checkInterfaceName(target) : undefined,
      linkinfo: { info_slave_kind: 'bridge', info_slave_data: data },
    },
  });
}

/** Settings of a bridge that exists. */
export function setBridgeRequest(target: LinkTarget, data: BridgeSettings): NetlinkRequest {
  return netlinkRequest(linkForm, {
    what: `change the bridge ${describe(target)}`,
    type: RTM.NEWLINK,
    header: { index: typeof target === 'number' ? target : 0 },
    attributes: {
      ifname: typeof target === 'string' ? checkInterfaceName(target) : undefined,
      linkinfo: { info_kind: 'bridge', info_data: data },
    },
  });
}

export function deleteLinkRequest(target: LinkTarget): NetlinkRequest {
  return netlinkRequest(linkForm, {
    what: `delete the device ${describe(target)}`,
    type: RTM.DELLINK,
    header: { index: typeof target === 'number' ? target : 0 },
    attributes: { ifname: typeof target === 'string' ? checkInterfaceName(target) : undefined },
  });
}

function settings(spec: LinkSettings): Encodable<typeof linkForm.attributes> {
  const { address, broadcast, mtu, txqlen, master, group, ifalias, inet6_addr_gen_mode: mode } = spec;
  return {
    address,
    broadcast,
    mtu,
    txqlen,
    master,
    group,
    ifalias,
    ...namespaceAttribute(spec.netns),
    af_spec: mode === undefined ? undefined : { inet6: { addr_gen_mode: mode } },
  };
}

function namespaceAttribute(netns: NamespaceTarget | undefined): { net_ns_fd?: number; net_ns_pid?: number } {
  if (netns === undefined) return {};
  return 'fd' in netns ? { net_ns_fd: netns.fd } : { net_ns_pid: netns.pid };
}

function flagChanges(spec: LinkSettings): { flags: LinkFlag[]; change: LinkFlag[] } {
  const wanted: [LinkFlag, boolean | undefined][] = [
    ['UP', spec.up],
    ['NOARP', spec.arp === undefined ? undefined : !spec.arp],
    ['PROMISC', spec.promisc],
    ['ALLMULTI', spec.allmulticast],
    ['MULTICAST', spec.multicast],
  ];
  const given = wanted.filter(([, value]) => value !== undefined);
  return {
    flags: given.filter(([, value]) => value === true).map(([flag]) => flag),
    change: given.map(([flag]) => flag),
  };
}

function vethPeer(peer: VethPeer): Encodable<(typeof linkKinds)['veth']>['peer'] {
  const { ifname, ifindex = 0, address, mtu, txqlen, netns } = peer;
  return {
    header: { index: ifindex },
    attributes: {
      ifname: ifname && checkInterfaceName(ifname),
      address,
      mtu,
      txqlen,
      ...namespaceAttribute(netns),
    },
  };
}

export function describe(target: LinkTarget): string {
  return typeof target === 'number' ? `number ${target}` : quote(target);
}
