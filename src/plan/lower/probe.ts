/** Questions to the kernel, asked in a throw-away namespace. */
import { buffer, call, slot, type Call } from '../call.js';
import * as c from '../constants.js';
import type { StepOf } from '../step.js';
import { sendDescriptor } from './descriptor.js';

/** The launcher itself moves to new namespaces, and ends in them. In a user namespace it becomes root by its one own id. */
export function leave({ kinds, uid, gid }: StepOf<'leave'>): Call[] {
  const write = (name: string, text: string): Call[] => [
    call('openat', [c.AT_FDCWD, `/proc/self/${name}`, c.O_WRONLY | c.O_CLOEXEC, 0], { store: 'file' }),
    call('write', [slot('file'), text, text.length]),
    call('close', [slot('file')]),
  ];
  const flags = kinds.reduce((sum, kind) => sum + c.CLONE_NEW[kind], 0);
  const mapped = kinds.includes('user')
    ? [...write('setgroups', 'deny'), ...write('gid_map', `0 ${gid} 1`), ...write('uid_map', `0 ${uid} 1`)]
    : [];
  return kinds.length === 0 ? [] : [call('unshare', [flags]), ...mapped];
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
    call('sendto', [
      slot('report'),
      { struct: [{ u32: c.MSG_DATA }, { u32: 0 }] },
      8,
      c.MSG_NOSIGNAL,
      null,
      0,
    ]),
    { op: 'exit', code: 0 },
  ];
}
