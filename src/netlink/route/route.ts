/** Routes of every table. See ip-route(8). */
import { invalid } from '../../errors.js';
import {
  type Body,
  type Decoded,
  type Encodable,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  readBody,
} from '../codec/index.js';
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
import {
  families,
  familyName,
  familyOf,
  type IpFamily,
  routeGroups,
  type routeProtocols,
  RTM,
  type scopes,
  type TableName,
  tableName,
  tableNumber,
} from './constants.js';
import { formatPrefix, parsePrefix } from './prefix.js';
import {
  nextHopFlags,
  type RawNextHop,
  routeForm,
  type routeMetrics,
  type routeTypes,
} from './route-attributes.js';

export type RouteType = keyof typeof routeTypes | number;
export type RouteMetrics = Decoded<typeof routeMetrics>;
export interface NextHop {
  readonly gateway?: string;
  readonly via?: { readonly family: IpFamily; readonly host: string };
  /** The device's index. */
  readonly oif?: number;
  readonly weight: number;
  readonly flags: readonly string[];
}

/** A route, named as in `ip -json -details route`; devices are their indexes. */
export interface Route {
  readonly family: IpFamily | `family ${number}`;
  readonly type: RouteType;
  /** `default`, `10.0.0.0/8`, or an address alone. */
  readonly dst: string;
  readonly from?: string;
  readonly gateway?: string;
  readonly via?: { readonly family: IpFamily; readonly host: string };
  readonly oif?: number;
  readonly iif?: number;
  readonly table: TableName;
  readonly protocol: keyof typeof routeProtocols | number;
  readonly scope: keyof typeof scopes | number;
  readonly prefsrc?: string;
  readonly metric?: number;
  readonly flags: readonly string[];
  readonly metrics?: RouteMetrics;
  readonly nexthops?: readonly NextHop[];
  readonly pref?: string | number;
  /** Seconds. */
  readonly expires?: number;
  readonly tos?: number;
  readonly nhid?: number;
  readonly mark?: number;
  readonly uid?: number;
}

export interface NewNextHop {
  readonly gateway?: string | undefined;
  readonly oif?: number | undefined;
  /** Default 1. */
  readonly weight?: number | undefined;
  readonly onlink?: boolean | undefined;
}

export interface NewRoute extends NewNextHop {
  /** `default` (then `family` counts where there is no gateway), a prefix, or an address. */
  readonly dst: string;
  /** Default: that of the addresses given, else inet. */
  readonly family?: IpFamily | undefined;
  /** Default unicast. */
  readonly type?: keyof typeof routeTypes | undefined;
  /** Default main; local for the types local and broadcast. */
  readonly table?: TableName | undefined;
  /** Default static. */
  readonly protocol?: keyof typeof routeProtocols | number | undefined;
  /** Default: link without a gateway, host for local ones, else global. */
  readonly scope?: keyof typeof scopes | undefined;
  readonly prefsrc?: string | undefined;
  readonly metric?: number | undefined;
  readonly metrics?: Encodable<typeof routeMetrics> | undefined;
  /** Several ways, instead of `gateway` and `oif`. */
  readonly nexthops?: readonly NewNextHop[] | undefined;
}

export function addRouteRequest(
  spec: NewRoute,
  options: { readonly mode?: 'create' | 'replace' | 'append' } = {},
): NetlinkRequest {
  const modes = { create: NLM_F_EXCL, replace: NLM_F_REPLACE, append: NLM_F_APPEND };
  return routeRequest(
    `add the route to ${spec.dst}`,
    RTM.NEWROUTE,
    NLM_F_CREATE | modes[options.mode ?? 'create'],
    spec,
  );
}

/** Deletes the first route that all of what is given fits; what is not given is not compared. */
export function deleteRouteRequest(spec: NewRoute): NetlinkRequest {
  const request = routeRequest(`delete the route to ${spec.dst}`, RTM.DELROUTE, 0, spec);
  return {
    ...request,
    header: {
      ...(request.header as Encodable<typeof routeForm.header>),
      protocol: spec.protocol ?? 'unspec',
      scope: spec.scope ?? 'nowhere',
      type: spec.type ?? 'unspec',
    },
  };
}

export async function addRoute(
  socket: NetlinkSocket,
  spec: NewRoute,
  options?: RequestOptions & { readonly mode?: 'create' | 'replace' | 'append' },
): Promise<void> {
  await socket.request(addRouteRequest(spec, options), options);
}

export async function deleteRoute(
  socket: NetlinkSocket,
  spec: NewRoute,
  options?: RequestOptions,
): Promise<void> {
  await socket.request(deleteRouteRequest(spec), options);
}

export interface RoutesOptions extends RequestOptions {
  /** Default: both. */
  readonly family?: IpFamily | undefined;
  /** Default: every table. */
  readonly table?: TableName | undefined;
  readonly oif?: number | undefined;
}

export async function routes(socket: NetlinkSocket, options: RoutesOptions = {}): Promise<Route[]> {
  const { table, oif } = options;
  const found: Route[] = [];
  for (const family of options.family === undefined ? (['inet', 'inet6'] as const) : [options.family]) {
    const request = netlinkRequest(routeForm, {
      what: 'list the routes',
      type: RTM.GETROUTE,
      header: { family: families[family] },
      attributes: { table: table === undefined ? undefined : tableNumber(table), oif },
    });
    const all = await socket.dump(request, routeForm, options).catch((error: unknown) => {
      // The kernel says ENOENT of a table in which there never was a route.
      if (table !== undefined && (error as NodeJS.ErrnoException).errno === ('ENOENT' as unknown)) return [];
      throw error;
    });
    const wanted = (each: Route): boolean =>
      (table === undefined || tableNumber(each.table) === tableNumber(table)) &&
      (oif === undefined || each.oif === oif || (each.nexthops ?? []).some((hop) => hop.oif === oif));
    found.push(
      ...all
        .filter(({ header }) => header.family === families[family])
        .map(toRoute)
        .filter(wanted),
    );
  }
  return found;
}

/** The route that a packet would take (`ip route get`). */
export async function routeTo(
  socket: NetlinkSocket,
  dst: string,
  options: RequestOptions & { readonly from?: string; readonly oif?: number; readonly mark?: number } = {},
): Promise<Route> {
  const { address, length, family } = parsePrefix(dst);
  const { from, oif, mark } = options;
  const request = netlinkRequest(routeForm, {
    what: `find the route to ${dst}`,
    type: RTM.GETROUTE,
    header: {
      family: families[family],
      dst_len: length,
      src_len: from === undefined ? 0 : parsePrefix(from).length,
    },
    attributes: { dst: address, src: from, oif, mark },
  });
  const [found] = await socket.request(request, routeForm, options);
  return toRoute(found as RouteBody);
}

export interface RouteChange {
  readonly change: 'new' | 'deleted';
  readonly route: Route;
}

export function watchRoutes(options?: SubscribeOptions): Subscription<RouteChange> {
  const groups = [routeGroups.ipv4_route, routeGroups.ipv6_route];
  return mapSubscription(subscribe('route', groups, options), (message) => {
    if (message.type !== RTM.NEWROUTE && message.type !== RTM.DELROUTE) return undefined;
    const change = message.type === RTM.NEWROUTE ? 'new' : 'deleted';
    return { change, route: toRoute(readBody(routeForm, message)) };
  });
}

function routeRequest(what: string, type: number, flags: number, spec: NewRoute): NetlinkRequest {
  const { gateway, oif, prefsrc, metric, metrics, nexthops, type: kind = 'unicast' } = spec;
  const isLocal = kind === 'local' || kind === 'broadcast';
  const first = gateway ?? nexthops?.[0]?.gateway;
  const family =
    spec.dst === 'default' ? (spec.family ?? familyOf(first ?? prefsrc ?? '')) : parsePrefix(spec.dst).family;
  const dst = spec.dst === 'default' ? undefined : parsePrefix(spec.dst);
  const table = tableNumber(spec.table ?? (isLocal ? 'local' : 'main'));
  const direct = first === undefined && (kind === 'unicast' || kind === 'broadcast');
  if (nexthops && (gateway !== undefined || oif !== undefined)) {
    throw invalid(
      'ERR_ROUTE',
      `Cannot ${what}`,
      'it has nexthops beside a gateway or device',
      'give one of them',
    );
  }
  const hopFlags = (hop: NewNextHop) => (hop.onlink === true ? (['onlink'] as const) : []);
  return netlinkRequest(routeForm, {
    what,
    type,
    flags,
    header: {
      family: families[family],
      dst_len: dst?.length ?? 0,
      table: table < 256 ? table : 0,
      protocol: spec.protocol ?? 'static',
      scope: spec.scope ?? (kind === 'local' ? 'host' : direct && family === 'inet' ? 'link' : 'global'),
      type: kind,
      flags: spec.onlink === true ? nextHopFlags.onlink : 0,
    },
    attributes: {
      dst: dst?.address,
      ...gatewayAttribute(family, gateway),
      oif,
      prefsrc,
      metric,
      table,
      metrics,
      multipath: nexthops?.map((hop) => ({
        header: { flags: hopFlags(hop), hops: (hop.weight ?? 1) - 1, ifindex: hop.oif ?? 0 },
        attributes: gatewayAttribute(family, hop.gateway),
      })),
    },
  });
}

function gatewayAttribute(family: IpFamily, gateway: string | undefined) {
  if (gateway === undefined) return {};
  return familyOf(gateway) === family ? { gateway } : { via: { family: familyOf(gateway), host: gateway } };
}

type RouteBody = Body<Decoded<typeof routeForm.header>, typeof routeForm.attributes.fields>;

function toRoute({ header, attributes: found }: RouteBody): Route {
  const { dst, src, table, multipath, cacheinfo, tos, ...rest } = { ...found, tos: header.tos };
  const { gateway, via: through, oif, iif, prefsrc, metric, metrics, pref, nhid, mark, uid } = rest;
  const expires =
    found.expires ?? (cacheinfo && cacheinfo.expires > 0 ? Math.round(cacheinfo.expires / 100) : undefined);
  const flags = flagNames(header.flags & 0xff);
  const any = header.family === families.inet ? '0.0.0.0' : '::';
  const optional = {
    gateway,
    via: through,
    oif,
    iif,
    prefsrc,
    metric,
    metrics,
    pref,
    nhid,
    mark,
    uid,
    expires,
  };
  return {
    family: familyName(header.family),
    type: header.type,
    dst: header.dst_len === 0 && dst === undefined ? 'default' : formatPrefix(dst ?? any, header.dst_len),
    ...(header.src_len === 0 ? {} : { from: formatPrefix(src ?? any, header.src_len) }),
    table: tableName(table ?? header.table),
    protocol: header.protocol,
    scope: header.scope,
    flags,
    ...(Object.fromEntries(
      Object.entries(optional).filter(([, value]) => value !== undefined),
    ) as Partial<Route>),
    ...(tos === 0 ? {} : { tos }),
    ...(multipath === undefined ? {} : { nexthops: multipath.map(toNextHop) }),
  };
}

function toNextHop({ header, attributes: { gateway, via: through } }: RawNextHop): NextHop {
  return {
    ...(gateway === undefined ? {} : { gateway }),
    ...(through === undefined ? {} : { via: through }),
    ...(header.ifindex === 0 ? {} : { oif: header.ifindex }),
    weight: header.hops + 1,
    flags: header.flags,
  };
}

function flagNames(mask: number): string[] {
  return Object.entries(nextHopFlags)
    .filter(([, bit]) => (mask & bit) !== 0)
    .map(([name]) => name);
}
