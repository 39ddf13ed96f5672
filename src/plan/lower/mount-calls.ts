/** The calls of the new mount API that several steps share: fsopen(2), fsmount(2), open_tree(2), move_mount(2), mount_setattr(2). */
import type { MountFlags, Propagation } from '../config.js';
import * as c from '../constants.js';
import { call, slot, type Argument, type Call, type SlotRef, type Struct } from '../call.js';

/** `struct mount_attr` */
export function mountAttributes(
  set: number,
  clear = 0,
  propagation = 0,
  userns: SlotRef | number = 0,
): Struct {
  return { struct: [{ u64: set }, { u64: clear }, { u64: propagation }, { u64: userns }] };
}

export function setAttributes(
  mount: SlotRef,
  attributes: Struct,
  { recursive = false, may = [] }: { recursive?: boolean; may?: readonly string[] } = {},
): Call {
  return call(
    'mount_setattr',
    [mount, '', c.AT_EMPTY_PATH | (recursive ? c.AT_RECURSIVE : 0), attributes, 32],
    { may },
  );
}

export function flagBits({ readOnly, noexec, nosuid, nodev }: MountFlags): number {
  return (
    (readOnly ? c.MOUNT_ATTR_RDONLY : 0) |
    (noexec ? c.MOUNT_ATTR_NOEXEC : 0) |
    (nosuid ? c.MOUNT_ATTR_NOSUID : 0) |
    (nodev ? c.MOUNT_ATTR_NODEV : 0)
  );
}

export const propagationBits: Readonly<Record<Propagation, number>> = {
  private: c.MS_PRIVATE,
  rprivate: c.MS_PRIVATE,
  slave: c.MS_SLAVE,
  rslave: c.MS_SLAVE,
  shared: c.MS_SHARED,
  rshared: c.MS_SHARED,
};

/** A new instance of a file system, mounted nowhere yet; kept as slot `keep`. */
export function newFileSystem(
  type: string,
  data: readonly (readonly [key: string, value: Argument | null])[],
  attributes: number,
  keep: string,
): Call[] {
  return [
    call('fsopen', [type, c.FSOPEN_CLOEXEC], { store: 'fs' }),
    ...data.map(([key, value]) =>
      value === null
        ? call('fsconfig', [slot('fs'), c.FSCONFIG_SET_FLAG, key, null, 0])
        : call('fsconfig', [slot('fs'), c.FSCONFIG_SET_STRING, key, value, 0]),
    ),
    call('fsconfig', [slot('fs'), c.FSCONFIG_CMD_CREATE, null, null, 0]),
    call('fsmount', [slot('fs'), c.FSMOUNT_CLOEXEC, attributes], { store: keep }),
    call('close', [slot('fs')]),
  ];
}

/** Attaches a detached mount at a directory or file that is held by descriptor: no path is walked a second time. */
export function attach(mount: string, at: string): Call {
  return call('move_mount', [
    slot(mount),
    '',
    slot(at),
    '',
    c.MOVE_MOUNT_F_EMPTY_PATH | c.MOVE_MOUNT_T_EMPTY_PATH,
  ]);
}

/** Attaches at a path below the new root, made if it is missing. */
export function attachBelowRoot(mount: string, target: string, file = false): Call[] {
  return [
    { op: 'mkpath', root: slot('root'), path: target, file, mode: file ? 0o644 : 0o755, store: 'at' },
    attach(mount, 'at'),
    call('close', [slot('at')]),
  ];
}

export function openHow(flags: number, resolve: number, mode = 0): Struct {
  return { struct: [{ u64: flags }, { u64: mode }, { u64: resolve }] };
}

/** Opens below the new root as the container will see it: links and `..` cannot leave it. */
export function openInRoot(
  path: string,
  flags: number,
  store: string,
  options: { may?: readonly string[]; mayGoto?: string } = {},
): Call {
  return call(
    'openat2',
    [slot('root'), path, openHow(flags | c.O_CLOEXEC, c.RESOLVE_IN_ROOT | c.RESOLVE_NO_MAGICLINKS), 24],
    { store, ...options },
  );
}
