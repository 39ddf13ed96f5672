import type { Readable, Writable } from 'node:stream';
import type { IdMapRange } from '../kernel/idmap.js';
import type { UserNetworkWord } from './user-network/words.js';

/**
 * Where a container's namespace of one kind comes from.
 *
 * - `private`: a new one.
 * - `host`: the caller's.
 * - `ns:PATH`: an existing one, by a file such as `/run/netns/blue` or `/proc/1234/ns/net`; a network namespace also by the name
 *   that ip-netns(8) knows it by: `ns:blue`.
 * - `pid:N`: the one of process N.
 */
export type NamespaceChoice = 'private' | 'host' | `ns:${string}` | `pid:${number}`;

/** Bytes as a number, or docker's text: `64m`, `1.5g`, `1024` (units of 1024; `b`, `k`, `m`, `g`, `t`). */
export type Size = number | string;

export type { IdMapRange };

/** docker's `--mount`, in fields. Text forms (`type=bind,src=…,dst=…`) are accepted wherever this is. */
export interface MountSpec {
  readonly type: 'bind' | 'tmpfs' | 'proc' | 'sysfs' | 'mqueue' | 'devpts' | 'cgroup';
  /** Absolute path on the host (`bind`). */
  readonly source?: string;
  /** Absolute path in the container; missing directories are made. */
  readonly target: string;
  readonly readOnly?: boolean;
  /** Bind without the mounts below the source. Default false: recursive. */
  readonly nonRecursive?: boolean;
  /** Read-only for the submounts too, where `readOnly` is set and the kernel has mount_setattr(2) (≥ 5.12). Default true. */
  readonly recursiveReadOnly?: boolean;
  /** Default `rprivate`. */
  readonly propagation?: 'private' | 'rprivate' | 'slave' | 'rslave' | 'shared' | 'rshared';
  /**
   * `bind`, with mapped ids (`uidMap`), as root: owners are shown through the container's map, so what is 0's on disk is root's in
   * the container, and what it writes is 0's on disk. With the mounts below the source. Default false.
   */
  readonly idmap?: boolean;
  readonly noexec?: boolean;
  readonly nosuid?: boolean;
  readonly nodev?: boolean;
  /** `tmpfs`: its size. Default: the kernel's (half of memory). */
  readonly tmpfsSize?: Size;
  /** `tmpfs`: mode of its root, as a number. Default 0o1777. */
  readonly tmpfsMode?: number;
}

export interface UlimitSpec {
  /** As in docker: `nofile`, `nproc`, `core`, … */
  readonly name: string;
  /** `Infinity` for unlimited. */
  readonly soft: number;
  readonly hard: number;
}

export interface DeviceSpec {
  /** Path on the host. */
  readonly source: string;
  /** Path in the container. Default: the same. */
  readonly target?: string;
  /** Some of `rwm`. Default `rwm`. */
  readonly access?: string;
}

/** docker's limits. 0 is the same as leaving it out, and -1 "no limit" where a number has one. */
export interface LimitOptions {
  /** At least 6m. A container that needs more is killed; its exit status says so. */
  readonly memory?: Size;
  /** Memory and swap together. Default: twice `memory`. Needs `memory`. */
  readonly memorySwap?: Size;
  /** What memory is reclaimed down to when the machine runs short. */
  readonly memoryReservation?: Size;
  /** CPU time: `1.5` is one and a half processors. */
  readonly cpus?: number;
  /** Weight against others when the processors are busy: 2 … 262,144. The kernel's default is 1024. */
  readonly cpuShares?: number;
  /** Processors it may run on: `0-2,5`. */
  readonly cpusetCpus?: string;
  /** Memory nodes it may use. */
  readonly cpusetMems?: string;
  /** Processes and threads. */
  readonly pids?: number;
  /** Weight of its block I/O: 10 … 1000. */
  readonly blkioWeight?: number;
}

/** What `run()` and `start()` take. Text forms are docker's; every default is docker's unless it says otherwise. */
export interface ContainerOptions {
  // ── root file system ──
  /** A directory to be the root. Default: the machine's own root, seen copy-on-write, its secrets hidden. */
  readonly rootfs?: string;
  /** With `rootfs`: changes go to the directory itself. Default false: they go to a layer that is dropped at the end. */
  readonly rw?: boolean;
  /** Mount the root read-only. */
  readonly readOnly?: boolean;
  /** Without `rootfs`: show `/root`, `/home` and the homes of `/etc/passwd` (copy-on-write). Default false: they are empty. */
  readonly home?: boolean;
  /** Limit of the copy-on-write layer, which lives in memory. Default: the kernel's for tmpfs (half of memory). */
  readonly storageSize?: Size;
  /** docker's `-v`: `SRC:DST[:ro,rw,z,Z,rslave,…]`, and podman's `idmap`. */
  readonly volumes?: readonly string[];
  readonly mounts?: readonly (MountSpec | string)[];
  /** docker's `--tmpfs`: `PATH[:size=64m,mode=1777,ro,noexec,…]`. */
  readonly tmpfs?: readonly string[];
  /** Size of `/dev/shm`. Default 64m. */
  readonly shmSize?: Size;

  // ── namespaces ──
  readonly pid?: NamespaceChoice;
  readonly ipc?: NamespaceChoice;
  readonly uts?: NamespaceChoice;
  /**
   * `none` and `private` are the same: loopback, up, and nothing else. For ordinary users `pasta` and `slirp4netns` connect it by a
   * program of that name, `user` by whichever is there; where there is none, loopback is all, and a warning says so.
   */
  readonly network?: NamespaceChoice | 'none' | UserNetworkWord;
  /** With one of the latter: docker's `-p`, `[IP:]HOST:CONTAINER[/tcp|udp]`, ranges, or `CONTAINER` for a free port. */
  readonly publish?: readonly string[];
  /**
   * What /etc/resolv.conf says. Default: what the host's does; with one of the latter, an address where the program answers for the
   * host's name servers.
   */
  readonly dns?: readonly string[];
  readonly dnsSearch?: readonly string[];
  readonly dnsOptions?: readonly string[];
  /** Lines of /etc/hosts: docker's `--add-host`, `NAME:ADDRESS`. */
  readonly addHosts?: readonly string[];
  readonly cgroupns?: NamespaceChoice;
  /** Default `host` for root, `private` for an ordinary user (whose id is then mapped to 0). */
  readonly userns?: NamespaceChoice;
  /** docker-like text `INSIDE:OUTSIDE:LENGTH`, or ranges. Implies `userns: 'private'`. */
  readonly uidMap?: readonly (IdMapRange | string)[];
  /** Default: `uidMap`. */
  readonly gidMap?: readonly (IdMapRange | string)[];
  /** Time namespace: seconds added to CLOCK_BOOTTIME. Either offset implies a private one. */
  readonly boottimeOffsetSec?: number;
  /** Time namespace: seconds added to CLOCK_MONOTONIC. */
  readonly monotonicOffsetSec?: number;
  /** Default `host`, unless an offset is given. */
  readonly timens?: NamespaceChoice;

  // ── identity ──
  /** Default: the first twelve digits of the container's id; the host's with `uts: 'host'`. */
  readonly hostname?: string;
  readonly domainname?: string;
  /** `USER[:GROUP]`, names or numbers, looked up in the container's own /etc/passwd and /etc/group. Default root. */
  readonly user?: string;
  readonly groupAdd?: readonly string[];
  /** Working directory in the container; it must exist. Default `/`. */
  readonly workdir?: string;
  /** Added to docker's (`PATH`, `HOSTNAME`, `HOME`, and `TERM` with a terminal). Nothing is inherited from the caller. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default 0o022. */
  readonly umask?: number;

  // ── privilege ──
  /** Names with or without `CAP_`, and `ALL`. */
  readonly caps?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  readonly privileged?: boolean;
  readonly noNewPrivileges?: boolean;
  /** `default`, `unconfined`, or a profile in docker's or OCI's JSON (parsed). Default `default`; `unconfined` when privileged. */
  readonly seccomp?: 'default' | 'unconfined' | object;
  /** Leave `/proc` and `/sys` unmasked and writable (docker's `systempaths=unconfined`). */
  readonly systemPathsUnconfined?: boolean;
  /** Docker's `--device`: `SRC[:DST[:rwm]]`. */
  readonly devices?: readonly (DeviceSpec | string)[];
  /** Docker's `--device-cgroup-rule`: `c 13:* rw`. More devices that may be used, should their nodes be made. */
  readonly deviceCgroupRules?: readonly string[];
  /** Docker's `--ulimit`: `nofile=1024:2048`. */
  readonly ulimits?: readonly (UlimitSpec | string)[];
  /** −1000 … 1000. */
  readonly oomScoreAdj?: number;

  // ── limits ──
  /** Default: none, in the caller's control groups. */
  readonly limits?: LimitOptions;
  /** The control group below which the container's are made, from the root of the hierarchy; made if missing. Default: the caller's own. */
  readonly cgroupParent?: string;

  // ── parameters ──
  /** Kernel parameters, dotted or slashed; only what the container's own namespaces isolate. */
  readonly sysctls?: Readonly<Record<string, string | number>>;
  /**
   * Which of them are allowed: all that a namespace of the container isolates, or only those that Kubernetes calls safe.
   * Default `namespaced`; `k8s-safe` where `allowUnsafeSysctls` is given.
   */
  readonly sysctlPolicy?: 'namespaced' | 'k8s-safe';
  /** With `k8s-safe`: keys, or patterns such as `net.core.*`, that may be set as well. */
  readonly allowUnsafeSysctls?: readonly string[];
  /**
   * Copy the host's present values of what a new namespace would reset: of all that its network and IPC namespaces isolate (true),
   * or of those that a pattern such as `net.ipv4.tcp_*` covers. `sysctls` win over it. Default false.
   */
  readonly inheritSysctls?: boolean | string;
  /** Try every value in throw-away namespaces first, so that a refused one is told before anything exists. Default false. */
  readonly checkSysctls?: boolean;

  // ── process ──
  /** A terminal of the container's own. Default false. */
  readonly tty?: boolean;
  /** Rows and columns of the terminal at the start. */
  readonly ttySize?: { readonly rows: number; readonly columns: number };
  /** Run a small init as process 1, which forwards signals and reaps. Default false: the command is process 1. */
  readonly init?: boolean;
  /** Name or number of the signal that `stop()` sends. Default SIGTERM. */
  readonly stopSignal?: string | number;
  /** How long `stop()` waits before SIGKILL. Default 10,000. */
  readonly stopTimeoutMs?: number;
  /** Kill the container after this time. Default: never. */
  readonly timeoutMs?: number;
  /** Kills the container when aborted. */
  readonly signal?: AbortSignal;
}

/**
 * What a stream of the command is connected to.
 *
 * - `pipe`: a stream on the handle. - `ignore`: /dev/null. - `inherit`: the caller's own (never where that is a terminal:
 * a container must not hold the caller's terminal). - a number: that descriptor.
 */
export type Stdio = 'pipe' | 'ignore' | 'inherit' | number;

export interface StartOptions extends ContainerOptions {
  /** Default `ignore`. */
  readonly stdin?: Stdio;
  /** Default `pipe`. */
  readonly stdout?: Stdio;
  /** Default `pipe`. */
  readonly stderr?: Stdio;
  /** With `tty`: the caller's own terminal, whose settings are put back should the caller be killed while they are raw. */
  readonly callerTerminal?: number;
  /** Gives the start up when aborted. Unlike `signal` it does nothing to a command that is executing. */
  readonly startSignal?: AbortSignal;
}

export interface RunOptions extends ContainerOptions {
  /** Text or bytes for the command's standard input, or a stream to read it from. Default: none. */
  readonly stdin?: string | Uint8Array | Readable;
  /** Also copy the output there as it comes. */
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  /** Reject when the command fails. Default true. */
  readonly rejectOnFailure?: boolean;
  /** Most bytes kept of each stream; more is an error. Default 100 MiB. */
  readonly maxBuffer?: number;
}

/** How a command ended; `run()`'s result and its error have these fields alike. */
export interface ExitStatus {
  /** Exit code; 128 + n when signal n ended it. */
  readonly exitCode: number;
  /** `SIGKILL`, …, when a signal ended it. */
  readonly signal: NodeJS.Signals | undefined;
  readonly timedOut: boolean;
  readonly isCanceled: boolean;
  /** The kernel killed a process of the container, which was at its limit of memory. */
  readonly oomKilled: boolean;
  /** Of the command and the children it waited for; see getrusage(2). */
  readonly usage: { readonly userMs: number; readonly systemMs: number; readonly maxRssBytes: number };
}
