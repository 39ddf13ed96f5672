/** IP addresses of devices. See ip-address(8). */
import {
  type Body,
  type Decoded,
  ip,
  messageForm,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
} from '../codec/index.js';
import { bits, enumeration, lladdr, readBody, string, struct, u32, u8 } from '../codec/index.js';
import {
  mapSubscription,
  netlinkRequest,
  type NetlinkRequest,
  type NetlinkSocket,
  type RequestOptions,
  subscribe,
  type SubscribeOptions,
  type Subscription,
} from '../socket/index.js';
import { families, familyName, familyOf, type IpFamily, routeGroups, RTM, scopes } from './constants.js';

export const addressFlags = {
  secondary: 0x1,
  nodad: 0x2,
  optimistic: 0x4,
  dadfailed: 0x8,
  home: 0x10,
  deprecated: 0x20,
  tentative: 0x40,
  permanent: 0x80,
  mngtmpaddr: 0x100,
  noprefixroute: 0x200,
  autojoin: 0x400,
  'stable-privacy': 0x800,
} as const;

export const addressForm = messageForm(
  'address',
  struct({ family: u8, prefixlen: u8, flags: u8, scope: enumeration(u8, scopes), index: u32 }),
  {
    address: [1, ip],
    local: [2, ip],
    label: [3, string],
    broadcast: [4, ip],
    anycast: [5, ip],
    cacheinfo: [6, struct({ preferred: u32, valid: u32, created: u32, updated: u32 })],
    multicast: [7, ip],
    flags: [8, bits(u32, addressFlags)],
    metric: [9, u32],
    target_netnsid: [10, u32],
    protocol: [11, enumeration(u8, { kernel_lo: 1, kernel_ra: 2, kernel_ll: 3 })],
    lladdr: [12, lladdr],
  },
);

export type AddressFlag = keyof typeof addressFlags | `0x${string}`;

/** An address, named as in `ip -json address`; the device is its index. */
export interface InterfaceAddress {
  readonly ifindex: number;
  readonly family: IpFamily | `family ${number}`;
  readonly local: string;
  /** The other end of a point-to-point device. */
  readonly address?: string;
  readonly prefixlen: number;
  readonly broadcast?: string;
  readonly scope: keyof typeof scopes | number;
  readonly label?: string;
  readonly flags: readonly AddressFlag[];
  readonly metric?: number;
  readonly protocol?: string | number;
  /** Seconds; 4294967295 is for ever. */
  readonly valid_life_time?: number;
  readonly preferred_life_time?: number;
}

export interface NewAddress {
  readonly ifindex: number;
  readonly local: string;
  readonly prefixlen: number;
  /** The other end of a point-to-point device. Default: `local`. */
  readonly address?: string | undefined;
  readonly broadcast?: string | undefined;
  readonly label?: string | undefined;
  readonly scope?: keyof typeof scopes | undefined;
  /** `nodad` spares an IPv6 address its seconds of being tentative. */
  readonly flags?: readonly AddressFlag[] | undefined;
  readonly metric?: number | undefined;
  readonly valid_life_time?: number | undefined;
  readonly preferred_life_time?: number | undefined;
}

export function addAddressRequest(
  spec: NewAddress,
  options: { readonly replace?: boolean } = {},
): NetlinkRequest {
  const { valid_life_time: valid, preferred_life_time: preferred } = spec;
  return netlinkRequest(addressForm, {
    what: `add the address ${spec.local}/${spec.prefixlen}`,
    type: RTM.NEWADDR,
    flags: NLM_F_CREATE | (options.replace === true ? NLM_F_REPLACE : NLM_F_EXCL),
    header: header(spec),
    attributes: {
      local: spec.local,
      address: spec.address ?? spec.local,
      broadcast: spec.broadcast,
      label: spec.label,
      flags: spec.flags,
      metric: spec.metric,
      cacheinfo:
        valid === undefined && preferred === undefined
          ? undefined
          : { valid: valid ?? FOREVER, preferred: preferred ?? valid ?? FOREVER },
    },
  });
}

const FOREVER = 0xffff_ffff;

export function deleteAddressRequest(
  spec: Pick<NewAddress, 'ifindex' | 'local' | 'prefixlen' | 'address'>,
): NetlinkRequest {
  return netlinkRequest(addressForm, {
    what: `delete the address ${spec.local}/${spec.prefixlen}`,
    type: RTM.DELADDR,
    header: header(spec),
    attributes: { local: spec.local, address: spec.address },
  });
}

export async function addAddress(
  socket: NetlinkSocket,
  spec: NewAddress,
  options?: RequestOptions & { readonly replace?: boolean },
): Promise<void> {
  await socket.request(addAddressRequest(spec, options), options);
}

export async function deleteAddress(
  socket: NetlinkSocket,
  spec: Pick<NewAddress, 'ifindex' | 'local' | 'prefixlen' | 'address'>,
  options?: RequestOptions,
): Promise<void> {
  await socket.request(deleteAddressRequest(spec), options);
}

export interface AddressesOptions extends RequestOptions {
  readonly ifindex?: number | undefined;
  readonly family?: IpFamily | undefined;
}

export async function addresses(
  socket: NetlinkSocket,
  options: AddressesOptions = {},
): Promise<InterfaceAddress[]> {
  const { ifindex, family } = options;
  const request = netlinkRequest(addressForm, {
    what: 'list the addresses',
    type: RTM.GETADDR,
    header: { index: ifindex, family: family === undefined ? 0 : families[family] },
  });
  const all = (await socket.dump(request, addressForm, options)).map(toAddress);
  // Before Linux 4.20 the kernel lists those of every device.
  return all.filter(
    (each) =>
      (ifindex === undefined || each.ifindex === ifindex) && (family === undefined || each.family === family),
  );
}

export interface AddressChange {
  readonly change: 'new' | 'deleted';
  readonly address: InterfaceAddress;
}

/** Addresses that come, change and go. */
export function watchAddresses(options?: SubscribeOptions): Subscription<AddressChange> {
  const groups = [routeGroups.ipv4_ifaddr, routeGroups.ipv6_ifaddr];
  return mapSubscription(subscribe('route', groups, options), (message) => {
    if (message.type !== RTM.NEWADDR && message.type !== RTM.DELADDR) return undefined;
    const change = message.type === RTM.NEWADDR ? 'new' : 'deleted';
    return { change, address: toAddress(readBody(addressForm, message)) };
  });
}

function header(spec: Pick<NewAddress, 'local' | 'prefixlen' | 'ifindex'> & Partial<NewAddress>) {
  return {
    family: families[familyOf(spec.local)],
    prefixlen: spec.prefixlen,
    index: spec.ifindex,
    scope: spec.scope ?? 'global',
  } as const;
}

function toAddress({
  header,
  attributes,
}: Body<Decoded<typeof addressForm.header>, typeof addressForm.attributes.fields>): InterfaceAddress {
  const { local, address, broadcast, label, metric, protocol, cacheinfo, flags } = attributes;
  const own = local ?? address ?? '';
  return {
    ifindex: header.index,
    family: familyName(header.family),
    local: own,
    ...(address === undefined || address === own ? {} : { address }),
    prefixlen: header.prefixlen,
    ...(broadcast === undefined ? {} : { broadcast }),
    scope: header.scope,
    ...(label === undefined ? {} : { label }),
    flags: flags ?? [],
    ...(metric === undefined ? {} : { metric }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(cacheinfo === undefined
      ? {}
      : { valid_life_time: cacheinfo.valid, preferred_life_time: cacheinfo.preferred }),
  };
}
