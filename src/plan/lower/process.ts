/** Steps about the process itself: identity, privilege, terminal, and the end of the preparation. */
import { buffer, call, slot, type Call } from '../call.js';
import * as c from '../constants.js';
import type { StepOf } from '../step.js';
import { sendDescriptor } from './descriptor.js';
import { attachBelowRoot } from './mount-calls.js';

/** `struct ifreq`: name, then flags, 40 bytes in all. See netdevice(7). */
export function loopback(): Call[] {
  const request = Buffer.alloc(40);
  request.write('lo');
  request.writeUInt16LE(c.IFF_UP, 16);
  return [
    call('socket', [c.AF_INET, c.SOCK_DGRAM | c.SOCK_CLOEXEC, 0], { store: 'socket' }),
    call('ioctl', [slot('socket'), c.SIOCSIFFLAGS, request]),
    call('close', [slot('socket')]),
  ];
}

/**
 * A terminal from the container's own devpts. The slave is opened through its master (TIOCGPTPEER), not by a path that
 * the root could have redirected, becomes /dev/console and the controlling terminal, and the master goes to the caller.
 */
export function terminal({ rows, columns, uid }: StepOf<'terminal'>): Call[] {
  return [
    ...openTerminal(rows, columns, uid),
    call('open_tree', [slot('slave'), '', c.AT_EMPTY_PATH | c.OPEN_TREE_CLONE | c.OPEN_TREE_CLOEXEC], {
      store: 'mount',
    }),
    ...attachBelowRoot('mount', 'dev/console', true),
    call('close', [slot('mount')]),
    ...handOverTerminal(),
  ];
}

function openTerminal(rows: number, columns: number, uid: number): Call[] {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  return [
    call('openat', [slot('pts'), 'ptmx', c.O_RDWR | c.O_NOCTTY | c.O_CLOEXEC, 0], { store: 'master' }),
    call('ioctl', [slot('master'), c.TIOCSPTLCK, new Uint8Array(4)]),
    call('ioctl', [slot('master'), c.TIOCGPTPEER, c.O_RDWR | c.O_NOCTTY | c.O_CLOEXEC], { store: 'slave' }),
    call('ioctl', [slot('slave'), c.TIOCSWINSZ, size]),
    ...(uid === 0 ? [] : [call('fchown', [slot('slave'), uid, -1])]),
  ];
}

function handOverTerminal(): Call[] {
  return [
    sendDescriptor('inside-channel', 'master'),
    call('close', [slot('master')]),
    call('ioctl', [slot('slave'), c.TIOCSCTTY, 0]),
    ...[0, 1, 2].map((fd) => call('dup3', [slot('slave'), fd, 0])),
    call('close', [slot('slave')]),
  ];
}

const fileSystem = buffer('file-system', 120);

/**
 * A terminal for one more command, from the devpts that the container has now. Its root may have put anything at that
 * place: what is opened there is first seen to be a devpts, in which there is nothing but terminals.
 */
export function execTerminal({ rows, columns, uid }: StepOf<'exec-terminal'>): Call[] {
  const place = {
    struct: [{ u64: c.O_PATH | c.O_DIRECTORY | c.O_CLOEXEC }, { u64: 0 }, { u64: c.RESOLVE_NO_SYMLINKS }],
  };
  return [
    call('openat2', [c.AT_FDCWD, '/dev/pts', place, 24], { store: 'pts' }),
    call('fstatfs', [slot('pts'), fileSystem]),
    {
      op: 'check',
      at: fileSystem,
      offset: 0,
      mask: 0xffff_ffffn,
      equals: BigInt(c.DEVPTS_SUPER_MAGIC),
      errno: 'ENOTTY',
    },
    ...openTerminal(rows, columns, uid),
    ...handOverTerminal(),
  ];
}

export function rlimit({ resource, soft, hard }: StepOf<'rlimit'>): Call[] {
  return [call('prlimit64', [0, resource, { struct: [{ u64: soft }, { u64: hard }] }, null])];
}

/** What is not in the bounding set cannot be regained by any execve: see capabilities(7). */
export function bounding({ keep, last }: StepOf<'bounding'>): Call[] {
  const drops: Call[] = [];
  for (let bit = 0; bit <= last; bit++) {
    if ((keep & (1n << BigInt(bit))) === 0n) drops.push(call('prctl', [c.PR_CAPBSET_DROP, bit, 0, 0, 0]));
  }
  return drops;
}

export function user({ uid, gid, additionalGids }: StepOf<'user'>): Call[] {
  const list = Buffer.alloc(Math.max(4, (additionalGids?.length ?? 0) * 4));
  additionalGids?.forEach((id, index) => list.writeUInt32LE(id, index * 4));
  return [
    call('prctl', [c.PR_SET_KEEPCAPS, 1, 0, 0, 0]),
    ...(additionalGids === undefined ? [] : [call('setgroups', [additionalGids.length, list])]),
    call('setresgid', [gid, gid, gid]),
    call('setresuid', [uid, uid, uid]),
  ];
}

/** `struct __user_cap_data_struct` twice: effective, permitted, inheritable, low words first. */
function capabilityData(effective: bigint, permitted: bigint, inheritable: bigint): Uint8Array {
  const data = Buffer.alloc(24);
  for (const [word, shift] of [0n, 32n].entries()) {
    for (const [field, mask] of [effective, permitted, inheritable].entries()) {
      data.writeUInt32LE(Number((mask >> shift) & 0xffff_ffffn), word * 12 + field * 4);
    }
  }
  return data;
}

function capabilityHeader(): Uint8Array {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(c.CAPABILITY_VERSION_3, 0);
  return header;
}

/**
 * Permitted and effective stay as they are until the execve, which computes the command's from the bounding, inheritable
 * and ambient sets alone: root gets exactly the bounding set, anybody else exactly the ambient one. So the seccomp filter
 * can be loaded without no_new_privs, no call of ours stands behind it, and the parent-death signal survives (the kernel
 * clears it when a process gains capabilities).
 */
export function capabilities({ available, inheritable, ambient }: StepOf<'capabilities'>): Call[] {
  const raised: Call[] = [];
  for (let bit = 0n; bit < 64n; bit++) {
    if ((ambient & (1n << bit)) !== 0n) {
      raised.push(call('prctl', [c.PR_CAP_AMBIENT, c.PR_CAP_AMBIENT_RAISE, Number(bit), 0, 0]));
    }
  }
  return [
    call('capset', [capabilityHeader(), capabilityData(available, available, inheritable)]),
    call('prctl', [c.PR_CAP_AMBIENT, c.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0]),
    ...raised,
  ];
}

export function noNewPrivileges(): Call[] {
  return [call('prctl', [c.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0])];
}

/** After the last change of ids, which would clear it. A parent that died before it was set shows in the send: EPIPE. */
export function dieWithParent(): Call[] {
  return [
    call('prctl', [c.PR_SET_PDEATHSIG, c.SIGKILL, 0, 0, 0]),
    call('sendto', [slot('inside-channel'), aliveMessage(), c.MESSAGE_SIZE, c.MSG_NOSIGNAL, null, 0]),
  ];
}

function aliveMessage(): Uint8Array {
  const message = Buffer.alloc(c.MESSAGE_SIZE);
  message.writeUInt32LE(c.MSG_ALIVE, 0);
  return message;
}

export function init({ terminal: hasTerminal, keep }: StepOf<'init'>): Call[] {
  return [
    { op: 'init', terminal: hasTerminal, header: capabilityHeader(), data: capabilityData(keep, keep, 0n) },
  ];
}

export function closeRest(): Call[] {
  // CLOSE_RANGE_CLOEXEC: closed by the execve, and only if it succeeds, so that a failure can still be reported.
  return [call('close_range', [3, 0xffff_ffff, 4])];
}

export function seccomp({ program, flags }: StepOf<'seccomp'>): Call[] {
  return [
    call('seccomp', [
      c.SECCOMP_SET_MODE_FILTER,
      flags,
      { struct: [{ u16: program.length / 8 }, { u16: 0 }, { u32: 0 }, { pointer: program }] },
    ]),
  ];
}

export function unblockSignals(): Call[] {
  return [call('rt_sigprocmask', [c.SIG_SETMASK, new Uint8Array(8), null, 8])];
}

export function hostname({ name }: StepOf<'hostname'>): Call[] {
  return [call('sethostname', [name, Buffer.byteLength(name)])];
}

export function domainname({ name }: StepOf<'domainname'>): Call[] {
  return [call('setdomainname', [name, Buffer.byteLength(name)])];
}

export function umask({ mask }: StepOf<'umask'>): Call[] {
  return [call('umask', [mask])];
}

export function exec({ paths, argv, env }: StepOf<'exec'>): Call[] {
  return [{ op: 'exec', paths, argv, envp: env }];
}
