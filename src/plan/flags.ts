/** Numbers of system calls turned back into the names that their man pages use: for `--plan`. */
import { constants } from 'node:os';
import { rlimitNumbers } from '../kernel/rlimit.js';
import * as c from './constants.js';

/** Names of bits; a number shows as the names joined by `|`, with what has no name in hexadecimal. */
export type Flags = Readonly<Record<string, number>>;

const namesOf = (prefix: string, source: object = c): Flags =>
  Object.fromEntries(Object.entries(source).filter(([name]) => name.startsWith(prefix)));

const clone: Flags = {
  ...Object.fromEntries(Object.entries(c.CLONE_NEW).map(([kind, bit]) => [cloneName(kind), bit])),
  CLONE_PIDFD: c.CLONE_PIDFD,
  CLONE_PARENT: c.CLONE_PARENT,
};

function cloneName(kind: string): string {
  return `CLONE_NEW${kind === 'mnt' ? 'NS' : kind.toUpperCase()}`;
}

const at: Flags = { AT_EMPTY_PATH: c.AT_EMPTY_PATH, AT_RECURSIVE: c.AT_RECURSIVE };
const socket: Flags = { SOCK_CLOEXEC: c.SOCK_CLOEXEC };

export const flags = {
  at,
  clone,
  // The access mode first, as everybody writes it.
  open: { O_WRONLY: c.O_WRONLY, O_RDWR: c.O_RDWR, ...namesOf('O_') },
  resolve: namesOf('RESOLVE_'),
  fsopen: { FSOPEN_CLOEXEC: c.FSOPEN_CLOEXEC },
  fsmount: { FSMOUNT_CLOEXEC: c.FSMOUNT_CLOEXEC },
  openTree: { OPEN_TREE_CLONE: c.OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC: c.OPEN_TREE_CLOEXEC, ...at },
  moveMount: namesOf('MOVE_MOUNT_'),
  mountAttributes: namesOf('MOUNT_ATTR_'),
  propagation: namesOf('MS_'),
  umount: { MNT_DETACH: c.MNT_DETACH },
  message: { MSG_NOSIGNAL: c.MSG_NOSIGNAL, MSG_CMSG_CLOEXEC: c.MSG_CMSG_CLOEXEC },
  socket,
  seccomp: {
    SECCOMP_FILTER_FLAG_TSYNC: 1,
    SECCOMP_FILTER_FLAG_LOG: 2,
    SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
    SECCOMP_FILTER_FLAG_NEW_LISTENER: 8,
    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 32,
  },
  closeRange: { CLOSE_RANGE_CLOEXEC: 4 },
} as const satisfies Record<string, Flags>;

/** Words of which one holds. */
export const words = {
  fsconfig: {
    FSCONFIG_SET_FLAG: c.FSCONFIG_SET_FLAG,
    FSCONFIG_SET_STRING: c.FSCONFIG_SET_STRING,
    FSCONFIG_CMD_CREATE: c.FSCONFIG_CMD_CREATE,
  },
  prctl: { ...namesOf('PR_SET_'), PR_CAPBSET_DROP: c.PR_CAPBSET_DROP, PR_CAP_AMBIENT: c.PR_CAP_AMBIENT },
  bpf: { BPF_PROG_LOAD: c.BPF_PROG_LOAD, BPF_PROG_ATTACH: c.BPF_PROG_ATTACH },
  ambient: {
    PR_CAP_AMBIENT_RAISE: c.PR_CAP_AMBIENT_RAISE,
    PR_CAP_AMBIENT_CLEAR_ALL: c.PR_CAP_AMBIENT_CLEAR_ALL,
  },
  ioctl: {
    SIOCSIFFLAGS: c.SIOCSIFFLAGS,
    TIOCSCTTY: c.TIOCSCTTY,
    TIOCSWINSZ: c.TIOCSWINSZ,
    TIOCSPTLCK: c.TIOCSPTLCK,
    TIOCGPTPEER: c.TIOCGPTPEER,
  },
  family: { AF_UNIX: c.AF_UNIX, AF_INET: c.AF_INET },
  socketType: { SOCK_DGRAM: c.SOCK_DGRAM, SOCK_SEQPACKET: c.SOCK_SEQPACKET },
  seccomp: { SECCOMP_SET_MODE_FILTER: c.SECCOMP_SET_MODE_FILTER },
  sigprocmask: { SIG_SETMASK: c.SIG_SETMASK },
  signal: constants.signals,
  rlimit: Object.fromEntries(
    Object.entries(rlimitNumbers).map(([name, number]) => [`RLIMIT_${name.toUpperCase()}`, number]),
  ),
} as const satisfies Record<string, Flags>;

/** @param ignored Bits not worth a word. */
export function flagText(value: number, names: Flags, ignored = 0): string {
  let rest = value & ~ignored;
  const found: string[] = [];
  for (const [name, bit] of Object.entries(names)) {
    if (bit === 0 || (rest & bit) !== bit) continue;
    found.push(name);
    rest &= ~bit;
  }
  if (rest !== 0) found.push(`0x${(rest >>> 0).toString(16)}`);
  return found.length === 0 ? '0' : found.join('|');
}

export function wordText(value: number, names: Flags): string {
  return Object.entries(names).find(([, number]) => number === value)?.[0] ?? String(value);
}
