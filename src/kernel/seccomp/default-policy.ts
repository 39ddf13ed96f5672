import { subArchs } from '../syscalls/index.js';
import {
  ENOSYS,
  EPERM,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  type SeccompCondition,
  type SeccompOp,
  type SeccompPolicy,
  type SeccompRule,
  type SeccompTarget,
} from './policy.js';

/*
 * What a container may ask of the kernel unless its user says otherwise: docker's decisions, call by call (a test
 * compares them), in our own order. Everything that is not listed fails with EPERM. Names that an architecture does
 * not have do nothing there, so one list serves all.
 *
 * Denied to everybody, whatever the capabilities, because the kernel keeps no copy per container or because the call
 * is a way into the kernel that few programs need:
 *
 * - add_key keyctl request_key: keyrings belong to no namespace, another container's keys could be read;
 * - io_uring_*: a second, much younger way to most calls, which this filter could not see;
 * - userfaultfd: lets a process stop the kernel in the middle of an access, the standard aid of exploits;
 * - kexec_load kexec_file_load swapon swapoff: replace the kernel, take the machine's disks;
 * - pivot_root: with a mount namespace of its own it undoes the preparation of the root;
 * - move_pages migrate_pages: NUMA placement of other processes (mbind and its kin: with CAP_SYS_NICE);
 * - nfsservctl uselib _sysctl sysfs ustat vm86 vm86old create_module get_kernel_syms query_module: long obsolete;
 * - what is newer than the list: a call is denied until somebody has looked at it.
 */

/** Files by name: what they are called, whose they are, what they carry. */
const paths = `
  access chdir chmod chown chown32 creat faccessat faccessat2 fchdir fchmodat fchmodat2 fchownat fstatat64 futimesat
  getcwd getxattr getxattrat lchown lchown32 lgetxattr link linkat listxattr listxattrat llistxattr lremovexattr
  lsetxattr lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat openat2 readlink
  readlinkat removexattr removexattrat rename renameat renameat2 rmdir setxattr setxattrat stat stat64 statfs
  statfs64 statx symlink symlinkat truncate truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes`;

/** Files by descriptor. */
const descriptors = `
  _llseek close close_range copy_file_range dup dup2 dup3 fadvise64 fadvise64_64 arm_fadvise64_64 fallocate fchmod
  fchown fchown32 fcntl fcntl64 fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatfs
  fstatfs64 fsync ftruncate ftruncate64 getdents getdents64 ioctl lseek pipe pipe2 pread64 preadv preadv2 pwrite64
  pwritev pwritev2 read readahead readv sendfile sendfile64 splice sync sync_file_range sync_file_range2
  arm_sync_file_range syncfs tee vmsplice write writev`;

/** Which mounts there are; making them is for CAP_SYS_ADMIN. */
const mountQueries = 'listmount statmount';

/** Waiting for many things, and being told. fanotify_mark does nothing without a descriptor from fanotify_init. */
const events = `
  _newselect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old
  eventfd eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy
  io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit poll ppoll ppoll_time64 pselect6
  pselect6_time64 select signalfd signalfd4`;

/** Memory of one's own. */
const memory = `
  brk madvise map_shadow_stack memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 mprotect mremap
  mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages`;

/**
 * Processes and threads. clone and unshare stand apart: new namespaces, above all user namespaces, open kernel code
 * that was written for root.
 */
const processes = `
  execve execveat exit exit_group fork get_robust_list get_thread_area getcpu getpgid getpgrp getpid getppid
  getpriority getrlimit getrusage getsid gettid ioprio_get ioprio_set kill membarrier pidfd_open pidfd_send_signal
  prctl prlimit64 process_mrelease restart_syscall rseq sched_get_priority_max sched_get_priority_min
  sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
  sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield
  set_robust_list set_thread_area set_tid_address setpgid setpriority setrlimit setsid tgkill times tkill ugetrlimit
  vfork wait4 waitid waitpid`;

/** Locks between threads. */
const futexes = 'futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake';

const signals = `
  pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
  rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn`;

/** Who one is; the kernel asks for capabilities where it must. Giving rights up is always welcome. */
const identity = `
  capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32
  getresuid getresuid32 getuid getuid32 landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp
  setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setregid setregid32 setresgid
  setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32`;

/** Clocks and timers. Those that set a clock need CAP_SYS_TIME by the kernel, too; only reading is free of it. */
const time = `
  adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
  clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create timer_delete
  timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
  timerfd_gettime64 timerfd_settime timerfd_settime64`;

/** Sockets once they exist; `socketcall` is the same through one door (see `socket` below). */
const sockets = `
  accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64 recvmsg
  send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair`;

/** POSIX and System V IPC: private by the IPC namespace. */
const ipc = `
  ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink
  msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget`;

/** Small facts about the machine, randomness, page-cache statistics. */
const information = 'cachestat getrandom sysinfo uname';

/** What compilers, C libraries and tracers need of one architecture: thread pointers, segments, return probes. */
const architecture = 'arch_prctl modify_ldt breakpoint cacheflush set_tls uretprobe';

const always = [
  paths,
  descriptors,
  mountQueries,
  events,
  memory,
  processes,
  futexes,
  signals,
  identity,
  time,
  sockets,
  ipc,
  information,
  architecture,
];

/** What a capability opens in addition; without it the kernel would refuse as well, later and with more code run. */
const withCapability: Readonly<Record<string, string>> = {
  CAP_BPF: 'bpf',
  // Opens a file by its inode, around every directory's permissions: how containers once read the host's shadow file.
  CAP_DAC_READ_SEARCH: 'open_by_handle_at',
  CAP_PERFMON: 'perf_event_open',
  // Mounts, namespaces and what else "the new root" means.
  CAP_SYS_ADMIN: `
    bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules
    lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname
    sethostname setns syslog umount umount2 unshare`,
  CAP_SYS_BOOT: 'reboot',
  // The classic way out of a root for who is root in it.
  CAP_SYS_CHROOT: 'chroot',
  // Code into the kernel.
  CAP_SYS_MODULE: 'delete_module finit_module init_module',
  CAP_SYS_NICE: 'get_mempolicy mbind set_mempolicy set_mempolicy_home_node',
  // Process accounting can be switched off for the whole machine.
  CAP_SYS_PACCT: 'acct',
  CAP_SYS_PTRACE: 'kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace',
  CAP_SYS_RAWIO: 'ioperm iopl',
  // There is one clock for all (CLOCK_REALTIME has no namespace).
  CAP_SYS_TIME: 'clock_settime clock_settime64 settimeofday stime',
  CAP_SYS_TTY_CONFIG: 'vhangup',
  // The kernel's log shows addresses and what other containers did.
  CAP_SYSLOG: 'syslog',
};

/** The capabilities that make a difference, for whoever wants to remember a filter. */
export const seccompCapabilities: readonly string[] = Object.keys(withCapability);

/** Before Linux 4.8 a traced call was not filtered again after the tracer had changed it: ptrace was a way around. */
export function isTracingSafe([major, minor]: SeccompTarget['kernel']): boolean {
  return major > 4 || (major === 4 && minor >= 8);
}

const tracing = 'process_vm_readv process_vm_writev ptrace';

/** Every namespace flag of clone(2): CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const namespaceFlags = 0x7e02_0000n;

/**
 * Execution domains of personality(2): Linux and Linux with 32-bit addresses (PER_LINUX32), each also with
 * UNAME26, and the query. Others switch mitigations off (ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC).
 */
const personalities = [0x0n, 0x8n, 0x2_0000n, 0x2_0008n, 0xffff_ffffn];

/**
 * Address families: all but AF_ALG (38, a large body of kernel code for programs that all have their own ciphers)
 * and AF_VSOCK (40, which leads out to the hypervisor and belongs to no network namespace).
 */
const socketFamilies: readonly (readonly [SeccompOp, bigint])[] = [
  ['LT', 38n],
  ['EQ', 39n],
  ['GT', 40n],
];

/** The policy for a container without a profile of its own. */
export function defaultSeccompPolicy(target: SeccompTarget): SeccompPolicy {
  const capabilities = new Set(target.capabilities);
  const rules: SeccompRule[] = always.map((names) => allow(names));
  for (const [family, value] of socketFamilies) rules.push(allow('socket', firstArg(family, value)));
  for (const value of personalities) rules.push(allow('personality', firstArg('EQ', value)));
  if (isTracingSafe(target.kernel)) rules.push(allow(tracing));
  if (!capabilities.has('CAP_SYS_ADMIN')) {
    rules.push(allow('clone', firstArg('MASKED_EQ', namespaceFlags)));
    // Its flags lie in memory, where a filter cannot look. C libraries take ENOSYS as a hint to use clone.
    rules.push({ names: ['clone3'], action: SECCOMP_RET_ERRNO | ENOSYS, conditions: [] });
  }
  for (const [capability, names] of Object.entries(withCapability)) {
    if (capabilities.has(capability)) rules.push(allow(names));
  }
  return {
    native: target.arch,
    archs: [target.arch, ...subArchs[target.arch]],
    defaultAction: SECCOMP_RET_ERRNO | EPERM,
    rules,
  };
}

function allow(names: string, condition?: SeccompCondition): SeccompRule {
  return {
    names: names.trim().split(/\s+/),
    action: SECCOMP_RET_ALLOW,
    conditions: condition === undefined ? [] : [condition],
  };
}

function firstArg(op: SeccompOp, value: bigint): SeccompCondition {
  return { index: 0, op, value, valueTwo: 0n };
}
