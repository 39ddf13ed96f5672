/** Steps about control groups. The groups are made outside, joined inside, and removed by the launcher at its end. */
import type { CgroupWrite } from '../../kernel/cgroup/limits.js';
import { call, slot, type Call } from '../call.js';
import * as c from '../constants.js';
import type { StepOf } from '../step.js';

const directory = c.O_DIRECTORY | c.O_CLOEXEC;

/** Made by its path: it is the host's, and only root can change what leads there. EEXIST: another start was faster. */
export function cgroupParent({ parent: { path, make, writes } }: StepOf<'cgroup-parent'>): Call[] {
  return [
    ...(make ? [call('mkdirat', [c.AT_FDCWD, path, 0o755], { may: ['EEXIST'] })] : []),
    ...(writes.length === 0
      ? []
      : [
          call('openat', [c.AT_FDCWD, path, directory, 0], { store: 'directory' }),
          ...writes.flatMap((write, index) => writeValue('directory', write, `parent-${path}-${index}`)),
          call('close', [slot('directory')]),
        ]),
  ];
}

/**
 * The parent stays open, for the removal. cgroup.procs is opened here, by whom the kernel then takes for the writer (since
 * Linux 5.16): the process inside may have no rights on the host any more.
 */
export function cgroup({ group, name, index }: StepOf<'cgroup'>): Call[] {
  const parent = `cgroup-parent-${index}`;
  const own = `cgroup-${index}`;
  return [
    call('openat', [c.AT_FDCWD, group.parent, directory, 0], { store: parent }),
    { op: 'cgroup', parent: slot(parent), name, events: group.events ?? '', store: own },
    ...group.writes.flatMap((write, number) => writeValue(own, write, `cgroup-${index}-${number}`)),
    call('openat', [slot(own), 'cgroup.procs', c.O_WRONLY | c.O_CLOEXEC, 0], { store: `join-${index}` }),
  ];
}

/** 0 is the writer itself. */
export function joinCgroups({ count, namespace }: StepOf<'join-cgroups'>): Call[] {
  const joins = Array.from({ length: count }, (_, index): Call[] => [
    call('write', [slot(`join-${index}`), '0', 1]),
    ...['join', 'cgroup', 'cgroup-parent'].map((name) => call('close', [slot(`${name}-${index}`)])),
  ]);
  return [...joins.flat(), ...(namespace ? [call('unshare', [c.CLONE_NEW.cgroup])] : [])];
}

/** What came of it, as native/launcher/plan.h numbers it: 32 bits for each candidate. A parent that is gone has none. */
export function collectCgroups({ candidates }: StepOf<'collect-cgroups'>): Call[] {
  const answers = {
    struct: [{ u32: c.MSG_DATA }, ...candidates.map((_, index) => ({ u32: slot(`answer-${index}`) }))],
  };
  return [
    ...candidates.flatMap(({ parent, name }, index): Call[] => [
      { op: 'set', store: `answer-${index}`, value: c.COLLECT_GONE },
      call('openat', [c.AT_FDCWD, parent, directory, 0], {
        store: 'directory',
        may: ['ENOENT'],
        mayGoto: `collected-${index}`,
      }),
      { op: 'collect', parent: slot('directory'), name, store: `answer-${index}` },
      call('close', [slot('directory')]),
      { op: 'label', label: `collected-${index}` },
    ]),
    call('sendto', [slot('report'), answers, 4 + candidates.length * 4, c.MSG_NOSIGNAL, null, 0]),
    { op: 'exit', code: 0 },
  ];
}

/** Into the first of the files that is there. */
function writeValue(group: string, { files, value, optional }: CgroupWrite, label: string): Call[] {
  const open = `${label}-open`;
  const done = `${label}-done`;
  return [
    ...files.map((file, index) => {
      const last = index === files.length - 1;
      return call('openat', [slot(group), file, c.O_WRONLY | c.O_CLOEXEC, 0], {
        store: 'file',
        ...(last ? {} : { may: ['ENOENT'], thenGoto: open }),
        ...(last && optional === true ? { may: ['ENOENT'], mayGoto: done } : {}),
      });
    }),
    ...(files.length > 1 ? [{ op: 'label', label: open } as const] : []),
    call('write', [slot('file'), value, Buffer.byteLength(value)]),
    call('close', [slot('file')]),
    ...(optional === true ? [{ op: 'label', label: done } as const] : []),
  ];
}
