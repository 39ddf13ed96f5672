/** Steps of the launcher itself, outside the new namespaces. */
import { buffer, call, slot, type Call } from '../call.js';
import * as c from '../constants.js';
import type { NamespaceKind } from '../constants.js';
import type { IdRange } from '../config.js';
import type { StepOf } from '../step.js';
import { sendDescriptor } from './descriptor.js';
import { cloneRoot } from './root.js';

const pair = buffer('socketpair', 8);
const pidfd = buffer('pidfd', 8);
const barrier = buffer('barrier', 8);
const GO = 1;

export function adoptOrphans(): Call[] {
  return [
    call('prctl', [c.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0]),
    // ENOENT: a kernel without CONFIG_PROC_CHILDREN. Orphans then fall to the next reaper, as without Warren.
    call('openat', [c.AT_FDCWD, '/proc/thread-self/children', c.O_CLOEXEC, 0], {
      store: 'children',
      may: ['ENOENT'],
    }),
  ];
}

/** O_NONBLOCK: a FIFO would be waited at for ever, and by nobody who hears signals. setns(2) says what it is instead. */
export function openNamespace({ kind, path }: StepOf<'open-namespace'>): Call[] {
  return [
    call('openat', [c.AT_FDCWD, path, c.O_NONBLOCK | c.O_NOCTTY | c.O_CLOEXEC, 0], {
      store: namespaceSlot(kind),
    }),
  ];
}

/** The user namespace has the name that the root's id mapping knows it by. */
function namespaceSlot(kind: NamespaceKind): string {
  return kind === 'user' ? 'user-namespace' : `ns-${kind}`;
}

export function joinNamespace({ kind }: StepOf<'join-namespace'>): Call[] {
  const name = namespaceSlot(kind);
  return [call('setns', [slot(name), c.CLONE_NEW[kind]]), call('close', [slot(name)])];
}

/** All at once, and of one process: see setns(2), "fd refers to a PID file descriptor" (since Linux 5.8). */
export function joinProcess({ kinds, becomeRoot: becomesRoot }: StepOf<'join-process'>): Call[] {
  const flags = kinds.reduce((sum, kind) => sum + c.CLONE_NEW[kind], 0);
  return [
    ...(kinds.length === 0 ? [] : [call('setns', [slot('target'), flags])]),
    ...(becomesRoot ? becomeRoot() : []),
  ];
}

/** The launcher's own, which the command inherits: the container's /proc is nothing to write to. */
export function ownOomScore({ value }: StepOf<'own-oom-score'>): Call[] {
  const text = String(value);
  return [
    call('openat', [c.AT_FDCWD, '/proc/self/oom_score_adj', c.O_WRONLY | c.O_CLOEXEC, 0], { store: 'file' }),
    call('write', [slot('file'), text, text.length]),
    call('close', [slot('file')]),
  ];
}

export function timeOffsets({ boottimeSec, monotonicSec }: StepOf<'time-offsets'>): Call[] {
  const text = `monotonic ${monotonicSec} 0\nboottime ${boottimeSec} 0\n`;
  return [
    call('unshare', [c.CLONE_NEW.time]),
    call('openat', [c.AT_FDCWD, '/proc/self/timens_offsets', c.O_WRONLY | c.O_CLOEXEC, 0], {
      store: 'offsets',
    }),
    call('write', [slot('offsets'), text, text.length]),
    call('close', [slot('offsets')]),
  ];
}

const restartNumbers = { no: 0, 'on-failure': 1, always: 2 } as const;

export function monitor({ id, monitor: options, terminal, orphans }: StepOf<'monitor'>): Call[] {
  const { restart, mostRestarts, openInput, remove, logFiles, logBytes, network, attended } = options;
  const numbers = [
    restartNumbers[restart],
    mostRestarts,
    Number(terminal),
    Number(openInput),
    Number(orphans),
    Number(remove),
    logFiles,
    Number(network),
    Number(attended),
    0,
  ];
  return [
    { op: 'monitor', options: { struct: [...numbers.map((u32) => ({ u32 })), { u64: logBytes }] }, id },
  ];
}

export function handOver(): Call[] {
  return [
    { op: 'handOver', pidfd: slot('pidfd'), channel: slot('channel') },
    { op: 'label', label: 'inside' },
  ];
}

/**
 * @param undumpable Processes that are already in a namespace we join must not trace us, or reach our descriptors. The
 *   new process is born that way: setting it only there would leave them a moment (CVE-2016-9962). Its execve ends it.
 */
export function clone({ kinds, undumpable, sibling, into }: StepOf<'clone'>): Call[] {
  const flags = kinds.reduce(
    (sum, kind) => sum + c.CLONE_NEW[kind],
    c.CLONE_PIDFD + (sibling ? c.CLONE_PARENT : 0) + (into === undefined ? 0 : c.CLONE_INTO_CGROUP),
  );
  return [
    call('socketpair', [c.AF_UNIX, c.SOCK_SEQPACKET | c.SOCK_CLOEXEC, 0, pair]),
    { op: 'peek32', at: pair, offset: 0, store: 'channel' },
    { op: 'peek32', at: pair, offset: 4, store: 'inside-channel' },
    // /proc is opened while it is still the caller's: a joined mount namespace may have none, or another one.
    call('openat', [c.AT_FDCWD, '/proc', c.O_PATH | c.O_DIRECTORY | c.O_CLOEXEC, 0], { store: 'host-proc' }),
    ...(undumpable ? [call('prctl', [c.PR_SET_DUMPABLE, 0, 0, 0, 0])] : []),
    call(
      'clone3',
      [
        {
          struct: [
            { u64: flags },
            { pointer: pidfd },
            { u64: 0 },
            { u64: 0 },
            // A sibling's is that of the process that clones it.
            { u64: sibling ? 0 : c.SIGCHLD },
            { u64: 0 },
            { u64: 0 },
            { u64: 0 },
            ...(into === undefined ? [] : [{ u64: 0 }, { u64: 0 }, { u64: slot(`cgroup-${into}`) }]),
          ],
        },
        into === undefined ? 64 : 88,
      ],
      { store: 'child', zeroGoto: 'inside' },
    ),
    { op: 'peek32', at: pidfd, offset: 0, store: 'pidfd' },
    call('close', [slot('inside-channel')]),
  ];
}

/**
 * Written from outside, by the process that has the right to: see user_namespaces(7), "Defining user and group ID mappings".
 * Ids that are an ordinary user's by /etc/subuid are mapped by newuidmap(1), which looks at the process inside by its number.
 */
export function mapIds({ uid, gid, denySetgroups, uidHelper, gidHelper }: StepOf<'map-ids'>): Call[] {
  const write = (name: string, text: string): Call[] => [
    call('openat', [slot('process'), name, c.O_WRONLY | c.O_CLOEXEC, 0], { store: 'map' }),
    call('write', [slot('map'), text, Buffer.byteLength(text)]),
    call('close', [slot('map')]),
  ];
  return [
    call(
      'openat',
      [slot('host-proc'), { text: '', slot: 'child' }, c.O_PATH | c.O_DIRECTORY | c.O_CLOEXEC, 0],
      { store: 'process' },
    ),
    ...(denySetgroups ? write('setgroups', 'deny') : []),
    ...(gidHelper === undefined ? write('gid_map', mapText(gid)) : [mapBy(gidHelper, gid)]),
    ...(uidHelper === undefined ? write('uid_map', mapText(uid)) : [mapBy(uidHelper, uid)]),
  ];
}

function mapBy(path: string, ranges: readonly IdRange[]): Call {
  const numbers = ranges.flatMap(({ inside, outside, length }) => [inside, outside, length].map(String));
  return { op: 'helper', path, argv: [path, { text: '', slot: 'child' }, ...numbers] };
}

function mapText(ranges: readonly IdRange[]): string {
  return ranges.map(({ inside, outside, length }) => `${inside} ${outside} ${length}\n`).join('');
}

/** Bytes of the set in OP_TRACE: TRACE_WATCHED. */
const watchedBytes = 128;

export function trace({ watched }: StepOf<'trace'>): Call[] {
  const set = new Uint8Array(watchedBytes);
  for (const nr of watched) if (nr < watchedBytes * 8) set[nr >> 3] = (set[nr >> 3] ?? 0) | (1 << (nr & 7));
  return [{ op: 'trace', records: slot('trace'), pid: slot('child'), watched: set }];
}

/**
 * Lets the process inside go on, once its ids are mapped. EPIPE and ECONNRESET: it has failed before it listened; what failed is in the
 * channel, and supervise passes it on.
 */
export function release(): Call[] {
  return [
    call('sendto', [slot('channel'), new Uint8Array(8).fill(GO), 8, c.MSG_NOSIGNAL, null, 0], {
      may: ['EPIPE', 'ECONNRESET'],
    }),
  ];
}

/** A root made with the caller's rights, for a process that no longer has them. */
export function handOverRoot(): Call[] {
  return [
    cloneRoot(),
    sendDescriptor('channel', 'tree', ['EPIPE', 'ECONNRESET']),
    ...['root', 'tree'].map((name) => call('close', [slot(name)])),
  ];
}

export function openUserNamespace(): Call[] {
  return [call('openat', [slot('process'), 'ns/user', c.O_CLOEXEC, 0], { store: 'user-namespace' })];
}

export function supervise({ orphans, termios }: StepOf<'supervise'>): Call[] {
  return [
    // The streams belong to the command: a reader must see their end when it closes them.
    ...[0, 1, 2].map((fd) => call('close', [fd])),
    // Nothing terminal-generated (Ctrl-C, hang-up) is meant for us.
    call('setsid', [0], { may: ['EPERM'] }),
    {
      op: 'supervise',
      pid: slot('child'),
      pidfd: slot('pidfd'),
      channel: slot('channel'),
      children: orphans ? slot('children') : -1,
      terminal: termios ? slot('caller-terminal') : -1,
      termios: termios ?? null,
    },
    { op: 'label', label: 'inside' },
  ];
}

export function enter({ userNamespace }: StepOf<'enter'>): Call[] {
  return [
    { op: 'set', store: 'report', value: slot('inside-channel') },
    call('close', [slot('channel')]),
    call('close', [slot('host-proc')]),
    ...(userNamespace === 'new' ? awaitIds() : []),
    ...(userNamespace === 'none' ? [] : becomeRoot()),
    call('setsid', [0]),
    call('umask', [0]),
  ];
}

function awaitIds(): Call[] {
  return [
    call('read', [slot('inside-channel'), barrier, 8]),
    // The other side may have failed instead, and gone.
    { op: 'check', at: barrier, offset: 0, mask: 0xffn, equals: BigInt(GO), errno: 'EPIPE' },
  ];
}

/** An execve or a file made before this would be done by an unmapped id, 65534. */
function becomeRoot(): Call[] {
  return [call('setresgid', [0, 0, 0]), call('setresuid', [0, 0, 0])];
}

const received = buffer('received', c.MESSAGE_SIZE);
const receivedControl = buffer('received-control', 24);

/** The counterpart of `handOverRoot()`: see recvmsg(2), SCM_RIGHTS. */
export function receiveRoot(): Call[] {
  return [
    call('recvmsg', [
      slot('inside-channel'),
      {
        struct: [
          { pointer: null },
          { u64: 0 },
          { pointer: { struct: [{ pointer: received }, { u64: received.length }] } },
          { u64: 1 },
          { pointer: receivedControl },
          { u64: receivedControl.length },
          { u64: 0 },
        ],
      },
      c.MSG_CMSG_CLOEXEC,
    ]),
    {
      op: 'check',
      at: received,
      offset: 0,
      mask: 0xffff_ffffn,
      equals: BigInt(c.MSG_TERMINAL),
      errno: 'EPIPE',
    },
    { op: 'peek32', at: receivedControl, offset: 16, store: 'root' },
  ];
}
