/** Network devices: list, create, change, delete. See ip-link(8). */
import { type Body, type Decoded, type Envelope, readBody } from '../codec/index.js';
import {
  mapSubscription,
  netlinkRequest,
  type NetlinkSocket,
  type RequestOptions,
  subscribe,
  type SubscribeOptions,
  type Subscription,
} from '../socket/index.js';
import { routeGroups, RTM } from './constants.js';
import {
  type bridgePort,
  linkForm,
  type linkKinds,
  type linkPortKinds,
  type linkStatistics,
} from './link-attributes.js';
import {
  addLinkRequest,
  type BridgePortSettings,
  checkInterfaceName,
  deleteLinkRequest,
  describe,
  type LinkFlag,
  type LinkSettings,
  type LinkTarget,
  type NewLink,
  setBridgePortRequest,
  setLinkRequest,
} from './link-requests.js';

const NLM_F_ECHO = 0x8;

type LinkBody = Body<Decoded<typeof linkForm.header>, typeof linkForm.attributes.fields>;
type LinkAttributes = LinkBody['attributes'];
export type LinkStatistics = Decoded<typeof linkStatistics>;
/** Kinds whose data are known here. */
export type LinkKind = keyof typeof linkKinds;
export type LinkData = { readonly [K in LinkKind]: Decoded<(typeof linkKinds)[K]> };
export type BridgePort = Decoded<typeof bridgePort>;

/** A device, named as in `ip -json -details link`. */
export interface Link extends Omit<
  LinkAttributes,
  'ifname' | 'link' | 'master' | 'prop_list' | 'af_spec' | 'linkinfo' | 'stats' | 'stats64'
> {
  readonly ifindex: number;
  readonly ifname: string;
  readonly flags: readonly LinkFlag[];
  /** `ether`, `loopback`, `none`, …: ARPHRD_*. */
  readonly link_type: string | number;
  /** The device below, or a veth's other end. In another namespace when there is a `link_netnsid`. */
  readonly link_index?: number;
  /** Its name, from links() only, and only in this namespace. */
  readonly link?: string;
  /** The bridge, bond, … whose port this is. */
  readonly master_index?: number;
  /** Its name, from links() only. */
  readonly master?: string;
  readonly altnames?: readonly string[];
  readonly linkinfo?: LinkInfo;
  readonly inet6_addr_gen_mode?: string | number;
  readonly stats64?: LinkStatistics;
}

export interface LinkInfo {
  readonly info_kind?: string;
  /** By kind; bytes for a kind that is not known here. See {@link isKind}. */
  readonly info_data?: LinkData[LinkKind] | Buffer;
  readonly info_slave_kind?: string;
  readonly info_slave_data?: Decoded<(typeof linkPortKinds)[keyof typeof linkPortKinds]> | Buffer;
}

/** Whether a device is of a kind, whose data are then typed. */
export function isKind<K extends LinkKind>(
  link: Link,
  kind: K,
): link is Link & { readonly linkinfo: { readonly info_kind: K; readonly info_data: LinkData[K] } } {
  return link.linkinfo?.info_kind === kind && link.linkinfo.info_data !== undefined;
}

/** The settings of a bridge's port; undefined for what is none. */
export function bridgePortOf(link: Link): BridgePort | undefined {
  const data = link.linkinfo?.info_slave_data;
  return link.linkinfo?.info_slave_kind === 'bridge' && !Buffer.isBuffer(data)
    ? (data as BridgePort)
    : undefined;
}

/** @returns The new device's index: of a veth, of the end that stays here. */
export async function addLink(
  socket: NetlinkSocket,
  spec: NewLink,
  options?: RequestOptions,
): Promise<number> {
  const request = addLinkRequest(spec);
  const [told] = await socket.request({ ...request, flags: request.flags | NLM_F_ECHO }, linkForm, options);
  if (told) return told.header.index;
  if (spec.ifindex !== undefined) return spec.ifindex;
  // Before Linux 6.2 the kernel does not tell.
  return (await link(socket, spec.ifname, options)).ifindex;
}

export async function setLink(
  socket: NetlinkSocket,
  target: LinkTarget,
  changes: LinkSettings,
  options?: RequestOptions,
): Promise<void> {
  await socket.request(setLinkRequest(target, changes), options);
}

export async function setBridgePort(
  socket: NetlinkSocket,
  target: LinkTarget,
  data: BridgePortSettings,
  options?: RequestOptions,
): Promise<void> {
  await socket.request(setBridgePortRequest(target, data), options);
}

/**
 * Sent from another thread, since a veth's end takes the kernel 11 to 15 ms. Where it may be left to the kernel, dropping
 * the last handle of the namespace that holds it takes 2 µs.
 */
export async function deleteLink(
  socket: NetlinkSocket,
  target: LinkTarget,
  options?: RequestOptions,
): Promise<void> {
  await socket.request(deleteLinkRequest(target), { background: true, ...options });
}

/** @throws {NetlinkError} `ERR_NETLINK`, errno ENODEV. */
export async function link(
  socket: NetlinkSocket,
  target: LinkTarget,
  options?: RequestOptions,
): Promise<Link> {
  const request = netlinkRequest(linkForm, {
    what: `find the device ${describe(target)}`,
    type: RTM.GETLINK,
    header: { index: typeof target === 'number' ? target : 0 },
    attributes: typeof target === 'string' ? { ifname: checkInterfaceName(target) } : {},
  });
  const [found] = await socket.request(request, linkForm, options);
  return toLink(found as LinkBody);
}

export interface LinksOptions extends RequestOptions {
  /** Only the ports of this bridge or bond (index). */
  readonly master?: number | undefined;
  /** Only of this kind. */
  readonly kind?: string | undefined;
}

/** All devices of the socket's namespace. */
export async function links(socket: NetlinkSocket, options: LinksOptions = {}): Promise<Link[]> {
  const { master, kind } = options;
  const request = netlinkRequest(linkForm, {
    what: 'list the network devices',
    type: RTM.GETLINK,
    header: {},
    attributes: {
      master,
      linkinfo: kind === undefined ? undefined : { info_kind: kind },
      // Without IPv6's own counters, which take longest to collect; `stats64` comes all the same.
      ext_mask: ['SKIP_STATS'],
    },
  });
  const all = (await socket.dump(request, linkForm, options)).map(toLink);
  const names = new Map(all.map(({ ifindex, ifname }) => [ifindex, ifname]));
  return all.map((each) => {
    const below = each.link_netnsid === undefined ? names.get(each.link_index ?? 0) : undefined;
    const above = names.get(each.master_index ?? 0);
    const named: { link?: string; master?: string } = each;
    if (below !== undefined) named.link = below;
    if (above !== undefined) named.master = above;
    return each;
  });
}

export interface LinkChange {
  readonly change: 'new' | 'deleted';
  readonly link: Link;
}

/** Devices that come, change and go. */
export function watchLinks(options?: SubscribeOptions): Subscription<LinkChange> {
  return mapSubscription(subscribe('route', [routeGroups.link], options), (message: Envelope) => {
    if (message.type !== RTM.NEWLINK && message.type !== RTM.DELLINK) return undefined;
    const body = readBody(linkForm, message);
    // AF_BRIDGE messages are about the port, not about the device.
    if (body.header.family !== 0) return undefined;
    return { change: message.type === RTM.NEWLINK ? 'new' : 'deleted', link: toLink(body) };
  });
}

/** What a link has under another name or in another form. */
const renamed: ReadonlySet<string> = new Set([
  'ifname',
  'link',
  'master',
  'prop_list',
  'af_spec',
  'linkinfo',
  'stats',
]);

function toLink({ header, attributes }: LinkBody): Link {
  const { ifname = '', link: below, master, prop_list, af_spec, linkinfo } = attributes;
  const mode = af_spec?.inet6?.addr_gen_mode;
  // Member by member: rest and spread of sixty members would take longer than everything else.
  const found: Record<string, unknown> = {
    ifindex: header.index,
    ifname,
    flags: header.flags.filter((flag) => flag !== 'RUNNING'),
    link_type: header.type,
  };
  for (const [name, value] of Object.entries(attributes)) if (!renamed.has(name)) found[name] = value;
  if (below !== undefined && below !== 0) found['link_index'] = below;
  if (master !== undefined) found['master_index'] = master;
  if (prop_list?.altnames !== undefined) found['altnames'] = prop_list.altnames;
  if (linkinfo !== undefined) found['linkinfo'] = linkinfo;
  if (mode !== undefined) found['inet6_addr_gen_mode'] = mode;
  return found as unknown as Link;
}
