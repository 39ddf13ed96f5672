/** What is known of one namespace, and of who keeps it. */
import type { NamespaceType } from '../../native/namespace.js';

export { namespaceTypes, type NamespaceType } from '../../native/namespace.js';

/** What keeps a namespace, besides the processes in it. */
export type NamespaceHolder =
  /** A thread of a process that is elsewhere itself. */
  | { readonly kind: 'thread'; readonly pid: number; readonly tid: number; readonly command: string }
  /** A process whose next child will be in it: after unshare(2) of a PID or time namespace. */
  | { readonly kind: 'next-child'; readonly pid: number; readonly command: string }
  /** An open descriptor of it. */
  | { readonly kind: 'descriptor'; readonly pid: number; readonly fd: number; readonly command: string }
  /** A socket (or a tun queue) in it, of a process that is elsewhere. */
  | { readonly kind: 'socket'; readonly pid: number; readonly fd: number; readonly command: string }
  /** A bind mount of its file. */
  | {
      readonly kind: 'mount';
      /** As seen from the root of that mount namespace. */
      readonly path: string;
      /** Inode of the mount namespace that it is mounted in. */
      readonly mountNamespace: number;
      /** It is the caller's own. */
      readonly here: boolean;
    }
  /** A namespace below it: a PID or user namespace. */
  | { readonly kind: 'child'; readonly type: NamespaceType; readonly inode: number }
  /** A namespace that this user namespace owns. */
  | { readonly kind: 'owned'; readonly type: NamespaceType; readonly inode: number };

/** Another namespace's inode; `outside`: there is one, out of the caller's sight; undefined: none, or not known. */
export type NamespaceRelation = number | 'outside' | undefined;

/** A container, by the control group of its first process. */
export interface NamespaceContainer {
  readonly runtime: 'warren' | 'docker' | 'podman' | 'containerd' | 'cri-o' | 'lxc';
  /** As much of it as the group's name tells. */
  readonly id: string;
}

/** The process of the lowest pid in a namespace. */
export interface FirstProcess {
  readonly pid: number;
  readonly ppid: number;
  /** Effective user id; 0 also for a process that may not be dumped. */
  readonly uid: number;
  /** Its command line; `[name]` where it has none. Any character. */
  readonly command: string;
}

export interface Namespace {
  readonly type: NamespaceType;
  /** The number in `net:[4026531840]`. */
  readonly inode: number;
  /** Ascending. */
  readonly processes: readonly number[];
  readonly holders: readonly NamespaceHolder[];
  /** Of a PID or user namespace. */
  readonly parent: NamespaceRelation;
  /** The user namespace whose capabilities count in it; for a user namespace, its parent. */
  readonly owner: NamespaceRelation;
  /**
   * Who made the user namespace that it is or that owns it, as an id of the caller's user namespace: they have all
   * capabilities in it. See user_namespaces(7).
   */
  readonly creatorUid: number | undefined;
  readonly first: FirstProcess | undefined;
  readonly container: NamespaceContainer | undefined;
  /** Of the oldest process that is in it or holds it; undefined where only a mount or another namespace does. */
  readonly ageSec: number | undefined;
}

/** Everything that could be seen, and what could not. */
export interface NamespaceInventory {
  /** By type, then inode. */
  readonly namespaces: readonly Namespace[];
  /** Whether the kernel itself listed them (listns(2), since 6.19); else what nothing visible holds is missing. */
  readonly listedByKernel: boolean;
  /** One sentence for each thing that could not be looked at; empty for root. */
  readonly unseen: readonly string[];
}
