/**
 * A checked configuration: what a planner takes. Every name is looked up, every number parsed, every default decided;
 * a planner only puts it in order. Made by runtime/ from the options of `run()`, later from an OCI config.
 */
import type { CgroupWrite } from '../kernel/cgroup/limits.js';
import type { IdMapRange as IdRange } from '../kernel/idmap.js';
import type { NamespaceKind } from './constants.js';

/** One line of /proc/PID/uid_map. */
export type { IdRange };

export type NamespaceSource =
  { readonly from: 'new' } | { readonly from: 'host' } | { readonly from: 'path'; readonly path: string };

export interface Owner {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits. */
  readonly mode: number;
}

/** A file that the copy-on-write layer holds before anything runs (docker's init layer). */
export interface LayerFile extends Owner {
  /** Relative to the layer. */
  readonly path: string;
  readonly content: string;
}

/** A directory of the lower tree that shows empty. */
export interface HiddenDirectory extends Owner {
  readonly path: string;
}

/** A file system seen copy-on-write. */
export interface Layer {
  /** Directory on the host. */
  readonly lower: string;
  /** Where in the container, relative to its root; `` for the root itself. */
  readonly at: string;
  readonly root: Owner;
  /** Directories of the layer that must exist before what is in them, outer first, with the owners of the lower ones. */
  readonly parents: readonly HiddenDirectory[];
  readonly hidden: readonly HiddenDirectory[];
  readonly files: readonly LayerFile[];
}

/** Something of the machine's root that is shown as it is or re-made: used where an overlay of `/` itself is not allowed. */
export type SkeletonEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'text'; readonly path: string; readonly content: string; readonly mode: number };

export type RootConfig =
  | {
      /** Copy-on-write layers; the first is the root. */
      readonly kind: 'layers';
      readonly layers: readonly Layer[];
      readonly sizeBytes: number | undefined;
      /**
       * Directory on the host that keeps what the container writes, for its next start. undefined: a tmpfs does, to the end
       * of this run.
       */
      readonly store: string | undefined;
      /** Entries of a root that is itself a tmpfs (no layer at ``), for a user namespace over the machine's root. */
      readonly skeleton: readonly SkeletonEntry[] | undefined;
    }
  | { readonly kind: 'directory'; readonly path: string };

export type Propagation = 'private' | 'rprivate' | 'slave' | 'rslave' | 'shared' | 'rshared';

export interface MountFlags {
  readonly readOnly: boolean;
  readonly noexec: boolean;
  readonly nosuid: boolean;
  readonly nodev: boolean;
}

export interface BindMount extends MountFlags {
  readonly kind: 'bind';
  readonly source: string;
  /** Relative to the container's root. */
  readonly target: string;
  /** The source is not a directory. */
  readonly file: boolean;
  readonly recursive: boolean;
  readonly recursiveReadOnly: boolean;
  readonly propagation: Propagation;
  /** Its owners go through the map of the container's user namespace. */
  readonly idMapped: boolean;
}

export interface FileSystemMount extends MountFlags {
  readonly kind: 'filesystem';
  readonly type: string;
  readonly target: string;
  readonly data: readonly (readonly [key: string, value: string | null])[];
}

export type ConfiguredMount = BindMount | FileSystemMount;

export interface DeviceNode extends Owner {
  /** Relative to /dev. */
  readonly path: string;
  readonly type: 'char' | 'block';
  readonly major: number;
  readonly minor: number;
  /** The host's node, bound where nodes cannot be made (user namespace). */
  readonly source: string;
}

/** A directory that must be there, or be told something, before a group can be made below it. It stays. */
export interface CgroupParent {
  /** On the host, absolute. */
  readonly path: string;
  readonly make: boolean;
  readonly writes: readonly CgroupWrite[];
}

/** The container's group in one hierarchy. */
export interface CgroupGroup {
  /** Into one of version 2 the process is cloned; it writes itself into the others. */
  readonly version: 1 | 2;
  /** Directory on the host, absolute. */
  readonly parent: string;
  readonly writes: readonly CgroupWrite[];
  /** Its file with a line `oom_kill N`. */
  readonly events: string | undefined;
  /** Version 2: the eBPF program that is asked about devices (kernel/cgroup/device-program.ts). */
  readonly deviceProgram: Uint8Array | undefined;
  /** Where /sys/fs/cgroup has the hierarchy, and the group in it; see CgroupMount. */
  readonly mount: CgroupMount;
}

export interface CgroupConfig {
  /** Of each group's directory. */
  readonly name: string;
  readonly parents: readonly CgroupParent[];
  readonly groups: readonly CgroupGroup[];
}

/** Who stays with a detached container: see native/launcher/monitor.c. */
export interface MonitorConfig {
  readonly restart: 'no' | 'on-failure' | 'always';
  /** 0 for no limit. */
  readonly mostRestarts: number;
  /** Its standard input is a pipe that clients of the monitor can write to. */
  readonly openInput: boolean;
  /** The container's directory is removed at the end. */
  readonly remove: boolean;
  /** Of one file. */
  readonly logBytes: number;
  readonly logFiles: number;
  /** Not removed before whoever starts it has ended, who may still have to read its output. */
  readonly attended: boolean;
  /** It is given a network namespace to hold, as descriptor 7, for all runs. */
  readonly network: boolean;
}

export interface IdMapping {
  readonly uid: readonly IdRange[];
  readonly gid: readonly IdRange[];
  readonly denySetgroups: boolean;
  /** Who writes it where the launcher may not: absolute paths of newuidmap(1) and newgidmap(1). */
  readonly uidHelper?: string | undefined;
  readonly gidHelper?: string | undefined;
}

/** Who passes the packets of an ordinary user's container on. */
export interface UserNetwork {
  readonly program: 'pasta' | 'slirp4netns';
  /** Absolute. */
  readonly path: string;
  /** Before the process id of the container. */
  readonly arguments: readonly string[];
  /** After it. */
  readonly after: readonly string[];
  /** The descriptor it writes to when it is ready. */
  readonly ready: number;
  /** The address where it answers for the host's resolvers. */
  readonly resolver: string;
  /** slirp4netns: the socket where it takes the requests of `forwards`, one a connection. */
  readonly control: string | undefined;
  readonly forwards: readonly string[];
}

export interface ContainerConfig {
  readonly id: string;
  readonly argv: readonly string[];
  /** What execve(2) is tried with, in order. */
  readonly execPaths: readonly string[];
  readonly env: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  readonly umask: number;
  readonly namespaces: Readonly<Record<NamespaceKind, NamespaceSource>>;
  /** For a new user namespace. */
  readonly idMap: IdMapping | undefined;
  /** Of a new network namespace, in a new user namespace. */
  readonly userNetwork: UserNetwork | undefined;
  readonly timeOffsets: { readonly boottimeSec: number; readonly monotonicSec: number } | undefined;
  readonly hostname: string | undefined;
  readonly domainname: string | undefined;
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] };
  readonly root: RootConfig;
  readonly readOnlyRoot: boolean;
  /** Volumes and the like, in the order of their targets' depth. */
  readonly mounts: readonly ConfiguredMount[];
  /** `/sys` and cgroups: writable, as privileged containers have them. */
  readonly writableSystem: boolean;
  readonly shmBytes: number;
  readonly devices: readonly DeviceNode[];
  /** Absolute paths that show empty, and ones that are read-only. */
  readonly maskedPaths: readonly string[];
  readonly readOnlyPaths: readonly string[];
  readonly sysctls: readonly { readonly path: string; readonly value: string }[];
  readonly capabilities: {
    /** What this process may use while it prepares the container; never more than it has. */
    readonly available: bigint;
    readonly bounding: bigint;
    readonly inheritable: bigint;
    readonly ambient: bigint;
  };
  readonly noNewPrivileges: boolean;
  readonly seccomp: { readonly program: Uint8Array; readonly flags: number } | undefined;
  readonly rlimits: readonly {
    readonly resource: number;
    readonly name: string;
    readonly soft: bigint;
    readonly hard: bigint;
  }[];
  readonly oomScoreAdj: number | undefined;
  /** Groups of the container's own; undefined: it stays in the caller's. */
  readonly cgroup: CgroupConfig | undefined;
  readonly terminal: { readonly rows: number; readonly columns: number } | undefined;
  /** The caller's terminal settings, put back by the launcher if the caller is killed while they are raw. */
  readonly callerTermios: Uint8Array | undefined;
  /** A detached container's; undefined: it ends with its caller. */
  readonly monitor: MonitorConfig | undefined;
  readonly init: boolean;
}

/** What a plan depends on besides the configuration, read from the host. */
export interface HostFacts {
  /** Effective user id of the caller. */
  readonly uid: number;
  /** Highest capability the kernel knows. */
  readonly lastCapability: number;
  /** Hierarchies below /sys/fs/cgroup, as mounted on the host. */
  readonly cgroups: readonly CgroupMount[];
}

export interface CgroupMount {
  /** Directory below /sys/fs/cgroup where the hierarchy is mounted; `` for the unified layout. */
  readonly path: string;
  /** The caller's own cgroup in it, `/` for its root. */
  readonly own: string;
}
