import type { NamespaceKind } from '../../plan/constants.js';
import type { StartOptions } from '../options.js';

/**
 * Whose namespaces: a process id, a process that the caller holds by a pidfd, or one namespace by its file or by a name
 * that `ip netns` would know.
 */
export type EnterTarget =
  | number
  | { readonly pid: number; readonly pidfd: number }
  | { readonly path: string }
  | { readonly netns: string };

export interface EnterOptions extends Pick<
  StartOptions,
  | 'stdin'
  | 'stdout'
  | 'stderr'
  | 'tty'
  | 'ttySize'
  | 'callerTerminal'
  | 'signal'
  | 'startSignal'
  | 'timeoutMs'
  | 'stopSignal'
  | 'stopTimeoutMs'
> {
  /** A directory, as the caller sees it, to be the root. Default: the process's root where its mount namespace is joined. */
  readonly root?: string;
  /** Absolute, in the root that is entered. Default: `/` where that is another one, else the caller's. */
  readonly workdir?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** User id, as the joined user namespace counts. Default: 0 in a user namespace that is joined and maps it, else the caller's. */
  readonly uid?: number;
  /** Group id. Default: that of `uid`. */
  readonly gid?: number;
  /** Keep the caller's ids also in a user namespace. Default false. */
  readonly keepIds?: boolean;
  /**
   * Like a process of the container: the ids, capabilities, no_new_privs, environment and control groups of the process. Its
   * system-call filter cannot be taken over; a warning says so. Default false.
   */
  readonly likeContainer?: boolean;
  /**
   * Keep the caller's programs: true for those of the caller's root, or a directory with others. The process's own root is
   * below `/target`; of its namespaces all but mount and user are joined. Default: its mount namespace.
   */
  readonly tools?: true | string;
  /** With `tools`: `/target` can be written to. Default false. */
  readonly targetWritable?: boolean;
}

export interface EnterRequest {
  readonly target: EnterTarget;
  /** Default: all of a process, the one of a file. Those that are shared already are left out. */
  readonly namespaces?: readonly NamespaceKind[] | undefined;
  readonly argv: readonly string[];
  readonly options: EnterOptions;
}
