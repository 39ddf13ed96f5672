/** Which capabilities the manual pages name for a system call: what an experiment tries first. It proves nothing. */
import type { Capability } from '../../kernel/capabilities.js';

const files: readonly Capability[] = ['CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH', 'CAP_FOWNER'];

/** In the order in which they are tried. */
const table: readonly (readonly [calls: string, capabilities: readonly Capability[]])[] = [
  ['chown fchown lchown fchownat', ['CAP_CHOWN', 'CAP_DAC_READ_SEARCH']],
  ['chmod fchmod fchmodat fchmodat2 utime utimes utimensat futimesat', ['CAP_FOWNER', 'CAP_DAC_READ_SEARCH']],
  [
    'setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr',
    ['CAP_SETFCAP', 'CAP_SYS_ADMIN', 'CAP_FOWNER', 'CAP_DAC_OVERRIDE'],
  ],
  ['setuid setreuid setresuid setfsuid', ['CAP_SETUID']],
  ['setgid setregid setresgid setfsgid setgroups', ['CAP_SETGID']],
  ['capset', ['CAP_SETPCAP']],
  ['prctl', ['CAP_SETPCAP', 'CAP_SYS_RESOURCE', 'CAP_SYS_ADMIN']],
  ['chroot', ['CAP_SYS_CHROOT']],
  ['kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal', ['CAP_KILL']],
  ['bind', ['CAP_NET_BIND_SERVICE', 'CAP_NET_RAW', 'CAP_NET_ADMIN']],
  ['socket', ['CAP_NET_RAW', 'CAP_NET_ADMIN']],
  ['setsockopt', ['CAP_NET_ADMIN', 'CAP_NET_RAW']],
  ['sendto sendmsg sendmmsg connect', ['CAP_NET_BROADCAST', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN']],
  ['ioctl', ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN']],
  ['mknod mknodat', ['CAP_MKNOD']],
  [
    'mount umount2 pivot_root move_mount open_tree fsopen fsmount fsconfig fspick mount_setattr unshare setns',
    ['CAP_SYS_ADMIN'],
  ],
  ['clone clone3 sethostname setdomainname quotactl', ['CAP_SYS_ADMIN']],
  ['ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd', ['CAP_SYS_PTRACE']],
  ['setrlimit prlimit64', ['CAP_SYS_RESOURCE']],
  [
    'setpriority sched_setscheduler sched_setattr sched_setaffinity sched_setparam ioprio_set',
    ['CAP_SYS_NICE'],
  ],
  ['mlock mlock2 mlockall shmctl', ['CAP_IPC_LOCK', 'CAP_IPC_OWNER']],
  ['msgget msgctl msgrcv msgsnd semget semctl semop shmget shmat', ['CAP_IPC_OWNER']],
  ['open_by_handle_at', ['CAP_DAC_READ_SEARCH']],
  ['clock_settime settimeofday clock_adjtime adjtimex stime', ['CAP_SYS_TIME']],
  ['reboot kexec_load kexec_file_load', ['CAP_SYS_BOOT']],
  ['init_module finit_module delete_module', ['CAP_SYS_MODULE']],
  ['syslog', ['CAP_SYSLOG']],
  ['bpf', ['CAP_BPF', 'CAP_SYS_ADMIN']],
  ['perf_event_open', ['CAP_PERFMON', 'CAP_SYS_ADMIN']],
  ['acct', ['CAP_SYS_PACCT']],
  ['iopl ioperm', ['CAP_SYS_RAWIO']],
  ['vhangup', ['CAP_SYS_TTY_CONFIG']],
  ['swapon swapoff', ['CAP_SYS_ADMIN']],
];

const bySyscall: ReadonlyMap<string, readonly Capability[]> = new Map(
  table.flatMap(([calls, capabilities]) => calls.split(' ').map((name) => [name, capabilities] as const)),
);

/** What is not in the table and has a path is likely refused by the permissions of a file. */
export function likelyCapabilities(syscall: string, errno: 'EPERM' | 'EACCES'): readonly Capability[] {
  return bySyscall.get(syscall) ?? (errno === 'EACCES' ? files : []);
}
