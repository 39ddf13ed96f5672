/** The planner of a command in namespaces that exist: those of a process, or one that a file names. */
import type { BindMount, ContainerConfig, FileSystemMount, HostFacts, SkeletonEntry } from './config.js';
import type { NamespaceKind } from './constants.js';
import type { Plan, Step } from './step.js';

export interface EnterConfig extends Pick<
  ContainerConfig,
  'argv' | 'execPaths' | 'env' | 'umask' | 'noNewPrivileges' | 'terminal' | 'callerTermios'
> {
  /** Joined by the process's pidfd; without those it shares with the caller. */
  readonly kinds: readonly NamespaceKind[];
  /** Joined by their files. */
  readonly files: readonly { readonly kind: NamespaceKind; readonly path: string }[];
  /** The joined user namespace maps root, and one becomes it. */
  readonly becomeRoot: boolean;
  /** A directory, as the caller sees it, that becomes the root once the namespaces are joined. */
  readonly root: string | undefined;
  /** Undefined: the caller's. */
  readonly cwd: string | undefined;
  /** Files that are bound over others, in a mount namespace of the command's own. */
  readonly covers: readonly { readonly source: string; readonly target: string }[];
  /** Besides: a sysfs of the network namespace. */
  readonly freshSysfs: boolean;
  readonly tools: ToolsConfig | undefined;
  /** Directories of control groups on the host. */
  readonly cgroups: readonly string[];
  /** Undefined: the caller's. */
  readonly user: ContainerConfig['user'] | undefined;
  readonly denySetgroups: boolean;
  /** Undefined: the caller's; in a user namespace that is joined, all. */
  readonly capabilities: ContainerConfig['capabilities'] | undefined;
}

/** A root of the caller's programs, with the process's own root below it. */
export interface ToolsConfig {
  readonly entries: readonly SkeletonEntry[];
  readonly binds: readonly BindMount[];
  /** Relative to the new root. */
  readonly target: string;
  readonly targetReadOnly: boolean;
  /** Of the joined namespaces: procfs for a PID namespace, sysfs for a network namespace. */
  readonly fileSystems: readonly FileSystemMount[];
}

/** The launcher knows the process by a pidfd, in slot `target`. Pure. */
export function planEnter(config: EnterConfig, facts: HostFacts): Plan {
  const { files, cgroups, capabilities, terminal, tools, user, covers } = config;
  const outside = (kind: NamespaceKind): boolean => kind === 'pid' || (kind === 'user' && facts.uid !== 0);
  const kindsOutside = config.kinds.filter(outside);
  const kindsInside = config.kinds.filter((kind) => !outside(kind));
  // The user namespace last: it takes the right to join others that it does not own.
  const filesInside = files
    .filter(({ kind }) => !outside(kind))
    .sort((a, b) => Number(a.kind === 'user') - Number(b.kind === 'user'));
  const steps: Step[] = [
    // What paths name is opened while they mean what they mean to the caller.
    ...files.map(({ kind, path }): Step => ({ op: 'open-namespace', kind, path })),
    ...(config.root === undefined ? [] : [{ op: 'open-root', path: config.root } as const]),
    ...cgroups.map((directory, index): Step => ({ op: 'open-cgroup', directory, index })),
    ...files.filter(({ kind }) => outside(kind)).map(({ kind }): Step => ({ op: 'join-namespace', kind })),
    ...(kindsOutside.length === 0
      ? []
      : [{ op: 'join-process', kinds: kindsOutside, becomeRoot: false } as const]),
    // Undumpable: whoever is in there must not trace the newcomer, or reach its descriptors (CVE-2016-9962).
    { op: 'clone', kinds: [], undumpable: true, sibling: false },
    { op: 'supervise', orphans: false, termios: config.callerTermios },

    { op: 'enter', userNamespace: 'none' },
    ...(cgroups.length === 0 ? [] : [{ op: 'join-members', count: cgroups.length } as const]),
    // First mounts of our own: from those of the process there is a way back only to what its user namespace owns.
    ...(tools
      ? [{ op: 'own-mounts' } as const, { op: 'take-target', readOnly: tools.targetReadOnly } as const]
      : []),
    ...filesInside.map(({ kind }): Step => ({ op: 'join-namespace', kind })),
    ...(kindsInside.length === 0 && !config.becomeRoot
      ? []
      : [{ op: 'join-process', kinds: kindsInside, becomeRoot: config.becomeRoot } as const]),
    // Those mount what shows the joined namespaces.
    ...(tools ? toolsRoot(tools) : []),
    ...(covers.length === 0 && !config.freshSysfs
      ? []
      : [
          { op: 'own-mounts' } as const,
          ...(config.freshSysfs ? [{ op: 'fresh-sysfs' } as const] : []),
          ...covers.map(({ source, target }): Step => ({ op: 'cover', source, target })),
        ]),
    ...(config.root === undefined || tools ? [] : [{ op: 'enter-root' } as const]),
    ...(terminal ? [{ op: 'exec-terminal', ...terminal, uid: user?.uid ?? 0 } as const] : []),
    ...(config.cwd === undefined ? [] : [{ op: 'working-directory', path: config.cwd } as const]),
    ...(capabilities
      ? [{ op: 'bounding', keep: capabilities.bounding, last: facts.lastCapability } as const]
      : []),
    ...(user
      ? [
          {
            op: 'user',
            uid: user.uid,
            gid: user.gid,
            additionalGids: config.denySetgroups ? undefined : user.additionalGids,
          } as const,
        ]
      : []),
    ...(capabilities
      ? [
          {
            op: 'capabilities',
            available: capabilities.available,
            inheritable: capabilities.inheritable,
            ambient: capabilities.ambient,
          } as const,
        ]
      : []),
    { op: 'umask', mask: config.umask },
    ...(config.noNewPrivileges ? [{ op: 'no-new-privileges' } as const] : []),
    { op: 'die-with-parent' },
    { op: 'close-rest' },
    { op: 'unblock-signals' },
    { op: 'exec', paths: config.execPaths, argv: config.argv, env: config.env },
  ];
  return { steps };
}

/** In a copy of the caller's mount table, so that nothing of it shows anywhere else. */
function toolsRoot({ entries, binds, target, fileSystems }: ToolsConfig): Step[] {
  return [
    ...binds.map((mount, index): Step => ({ op: 'open-source', mount, index })),
    { op: 'skeleton', entries },
    { op: 'attach-root' },
    ...binds.map((mount, index): Step => ({ op: 'bind', mount, index })),
    ...fileSystems.map((mount): Step => ({ op: 'mount', mount, keep: undefined })),
    { op: 'attach-target', at: target },
    { op: 'pivot' },
  ];
}
