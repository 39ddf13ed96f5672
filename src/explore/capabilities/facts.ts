import type { Capability } from '../../kernel/capabilities.js';

/**
 * How far a process gets with it, where the resource is the machine's own.
 *
 * - `takes over`: it is root in all but name, or a short way from there. - `strong`: breaks one of the walls between users,
 *   containers or programs. - `limited`: bounded harm. - `little`: hardly any, or nothing in today's kernels.
 */
export type CapabilityReach = 'takes over' | 'strong' | 'limited' | 'little';

export interface CapabilityFacts {
  /** The first kernel that had it. */
  readonly since: string;
  readonly allows: string;
  readonly risks: string;
  readonly reach: CapabilityReach;
  /**
   * Which user namespace the kernel looks at: that of the resource, so that root of a container with its own user namespace
   * has the use of it there; or the first one only.
   */
  readonly scope: 'namespaced' | 'partly namespaced' | 'first user namespace only';
}

/** What each capability is for. Numbers and versions: capabilities(7) and the kernel's history. */
export const capabilityFacts: Readonly<Record<Capability, CapabilityFacts>> = {
  CAP_CHOWN: {
    since: '2.2',
    allows: 'Give any file to any user and group.',
    risks:
      'Whoever can take /etc/shadow or a set-user-ID program as their own owns the file system that they see.',
    reach: 'strong',
    scope: 'namespaced',
  },
  CAP_DAC_OVERRIDE: {
    since: '2.2',
    allows: 'Read, write and search any file and directory; execute any file that has an x bit at all.',
    risks: 'File permissions mean nothing any more: on a volume of the host every file can be changed.',
    reach: 'strong',
    scope: 'namespaced',
  },
  CAP_DAC_READ_SEARCH: {
    since: '2.2',
    allows:
      'Read any file, list and search any directory; open files by handle (open_by_handle_at), outside any root.',
    risks:
      'With open_by_handle_at a container reads any file of the host’s disk, whatever it was given as its root.',
    reach: 'takes over',
    scope: 'partly namespaced',
  },
  CAP_FOWNER: {
    since: '2.2',
    allows:
      'Do what only a file’s owner may: chmod, times, ACLs, inode flags, deletion in sticky directories.',
    risks: 'Any file can be made writable, or set-user-ID for its owner.',
    reach: 'strong',
    scope: 'namespaced',
  },
  CAP_FSETID: {
    since: '2.2',
    allows:
      'Keep the set-user-ID and set-group-ID bits of a file that is written to; set the latter for foreign groups.',
    risks: 'A writable set-ID program can be replaced by another without losing its bit.',
    reach: 'limited',
    scope: 'namespaced',
  },
  CAP_KILL: {
    since: '2.2',
    allows: 'Signal processes of any user.',
    risks: 'Any process that can be seen can be stopped; with the host’s PID namespace that is all of them.',
    reach: 'limited',
    scope: 'namespaced',
  },
  CAP_SETGID: {
    since: '2.2',
    allows:
      'Become any group, choose supplementary groups, write gid maps, claim any gid over a UNIX socket.',
    risks: 'Groups such as disk, docker or shadow are as good as root.',
    reach: 'strong',
    scope: 'namespaced',
  },
  CAP_SETUID: {
    since: '2.2',
    allows: 'Become any user, write uid maps, claim any uid over a UNIX socket.',
    risks: 'User 0 is one call away, and with it the whole bounding set at the next execve.',
    reach: 'takes over',
    scope: 'namespaced',
  },
  CAP_SETPCAP: {
    since: '2.2',
    allows:
      'Raise what is in the bounding set to inheritable, drop from the bounding set, change the securebits. (Since 2.6.25; before, it gave capabilities to other processes.)',
    risks: 'It adds nothing that the bounding set does not have already.',
    reach: 'limited',
    scope: 'namespaced',
  },
  CAP_LINUX_IMMUTABLE: {
    since: '2.2',
    allows: 'Set and clear the immutable and append-only flags of files (chattr +i, +a).',
    risks: 'Logs and programs protected in this way can be changed; files can be made hard to remove.',
    reach: 'limited',
    scope: 'first user namespace only',
  },
  CAP_NET_BIND_SERVICE: {
    since: '2.2',
    allows: 'Listen on ports below net.ipv4.ip_unprivileged_port_start (1024 unless changed).',
    risks: 'A program can stand in for a well-known service of that network namespace.',
    reach: 'little',
    scope: 'namespaced',
  },
  CAP_NET_BROADCAST: {
    since: '2.2',
    allows:
      'Nothing in the kernel: it is set aside for broadcasts, and only a netlink option or two ask for it.',
    risks: 'None is known.',
    reach: 'little',
    scope: 'namespaced',
  },
  CAP_NET_ADMIN: {
    since: '2.2',
    allows:
      'Change devices, addresses, routes, firewall, queueing, tunnels and most of /proc/sys/net; forced buffer sizes, marks, promiscuous mode.',
    risks:
      'In a network namespace of one’s own: that network, and a large part of the kernel’s code to attack (nf_tables, traffic control). In the host’s: all of its traffic.',
    reach: 'strong',
    scope: 'namespaced',
  },
  CAP_NET_RAW: {
    since: '2.2',
    allows:
      'Raw and packet sockets (ping of the old kind, tcpdump, arping), binding to foreign addresses (transparent proxies).',
    risks:
      'Packets with any sender: ARP and DNS answers for the neighbours on the same bridge can be forged, traffic be read.',
    reach: 'strong',
    scope: 'namespaced',
  },
  CAP_IPC_LOCK: {
    since: '2.2',
    allows:
      'Lock memory beyond RLIMIT_MEMLOCK, use huge pages of System V shared memory, register memory for RDMA and io_uring.',
    risks: 'Memory that cannot be swapped out may starve the machine.',
    reach: 'limited',
    scope: 'first user namespace only',
  },
  CAP_IPC_OWNER: {
    since: '2.2',
    allows: 'Use System V queues, semaphores and shared memory whatever their permissions.',
    risks: 'Data that other users share in the same IPC namespace can be read and changed.',
    reach: 'limited',
    scope: 'namespaced',
  },
  CAP_SYS_MODULE: {
    since: '2.2',
    allows: 'Load and unload kernel modules.',
    risks: 'Code of one’s own in the kernel: nothing is above that.',
    reach: 'takes over',
    scope: 'first user namespace only',
  },
  CAP_SYS_RAWIO: {
    since: '2.2',
    allows:
      'I/O ports, /dev/mem, /dev/port, MSRs, raw SCSI commands, FIBMAP, mappings below vm.mmap_min_addr.',
    risks:
      'Hardware and physical memory are reached past the kernel’s checks, if the device files are there.',
    reach: 'takes over',
    scope: 'first user namespace only',
  },
  CAP_SYS_CHROOT: {
    since: '2.2',
    allows: 'chroot, and joining a mount namespace with setns.',
    risks:
      'A way out of a chroot (never out of pivot_root); set-user-ID programs can be fooled with a root of one’s own.',
    reach: 'limited',
    scope: 'namespaced',
  },
  CAP_SYS_PTRACE: {
    since: '2.2',
    allows: 'Trace any process, read and write its memory and descriptors, look at /proc/PID of any user.',
    risks: 'Whatever a visible process may do, one may do; with the host’s PID namespace that is everything.',
    reach: 'takes over',
    scope: 'namespaced',
  },
  CAP_SYS_PACCT: {
    since: '2.2',
    allows: 'Switch process accounting (acct) on and off.',
    risks: 'The accounts of a PID namespace can be stopped, or written to a file of one’s choice.',
    reach: 'limited',
    scope: 'namespaced',
  },
  CAP_SYS_ADMIN: {
    since: '2.2',
    allows:
      'mount, umount, pivot_root, new namespaces and setns, host name, quotas, swap, privileged ioctls, seccomp without no_new_privs, trusted.* attributes, fanotify, and all that has no capability of its own.',
    risks:
      'On the host’s resources it is as good as root. In a container without a user namespace of its own, mounting a device, cgroup files or the host’s /proc leads out.',
    reach: 'takes over',
    scope: 'partly namespaced',
  },
  CAP_SYS_BOOT: {
    since: '2.2',
    allows: 'reboot and kexec_load.',
    risks:
      'The machine can be restarted, into a kernel of one’s own too. In a PID namespace of its own, reboot ends only that.',
    reach: 'takes over',
    scope: 'partly namespaced',
  },
  CAP_SYS_NICE: {
    since: '2.2',
    allows:
      'Raise priorities, use real-time scheduling, set affinity, I/O class and memory placement of any process.',
    risks: 'One real-time process in a loop keeps all others from a processor.',
    reach: 'limited',
    scope: 'partly namespaced',
  },
  CAP_SYS_RESOURCE: {
    since: '2.2',
    allows:
      'Exceed and raise resource limits, disk quotas, reserved blocks, pipe and message queue sizes; lower an oom_score_adj.',
    risks: 'What was meant to be shared can be used up; the kernel’s choice of whom to kill can be steered.',
    reach: 'limited',
    scope: 'partly namespaced',
  },
  CAP_SYS_TIME: {
    since: '2.2',
    allows: 'Set the system clock and the hardware clock.',
    risks: 'Time is the machine’s own, whatever the container: certificates, logs and timers of all follow.',
    reach: 'strong',
    scope: 'first user namespace only',
  },
  CAP_SYS_TTY_CONFIG: {
    since: '2.2',
    allows: 'vhangup, and privileged settings of virtual consoles.',
    risks: 'Sessions on the machine’s consoles can be ended and their keyboards remapped.',
    reach: 'limited',
    scope: 'first user namespace only',
  },
  CAP_MKNOD: {
    since: '2.4',
    allows: 'Make device files.',
    risks:
      'A file for the host’s disk is the host’s disk; what holds it back in a container is the device list of its control group.',
    reach: 'strong',
    scope: 'first user namespace only',
  },
  CAP_LEASE: {
    since: '2.4',
    allows: 'Take leases on files of others (fcntl F_SETLEASE).',
    risks: 'Programs that open such a file wait until the lease is broken, 45 seconds at most.',
    reach: 'little',
    scope: 'namespaced',
  },
  CAP_AUDIT_WRITE: {
    since: '2.6.11',
    allows: 'Write records into the kernel’s audit log, as login programs do.',
    risks: 'The log can be filled, and misled.',
    reach: 'little',
    scope: 'first user namespace only',
  },
  CAP_AUDIT_CONTROL: {
    since: '2.6.11',
    allows: 'Switch auditing on and off, change its rules; set the login uid of a process.',
    risks: 'Traces of what was done can be kept from being written.',
    reach: 'strong',
    scope: 'first user namespace only',
  },
  CAP_SETFCAP: {
    since: '2.6.24',
    allows:
      'Give capabilities to files; since 5.12 also needed to map user 0 of the parent into a user namespace.',
    risks:
      'With a file system that the host executes from, capabilities can be left behind for others to pick up.',
    reach: 'strong',
    scope: 'namespaced',
  },
  CAP_MAC_OVERRIDE: {
    since: '2.6.25',
    allows: 'Pass over Smack’s mandatory access control.',
    risks: 'The policy does not hold for the process. Without Smack: nothing.',
    reach: 'limited',
    scope: 'first user namespace only',
  },
  CAP_MAC_ADMIN: {
    since: '2.6.25',
    allows: 'Change the policy of Smack and AppArmor, and labels that SELinux does not know.',
    risks: 'Confinement by those modules can be lifted.',
    reach: 'strong',
    scope: 'partly namespaced',
  },
  CAP_SYSLOG: {
    since: '2.6.37',
    allows: 'Read and clear the kernel’s log (dmesg_restrict), see kernel addresses (kptr_restrict 1).',
    risks: 'Addresses and messages of the machine help to attack its kernel.',
    reach: 'limited',
    scope: 'first user namespace only',
  },
  CAP_WAKE_ALARM: {
    since: '3.0',
    allows: 'Set timers that wake the machine from sleep.',
    risks: 'A sleeping machine can be kept awake.',
    reach: 'little',
    scope: 'first user namespace only',
  },
  CAP_BLOCK_SUSPEND: {
    since: '3.5',
    allows: 'Keep the machine from being suspended (EPOLLWAKEUP, /sys/power/wake_lock).',
    risks: 'The battery.',
    reach: 'little',
    scope: 'first user namespace only',
  },
  CAP_AUDIT_READ: {
    since: '3.16',
    allows: 'Follow the audit log over netlink.',
    risks: 'The log tells what all users of the machine do.',
    reach: 'limited',
    scope: 'first user namespace only',
  },
  CAP_PERFMON: {
    since: '5.8',
    allows: 'Measure processes and the kernel (perf_event_open), and use BPF for it.',
    risks: 'Side channels, addresses and data of others can be observed.',
    reach: 'strong',
    scope: 'first user namespace only',
  },
  CAP_BPF: {
    since: '5.8',
    allows: 'Load BPF programs and maps; with PERFMON or NET_ADMIN attach tracing or network programs.',
    risks: 'With PERFMON any kernel memory can be read; the verifier is a large target.',
    reach: 'strong',
    scope: 'partly namespaced',
  },
  CAP_CHECKPOINT_RESTORE: {
    since: '5.9',
    allows:
      'Choose the pid of a new process (clone3 set_tid, ns_last_pid), read /proc/PID/map_files of others.',
    risks: 'Pids can be foretold, and files that others have mapped be reached.',
    reach: 'limited',
    scope: 'namespaced',
  },
};
