/** One private buffer of tracefs, for the capability checks and system calls of one task and all that it starts. */
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  rmdirSync,
  statSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { cpus } from 'node:os';
import { WarrenError } from '../../errors.js';
import type { NativeSyscallArch } from '../../kernel/syscalls/index.js';
import { syscallNumber } from '../../kernel/syscalls/index.js';
import { detachedMount } from '../../native/credentials.js';
import { randomBytes, signalPidfd } from '../../native/index.js';
import { errnoOf } from '../target.js';
import { type TraceEvent, parseTraceLine } from './trace-events.js';

/** statfs(2)'s f_type. */
const TRACEFS_MAGIC = 0x74726163;
const mountPoint = '/sys/kernel/tracing';
/** Nobody who is alive has an instance without an open file for so long. */
const staleMs = 60_000;
const namePrefix = 'warren-why-';

/** Calls that are made often and in which nothing is checked. Never one in which a check could be counted as another's. */
const quietCalls = [
  ...[
    'futex',
    'epoll_wait',
    'epoll_pwait',
    'poll',
    'ppoll',
    'select',
    'pselect6',
    'nanosleep',
    'clock_nanosleep',
  ],
  ...[
    'rt_sigprocmask',
    'rt_sigaction',
    'getpid',
    'gettid',
    'getuid',
    'geteuid',
    'getgid',
    'getegid',
    'sched_yield',
  ],
  ...['clock_gettime', 'gettimeofday', 'lseek', 'fstat'],
];

/**
 * @throws {WarrenError} `ERR_TRACE_UNSUPPORTED` where the kernel has not the event (Linux ≥ 6.14), or we have not the right.
 */
export function openTracer(arch: NativeSyscallArch): Tracer {
  try {
    return new Tracer(arch);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw new WarrenError('ERR_TRACE_UNSUPPORTED', 'Cannot watch capability checks', {
      kind: 'unsupported',
      why: `tracefs cannot be used (${errno})`,
      fix: 'run as root, in the first user namespace, on Linux 6.14 or newer with CONFIG_FTRACE; or use --by experiment',
      errno,
      cause: error,
    });
  }
}

export class Tracer {
  /** The calling thread, in the first PID namespace. */
  readonly root: number;
  private readonly folder: string;
  private readonly mount: number | undefined;
  private readonly pipe: number;
  private rest = '';

  constructor(arch: NativeSyscallArch) {
    const isMounted = existsSync(mountPoint) && statfsSync(mountPoint).type === TRACEFS_MAGIC;
    this.mount = isMounted ? undefined : detachedMount('tracefs');
    const top = this.mount === undefined ? mountPoint : `/proc/self/fd/${this.mount}`;
    try {
      if (!existsSync(`${top}/events/capability/cap_capable`)) {
        throw Object.assign(new Error('no event capability:cap_capable'), { code: 'ENOENT' });
      }
      removeStale(`${top}/instances`);
      this.folder = `${top}/instances/${namePrefix}${randomBytes(6).toString('hex')}`;
      mkdirSync(this.folder);
    } catch (error) {
      if (this.mount !== undefined) closeSync(this.mount);
      throw error;
    }
    try {
      this.set('tracing_on', '0');
      // 32 MiB in all, at least one for each processor; it is read all the time.
      this.set('buffer_size_kb', String(Math.max(1024, Math.floor(32_768 / cpus().length))));
      this.set('options/event-fork', '1');
      // Addresses as they are: what is hashed may be told apart as well, but not on every kernel.
      if (existsSync(`${this.folder}/options/hash-ptr`)) this.set('options/hash-ptr', '0');
      this.pipe = openSync(`${this.folder}/trace_pipe`, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      this.removeInstance();
      throw error;
    }
    try {
      this.root = this.findRoot(arch);
      this.prepare(arch);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** What has happened since the last time. */
  read(): TraceEvent[] {
    const buffer = Buffer.alloc(1 << 16);
    const events: TraceEvent[] = [];
    for (;;) {
      let length: number;
      try {
        length = readSync(this.pipe, buffer, 0, buffer.length, null);
      } catch (error) {
        if (errnoOf(error) === 'EAGAIN') return events;
        throw error;
      }
      if (length === 0) return events;
      const lines = (this.rest + buffer.toString('latin1', 0, length)).split('\n');
      this.rest = lines.pop() ?? '';
      for (const line of lines) {
        const event = parseTraceLine(line);
        if (event) events.push(event);
      }
    }
  }

  /** Events that came faster than they were read, and are lost. */
  lost(): number {
    return readdirSync(`${this.folder}/per_cpu`)
      .map((cpu) => readFileSync(`${this.folder}/per_cpu/${cpu}/stats`, 'utf8'))
      .reduce((sum, text) => sum + Number(/^overrun: (\d+)$/m.exec(text)?.[1] ?? 0), 0);
  }

  close(): void {
    this.set('tracing_on', '0');
    this.set('events/enable', '0');
    closeSync(this.pipe);
    this.removeInstance();
  }

  /** Our number where tracefs counts, which our own PID namespace hides: by a call that nobody else makes. */
  private findRoot(arch: NativeSyscallArch): number {
    const nr = syscallNumber(arch, 'pidfd_send_signal') ?? 424;
    const mark = randomBytes(4).readUInt32LE() & 0x3fff_ffff;
    this.set('events/raw_syscalls/sys_enter/filter', `id == ${nr}`);
    this.set('events/raw_syscalls/sys_enter/enable', '1');
    this.set('tracing_on', '1');
    try {
      signalPidfd(-1, mark);
    } catch {
      // Of course: there is no such descriptor.
    }
    this.set('tracing_on', '0');
    const seen = this.read().find((event) => event.type === 'enter' && Number(event.args[1]) === mark);
    if (seen === undefined) throw Object.assign(new Error('own events are not seen'), { code: 'ENODATA' });
    return seen.task;
  }

  private prepare(arch: NativeSyscallArch): void {
    this.set('set_event_pid', String(this.root));
    const quiet = quietCalls.flatMap((name) => syscallNumber(arch, name) ?? []).map((nr) => `id != ${nr}`);
    for (const event of ['sys_enter', 'sys_exit']) {
      // Not our own: reading would make more to read, for ever.
      this.set(`events/raw_syscalls/${event}/filter`, [`common_pid != ${this.root}`, ...quiet].join(' && '));
      this.set(`events/raw_syscalls/${event}/enable`, '1');
    }
    // CAP_SYS_ADMIN also where it is there: whose it is, is learnt from it.
    this.set('events/capability/cap_capable/filter', 'ret < 0 || cap == 21');
    this.set('events/capability/cap_capable/enable', '1');
    this.set('events/sched/sched_process_fork/enable', '1');
    this.set('tracing_on', '1');
  }

  private set(name: string, text: string): void {
    writeFileSync(`${this.folder}/${name}`, text, { flag: 'r+' });
  }

  private removeInstance(): void {
    try {
      rmdirSync(this.folder);
    } finally {
      if (this.mount !== undefined) closeSync(this.mount);
    }
  }
}

/** Of Warrens that were killed: an instance that is in use has open files, and cannot be removed. */
function removeStale(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(namePrefix)) continue;
    try {
      if (Date.now() - statSync(`${folder}/${name}`).mtimeMs > staleMs) rmdirSync(`${folder}/${name}`);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  }
}
