import type { Rows } from './types.js';

const table = 'It shows the machine’s: only the first namespace may set it.';

/** Keys of net/netfilter. */
export const netfilterRows: Rows = {
  nf_conntrack_acct: { trap: 'The first value is a parameter of the kernel module, not the host’s sysctl.' },
  nf_conntrack_buckets: { origin: 'shared', trap: table },
  nf_conntrack_count: {
    origin: 'none',
    trap: 'It counts this namespace’s own connections, and cannot be written.',
  },
  nf_conntrack_expect_max: { origin: 'shared', trap: table },
  nf_conntrack_max: {
    origin: 'shared',
    trap: 'It looks like a limit of the namespace, and is the machine’s number; each namespace’s own count is compared with it. Set it on the host.',
  },
  nf_conntrack_timestamp: {
    trap: 'The first value is a parameter of the kernel module, not the host’s sysctl.',
  },
  nf_hooks_lwtunnel: { origin: 'shared' },
};

/** What holds for every timeout of connection tracking. */
export const trackedTimeoutTrap =
  'Packets are tracked in each namespace they pass: for a container behind NAT the host’s own timeouts count too, and a NAT entry that the host forgets ends the connection.';
