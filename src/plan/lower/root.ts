/** Steps that build the root: scratch space, layers, the overlay, and the way into it. */
import { buffer, call, fdPath, slot, type Call } from '../call.js';
import * as c from '../constants.js';
import type { SkeletonEntry } from '../config.js';
import type { StepOf } from '../step.js';
import { sendDescriptor } from './descriptor.js';
import { attachBelowRoot, mountAttributes, newFileSystem, setAttributes } from './mount-calls.js';

/** Nothing that is mounted from here on reaches the host, and nothing the host mounts reaches us. See mount_namespaces(7). */
export function propagation(): Call[] {
  return [call('mount_setattr', [c.AT_FDCWD, '/', c.AT_RECURSIVE, mountAttributes(0, 0, c.MS_PRIVATE), 32])];
}

/** A tmpfs for everything the container writes; it is gone when the last mount that uses it is. */
export function scratch({ sizeBytes, store }: StepOf<'scratch'>): Call[] {
  if (store !== undefined) {
    return [
      call('openat', [c.AT_FDCWD, store, c.O_PATH | c.O_DIRECTORY | c.O_CLOEXEC, 0], { store: 'scratch' }),
    ];
  }
  return [
    ...newFileSystem(
      'tmpfs',
      [['mode', '0755'], ...(sizeBytes === undefined ? [] : [['size', String(sizeBytes)] as const])],
      0,
      'scratch',
    ),
  ];
}

/**
 * Where mounts are kept that only descriptors lead to: overlayfs takes layers only from mounts of the present namespace
 * (before 6.15), and an unattached mount costs an RCU grace period (0.2 ms and more) when it is closed. Here they go with
 * the old root, all at once. Nobody looks for anything at this place of the host's tree, and every procfs has it.
 */
const BACKSTAGE = '/proc/fs';

export function keepBackstage(mount: string): Call {
  return call('move_mount', [slot(mount), '', c.AT_FDCWD, BACKSTAGE, c.MOVE_MOUNT_F_EMPTY_PATH]);
}

export function attachScratch(): Call[] {
  return [keepBackstage('scratch')];
}

/** The launcher's own copy of the mount table, so that what it mounts is not seen on the host. */
export function ownMounts(): Call[] {
  return [call('unshare', [c.CLONE_NEW.mnt]), ...propagation()];
}

export function layer({ index, layer: { root }, stored }: StepOf<'layer'>): Call[] {
  const top = layerTop(index, stored);
  const again = ifThereAlready(stored);
  return [
    call('mkdirat', [slot('scratch'), `work${index}`, 0o700], again),
    // From an earlier start: it is the container's now, who may have put links there, and nothing is written into it.
    ...(stored
      ? [
          call('faccessat', [slot('scratch'), `upper${index}`, 0], {
            may: ['ENOENT'],
            thenGoto: `layer-${index}-ready`,
          }),
        ]
      : []),
    call('mkdirat', [slot('scratch'), top, root.mode], again),
    // The top directory of an overlay shows the owner and mode of its upper one.
    ...own(top, root.uid, root.gid),
  ];
}

/** A layer that is kept gets its name when it is whole: a start that was killed begins it again. */
function layerTop(index: number, stored: boolean): string {
  return `${stored ? 'new' : 'upper'}${index}`;
}

function ifThereAlready(stored: boolean): { may?: readonly string[] } {
  return stored ? { may: ['EEXIST'] } : {};
}

export function layerReady({ index }: StepOf<'layer-ready'>): Call[] {
  return [
    call('renameat2', [slot('scratch'), layerTop(index, true), slot('scratch'), `upper${index}`, 0]),
    { op: 'label', label: `layer-${index}-ready` },
  ];
}

export function layerDirectory({
  index,
  directory,
  opaque,
  userXattr,
  stored,
}: StepOf<'layer-directory'>): Call[] {
  const path = `${layerTop(index, stored)}/${directory.path}`;
  return [
    call('mkdirat', [slot('scratch'), path, directory.mode], ifThereAlready(stored)),
    ...own(path, directory.uid, directory.gid),
    ...specialBits(path, directory.mode),
    ...(opaque
      ? [
          call('openat', [slot('scratch'), path, c.O_DIRECTORY | c.O_NOFOLLOW | c.O_CLOEXEC, 0], {
            store: 'hidden',
          }),
          call('fsetxattr', [
            slot('hidden'),
            userXattr ? 'user.overlay.opaque' : 'trusted.overlay.opaque',
            'y',
            1,
            0,
          ]),
          call('close', [slot('hidden')]),
        ]
      : []),
  ];
}

export function layerFile({ index, file, stored }: StepOf<'layer-file'>): Call[] {
  const path = `${layerTop(index, stored)}/${file.path}`;
  const fresh = stored ? c.O_TRUNC : c.O_EXCL;
  return [
    call(
      'openat',
      [slot('scratch'), path, c.O_WRONLY | c.O_CREAT | fresh | c.O_NOFOLLOW | c.O_CLOEXEC, file.mode],
      {
        store: 'file',
      },
    ),
    call('write', [slot('file'), file.content, Buffer.byteLength(file.content)]),
    ...(file.uid === 0 && file.gid === 0
      ? []
      : [call('fchown', [slot('file'), file.uid, file.gid], { may: ['EINVAL'] })]),
    call('close', [slot('file')]),
  ];
}

/** Which mkdir(2) leaves out, and a change of owner takes away. */
function specialBits(path: string, mode: number): Call[] {
  return (mode & 0o6000) === 0 ? [] : [call('fchmodat', [slot('scratch'), path, mode])];
}

function own(path: string, uid: number, gid: number): Call[] {
  // EINVAL: an owner that this user namespace does not map; it stays with root.
  return uid === 0 && gid === 0
    ? []
    : [call('fchownat', [slot('scratch'), path, uid, gid, 0], { may: ['EINVAL'] })];
}

export function overlay({ layer: { lower }, index, userXattr, idMapped }: StepOf<'overlay'>): Call[] {
  const open = (directory: string, store: string): Call =>
    call('openat', [slot('scratch'), directory, c.O_PATH | c.O_DIRECTORY | c.O_CLOEXEC, 0], { store });
  return [
    ...(idMapped
      ? [
          call('open_tree', [c.AT_FDCWD, lower, c.OPEN_TREE_CLONE | c.OPEN_TREE_CLOEXEC], { store: 'lower' }),
          setAttributes(slot('lower'), mountAttributes(c.MOUNT_ATTR_IDMAP, 0, 0, slot('user-namespace'))),
          keepBackstage('lower'),
        ]
      : [call('openat', [c.AT_FDCWD, lower, c.O_PATH | c.O_DIRECTORY | c.O_CLOEXEC, 0], { store: 'lower' })]),
    open(`upper${index}`, 'upper'),
    open(`work${index}`, 'work'),
    ...newFileSystem(
      'overlay',
      [
        ['source', 'overlay'],
        ['lowerdir', fdPath('lower')],
        ['upperdir', fdPath('upper')],
        ['workdir', fdPath('work')],
        ...(userXattr ? ([['userxattr', null]] as const) : []),
      ],
      0,
      layerSlot(index),
    ),
    ...['lower', 'upper', 'work'].map((name) => call('close', [slot(name)])),
  ];
}

/** The first layer is the root itself; each of the others is attached as soon as it is made. */
function layerSlot(index: number): string {
  return index === 0 ? 'root' : 'layer';
}

/** A tmpfs with the entries of the machine's root that are no layers of their own. */
export function skeleton({ entries }: StepOf<'skeleton'>): Call[] {
  return [...newFileSystem('tmpfs', [['mode', '0755']], 0, 'root'), ...entries.flatMap(skeletonEntry)];
}

function skeletonEntry(entry: SkeletonEntry): Call[] {
  switch (entry.kind) {
    case 'directory':
      return [call('mkdirat', [slot('root'), entry.path, entry.mode])];
    case 'symlink':
      return [call('symlinkat', [entry.target, slot('root'), entry.path])];
    case 'file':
      return [call('mknodat', [slot('root'), entry.path, 0o100644, 0])];
    case 'text':
      return [
        call(
          'openat',
          [slot('root'), entry.path, c.O_CREAT | c.O_EXCL | c.O_WRONLY | c.O_CLOEXEC, entry.mode],
          {
            store: 'file',
          },
        ),
        call('write', [slot('file'), entry.content, Buffer.byteLength(entry.content)]),
        call('close', [slot('file')]),
      ];
  }
}

export function directoryRoot({ path }: StepOf<'directory-root'>): Call[] {
  return [
    call('open_tree', [c.AT_FDCWD, path, c.OPEN_TREE_CLONE | c.AT_RECURSIVE | c.OPEN_TREE_CLOEXEC], {
      store: 'root',
    }),
  ];
}

export function attachRoot(): Call[] {
  return [call('move_mount', [slot('root'), '', c.AT_FDCWD, '/', c.MOVE_MOUNT_F_EMPTY_PATH])];
}

export function cloneRoot(): Call {
  return call(
    'open_tree',
    [slot('root'), '', c.AT_EMPTY_PATH | c.OPEN_TREE_CLONE | c.OPEN_TREE_CLOEXEC | c.AT_RECURSIVE],
    { store: 'tree' },
  );
}

/**
 * For a process that is not cloned yet: it inherits the descriptor. What was mounted on the way is taken down again: in the
 * copy of the mount table that a user namespace gets, mounts are locked, and procfs may not be mounted where one lies
 * over a part of the old one (mount_namespaces(7), "Restrictions on mount namespaces").
 */
export function detachRoot({ backstage }: StepOf<'detach-root'>): Call[] {
  return [
    cloneRoot(),
    call('umount2', [fdPath('root'), c.MNT_DETACH]),
    ...Array.from({ length: backstage }, () => call('umount2', [BACKSTAGE, c.MNT_DETACH])),
    call('close', [slot('root')]),
    { op: 'set', store: 'root', value: slot('tree') },
  ];
}

export function attachLayer({ at }: StepOf<'attach-layer'>): Call[] {
  return [...attachBelowRoot('layer', at), call('close', [slot('layer')])];
}

export function readOnlyRoot(): Call[] {
  return [setAttributes(slot('root'), mountAttributes(c.MOUNT_ATTR_RDONLY))];
}

/** As pivot_root(2), "pivot_root(".", ".")": the old root comes to lie over the new one and is let go, with all of the host's mounts. */
export function pivot(): Call[] {
  return [
    call('fchdir', [slot('root')]),
    call('pivot_root', ['.', '.']),
    call('umount2', ['.', c.MNT_DETACH]),
    call('chdir', ['/']),
  ];
}

const cwdRoom = buffer('cwd', 4096);

/**
 * The check is for CVE-2024-21626: a directory outside the root has a path that does not start with "/".
 * It stands before the seccomp filter, which may deny getcwd.
 */
export function workingDirectory({ path }: StepOf<'working-directory'>): Call[] {
  return [
    call('chdir', [path]),
    call('getcwd', [cwdRoom, 4096]),
    { op: 'check', at: cwdRoom, offset: 0, mask: 0xffn, equals: 0x2fn, errno: 'EXDEV' },
  ];
}

/** Nothing is executed: the process waits, and is killed when whoever asked for the root is done, or gone. */
export function holdRoot(): Call[] {
  return [
    call('openat', [c.AT_FDCWD, '/', c.O_PATH | c.O_DIRECTORY | c.O_CLOEXEC, 0], { store: 'root' }),
    sendDescriptor('inside-channel', 'root'),
    call('prctl', [c.PR_SET_PDEATHSIG, c.SIGKILL, 0, 0, 0]),
    call('read', [slot('inside-channel'), buffer('nothing', 8), 8]),
    { op: 'exit', code: 0 },
  ];
}

/** As root of a user namespace that has all ids whose files may be in it. */
export function removeTree({ path }: StepOf<'remove-tree'>): Call[] {
  return [
    { op: 'remove', path },
    { op: 'exit', code: 0 },
  ];
}
