/**
 * What becomes of a `net.*` key in a new network namespace.
 *
 * - `absent`: the file does not exist there; only the first namespace has it.
 * - `global`: it exists and can be written there, and changes the whole machine.
 * - `read-only`: it exists with mode 0444, which holds for root too.
 * - `unprivileged-absent`: it exists, but not in a namespace that belongs to a user namespace other than the first.
 * - `never-writable`: it only informs, in the first namespace too.
 */
export type NetSysctlState = 'absent' | 'global' | 'read-only' | 'unprivileged-absent' | 'never-writable';

export interface NetSysctlFact {
  readonly state: NetSysctlState;
  readonly reason: string;
  /** The kernel on which it was measured; undefined for what is only documented. */
  readonly measuredOn: string | undefined;
}

interface Rows {
  readonly reason: string;
  /** Slashed paths below /proc/sys. A component `*` stands for any one. */
  readonly keys: readonly string[];
}

/** Measured by listing /proc/sys/net in the first namespace, under `unshare -n` and under `unshare -Urn`. */
const measuredOn = '6.18';

const absent: readonly Rows[] = [
  {
    reason: 'the BPF compiler is one for the machine',
    keys: [
      'net/core/bpf_jit_enable',
      'net/core/bpf_jit_harden',
      'net/core/bpf_jit_kallsyms',
      'net/core/bpf_jit_limit',
    ],
  },
  {
    reason: 'polling of device queues is configured for the machine',
    keys: ['net/core/busy_poll', 'net/core/busy_read'],
  },
  {
    reason: 'new devices of every namespace take this queueing discipline',
    keys: ['net/core/default_qdisc'],
  },
  {
    reason: 'receive processing belongs to the CPUs, which all namespaces share',
    keys: [
      'net/core/dev_weight',
      'net/core/dev_weight_rx_bias',
      'net/core/dev_weight_tx_bias',
      'net/core/flow_limit_cpu_bitmap',
      'net/core/flow_limit_table_len',
      'net/core/netdev_budget',
      'net/core/netdev_budget_usecs',
      'net/core/netdev_max_backlog',
      'net/core/netdev_tstamp_prequeue',
      'net/core/rps_sock_flow_entries',
    ],
  },
  {
    reason: 'it decides what new namespaces copy, so only the first one has it',
    keys: ['net/core/devconf_inherit_init_net'],
  },
  {
    reason: 'it decides which devices new namespaces get, so only the first one has it',
    keys: ['net/core/fb_tunnels_only_for_init_net'],
  },
  {
    reason: 'packet buffers are managed for the machine',
    keys: [
      'net/core/gro_normal_batch',
      'net/core/high_order_alloc_disable',
      'net/core/max_skb_frags',
      'net/core/mem_pcpu_rsv',
      'net/core/skb_defer_max',
    ],
  },
  {
    reason: 'kernel messages are limited for the machine',
    keys: ['net/core/message_burst', 'net/core/message_cost', 'net/core/warnings'],
  },
  { reason: 'one hash key for the drivers of the machine', keys: ['net/core/netdev_rss_key'] },
  {
    reason: 'devices are unregistered by one worker for the machine',
    keys: ['net/core/netdev_unregister_timeout_secs'],
  },
  {
    reason: 'packet labelling has one cache for the machine',
    keys: [
      'net/ipv4/cipso_cache_bucket_size',
      'net/ipv4/cipso_cache_enable',
      'net/ipv4/cipso_rbm_optfmt',
      'net/ipv4/cipso_rbm_strictvalid',
      'net/ipv6/calipso_cache_bucket_size',
      'net/ipv6/calipso_cache_enable',
    ],
  },
  { reason: 'a limit on freeing routes, for the machine', keys: ['net/ipv4/fib_sync_mem'] },
  {
    reason: 'limits of a peer cache that all namespaces share',
    keys: ['net/ipv4/inet_peer_maxttl', 'net/ipv4/inet_peer_minttl', 'net/ipv4/inet_peer_threshold'],
  },
  {
    reason: 'obsolete; without effect since Linux 3.17',
    keys: ['net/ipv4/ipfrag_secret_interval', 'net/ipv6/ip6frag_secret_interval'],
  },
  {
    reason: 'the IPv4 routing cache and its error limits are the machine’s',
    keys: [
      'net/ipv4/route/error_burst',
      'net/ipv4/route/error_cost',
      'net/ipv4/route/gc_elasticity',
      'net/ipv4/route/gc_interval',
      'net/ipv4/route/gc_min_interval',
      'net/ipv4/route/gc_min_interval_ms',
      'net/ipv4/route/gc_thresh',
      'net/ipv4/route/gc_timeout',
      'net/ipv4/route/max_size',
      'net/ipv4/route/redirect_load',
      'net/ipv4/route/redirect_number',
      'net/ipv4/route/redirect_silence',
    ],
  },
  { reason: 'a list of loaded modules', keys: ['net/ipv4/tcp_available_ulp'] },
  { reason: 'obsolete; without effect since Linux 4.14', keys: ['net/ipv4/tcp_low_latency'] },
  {
    reason: 'a limit on memory or sockets of all namespaces together',
    keys: ['net/ipv4/tcp_max_orphans', 'net/ipv4/tcp_mem', 'net/ipv4/udp_mem'],
  },
  {
    reason: 'multicast listener settings are one for the machine',
    keys: ['net/ipv6/mld_max_msf', 'net/ipv6/mld_qrv'],
  },
  {
    reason: 'it lets other namespaces log, so only the first one has it',
    keys: ['net/netfilter/nf_log_all_netns'],
  },
  { reason: 'one limit on tracked connections for the machine', keys: ['net/nf_conntrack_max'] },
  {
    reason:
      'defaults and limits of the neighbour table, which all namespaces share; each interface has its own keys',
    keys: ['net/ipv4/neigh/default/*', 'net/ipv6/neigh/default/*'],
  },
];

/** It looks like a switch of the namespace and is one static key of the kernel, which cannot be switched back. */
const global: readonly Rows[] = [
  {
    reason: 'one switch for the machine, which cannot be taken back',
    keys: ['net/netfilter/nf_hooks_lwtunnel'],
  },
];

const readOnly: readonly Rows[] = [
  {
    reason: 'a limit on socket buffers that only the first namespace may move',
    keys: ['net/core/rmem_default', 'net/core/rmem_max', 'net/core/wmem_default', 'net/core/wmem_max'],
  },
  {
    reason: 'which congestion controls unprivileged processes may use is decided for the machine',
    keys: ['net/ipv4/tcp_allowed_congestion_control'],
  },
  {
    reason: 'the table of tracked connections is one for the machine',
    keys: [
      'net/netfilter/nf_conntrack_buckets',
      'net/netfilter/nf_conntrack_expect_max',
      'net/netfilter/nf_conntrack_max',
    ],
  },
];

const unprivilegedAbsent: readonly Rows[] = [
  {
    reason:
      'the kernel keeps it from users who are root only in their own user namespace, since it costs the machine memory',
    keys: [
      'net/core/xfrm_acq_expires',
      'net/core/xfrm_aevent_etime',
      'net/core/xfrm_aevent_rseqth',
      'net/core/xfrm_larval_drop',
      'net/ipv6/route/flush',
      'net/ipv6/route/gc_elasticity',
      'net/ipv6/route/gc_interval',
      'net/ipv6/route/gc_min_interval',
      'net/ipv6/route/gc_min_interval_ms',
      'net/ipv6/route/gc_thresh',
      'net/ipv6/route/gc_timeout',
      'net/ipv6/route/min_adv_mss',
      'net/ipv6/route/mtu_expires',
      'net/ipv6/route/skip_notify_on_dev_down',
    ],
  },
];

const neverWritable: readonly Rows[] = [
  {
    reason: 'it only informs',
    keys: [
      'net/ipv4/conf/*/mc_forwarding',
      'net/ipv6/conf/*/mc_forwarding',
      'net/ipv4/tcp_available_congestion_control',
      'net/ipv4/tcp_ehash_entries',
      'net/ipv4/udp_hash_entries',
      'net/mptcp/available_path_managers',
      'net/mptcp/available_schedulers',
      'net/netfilter/nf_conntrack_count',
    ],
  },
];

const facts: ReadonlyMap<string, NetSysctlFact> = new Map([
  ...entries('absent', absent, measuredOn),
  ...entries('global', global, undefined),
  ...entries('read-only', readOnly, measuredOn),
  ...entries('unprivileged-absent', unprivilegedAbsent, measuredOn),
  ...entries('never-writable', neverWritable, measuredOn),
]);

/**
 * What is known of a key before a namespace is made. A hint and not a proof: other kernels differ, so a writer still asks the kernel.
 *
 * @param path Slashed, below /proc/sys, as `parseSysctlName()` returns it.
 * @returns undefined for a key that a new namespace has of its own, and for one never heard of.
 */
export function netSysctlFact(path: string): NetSysctlFact | undefined {
  const exact = facts.get(path);
  if (exact !== undefined) return exact;
  // Only keys of one interface have a wildcard: the fourth component is its name, the fifth the key.
  const [net, family, group, name, key, ...rest] = path.split('/');
  if (key === undefined || rest.length > 0) return undefined;
  return facts.get(`${net}/${family}/${group}/*/${key}`) ?? facts.get(`${net}/${family}/${group}/${name}/*`);
}

/** Every key of the table, for documentation and for tests against the running kernel. */
export function netSysctlFacts(): Iterable<[string, NetSysctlFact]> {
  return facts.entries();
}

function entries(
  state: NetSysctlState,
  rows: readonly Rows[],
  measuredOn: string | undefined,
): [string, NetSysctlFact][] {
  return rows.flatMap(({ reason, keys }) =>
    keys.map((key): [string, NetSysctlFact] => [key, { state, reason, measuredOn }]),
  );
}
