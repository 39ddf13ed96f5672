/** The planner of a container's start. Read the list top to bottom: the order is the product. */
import type {
  CgroupMount,
  ConfiguredMount,
  ContainerConfig,
  FileSystemMount,
  HostFacts,
  IdRange,
  Layer,
  Owner,
} from './config.js';
import { namespaceKinds, type NamespaceKind } from './constants.js';
import type { Plan, Step } from './step.js';

/** Pure: the same configuration and facts give the same plan. */
export function planContainer(config: ContainerConfig, facts: HostFacts): Plan {
  const { namespaces, terminal, init } = config;
  const newUserNamespace = namespaces.user.from === 'new';
  const made = makeRoot(config, facts);
  const orphans = namespaces.pid.from !== 'new';
  const steps: Step[] = [
    ...(config.monitor
      ? [
          {
            op: 'monitor',
            id: config.id,
            monitor: config.monitor,
            terminal: terminal !== undefined,
            orphans,
          } as const,
        ]
      : []),
    // First: what is joined below may take the right to.
    ...cgroups(config),
    ...beforeClone(config, facts, made),
    {
      op: 'clone',
      kinds: newKinds(config),
      undumpable: joined(config).length > 0,
      sibling: config.monitor !== undefined,
      into: unified(config),
    },
    ...(newUserNamespace ? userNamespace(config, made) : []),
    config.monitor ? { op: 'hand-over' } : { op: 'supervise', orphans, termios: config.callerTermios },

    { op: 'enter', userNamespace: userNamespaceOf(config) },
    // Before anything is allocated, and before the cgroup namespace, whose root is the group one is in.
    ...(config.cgroup
      ? [
          {
            op: 'join-cgroups',
            count: config.cgroup.groups.length,
            into: unified(config),
            namespace: namespaces.cgroup.from === 'new',
          } as const,
        ]
      : []),
    ...(config.timeOffsets && timeInside(config, facts)
      ? [{ op: 'time-offsets', ...config.timeOffsets } as const]
      : []),
    // Sources first: they name things of the host, and nothing of the host is in sight later.
    ...(made.by === 'container' ? openSources(config) : []),
    ...(namespaces.mnt.from === 'new' ? [{ op: 'propagation' } as const] : []),
    ...(made.by === 'launcher' && newUserNamespace ? [{ op: 'receive-root' } as const] : []),
    ...(made.by === 'launcher' ? [{ op: 'attach-root' } as const] : made.steps),

    ...systemMounts(config, facts),
    ...config.mounts.map((mount, index): Step =>
      mount.kind === 'bind'
        ? { op: 'bind', mount, index }
        : // A second proc over the first is the one to write parameters to, and to hide parts of.
          { op: 'mount', mount, keep: mount.type === 'proc' && mount.target === 'proc' ? 'proc' : undefined },
    ),
    ...(terminal ? [{ op: 'terminal', ...terminal, uid: config.user.uid } as const] : []),

    // The network is there now, and /proc/sys can still be written: this is the one right moment for parameters.
    ...(namespaces.net.from === 'new' ? [{ op: 'loopback' } as const] : []),
    ...config.sysctls.map(({ path, value }): Step => ({ op: 'sysctl', path, value })),
    ...(config.oomScoreAdj === undefined ? [] : [{ op: 'oom-score', value: config.oomScoreAdj } as const]),
    ...hiding(config),
    ...(config.readOnlyRoot ? [{ op: 'read-only-root' } as const] : []),
    { op: 'pivot' },

    ...(config.hostname === undefined ? [] : [{ op: 'hostname', name: config.hostname } as const]),
    ...(config.domainname === undefined ? [] : [{ op: 'domainname', name: config.domainname } as const]),
    { op: 'working-directory', path: config.cwd },
    // Limits late, for they bind the steps that follow; privilege last, for the steps before need it.
    ...config.rlimits.map((limit): Step => ({ op: 'rlimit', ...limit })),
    { op: 'bounding', keep: config.capabilities.bounding, last: facts.lastCapability },
    {
      op: 'user',
      uid: config.user.uid,
      gid: config.user.gid,
      additionalGids: config.idMap?.denySetgroups === true ? undefined : config.user.additionalGids,
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
    ...(init
      ? [
          {
            op: 'init',
            terminal: terminal !== undefined,
            keep: config.capabilities.bounding & CAP_KILL,
          } as const,
        ]
      : []),
    { op: 'unblock-signals' },
    // The filter stands last: whatever it denies, only the execve of the command comes after it.
    ...(config.seccomp ? [{ op: 'seccomp', ...config.seccomp } as const] : []),
    { op: 'exec', paths: config.execPaths, argv: config.argv, env: config.env },
  ];
  return { steps };
}

/**
 * A container's root, mounted for somebody who wants to look at it, or to change it, while the container does not run. Its
 * command is not executed, and nothing is made but what the root needs.
 */
export function planRoot(config: ContainerConfig, facts: HostFacts): Plan {
  const { user } = config.namespaces;
  const host = { from: 'host' } as const;
  const fresh = { from: 'new' } as const;
  const { steps } = planContainer(
    {
      ...config,
      namespaces: {
        user,
        mnt: fresh,
        pid: fresh,
        ipc: fresh,
        uts: host,
        net: host,
        cgroup: host,
        time: host,
      },
      timeOffsets: undefined,
      userNetwork: undefined,
      sysctls: [],
      oomScoreAdj: undefined,
      readOnlyRoot: false,
      cgroup: undefined,
      terminal: undefined,
      callerTermios: undefined,
      monitor: undefined,
    },
    facts,
  );
  return { steps: [...steps.slice(0, steps.findIndex(({ op }) => op === 'pivot') + 1), { op: 'hold-root' }] };
}

const CAP_KILL = 1n << 5n;

/** Existing namespaces are entered before new ones are made, so that the new ones belong to the right user namespace. */
function beforeClone(config: ContainerConfig, facts: HostFacts, made: MadeRoot): Step[] {
  const joins = joined(config);
  // As an ordinary user, the rights to enter the others come with the user namespace; as root, one has them before.
  const order =
    facts.uid === 0
      ? [...joins.filter(([kind]) => kind !== 'user'), ...joins.filter(([kind]) => kind === 'user')]
      : joins;
  return [
    // A monitor does it for all runs.
    ...(config.namespaces.pid.from === 'new' || config.monitor ? [] : [{ op: 'adopt-orphans' } as const]),
    // All are opened first: their paths mean something else once the mount namespace has changed.
    ...joins.map(([kind, path]): Step => ({ op: 'open-namespace', kind, path })),
    // The sources of volumes, too, are opened with the rights of the caller; the new process inherits the descriptors.
    ...(made.by === 'launcher' ? [...openSources(config), { op: 'own-mounts' } as const] : []),
    // Once in a user namespace that exists, the launcher no longer has the rights of its caller.
    ...(made.by === 'launcher' && userNamespaceOf(config) === 'joined'
      ? [
          ...mapVolumes(config),
          ...made.steps,
          { op: 'detach-root', backstage: backstageMounts(made.steps) } as const,
        ]
      : []),
    ...order.map(([kind]): Step => ({ op: 'join-namespace', kind })),
    ...(config.timeOffsets && !timeInside(config, facts)
      ? [{ op: 'time-offsets', ...config.timeOffsets } as const]
      : []),
  ];
}

function backstageMounts(steps: readonly Step[]): number {
  return steps.filter(({ op }) => op === 'attach-scratch' || op === 'overlay').length;
}

/** An ordinary user has the right to make one only inside the new user namespace. */
function timeInside({ namespaces }: ContainerConfig, { uid }: HostFacts): boolean {
  return namespaces.user.from === 'new' && uid !== 0;
}

function userNamespaceOf({ namespaces }: ContainerConfig): 'none' | 'new' | 'joined' {
  if (namespaces.user.from === 'host') return 'none';
  return namespaces.user.from === 'new' ? 'new' : 'joined';
}

function joined({ namespaces }: ContainerConfig): [NamespaceKind, string][] {
  return namespaceKinds.flatMap((kind): [NamespaceKind, string][] => {
    const source = namespaces[kind];
    return source.from === 'path' ? [[kind, source.path]] : [];
  });
}

/**
 * A new time namespace is not made by clone3: its offsets must be set before anybody is in it. See time_namespaces(7). Nor
 * is a cgroup namespace for groups that the new process has yet to join.
 */
function newKinds({ namespaces, cgroup }: ContainerConfig): NamespaceKind[] {
  return namespaceKinds.filter(
    (kind) => kind !== 'time' && !(kind === 'cgroup' && cgroup) && namespaces[kind].from === 'new',
  );
}

/** By the launcher, which holds them and removes them at the end. */
function cgroups({ cgroup }: ContainerConfig): Step[] {
  if (!cgroup) return [];
  return [
    ...cgroup.parents.map((parent): Step => ({ op: 'cgroup-parent', parent })),
    ...cgroup.groups.flatMap((group, index): Step[] => [
      { op: 'cgroup', group, name: cgroup.name, index },
      ...(group.deviceProgram
        ? [{ op: 'device-program', program: group.deviceProgram, index } as const]
        : []),
    ]),
  ];
}

/** The group that the process can be cloned into: of cgroup v2. To join it later is slow. */
function unified({ cgroup }: ContainerConfig): number | undefined {
  const index = cgroup?.groups.findIndex(({ version }) => version === 2) ?? -1;
  return index < 0 ? undefined : index;
}

/** What the container is shown: its own group, where it has one. */
function shownCgroups({ cgroup }: ContainerConfig, { cgroups: all }: HostFacts): readonly CgroupMount[] {
  if (!cgroup) return all;
  const own = new Map(cgroup.groups.map(({ mount }) => [mount.path, mount]));
  return all.map((mount) => own.get(mount.path) ?? mount);
}

interface MadeRoot {
  /** Who makes it: the process inside, or the launcher with the rights of the caller, for a user namespace over root's files. */
  readonly by: 'container' | 'launcher';
  readonly steps: readonly Step[];
}

function makeRoot(config: ContainerConfig, facts: HostFacts): MadeRoot {
  const { root } = config;
  const mapped = config.namespaces.user.from !== 'host';
  const byLauncher = mapped && facts.uid === 0;
  const by = byLauncher ? 'launcher' : 'container';
  if (root.kind === 'directory') {
    return { by, steps: [{ op: 'directory-root', path: root.path }, { op: 'attach-root' }] };
  }
  const userXattr = mapped && !byLauncher;
  const skeleton = root.skeleton;
  // Layer 0 is the root; behind a skeleton, layers are numbered from 1.
  const first = skeleton ? 1 : 0;
  const layers = root.layers.map((layer, position) => ({
    layer: byLauncher && config.idMap ? mapOwners(layer, config.idMap) : layer,
    index: position + first,
  }));
  return {
    by,
    steps: [
      { op: 'scratch', sizeBytes: root.sizeBytes, store: root.store },
      ...layers.flatMap(({ layer, index }) =>
        layerContent(layer, index, userXattr, root.store !== undefined),
      ),
      ...(root.store === undefined ? [{ op: 'attach-scratch' } as const] : []),
      ...(skeleton ? [{ op: 'skeleton', entries: skeleton } as const, { op: 'attach-root' } as const] : []),
      ...layers.flatMap(({ layer, index }): Step[] => [
        { op: 'overlay', layer, index, userXattr, idMapped: byLauncher },
        index === 0 ? { op: 'attach-root' } : { op: 'attach-layer', at: layer.at },
      ]),
    ],
  };
}

/**
 * The launcher makes the writable layer with host ids, so what is root's in the container must be given to root's outer
 * id. (The lower tree needs no such thing: its ids are mapped on the way, by the mount.)
 */
function mapOwners(layer: Layer, { uid, gid }: NonNullable<ContainerConfig['idMap']>): Layer {
  const outer = (ranges: readonly IdRange[], id: number): number => {
    const range = ranges.find(({ inside, length }) => id >= inside && id < inside + length);
    return range ? range.outside + (id - range.inside) : UNMAPPED;
  };
  const mapped = <Item extends Owner>(item: Item): Item => ({
    ...item,
    uid: outer(uid, item.uid),
    gid: outer(gid, item.gid),
  });
  return {
    ...layer,
    root: mapped(layer.root),
    parents: layer.parents.map(mapped),
    hidden: layer.hidden.map(mapped),
    files: layer.files.map(mapped),
  };
}

/** The overflow id: what no range maps, nobody owns. */
const UNMAPPED = 65_534;

function layerContent(layer: Layer, index: number, userXattr: boolean, stored: boolean): Step[] {
  return [
    { op: 'layer', layer, index, stored },
    ...layer.parents.map((directory): Step => ({
      op: 'layer-directory',
      index,
      at: layer.at,
      directory,
      opaque: false,
      userXattr,
      stored,
    })),
    ...layer.hidden.map((directory): Step => ({
      op: 'layer-directory',
      index,
      at: layer.at,
      directory,
      opaque: true,
      userXattr,
      stored,
    })),
    ...layer.files.map((file): Step => ({ op: 'layer-file', index, at: layer.at, file, stored })),
    ...(stored ? [{ op: 'layer-ready', index } as const] : []),
  ];
}

function userNamespace(config: ContainerConfig, made: MadeRoot): Step[] {
  const { idMap, userNetwork } = config;
  return [
    ...(idMap ? [{ op: 'map-ids', ...idMap } as const] : []),
    // It enters the user namespace as the root that is mapped now; when the command begins, its network is there.
    ...(userNetwork ? [{ op: 'user-network', network: userNetwork } as const] : []),
    // Before the process inside goes on and mounts them.
    ...(made.by === 'launcher' ? [{ op: 'open-user-namespace' } as const, ...mapVolumes(config)] : []),
    { op: 'release' },
    ...(made.by === 'launcher' ? [...made.steps, { op: 'hand-over-root' } as const] : []),
  ];
}

function openSources({ mounts }: ContainerConfig): Step[] {
  return binds(mounts).map(({ mount, index }): Step => ({ op: 'open-source', mount, index }));
}

function mapVolumes({ mounts }: ContainerConfig): Step[] {
  return binds(mounts)
    .filter(({ mount }) => mount.idMapped)
    .map(({ mount, index }): Step => ({ op: 'map-volume', mount, index }));
}

function binds(
  mounts: readonly ConfiguredMount[],
): { mount: Extract<ConfiguredMount, { kind: 'bind' }>; index: number }[] {
  return mounts.flatMap((mount, index) => (mount.kind === 'bind' ? [{ mount, index }] : []));
}

/** /proc, /dev and what is below it, /sys, cgroups. */
function systemMounts(config: ContainerConfig, facts: HostFacts): Step[] {
  const { namespaces, writableSystem } = config;
  const mapped = namespaces.user.from !== 'host';
  const ttyGid = mapsGid(config, TTY_GID) ? ([['gid', String(TTY_GID)]] as const) : [];
  const fileSystem = (
    type: string,
    target: string,
    data: FileSystemMount['data'],
    { readOnly = false, noexec = true, nodev = true } = {},
  ): FileSystemMount => ({ kind: 'filesystem', type, target, data, readOnly, noexec, nosuid: true, nodev });
  const mount = (spec: FileSystemMount, keep?: string): Step => ({ op: 'mount', mount: spec, keep });
  return [
    // procfs shows a PID namespace, and only its owner may mount it.
    mapped && namespaces.pid.from === 'host'
      ? { op: 'bind-system', source: '/proc', target: 'proc', readOnly: false, keep: 'proc' }
      : mount(fileSystem('proc', 'proc', []), 'proc'),
    { op: 'devices', devices: config.devices, bind: mapped },
    mount(
      fileSystem(
        'devpts',
        'dev/pts',
        [['newinstance', null], ['ptmxmode', '0666'], ['mode', '0620'], ...ttyGid],
        { nodev: false },
      ),
      'pts',
    ),
    // POSIX shared memory is files: to share the host's IPC namespace is to share these as well.
    namespaces.ipc.from === 'host'
      ? { op: 'bind-system', source: '/dev/shm', target: 'dev/shm', readOnly: false, keep: undefined }
      : mount(
          fileSystem('tmpfs', 'dev/shm', [
            ['mode', '1777'],
            ['size', String(config.shmBytes)],
          ]),
        ),
    // An IPC namespace that is not ours to mount from has its queues mounted elsewhere already.
    ...(!mapped || namespaces.ipc.from === 'new' ? [mount(fileSystem('mqueue', 'dev/mqueue', []))] : []),
    // sysfs shows a network namespace, and only its owner may mount it.
    ...(mapped && namespaces.net.from !== 'new'
      ? [
          {
            op: 'bind-system',
            source: '/sys',
            target: 'sys',
            readOnly: !writableSystem,
            keep: undefined,
          } as const,
        ]
      : [
          mount(fileSystem('sysfs', 'sys', [], { readOnly: !writableSystem })),
          ...(facts.cgroups.length === 0
            ? []
            : [
                {
                  op: 'cgroups',
                  hierarchies: shownCgroups(config, facts),
                  readOnly: !writableSystem,
                  fresh: mapped,
                } as const,
              ]),
        ]),
  ];
}

const TTY_GID = 5;

function mapsGid({ namespaces, idMap }: ContainerConfig, gid: number): boolean {
  if (namespaces.user.from === 'host') return true;
  return idMap?.gid.some(({ inside, length }) => gid >= inside && gid < inside + length) ?? false;
}

/** After the parameters are written, and after volumes, which may have brought new things to hide. */
function hiding({ readOnlyPaths, maskedPaths }: ContainerConfig): Step[] {
  return [
    ...readOnlyPaths.map((path): Step => ({ op: 'read-only-path', path })),
    ...(maskedPaths.length === 0 ? [] : [{ op: 'empty-directory' } as const]),
    ...maskedPaths.map((path): Step => ({ op: 'mask', path })),
  ];
}
