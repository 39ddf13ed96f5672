import type { Rows } from './types.js';

/** Keys of net/ipv6. */
export const ipv6Rows: Rows = {
  auto_flowlabels: { since: '3.17', use: 'each-use' },
  bindv6only: {
    since: '2.6.26',
    use: 'socket',
  },
  fib_multipath_hash_fields: { since: '5.14', use: 'each-use' },
  fib_notify_on_flag_change: { since: '5.12', use: 'each-use' },
  flowlabel_reflect: { use: 'socket' },
  ip6frag_high_thresh: { since: '2.6.25', use: 'each-use' },
  ip6frag_low_thresh: { since: '2.6.25', use: 'each-use' },
  ip6frag_time: { since: '2.6.25', use: 'timer' },
};

/** Keys of net/ipv6/conf/IFACE. */
export const ipv6ConfRows: Rows = {
  accept_ra: {
    since: '2.6.26',
    combination: 'interface',
    trap: 'Set the interface, or conf.default before it appears. 1 means no while the interface forwards; 2 means always.',
  },
  addr_gen_mode: { combination: 'sets-all' },
  disable_ipv6: {
    combination: 'sets-all',
    trap: 'Setting it to 1 drops the addresses, and 0 does not bring them back.',
  },
  force_forwarding: { since: '6.17', combination: 'sets-all' },
  forwarding: {
    since: '2.6.26',
    combination: 'sets-all',
    trap: 'conf.all switches forwarding for the namespace; an interface’s own only makes it behave as a router (no router advertisements accepted).',
  },
  ignore_routes_with_linkdown: { combination: 'sets-all' },
  mc_forwarding: {
    since: '2.6.26',
    trap: 'It shows whether a multicast routing daemon runs; nobody can write it.',
  },
  mtu: {
    since: '2.6.26',
    combination: 'interface',
    origin: 'computed',
    trap: 'It is the interface’s IPv6 MTU, held to the device’s own.',
  },
  proxy_ndp: { combination: 'or' },
  seg6_enabled: { combination: 'and' },
  stable_secret: {
    origin: 'none',
    trap: 'Reading fails (EIO) until it is set, which cannot be undone; a container’s interfaces need one of their own.',
  },
  use_tempaddr: { combination: 'interface' },
};

/** Keys of net/ipv6/route. */
export const ipv6RouteRows: Rows = {
  flush: { origin: 'none', use: 'each-use' },
};
