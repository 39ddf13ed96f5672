import { invalid, quote } from '../errors.js';
import { parseSysctlName, slashed } from './sysctl-name.js';

/** The namespace that has a value of its own for a key; `host` is none, so that the machine has one. */
export type SysctlScope = 'network' | 'ipc' | 'uts' | 'user' | 'host';

export interface ScopedSysctl {
  readonly scope: SysctlScope;
  /** A sentence, for messages. */
  readonly why: string;
}

/** IPC keys of kernel/; see ipc_namespaces(7). */
const ipcKeys: ReadonlySet<string> = new Set([
  'kernel/auto_msgmni',
  'kernel/msg_next_id',
  'kernel/msgmax',
  'kernel/msgmnb',
  'kernel/msgmni',
  'kernel/sem',
  'kernel/sem_next_id',
  'kernel/shm_next_id',
  'kernel/shm_rmid_forced',
  'kernel/shmall',
  'kernel/shmmax',
  'kernel/shmmni',
]);

/** The keys of an IPC namespace, POSIX message queues included. */
export const ipcSysctls: readonly string[] = [
  ...ipcKeys,
  'fs/mqueue/msg_default',
  'fs/mqueue/msg_max',
  'fs/mqueue/msgsize_default',
  'fs/mqueue/msgsize_max',
  'fs/mqueue/queues_max',
];

const utsKeys: ReadonlySet<string> = new Set(['kernel/hostname', 'kernel/domainname']);

/** Keys that users ask for most, with what they can do instead. */
const hostReasons: ReadonlyMap<string, string> = new Map([
  [
    'kernel/pid_max',
    'the whole machine had one kernel.pid_max before Linux 6.14 gave each PID namespace its own, and a start should not depend on that; limit processes with a pids cgroup instead.',
  ],
  ['kernel/ns_last_pid', 'kernel.ns_last_pid serves checkpoint and restore, and is not a setting.'],
  [
    'kernel/core_pattern',
    'the whole machine has one kernel.core_pattern, and the kernel runs its program as root on the host.',
  ],
  [
    'kernel/modprobe',
    'the whole machine has one kernel.modprobe, and the kernel runs it as root on the host.',
  ],
]);

/**
 * Which namespace isolates a key. Whether the key exists there, and can be written, is another question: see `netSysctlFact()`.
 *
 * @param path Slashed, below /proc/sys, as `parseSysctlName()` returns it.
 */
export function sysctlScope(path: string): ScopedSysctl {
  const name = parseSysctlName(path).name;
  if (path.startsWith('net/')) return { scope: 'network', why: `${name} belongs to the network namespace.` };
  if (ipcKeys.has(path) || path.startsWith('fs/mqueue/')) {
    return { scope: 'ipc', why: `${name} belongs to the IPC namespace.` };
  }
  if (utsKeys.has(path)) return { scope: 'uts', why: `${name} belongs to the UTS namespace.` };
  if (path.startsWith('user/')) return { scope: 'user', why: `${name} belongs to the user namespace.` };
  return {
    scope: 'host',
    why: hostReasons.get(path) ?? `no namespace isolates ${name}: the whole machine has one value.`,
  };
}

/** A key of PID namespaces: they are not set at a start, and not every supported kernel has them so. */
export interface PidSysctl {
  /** The first Linux in which each PID namespace has its own. */
  readonly since: string;
  /** Part of a sentence. */
  readonly what: string;
  readonly source: string;
}

const pidSysctls: ReadonlyMap<string, PidSysctl> = new Map([
  [
    'kernel/pid_max',
    {
      since: '6.14',
      what: 'a new one starts with the largest that the kernel has, and a process also needs a free number in every namespace above',
      source:
        'pid_namespaces(7); in a new PID namespace of Linux 6.18 it is 4194304 while the host has 32768',
    },
  ],
  [
    'kernel/ns_last_pid',
    { since: '3.3', what: 'the number that was given last', source: 'pid_namespaces(7)' },
  ],
  [
    'vm/memfd_noexec',
    {
      since: '6.3',
      what: 'and the strictest of it and those above counts',
      source: 'https://docs.kernel.org/userspace-api/mfd_noexec.html',
    },
  ],
]);

/** @param path Slashed, below /proc/sys. */
export function pidSysctl(path: string): PidSysctl | undefined {
  return pidSysctls.get(path);
}

/** A key that Kubernetes lets a pod set without being asked: it is isolated, and cannot harm the node or its neighbours. */
export interface SafeSysctl {
  readonly path: string;
  /** The Kubernetes version in which it became safe. */
  readonly sinceKubernetes: string;
  /** The first kernel that isolates it, where that matters. */
  readonly sinceKernel?: string;
}

export const safeSysctls: readonly SafeSysctl[] = [
  { path: 'kernel/shm_rmid_forced', sinceKubernetes: '1.4' },
  { path: 'net/ipv4/ip_local_port_range', sinceKubernetes: '1.4' },
  { path: 'net/ipv4/tcp_syncookies', sinceKubernetes: '1.4', sinceKernel: '4.6' },
  { path: 'net/ipv4/ping_group_range', sinceKubernetes: '1.18' },
  { path: 'net/ipv4/ip_unprivileged_port_start', sinceKubernetes: '1.22' },
  { path: 'net/ipv4/ip_local_reserved_ports', sinceKubernetes: '1.27', sinceKernel: '3.16' },
  { path: 'net/ipv4/tcp_keepalive_time', sinceKubernetes: '1.29', sinceKernel: '4.5' },
  { path: 'net/ipv4/tcp_fin_timeout', sinceKubernetes: '1.29', sinceKernel: '4.6' },
  { path: 'net/ipv4/tcp_keepalive_intvl', sinceKubernetes: '1.29', sinceKernel: '4.5' },
  { path: 'net/ipv4/tcp_keepalive_probes', sinceKubernetes: '1.29', sinceKernel: '4.5' },
  { path: 'net/ipv4/tcp_rmem', sinceKubernetes: '1.32', sinceKernel: '4.15' },
  { path: 'net/ipv4/tcp_wmem', sinceKubernetes: '1.32', sinceKernel: '4.15' },
];

const safePaths: ReadonlySet<string> = new Set(safeSysctls.map(({ path }) => path));

/** @param path Slashed, below /proc/sys. */
export function isSafeSysctl(path: string): boolean {
  return safePaths.has(path);
}

/**
 * Whether an allow-list's pattern covers a key. As in the kubelet, one `*` at the end stands for the rest of the key, separators
 * included (`net.core.*`, `kernel.shm*`); without it the pattern is one key. `*` alone is refused: it would allow everything.
 *
 * @param key Dotted or slashed.
 * @throws {WarrenError} `ERR_SYSCTL_PATTERN`, `ERR_SYSCTL_NAME`.
 */
export function matchSysctlPattern(pattern: string, key: string): boolean {
  const { path } = parseSysctlName(key);
  if (!pattern.endsWith('*')) return checkedPattern(pattern, pattern) === path;
  const stem = pattern.slice(0, -1);
  const prefix = slashed(stem);
  // The stem may end in the middle of a component or with a separator; a letter after it makes it a whole key to check.
  checkedPattern(pattern, `${stem}x`);
  return path.startsWith(prefix);
}

function checkedPattern(pattern: string, key: string): string {
  try {
    if (key !== 'x') return parseSysctlName(key).path;
  } catch (cause) {
    throw badPattern(pattern, cause);
  }
  throw badPattern(pattern, undefined);
}

function badPattern(pattern: string, cause: unknown): Error {
  const error = invalid(
    'ERR_SYSCTL_PATTERN',
    `Cannot use the sysctl pattern ${quote(pattern)}`,
    'it is neither a key nor the beginning of one with a single "*" at the end',
    'write it as net.core.* or kernel.shm*',
  );
  if (cause !== undefined) error.cause = cause;
  return error;
}
