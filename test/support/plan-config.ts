import type { BindMount, ContainerConfig, HostFacts } from '../../src/plan/config.js';
import { namespaceKinds, type NamespaceKind } from '../../src/plan/constants.js';
import type { NamespaceSource } from '../../src/plan/config.js';

/** All new but the user and time namespaces, as root gets them by default. */
export function namespaces(
  changes: Partial<Record<NamespaceKind, NamespaceSource>> = {},
): ContainerConfig['namespaces'] {
  const defaults = namespaceKinds.map((kind): [NamespaceKind, NamespaceSource] => [
    kind,
    { from: kind === 'user' || kind === 'time' ? 'host' : 'new' },
  ]);
  return {
    ...(Object.fromEntries(defaults) as Record<NamespaceKind, NamespaceSource>),
    ...changes,
  };
}

export const facts: HostFacts = {
  uid: 0,
  lastCapability: 40,
  cgroups: [{ path: '', own: '/' }],
};

export function bindMount(changes: Partial<BindMount> = {}): BindMount {
  return {
    kind: 'bind',
    source: '/srv/data',
    target: 'data',
    file: false,
    recursive: true,
    recursiveReadOnly: true,
    propagation: 'rprivate',
    idMapped: false,
    readOnly: false,
    noexec: false,
    nosuid: false,
    nodev: false,
    ...changes,
  };
}

/** A configuration with a bit of everything that has no other requirements. */
export function containerConfig(changes: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    id: 'a'.repeat(64),
    argv: ['true'],
    execPaths: ['/usr/bin/true', '/bin/true'],
    env: ['PATH=/usr/bin:/bin'],
    cwd: '/',
    umask: 0o022,
    namespaces: namespaces(),
    idMap: undefined,
    userNetwork: undefined,
    timeOffsets: undefined,
    hostname: 'box',
    domainname: undefined,
    user: { uid: 0, gid: 0, additionalGids: [0] },
    root: {
      kind: 'layers',
      sizeBytes: undefined,
      store: undefined,
      skeleton: undefined,
      layers: [
        {
          lower: '/',
          at: '',
          root: { uid: 0, gid: 0, mode: 0o755 },
          parents: [{ path: 'etc', uid: 0, gid: 0, mode: 0o755 }],
          hidden: [{ path: 'root', uid: 0, gid: 0, mode: 0o700 }],
          files: [{ path: 'etc/hostname', content: 'box\n', uid: 0, gid: 0, mode: 0o644 }],
        },
      ],
    },
    readOnlyRoot: false,
    mounts: [],
    writableSystem: false,
    shmBytes: 64 * 1024 * 1024,
    devices: [
      { path: 'null', type: 'char', major: 1, minor: 3, uid: 0, gid: 0, mode: 0o666, source: '/dev/null' },
    ],
    maskedPaths: ['/proc/kcore'],
    readOnlyPaths: ['/proc/sys', '/proc/sysrq-trigger'],
    sysctls: [],
    capabilities: { available: 0x1ffff_ffffffn, bounding: 0xa804_25fbn, inheritable: 0n, ambient: 0n },
    noNewPrivileges: false,
    seccomp: { program: new Uint8Array(16), flags: 4 },
    rlimits: [{ resource: 7, name: 'nofile', soft: 1024n, hard: 4096n }],
    oomScoreAdj: undefined,
    cgroup: undefined,
    terminal: undefined,
    callerTermios: undefined,
    monitor: undefined,
    init: false,
    ...changes,
  };
}

/** Configurations that between them use every step a container's start can have. */
export function everyConfig(): {
  readonly name: string;
  readonly config: ContainerConfig;
  readonly facts: HostFacts;
}[] {
  const range = { inside: 0, outside: 100_000, length: 65_536 };
  const layers = containerConfig().root;
  const own = { inside: 0, outside: 1000, length: 1 };
  return [
    { name: 'the default', config: containerConfig(), facts },
    {
      name: 'a directory as the root, privileged',
      config: containerConfig({
        root: { kind: 'directory', path: '/srv/root' },
        writableSystem: true,
        maskedPaths: [],
        readOnlyPaths: [],
        seccomp: undefined,
      }),
      facts: {
        ...facts,
        cgroups: [
          { path: 'systemd', own: '/a' },
          { path: 'unified', own: '/' },
        ],
      },
    },
    {
      name: 'everything at once',
      config: containerConfig({
        mounts: [
          bindMount({ readOnly: true }),
          bindMount({
            target: 'file',
            file: true,
            recursive: false,
            readOnly: true,
            recursiveReadOnly: false,
          }),
          {
            kind: 'filesystem',
            type: 'tmpfs',
            target: 'scratch',
            data: [['size', '1048576']],
            readOnly: false,
            noexec: true,
            nosuid: true,
            nodev: true,
          },
        ],
        sysctls: [{ path: 'net/ipv4/tcp_keepalive_time', value: '600' }],
        oomScoreAdj: 500,
        terminal: { rows: 24, columns: 80 },
        callerTermios: new Uint8Array(36),
        init: true,
        noNewPrivileges: true,
        readOnlyRoot: true,
        domainname: 'example.org',
        timeOffsets: { boottimeSec: 86_400, monotonicSec: -1 },
        namespaces: namespaces({ time: { from: 'new' } }),
        user: { uid: 1000, gid: 1000, additionalGids: [1000, 29] },
        capabilities: { available: 0x1ffff_ffffffn, bounding: 0x20n, inheritable: 0x20n, ambient: 0x20n },
      }),
      facts,
    },
    {
      name: 'limits',
      config: containerConfig({
        cgroup: {
          name: 'warren-aaaaaaaaaaaa',
          parents: [
            { path: '/sys/fs/cgroup/batch', make: true, writes: [] },
            {
              path: '/sys/fs/cgroup',
              make: false,
              writes: [{ files: ['cgroup.subtree_control'], value: '+memory' }],
            },
          ],
          groups: [
            {
              version: 2,
              deviceProgram: new Uint8Array(16),
              parent: '/sys/fs/cgroup/batch',
              writes: [
                { files: ['memory.max'], value: '67108864' },
                { files: ['memory.swap.max'], value: '0', optional: true },
                { files: ['blkio.weight', 'blkio.bfq.weight'], value: '500' },
              ],
              events: 'memory.events',
              mount: { path: '', own: '/batch/warren-aaaaaaaaaaaa' },
            },
          ],
        },
      }),
      facts,
    },
    {
      name: 'joined namespaces',
      config: containerConfig({
        namespaces: namespaces({
          pid: { from: 'path', path: '/proc/7/ns/pid' },
          net: { from: 'path', path: '/run/netns/blue' },
          ipc: { from: 'host' },
          uts: { from: 'host' },
        }),
        hostname: undefined,
      }),
      facts,
    },
    {
      name: 'detached, its layers kept, started again',
      config: containerConfig({
        root: { ...(layers as Extract<typeof layers, { kind: 'layers' }>), store: '/var/lib/warren/layer' },
        monitor: {
          restart: 'on-failure',
          mostRestarts: 3,
          openInput: true,
          remove: true,
          logBytes: 1 << 20,
          logFiles: 2,
          network: true,
          attended: true,
        },
      }),
      facts,
    },
    {
      name: 'root with mapped ids',
      config: containerConfig({
        namespaces: namespaces({ user: { from: 'new' } }),
        idMap: { uid: [range], gid: [range], denySetgroups: false },
      }),
      facts,
    },
    {
      name: 'root in a user namespace that exists',
      config: containerConfig({
        namespaces: namespaces({ user: { from: 'path', path: '/proc/7/ns/user' } }),
        idMap: { uid: [range], gid: [range], denySetgroups: false },
      }),
      facts,
    },
    {
      name: 'an ordinary user, over a root in pieces',
      config: containerConfig({
        namespaces: namespaces({ user: { from: 'new' }, net: { from: 'host' } }),
        idMap: { uid: [own], gid: [own], denySetgroups: true },
        root: {
          ...(layers as Extract<typeof layers, { kind: 'layers' }>),
          layers: [
            {
              lower: '/etc',
              at: 'etc',
              root: { uid: 0, gid: 0, mode: 0o755 },
              parents: [],
              hidden: [{ path: 'ssl/private', uid: 0, gid: 0, mode: 0o700 }],
              files: [{ path: 'shadow', content: '', uid: 0, gid: 42, mode: 0o640 }],
            },
          ],
          skeleton: [
            { kind: 'directory', path: 'etc', mode: 0o755 },
            { kind: 'symlink', path: 'bin', target: 'usr/bin' },
            { kind: 'file', path: 'marker' },
            { kind: 'text', path: 'etc/hostname', content: 'box\n', mode: 0o644 },
          ],
        },
      }),
      facts: { ...facts, uid: 1000 },
    },
  ];
}
