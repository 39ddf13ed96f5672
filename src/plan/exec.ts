/** The planner of a command in the namespaces of a process that runs: `exec`, `enter`. */
import type { ContainerConfig, HostFacts } from './config.js';
import type { NamespaceKind } from './constants.js';
import type { Plan, Step } from './step.js';

export interface ExecConfig extends Pick<
  ContainerConfig,
  | 'argv'
  | 'execPaths'
  | 'env'
  | 'cwd'
  | 'umask'
  | 'user'
  | 'capabilities'
  | 'noNewPrivileges'
  | 'seccomp'
  | 'rlimits'
  | 'oomScoreAdj'
  | 'terminal'
  | 'callerTermios'
> {
  /** The process's namespaces that are joined, without those it shares with the caller. */
  readonly kinds: readonly NamespaceKind[];
  /** Directories of its control groups on the host. */
  readonly cgroups: readonly string[];
  /** Which of them is of cgroup v2: the process can be cloned into it. To join it later takes 10 ms. */
  readonly unified?: number | undefined;
  /** The joined user namespace denies setgroups(2). */
  readonly denySetgroups: boolean;
}

/** The launcher knows the process by a pidfd, in slot `target`. Pure. */
export function planExec(config: ExecConfig, facts: HostFacts): Plan {
  const { kinds, cgroups, unified, terminal } = config;
  const outside = joinedOutside(kinds, facts);
  const inside = kinds.filter((kind) => !outside.includes(kind));
  const joinsUser = kinds.includes('user');
  const steps: Step[] = [
    // With the rights of the caller: the process inside may have none on the host any more.
    ...cgroups.map((directory, index): Step => ({
      op: 'open-cgroup',
      directory,
      index,
      born: index === unified,
    })),
    ...(config.oomScoreAdj === undefined
      ? []
      : [{ op: 'own-oom-score', value: config.oomScoreAdj } as const]),
    ...(outside.length === 0 ? [] : [{ op: 'join-process', kinds: outside, becomeRoot: false } as const]),
    // Undumpable: whoever is in there must not trace the newcomer, or reach its descriptors (CVE-2016-9962).
    { op: 'clone', kinds: [], undumpable: true, sibling: false, into: unified },
    { op: 'supervise', orphans: false, termios: config.callerTermios },

    { op: 'enter', userNamespace: 'none' },
    ...(cgroups.length === 0 ? [] : [{ op: 'join-members', count: cgroups.length, into: unified } as const]),
    ...(inside.length === 0 && !joinsUser
      ? []
      : [{ op: 'join-process', kinds: inside, becomeRoot: joinsUser } as const]),
    ...(terminal ? [{ op: 'exec-terminal', ...terminal, uid: config.user.uid } as const] : []),
    { op: 'working-directory', path: config.cwd },
    ...config.rlimits.map((limit): Step => ({ op: 'rlimit', ...limit })),
    { op: 'bounding', keep: config.capabilities.bounding, last: facts.lastCapability },
    {
      op: 'user',
      uid: config.user.uid,
      gid: config.user.gid,
      additionalGids: config.denySetgroups ? undefined : config.user.additionalGids,
    },
    {
      op: 'capabilities',
      available: config.capabilities.available,
      inheritable: config.capabilities.inheritable,
      ambient: config.capabilities.ambient,
    },
    { op: 'umask', mask: config.umask },
    ...(config.noNewPrivileges ? [{ op: 'no-new-privileges' } as const] : []),
    { op: 'die-with-parent' },
    { op: 'close-rest' },
    { op: 'unblock-signals' },
    ...(config.seccomp ? [{ op: 'seccomp', ...config.seccomp } as const] : []),
    { op: 'exec', paths: config.execPaths, argv: config.argv, env: config.env },
  ];
  return { steps };
}

/**
 * One is in a PID namespace from birth, so that one is joined before the clone. Everything else is joined by the new
 * process: the launcher goes on living in the caller's. Only an ordinary user needs the user namespace first, for it
 * gives the right to join the others.
 */
function joinedOutside(kinds: readonly NamespaceKind[], { uid }: HostFacts): NamespaceKind[] {
  return kinds.filter((kind) => kind === 'pid' || (kind === 'user' && uid !== 0));
}
