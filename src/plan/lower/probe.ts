/** Questions to the kernel, asked in a throw-away namespace. */
import { buffer, call, slot, type BufferRef, type Call } from '../call.js';
import * as c from '../constants.js';
import type { StepOf } from '../step.js';
import { reportDone, sendDescriptor } from './descriptor.js';

/** The launcher itself moves to new namespaces, and ends in them. In a user namespace it becomes root by its one own id. */
export function leave({ kinds, uid, gid, become = false }: StepOf<'leave'>): Call[] {
  const write = (name: string, text: string): Call[] => [
    call('openat', [c.AT_FDCWD, `/proc/self/${name}`, c.O_WRONLY | c.O_CLOEXEC, 0], { store: 'file' }),
    call('write', [slot('file'), text, text.length]),
    call('close', [slot('file')]),
  ];
  const flags = kinds.reduce((sum, kind) => sum + c.CLONE_NEW[kind], 0);
  const mapped = kinds.includes('user')
    ? [...write('setgroups', 'deny'), ...write('gid_map', `0 ${gid} 1`), ...write('uid_map', `0 ${uid} 1`)]
    : [];
  const other = [
    // Not in a user namespace that forbids it.
    call('setgroups', [0, null], { may: ['EPERM'] }),
    call('setresgid', [gid, gid, gid]),
    call('setresuid', [uid, uid, uid]),
    // The change of ids has taken its own files in /proc away from it, and with them the id maps.
    call('prctl', [c.PR_SET_DUMPABLE, 1, 0, 0, 0]),
  ];
  return [...(become ? other : []), ...(kinds.length === 0 ? [] : [call('unshare', [flags]), ...mapped])];
}

/** Sends a descriptor of a namespace that the launcher is in: it lives on for as long as the receiver holds that. */
export function handOverNamespace({ kind }: StepOf<'hand-over-namespace'>): Call[] {
  return [
    call('openat', [c.AT_FDCWD, `/proc/self/ns/${kind}`, c.O_CLOEXEC, 0], {
      store: 'namespace',
    }),
    sendDescriptor('report', 'namespace'),
    { op: 'exit', code: 0 },
  ];
}

/** Sends a descriptor of a folder of parameters, or of one: it stays that of the namespaces that the launcher is in. */
export function handOverSysctls({ path }: StepOf<'hand-over-sysctls'>): Call[] {
  return [
    call('openat', [c.AT_FDCWD, `/proc/sys/${path}`, c.O_CLOEXEC, 0], { store: 'file' }),
    sendDescriptor('report', 'file'),
    { op: 'exit', code: 0 },
  ];
}

/**
 * Opens each parameter for writing, writes nothing, and sends one 32-bit answer each: a descriptor's number, or minus
 * errno (ENOENT: not in this namespace; EACCES: read-only here; EPERM: not permitted).
 */
export function probeSysctls({ paths }: StepOf<'probe-sysctls'>): Call[] {
  const answers = {
    struct: [{ u32: c.MSG_DATA }, ...paths.map((_, index) => ({ u32: slot(`answer-${index}`) }))],
  };
  return [
    ...paths.map((path, index) =>
      call('openat', [c.AT_FDCWD, `/proc/sys/${path}`, c.O_WRONLY | c.O_CLOEXEC, 0], {
        store: `answer-${index}`,
        may: ['ENOENT', 'EACCES', 'EPERM', 'ENOTDIR'],
      }),
    ),
    call('sendto', [slot('report'), answers, 4 + paths.length * 4, c.MSG_NOSIGNAL, null, 0]),
    { op: 'exit', code: 0 },
  ];
}

/** How many parameters one probe can ask about: each keeps its answer in a slot. */
export const ANSWER_SLOTS = 64;

/** What the kernel says of a parameter that is not there, or not for us. */
const unopened = ['ENOENT', 'EACCES', 'EPERM', 'EROFS'];

export function markSysctls({ marks }: StepOf<'mark-sysctls'>): Call[] {
  return marks.flatMap(({ path, values }) =>
    values.flatMap((text) => [
      // A file each: the kernel parses what comes at its beginning.
      call('openat', [c.AT_FDCWD, `/proc/sys/${path}`, c.O_WRONLY | c.O_CLOEXEC, 0], {
        store: 'file',
        may: unopened,
      }),
      call('write', [slot('file'), text, Buffer.byteLength(text)], {
        may: ['EINVAL', 'ERANGE', 'EPERM', 'EBADF'],
      }),
      call('close', [slot('file')], { may: ['EBADF'] }),
    ]),
  );
}

/** Of IPC, names and users: a few numbers, or a name of 64 characters. */
export const SURVEY_VALUE_BYTES = 256;

/**
 * Tries to open each parameter for writing and for reading, and reads it: sends three 32-bit answers each (the two descriptors and
 * the length, or minus errno), then the texts, one after the other in `SURVEY_VALUE_BYTES` each.
 */
export function surveySysctls({ paths }: StepOf<'survey-sysctls'>): Call[] {
  const text = (index: number): BufferRef => buffer(`value-${index}`, SURVEY_VALUE_BYTES);
  const asks = paths.flatMap((path, index) => [
    call('openat', [c.AT_FDCWD, `/proc/sys/${path}`, c.O_WRONLY | c.O_CLOEXEC, 0], {
      store: `write-${index}`,
      may: unopened,
    }),
    call('close', [slot(`write-${index}`)], { may: ['EBADF'] }),
    call('openat', [c.AT_FDCWD, `/proc/sys/${path}`, c.O_CLOEXEC, 0], {
      store: `read-${index}`,
      may: unopened,
    }),
    call('read', [slot(`read-${index}`), text(index), SURVEY_VALUE_BYTES], {
      store: `length-${index}`,
      may: ['EBADF', 'EACCES', 'EPERM', 'EIO'],
    }),
    call('close', [slot(`read-${index}`)], { may: ['EBADF'] }),
  ]);
  const numbers = {
    struct: [
      { u32: c.MSG_DATA },
      ...paths.flatMap((_, index) =>
        ['write', 'read', 'length'].map((name) => ({ u32: slot(`${name}-${index}`) })),
      ),
    ],
  };
  const parts = [
    { pointer: numbers },
    { u64: 4 + paths.length * 12 },
    ...paths.flatMap((_, index) => [{ pointer: text(index) }, { u64: SURVEY_VALUE_BYTES }]),
  ];
  return [
    ...asks,
    call('sendmsg', [
      slot('report'),
      {
        struct: [
          { pointer: null },
          { u64: 0 },
          { pointer: { struct: parts } },
          { u64: 1 + paths.length },
          { pointer: null },
          { u64: 0 },
          { u64: 0 },
        ],
      },
      c.MSG_NOSIGNAL,
    ]),
    { op: 'exit', code: 0 },
  ];
}

/** As much as the kernel prints of one parameter: bitmaps of ports are the longest. */
const value = buffer('value', 65_536);

/** Sends the length, then the text. */
export function readSysctl({ path }: StepOf<'read-sysctl'>): Call[] {
  return [
    call('openat', [c.AT_FDCWD, `/proc/sys/${path}`, c.O_CLOEXEC, 0], { store: 'file' }),
    call('read', [slot('file'), value, value.length], { store: 'length' }),
    call('sendmsg', [
      slot('report'),
      {
        struct: [
          { pointer: null },
          { u64: 0 },
          {
            pointer: {
              struct: [
                { pointer: { struct: [{ u32: c.MSG_DATA }, { u32: slot('length') }] } },
                { u64: 8 },
                { pointer: value },
                { u64: slot('length') },
              ],
            },
          },
          { u64: 2 },
          { pointer: null },
          { u64: 0 },
          { u64: 0 },
        ],
      },
      c.MSG_NOSIGNAL,
    ]),
    { op: 'exit', code: 0 },
  ];
}

/** One write: the kernel parses what it is given at once. */
export function writeSysctl({ path, value: text }: StepOf<'write-sysctl'>): Call[] {
  return [
    call('openat', [c.AT_FDCWD, `/proc/sys/${path}`, c.O_WRONLY | c.O_CLOEXEC, 0], { store: 'file' }),
    call('write', [slot('file'), text, Buffer.byteLength(text)]),
    ...reportDone(),
  ];
}
