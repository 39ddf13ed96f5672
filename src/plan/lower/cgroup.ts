/** Steps about control groups. The groups are made outside, joined inside, and removed by the launcher at its end. */
import type { CgroupWrite } from '../../kernel/cgroup/limits.js';
import { call, slot, type Call, type CallOptions } from '../call.js';
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
 * The parent stays open, for the removal. `tasks` is opened here, by whom the kernel then takes for the writer (since
 * Linux 5.16): the process inside may have no rights on the host any more.
 *
 * Not cgroup.procs, which moves whole processes: for those the kernel waits until no CPU is in the middle of a fork or exec,
 * 10 ms as a rule. A thread that moves itself waits for nobody, and the one that joins is the only one of its process.
 */
export function cgroup({ group, name, index }: StepOf<'cgroup'>): Call[] {
  const parent = `cgroup-parent-${index}`;
  const own = `cgroup-${index}`;
  return [
    call('openat', [c.AT_FDCWD, group.parent, directory, 0], { store: parent }),
    { op: 'cgroup', parent: slot(parent), name, events: group.events ?? '', store: own },
    ...group.writes.flatMap((write, number) => writeValue(own, write, `cgroup-${index}-${number}`)),
    ...(group.version === 2
      ? []
      : [
          call('openat', [slot(own), 'tasks', c.O_WRONLY | c.O_CLOEXEC, 0], {
            store: `join-${index}`,
          }),
        ]),
  ];
}

/**
 * Attached with BPF_F_ALLOW_MULTI: programs of the groups above go on being asked, and others may be added below. The group
 * keeps the program.
 *
 * @see bpf(2); `union bpf_attr` of linux/bpf.h
 */
export function deviceProgram({ program, index }: StepOf<'device-program'>): Call[] {
  const load = {
    struct: [
      { u32: c.BPF_PROG_TYPE_CGROUP_DEVICE },
      { u32: program.length / 8 },
      { pointer: program },
      { pointer: 'Apache-2.0' },
      // No log: log_level, log_size, log_buf, kern_version, prog_flags.
      ...[0, 0].map((u32) => ({ u32 })),
      { u64: 0 },
      ...[0, 0].map((u32) => ({ u32 })),
    ],
  };
  const attach = {
    struct: [
      { u32: slot(`cgroup-${index}`) },
      { u32: slot('program') },
      { u32: c.BPF_CGROUP_DEVICE },
      { u32: c.BPF_F_ALLOW_MULTI },
      { u32: 0 },
    ],
  };
  return [
    call('bpf', [c.BPF_PROG_LOAD, load, 48], { store: 'program' }),
    call('bpf', [c.BPF_PROG_ATTACH, attach, 20]),
    call('close', [slot('program')]),
  ];
}

/** 0 is the writer itself. */
export function joinCgroups({ count, into, namespace }: StepOf<'join-cgroups'>): Call[] {
  const joins = Array.from({ length: count }, (_, index): Call[] => [
    ...(index === into
      ? []
      : [call('write', [slot(`join-${index}`), '0', 1]), call('close', [slot(`join-${index}`)])]),
    ...['cgroup', 'cgroup-parent'].map((name) => call('close', [slot(`${name}-${index}`)])),
  ]);
  return [...joins.flat(), ...(namespace ? [call('unshare', [c.CLONE_NEW.cgroup])] : [])];
}

/** Opened outside, where the directory is in sight. cgroup v2 has no `tasks`. */
export function openCgroup({ directory: path, index, born }: StepOf<'open-cgroup'>): Call[] {
  if (born === true) return [call('openat', [c.AT_FDCWD, path, directory, 0], { store: `cgroup-${index}` })];
  const open = (file: string, options: CallOptions): Call =>
    call('openat', [c.AT_FDCWD, `${path}/${file}`, c.O_WRONLY | c.O_CLOEXEC, 0], {
      store: `join-${index}`,
      ...options,
    });
  const opened = `joining-${index}`;
  return [
    open('tasks', { may: ['ENOENT'], thenGoto: opened }),
    open('cgroup.procs', {}),
    { op: 'label', label: opened },
  ];
}

export function joinMembers({ count, into }: StepOf<'join-members'>): Call[] {
  return Array.from({ length: count }, (_, index): Call[] =>
    index === into
      ? [call('close', [slot(`cgroup-${index}`)])]
      : [call('write', [slot(`join-${index}`), '0', 1]), call('close', [slot(`join-${index}`)])],
  ).flat();
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
