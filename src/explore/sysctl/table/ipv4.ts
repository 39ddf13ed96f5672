import type { Rows } from './types.js';

/** Keys of net/ipv4, but TCP’s. */
export const ipv4Rows: Rows = {
  fib_multipath_hash_fields: { since: '5.14', use: 'each-use' },
  fib_multipath_hash_policy: { since: '4.12', use: 'each-use' },
  fib_multipath_hash_seed: { since: '6.11', use: 'each-use' },
  fib_multipath_use_neigh: { since: '4.7', use: 'each-use' },
  fib_notify_on_flag_change: { since: '5.12', use: 'each-use' },
  fwmark_reflect: { since: '3.16', use: 'each-use' },
  icmp_echo_enable_probe: { since: '5.13', use: 'each-use' },
  icmp_echo_ignore_all: { since: '2.6.26', use: 'each-use' },
  icmp_echo_ignore_broadcasts: { since: '2.6.26', use: 'each-use' },
  icmp_errors_use_inbound_ifaddr: { since: '2.6.26', use: 'each-use' },
  icmp_ignore_bogus_error_responses: { since: '2.6.26', use: 'each-use' },
  icmp_msgs_burst: {
    since: '6.12',
    use: 'each-use',
    trap: 'Before Linux 6.12 the machine had one; some older stable series (6.1) have taken the change over.',
  },
  icmp_msgs_per_sec: {
    since: '6.12',
    use: 'each-use',
    trap: 'Before Linux 6.12 the machine had one; some older stable series (6.1) have taken the change over.',
  },
  icmp_ratelimit: { since: '2.6.26', use: 'each-use' },
  icmp_ratemask: { since: '2.6.26', use: 'each-use' },
  igmp_link_local_mcast_reports: { since: '4.6', use: 'each-use' },
  igmp_max_memberships: { since: '4.6', use: 'each-use' },
  igmp_max_msf: { since: '4.6', use: 'each-use' },
  igmp_qrv: { since: '4.6', use: 'each-use' },
  ip_autobind_reuse: { since: '5.7', use: 'each-use' },
  ip_default_ttl: { since: '4.6', use: 'each-use' },
  ip_dynaddr: { since: '4.6', use: 'each-use' },
  ip_early_demux: { since: '4.6', use: 'each-use' },
  ip_forward: {
    origin: 'initial',
    since: '2.6.26',
    use: 'each-use',
    trap: 'It is net.ipv4.conf.all.forwarding by another name. Changing it sets the forwarding of every interface, and with it accept_redirects.',
  },
  ip_forward_update_priority: { since: '4.19', use: 'each-use' },
  ip_forward_use_pmtu: { since: '3.14', use: 'each-use' },
  ip_local_port_range: {
    since: '3.13',
    use: 'each-use',
    trap: 'Connections that leave through the host’s NAT share the ports of the host’s address, whatever the range here.',
  },
  ip_local_reserved_ports: { since: '3.16', use: 'each-use' },
  ip_no_pmtu_disc: { since: '3.14', use: 'socket' },
  ip_nonlocal_bind: { since: '3.18', use: 'each-use' },
  ip_unprivileged_port_start: {
    since: '4.11',
    use: 'each-use',
    trap: 'Docker, and Warren, set it to 0 in a container’s own network namespace.',
  },
  ipfrag_high_thresh: { since: '2.6.25', use: 'each-use' },
  ipfrag_low_thresh: { since: '2.6.25', use: 'each-use' },
  ipfrag_time: { since: '2.6.25', use: 'timer' },
  nexthop_compat_mode: { since: '5.8', use: 'each-use' },
  ping_group_range: {
    since: '3.0',
    use: 'socket',
    trap: 'Docker, and Warren, let everybody ping in a container’s own network namespace. Groups are those of its user namespace: an unmapped one shows as 65534.',
  },
  udp_child_hash_entries: {
    since: '6.2',
    trap: 'It is about the namespaces made from this one: a container’s own value changes nothing for itself.',
  },
  udp_early_demux: { since: '4.12', use: 'each-use' },
  udp_hash_entries: {
    origin: 'computed',
    since: '6.2',
    trap: 'A negative number says that the namespace uses the machine’s table.',
  },
  udp_l3mdev_accept: { since: '4.14', use: 'each-use' },
  udp_rmem_min: {
    since: '4.17',
    use: 'each-use',
    limit:
      'All sockets of the machine together are held to net.ipv4.udp_mem, which only the first namespace has.',
  },
  udp_wmem_min: {
    since: '4.17',
    use: 'each-use',
    limit:
      'All sockets of the machine together are held to net.ipv4.udp_mem, which only the first namespace has.',
  },
};

/** Keys of net/ipv4/route. */
export const routeRows: Rows = {
  flush: { origin: 'none', use: 'each-use' },
  min_adv_mss: { since: '5.18', use: 'each-use' },
  min_pmtu: { since: '5.18', use: 'each-use' },
  mtu_expires: { since: '5.18', use: 'each-use' },
};

/** Keys of net/ipv4/conf/IFACE. */
export const ipv4ConfRows: Rows = {
  accept_local: { combination: 'or' },
  accept_redirects: {
    since: '2.6.25',
    combination: 'redirects',
  },
  accept_source_route: { since: '2.6.25', combination: 'and' },
  arp_announce: { since: '2.6.25', combination: 'max' },
  arp_filter: { since: '2.6.25', combination: 'or' },
  arp_ignore: { since: '2.6.25', combination: 'max' },
  arp_notify: { combination: 'max' },
  bc_forwarding: { combination: 'and' },
  bootp_relay: { since: '2.6.25', combination: 'and' },
  forwarding: {
    since: '2.6.25',
    combination: 'sets-all',
    trap: 'Writing ip_forward is writing conf.all.forwarding.',
  },
  log_martians: { since: '2.6.25', combination: 'or' },
  mc_forwarding: {
    since: '2.6.25',
    combination: 'and',
    trap: 'It shows whether a multicast routing daemon runs; nobody can write it.',
  },
  medium_id: { since: '2.6.25', combination: 'interface' },
  promote_secondaries: { since: '2.6.25', combination: 'or' },
  proxy_arp: { since: '2.6.25', combination: 'or' },
  proxy_arp_pvlan: { combination: 'or', trap: 'Before Linux 5.11 only the interface’s own counted.' },
  route_localnet: { combination: 'or' },
  rp_filter: {
    since: '2.6.25',
    combination: 'max',
    trap: '0 on the interface does not switch it off while conf.all is 1, and 2 (loose) is larger than 1 (strict).',
  },
  secure_redirects: { since: '2.6.25', combination: 'or' },
  send_redirects: {
    since: '2.6.25',
    combination: 'or',
    trap: 'To switch it off, clear both conf.all and the interface.',
  },
  shared_media: { since: '2.6.25', combination: 'or' },
  src_valid_mark: { combination: 'or' },
  tag: { since: '2.6.25', combination: 'interface' },
};
