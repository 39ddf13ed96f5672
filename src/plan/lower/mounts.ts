/** Steps that mount into the new root, and what is written and hidden there. */
import { call, slot, type Call } from '../call.js';
import * as c from '../constants.js';
import type { StepOf } from '../step.js';
import { reportDone } from './descriptor.js';
import {
  attach,
  attachBelowRoot,
  flagBits,
  mountAttributes,
  newFileSystem,
  openHow,
  openInRoot,
  propagationBits,
  setAttributes,
} from './mount-calls.js';
import { keepBackstage } from './root.js';

export function mount({ mount: { type, target, data, ...flags }, keep }: StepOf<'mount'>): Call[] {
  const name = keep ?? 'mount';
  return [
    ...newFileSystem(type, [['source', type], ...data], flagBits(flags), name),
    ...attachBelowRoot(name, target),
    ...(keep === undefined ? [call('close', [slot(name)])] : []),
  ];
}

/**
 * Opened before anything else is mounted, so that a source means what it means on the host; with its flags, which only
 * whoever has the rights over the source may set.
 */
export function openSource({ mount: spec, index }: StepOf<'open-source'>): Call[] {
  const name = `source-${index}`;
  const flags = c.OPEN_TREE_CLONE | c.OPEN_TREE_CLOEXEC | (spec.recursive ? c.AT_RECURSIVE : 0);
  const whole = spec.propagation.startsWith('r') || spec.propagation === 'private';
  const bits = flagBits(spec);
  const recursiveBits = spec.recursiveReadOnly ? bits : bits & ~c.MOUNT_ATTR_RDONLY;
  return [
    call('open_tree', [c.AT_FDCWD, spec.source, flags], { store: name }),
    setAttributes(slot(name), mountAttributes(recursiveBits, 0, propagationBits[spec.propagation]), {
      recursive: spec.recursive && whole,
    }),
    ...(bits === recursiveBits ? [] : [setAttributes(slot(name), mountAttributes(bits))]),
  ];
}

/**
 * Only while it is mounted nowhere, and by whoever has the rights over the file system: see mount_setattr(2). The new process, which
 * has the same descriptor, waits for its ids meanwhile.
 */
export function mapVolume({ mount: { recursive }, index }: StepOf<'map-volume'>): Call[] {
  const attributes = mountAttributes(c.MOUNT_ATTR_IDMAP, 0, 0, slot('user-namespace'));
  return [setAttributes(slot(`source-${index}`), attributes, { recursive })];
}

export function bind({ mount: { target, file }, index }: StepOf<'bind'>): Call[] {
  const name = `source-${index}`;
  return [...attachBelowRoot(name, target, file), call('close', [slot(name)])];
}

/** What `openSource()` has opened, where the launcher itself has gone meanwhile; that is all that it was to do. */
export function mountOver({ index, target }: StepOf<'mount-over'>): Call[] {
  const how = openHow(c.O_PATH | c.O_CLOEXEC, c.RESOLVE_NO_SYMLINKS);
  return [
    call('openat2', [c.AT_FDCWD, target, how, 24], { store: 'at' }),
    attach(`source-${index}`, 'at'),
    ...reportDone(),
  ];
}

/** A part of the host's tree, with what is mounted below it. */
export function bindSystem({ source, target, readOnly, keep }: StepOf<'bind-system'>): Call[] {
  const name = keep ?? 'mount';
  return [
    call('open_tree', [c.AT_FDCWD, source, c.OPEN_TREE_CLONE | c.OPEN_TREE_CLOEXEC | c.AT_RECURSIVE], {
      store: name,
    }),
    setAttributes(
      slot(name),
      mountAttributes(
        c.MOUNT_ATTR_NOSUID | c.MOUNT_ATTR_NODEV | c.MOUNT_ATTR_NOEXEC | (readOnly ? c.MOUNT_ATTR_RDONLY : 0),
        0,
        c.MS_PRIVATE,
      ),
      { recursive: true },
    ),
    ...attachBelowRoot(name, target),
    ...(keep === undefined ? [call('close', [slot(name)])] : []),
  ];
}

/**
 * The cgroup the container is in, bound from the host's mounts: what a new mount of each hierarchy in the cgroup namespace
 * would show as well, for a third of the time.
 *
 * They are mounted below the host's own tmpfs, which has the directories already, and links for controllers that share a
 * hierarchy (cpu → cpu,cpuacct). A user namespace may not take it apart from what is mounted there (EINVAL); it gets a
 * fresh one.
 */
export function cgroups({ hierarchies, readOnly, fresh }: StepOf<'cgroups'>): Call[] {
  const attributes = mountAttributes(
    c.MOUNT_ATTR_NOSUID | c.MOUNT_ATTR_NODEV | c.MOUNT_ATTR_NOEXEC | (readOnly ? c.MOUNT_ATTR_RDONLY : 0),
    0,
    c.MS_PRIVATE,
  );
  const open = (path: string, own: string): Call =>
    call('open_tree', [c.AT_FDCWD, `/sys/fs/cgroup/${path}${own}`, c.OPEN_TREE_CLONE | c.OPEN_TREE_CLOEXEC], {
      store: 'mount',
    });
  const unified = hierarchies.find(({ path }) => path === '');
  if (unified) {
    return [
      open('', unified.own.slice(1)),
      setAttributes(slot('mount'), attributes),
      ...attachBelowRoot('mount', 'sys/fs/cgroup'),
      call('close', [slot('mount')]),
    ];
  }
  const folder = fresh
    ? newFileSystem(
        'tmpfs',
        [
          ['source', 'tmpfs'],
          ['mode', '0755'],
        ],
        0,
        'cgroups',
      )
    : [
        call('open_tree', [c.AT_FDCWD, '/sys/fs/cgroup', c.OPEN_TREE_CLONE | c.OPEN_TREE_CLOEXEC], {
          store: 'cgroups',
        }),
      ];
  return [
    ...folder,
    ...attachBelowRoot('cgroups', 'sys/fs/cgroup'),
    ...hierarchies.flatMap(({ path, own }) => [
      ...(fresh ? [call('mkdirat', [slot('cgroups'), path, 0o755])] : []),
      call('openat', [slot('cgroups'), path, c.O_PATH | c.O_DIRECTORY | c.O_CLOEXEC, 0], { store: 'at' }),
      open(path, own),
      attach('mount', 'at'),
      call('close', [slot('mount')]),
      call('close', [slot('at')]),
    ]),
    setAttributes(slot('cgroups'), attributes, { recursive: true }),
    call('close', [slot('cgroups')]),
  ];
}

/** /dev is filled before it is attached: nothing else can see it half done. */
export function devices({ devices: nodes, bind: bound }: StepOf<'devices'>): Call[] {
  const parents = new Set<string>(['pts', 'shm', 'mqueue']);
  for (const { path } of nodes) {
    const parts = path.split('/').slice(0, -1);
    parts.forEach((_, index) => parents.add(parts.slice(0, index + 1).join('/')));
  }
  const links: [string, string][] = [
    ['/proc/self/fd', 'fd'],
    ['/proc/self/fd/0', 'stdin'],
    ['/proc/self/fd/1', 'stdout'],
    ['/proc/self/fd/2', 'stderr'],
    ['/proc/kcore', 'core'],
    ['pts/ptmx', 'ptmx'],
  ];
  const nodeCalls = nodes.flatMap((node): Call[] => {
    if (bound) return [call('mknodat', [slot('dev'), node.path, 0o100000 | node.mode, 0])];
    const type = node.type === 'char' ? c.S_IFCHR : c.S_IFBLK;
    return [
      call('mknodat', [slot('dev'), node.path, type | node.mode, deviceNumber(node.major, node.minor)]),
      ...(node.uid === 0 && node.gid === 0
        ? []
        : [call('fchownat', [slot('dev'), node.path, node.uid, node.gid, 0])]),
    ];
  });
  return [
    ...newFileSystem(
      'tmpfs',
      [
        ['source', 'tmpfs'],
        ['mode', '0755'],
        ['size', '65536k'],
      ],
      c.MOUNT_ATTR_NOSUID,
      'dev',
    ),
    ...[...parents].map((path) => call('mkdirat', [slot('dev'), path, 0o755])),
    ...nodeCalls,
    ...links.map(([target, name]) => call('symlinkat', [target, slot('dev'), name])),
    ...attachBelowRoot('dev', 'dev'),
    ...(bound ? nodes.flatMap(({ source, path }) => bindNode(source, path)) : []),
  ];
}

/** In a user namespace mknod(2) is not allowed (EPERM), but the host's nodes may be bound. */
function bindNode(source: string, path: string): Call[] {
  return [
    call('open_tree', [c.AT_FDCWD, source, c.OPEN_TREE_CLONE | c.OPEN_TREE_CLOEXEC], { store: 'mount' }),
    ...attachBelowRoot('mount', `dev/${path}`, true),
    call('close', [slot('mount')]),
  ];
}

/** `dev_t` as the kernel takes it: see makedev(3). */
function deviceNumber(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

/**
 * Through the container's own procfs, held by descriptor since it was mounted: what lies at /proc by now, and what its
 * path leads to, does not matter (CVE-2019-16884, CVE-2025-52881).
 */
function writeProc(path: string, value: string, resolve: number): Call[] {
  return [
    call('openat2', [slot('proc'), path, openHow(c.O_WRONLY | c.O_CLOEXEC, resolve), 24], { store: 'file' }),
    call('write', [slot('file'), value, Buffer.byteLength(value)]),
    call('close', [slot('file')]),
  ];
}

export function sysctl({ path, value }: StepOf<'sysctl'>): Call[] {
  return writeProc(`sys/${path}`, value, c.RESOLVE_BENEATH | c.RESOLVE_NO_XDEV | c.RESOLVE_NO_MAGICLINKS);
}

export function oomScore({ value }: StepOf<'oom-score'>): Call[] {
  return writeProc('thread-self/oom_score_adj', String(value), c.RESOLVE_BENEATH | c.RESOLVE_NO_XDEV);
}

/**
 * Below /proc by the procfs that we mounted, held by descriptor: should somebody who shares the root's directory put a
 * link or another directory at /proc meanwhile, what is hidden is still the real one (CVE-2023-27561).
 */
function openHidden(path: string, absent: string): Call {
  const options = { may: ['ENOENT'], mayGoto: absent };
  if (!path.startsWith('/proc/')) return openInRoot(path, c.O_PATH, 'at', options);
  const how = openHow(c.O_PATH | c.O_CLOEXEC, c.RESOLVE_BENEATH | c.RESOLVE_NO_MAGICLINKS);
  return call('openat2', [slot('proc'), path.slice('/proc/'.length), how, 24], { store: 'at', ...options });
}

/**
 * A directory is covered by an empty read-only tmpfs, a file by the /dev/null that we made ourselves: not by whatever a
 * path named /dev/null leads to (CVE-2025-31133).
 */
export function mask({ path }: StepOf<'mask'>): Call[] {
  const done = `masked-${path}`;
  const isFile = `mask-file-${path}`;
  return [
    openHidden(path, done),
    call('openat', [slot('at'), '.', c.O_PATH | c.O_DIRECTORY | c.O_CLOEXEC, 0], {
      store: 'directory',
      may: ['ENOTDIR'],
      mayGoto: isFile,
    }),
    call('close', [slot('directory')]),
    call('open_tree', [slot('empty'), '', c.AT_EMPTY_PATH | c.OPEN_TREE_CLONE | c.OPEN_TREE_CLOEXEC], {
      store: 'mount',
    }),
    attach('mount', 'at'),
    call('close', [slot('mount')]),
    call('close', [slot('at')], { thenGoto: done }),
    { op: 'label', label: isFile },
    call('openat', [slot('dev'), 'null', c.O_PATH | c.O_NOFOLLOW | c.O_CLOEXEC, 0], { store: 'null' }),
    call('open_tree', [slot('null'), '', c.AT_EMPTY_PATH | c.OPEN_TREE_CLONE | c.OPEN_TREE_CLOEXEC], {
      store: 'mount',
    }),
    attach('mount', 'at'),
    ...['null', 'mount', 'at'].map((name) => call('close', [slot(name)])),
    { op: 'label', label: done },
  ];
}

/** What the masks of directories are clones of. */
export function emptyDirectory(): Call[] {
  return [
    ...newFileSystem(
      'tmpfs',
      [
        ['source', 'tmpfs'],
        ['mode', '0755'],
        ['size', '0'],
      ],
      c.MOUNT_ATTR_RDONLY,
      'empty',
    ),
    keepBackstage('empty'),
  ];
}

export function readOnlyPath({ path }: StepOf<'read-only-path'>): Call[] {
  const done = `read-only-${path}`;
  return [
    openHidden(path, done),
    call(
      'open_tree',
      [slot('at'), '', c.AT_EMPTY_PATH | c.OPEN_TREE_CLONE | c.OPEN_TREE_CLOEXEC | c.AT_RECURSIVE],
      { store: 'mount' },
    ),
    setAttributes(slot('mount'), mountAttributes(c.MOUNT_ATTR_RDONLY), { recursive: true }),
    attach('mount', 'at'),
    call('close', [slot('mount')]),
    call('close', [slot('at')]),
    { op: 'label', label: done },
  ];
}
