/** Kernel constants that plans are made of, under their C names. */

export const namespaceKinds = ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup', 'time'] as const;

/** A namespace's name in /proc/PID/ns. */
export type NamespaceKind = (typeof namespaceKinds)[number];

/** clone(2) */
export const CLONE_NEW: Readonly<Record<NamespaceKind, number>> = {
  user: 0x1000_0000,
  mnt: 0x0002_0000,
  pid: 0x2000_0000,
  net: 0x4000_0000,
  ipc: 0x0800_0000,
  uts: 0x0400_0000,
  cgroup: 0x0200_0000,
  time: 0x0000_0080,
};
export const CLONE_PIDFD = 0x1000;
export const CLONE_PARENT = 0x8000;
/** Since Linux 5.7; beyond 32 bits, for clone3(2) only. */
export const CLONE_INTO_CGROUP = 0x2_0000_0000;
export const SIGCHLD = 17;
export const SIGKILL = 9;

/** open(2) */
export const O_WRONLY = 0o1;
export const O_RDWR = 0o2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_TRUNC = 0o1000;
export const O_NOCTTY = 0o400;
export const O_NONBLOCK = 0o4000;
export const O_DIRECTORY = process.arch === 'arm64' ? 0o40000 : 0o200000;
export const O_NOFOLLOW = process.arch === 'arm64' ? 0o100000 : 0o400000;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
export const AT_FDCWD = -100;
export const AT_EMPTY_PATH = 0x1000;
export const AT_RECURSIVE = 0x8000;
export const S_IFCHR = 0o020000;
export const S_IFBLK = 0o060000;

/** openat2(2) */
export const RESOLVE_NO_XDEV = 0x01;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;
export const RESOLVE_IN_ROOT = 0x10;

/** fsopen(2) and its kin */
export const FSOPEN_CLOEXEC = 1;
export const FSMOUNT_CLOEXEC = 1;
export const FSCONFIG_SET_FLAG = 0;
export const FSCONFIG_SET_STRING = 1;
export const FSCONFIG_CMD_CREATE = 6;
export const OPEN_TREE_CLONE = 1;
export const OPEN_TREE_CLOEXEC = O_CLOEXEC;
export const MOVE_MOUNT_F_EMPTY_PATH = 0x04;
export const MOVE_MOUNT_T_SYMLINKS = 0x10;
export const MOVE_MOUNT_T_EMPTY_PATH = 0x40;

/** mount_setattr(2) */
export const MOUNT_ATTR_RDONLY = 0x01;
export const MOUNT_ATTR_NOSUID = 0x02;
export const MOUNT_ATTR_NODEV = 0x04;
export const MOUNT_ATTR_NOEXEC = 0x08;
export const MOUNT_ATTR_IDMAP = 0x0010_0000;
export const MS_PRIVATE = 1 << 18;
export const MS_SLAVE = 1 << 19;
export const MS_SHARED = 1 << 20;
export const MNT_DETACH = 2;

/** prctl(2) */
export const PR_SET_PDEATHSIG = 1;
export const PR_SET_DUMPABLE = 4;
export const PR_SET_KEEPCAPS = 8;
export const PR_CAPBSET_DROP = 24;
export const PR_SET_CHILD_SUBREAPER = 36;
export const PR_SET_NO_NEW_PRIVS = 38;
export const PR_CAP_AMBIENT = 47;
export const PR_CAP_AMBIENT_RAISE = 2;
export const PR_CAP_AMBIENT_CLEAR_ALL = 4;
export const CAPABILITY_VERSION_3 = 0x2008_0522;

/** bpf(2) */
export const BPF_PROG_LOAD = 5;
export const BPF_PROG_ATTACH = 8;
export const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
export const BPF_CGROUP_DEVICE = 6;
export const BPF_F_ALLOW_MULTI = 2;

export const SECCOMP_SET_MODE_FILTER = 1;
export const SIG_SETMASK = 2;

/** socket(2), netdevice(7) */
export const AF_UNIX = 1;
export const AF_INET = 2;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_SEQPACKET = 5;
export const SOCK_CLOEXEC = O_CLOEXEC;
export const SOL_SOCKET = 1;
export const SCM_RIGHTS = 1;
export const MSG_NOSIGNAL = 0x4000;
export const SHUT_WR = 1;
export const MSG_CMSG_CLOEXEC = 0x4000_0000;
export const SIOCSIFFLAGS = 0x8914;
export const IFF_UP = 0x1;

/** ioctl_tty(2) */
export const TIOCSCTTY = 0x540e;
export const TIOCSWINSZ = 0x5414;
export const TIOCSPTLCK = 0x4004_5431;
export const TIOCGPTPEER = 0x5441;

/** Message types of native/launcher/plan.h. */
/** `f_type` of a devpts; see statfs(2). */
export const DEVPTS_SUPER_MAGIC = 0x1cd1;

export const MSG_FAILED = 1;
export const MSG_RUNNING = 2;
export const MSG_EXITED = 3;
export const MSG_TERMINAL = 4;
export const MSG_DATA = 5;
export const MSG_ALIVE = 6;
export const MSG_ANSWER = 7;
export const MSG_SIGNAL = 16;
export const MSG_CANCEL = 17;
export const MSG_STOP = 18;
export const MSG_INPUT = 19;
export const MSG_INPUT_END = 20;
export const MSG_RESIZE = 21;
export const MSG_FREEZE = 22;
export const MSG_PLAN = 23;
export const MSG_DETACH = 24;
/** What came of an attempt to remove a control group. */
export const COLLECT_REMOVED = 0;
export const COLLECT_GONE = 2;
export const COLLECT_FAILED = 3;
/** Size of its `struct message`. */
export const MESSAGE_SIZE = 40;
