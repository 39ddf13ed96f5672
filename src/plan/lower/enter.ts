/** Steps that look at the root of a process that runs. */
import { call, slot, type Call } from '../call.js';
import * as c from '../constants.js';
import type { StepOf } from '../step.js';
import { attachBelowRoot, mountAttributes, newFileSystem, setAttributes } from './mount-calls.js';

export function openRoot({ path }: StepOf<'open-root'>): Call[] {
  return [
    call('openat', [c.AT_FDCWD, path, c.O_PATH | c.O_DIRECTORY | c.O_CLOEXEC, 0], { store: 'target-root' }),
  ];
}

export function enterRoot(): Call[] {
  return [
    call('fchdir', [slot('target-root')]),
    call('chroot', ['.']),
    call('close', [slot('target-root')]),
    call('chdir', ['/']),
  ];
}

/**
 * A copy of what is mounted below the process's root, made in its own mount namespace: a mount of another namespace cannot
 * be copied from outside (open_tree(2): EINVAL). Read-only is the copy; the process goes on writing.
 */
export function takeTarget({ readOnly }: StepOf<'take-target'>): Call[] {
  const flags = c.AT_EMPTY_PATH | c.OPEN_TREE_CLONE | c.OPEN_TREE_CLOEXEC | c.AT_RECURSIVE;
  return [
    call('openat', [c.AT_FDCWD, '/proc/self/ns/mnt', c.O_CLOEXEC, 0], { store: 'home-mounts' }),
    call('openat', [c.AT_FDCWD, '/', c.O_PATH | c.O_DIRECTORY | c.O_CLOEXEC, 0], { store: 'home-root' }),
    call('openat', [c.AT_FDCWD, '.', c.O_PATH | c.O_DIRECTORY | c.O_CLOEXEC, 0], { store: 'home-directory' }),
    call('setns', [slot('target'), c.CLONE_NEW.mnt]),
    call('open_tree', [slot('target-root'), '', flags], { store: 'target-tree' }),
    setAttributes(slot('target-tree'), mountAttributes(readOnly ? c.MOUNT_ATTR_RDONLY : 0, 0, c.MS_PRIVATE), {
      recursive: true,
    }),
    call('setns', [slot('home-mounts'), c.CLONE_NEW.mnt]),
    // setns(2) has put root and working directory at the top of the mount namespace: a caller may be chrooted.
    call('fchdir', [slot('home-root')]),
    call('chroot', ['.']),
    call('fchdir', [slot('home-directory')]),
    ...['home-mounts', 'home-root', 'home-directory', 'target-root'].map((name) =>
      call('close', [slot(name)]),
    ),
  ];
}

export function attachTarget({ at }: StepOf<'attach-target'>): Call[] {
  return [...attachBelowRoot('target-tree', at), call('close', [slot('target-tree')])];
}

export function freshSysfs(): Call[] {
  const flags = c.MOUNT_ATTR_NOSUID | c.MOUNT_ATTR_NODEV | c.MOUNT_ATTR_NOEXEC;
  return [
    ...newFileSystem('sysfs', [['source', 'sysfs']], flags, 'mount'),
    call('move_mount', [slot('mount'), '', c.AT_FDCWD, '/sys', c.MOVE_MOUNT_F_EMPTY_PATH]),
    call('close', [slot('mount')]),
  ];
}

export function cover({ source, target }: StepOf<'cover'>): Call[] {
  return [
    call('open_tree', [c.AT_FDCWD, source, c.OPEN_TREE_CLONE | c.OPEN_TREE_CLOEXEC], { store: 'mount' }),
    // A link at the target is followed, as `ip netns exec` does: /etc/resolv.conf often is one.
    call('move_mount', [
      slot('mount'),
      '',
      c.AT_FDCWD,
      target,
      c.MOVE_MOUNT_F_EMPTY_PATH | c.MOVE_MOUNT_T_SYMLINKS,
    ]),
    call('close', [slot('mount')]),
  ];
}
