/** From the events of a traced container: which calls of its command were refused, for want of which capability. */
import { capabilityNames, type Capability } from '../../kernel/capabilities.js';
import { seccompCapabilities, defaultSeccompPolicy } from '../../kernel/seccomp/default-policy.js';
import { SECCOMP_RET_ALLOW } from '../../kernel/seccomp/policy.js';
import { type NativeSyscallArch, syscallName, syscallNumber } from '../../kernel/syscalls/index.js';
import { describeArguments } from './call-arguments.js';
import type { TraceEvent } from './trace-events.js';

/** A call that failed after a check for a capability had failed in it, or that the seccomp filter did not let through. */
export interface RefusedCall {
  /** What the process calls itself: at most 15 bytes. */
  readonly program: string;
  readonly syscall: string;
  /** The numbers among its arguments that say what was wanted. */
  readonly arguments: string;
  readonly errno: string;
  /** Alternatives, in the order in which the kernel asked: any one of them may do. */
  readonly capabilities: readonly Capability[];
  /**
   * Whose capability was wanted: that of the machine's first user namespace or of another one, which is the container's own
   * where it has one. Undefined where seccomp refused: nobody was asked.
   */
  readonly namespace: 'first' | 'other' | undefined;
  readonly by: 'capability check' | 'seccomp filter';
  readonly times: number;
}

const errnos: Readonly<Record<number, string>> = {
  [-1]: 'EPERM',
  [-13]: 'EACCES',
};

/** Other errors that stand for a capability that is missing, where just that one was asked for. */
const otherErrnos: readonly {
  readonly errno: string;
  readonly result: number;
  readonly capability: Capability;
}[] = [
  { errno: 'ENOMEM', result: -12, capability: 'CAP_IPC_LOCK' },
  { errno: 'EAGAIN', result: -11, capability: 'CAP_SYS_RESOURCE' },
  { errno: 'ENOSPC', result: -28, capability: 'CAP_SYS_RESOURCE' },
  { errno: 'EDQUOT', result: -122, capability: 'CAP_SYS_RESOURCE' },
];

/** Netlink's answer comes in a message: the call that asks succeeds. */
const messageCalls = ['sendto', 'sendmsg', 'sendmmsg', 'write', 'writev'] as const;

interface Task {
  /** 0: Warren itself. 1: the launcher, which prepares the container. 2: the command, and all that it starts. */
  stage: 0 | 1 | 2;
  call:
    | {
        readonly nr: number;
        readonly args: readonly bigint[];
        readonly checks: { capability: number; namespace: string; passed: boolean }[];
      }
    | undefined;
}

/** Takes events in their order; says at any time what was refused so far. */
export class RefusedCalls {
  /** Whether the command was executed. */
  started = false;
  private readonly tasks = new Map<number, Task>();
  private readonly found = new Map<string, RefusedCall>();
  private first: string | undefined;
  private readonly numbers: {
    readonly exec: ReadonlySet<number>;
    readonly memory: ReadonlySet<number>;
    readonly message: ReadonlySet<number>;
  };

  /** @param root The task that starts the launcher. */
  constructor(
    private readonly arch: NativeSyscallArch,
    root: number,
  ) {
    const numbers = (names: readonly string[]): ReadonlySet<number> =>
      new Set(names.flatMap((name) => syscallNumber(arch, name) ?? []));
    this.numbers = {
      exec: numbers(['execve', 'execveat']),
      memory: numbers(['mmap', 'brk', 'mremap']),
      message: numbers(messageCalls),
    };
    this.tasks.set(root, { stage: 0, call: undefined });
  }

  add(event: TraceEvent): void {
    const task = this.taskOf(event.task);
    switch (event.type) {
      case 'fork':
        this.tasks.set(event.child, { stage: task.stage, call: undefined });
        return;
      case 'enter':
        task.call = { nr: event.nr, args: event.args, checks: [] };
        return;
      case 'check':
        task.call?.checks.push(event);
        return;
      case 'exit':
        this.exit(event, task);
    }
  }

  list(): readonly RefusedCall[] {
    return [...this.found.values()];
  }

  /** Of a task that was not seen to be born the parent is not known: once the command is there, it is likely the command's. */
  private taskOf(id: number): Task {
    let task = this.tasks.get(id);
    if (task === undefined) {
      task = { stage: this.started ? 2 : 1, call: undefined };
      this.tasks.set(id, task);
    }
    return task;
  }

  private exit(event: Extract<TraceEvent, { type: 'exit' }>, task: Task): void {
    const { call } = task;
    task.call = undefined;
    if (call !== undefined) this.learnFirstNamespace(call);
    if (event.result === 0 && this.numbers.exec.has(event.nr) && task.stage < 2) {
      task.stage = task.stage === 0 ? 1 : 2;
      if (task.stage === 2) this.started = true;
      return;
    }
    if (task.stage < 2) return;
    if (call?.nr !== event.nr) {
      // The filter is asked before a call is traced, and its refusal is traced nevertheless.
      if (event.result === -1) this.seccomp(event);
      return;
    }
    this.checked(event, call);
  }

  /** Every process that asks for memory is asked whether it may have the last of it: CAP_SYS_ADMIN in the first one. */
  private learnFirstNamespace({ nr, checks }: NonNullable<Task['call']>): void {
    if (this.first !== undefined || !this.numbers.memory.has(nr)) return;
    this.first = checks.find(({ capability }) => capabilityNames[capability] === 'CAP_SYS_ADMIN')?.namespace;
  }

  private checked(event: Extract<TraceEvent, { type: 'exit' }>, call: NonNullable<Task['call']>): void {
    const failed = call.checks.filter(({ passed }) => !passed);
    const names = [...new Set(failed.flatMap(({ capability }) => capabilityNames[capability] ?? []))];
    if (names.length === 0) return;
    let errno = errnos[event.result];
    let capabilities = names;
    if (errno === undefined) {
      const other = otherErrnos.find(
        ({ result, capability }) => result === event.result && names.includes(capability),
      );
      if (other) [errno, capabilities] = [other.errno, [other.capability]];
      else if (event.result >= 0 && this.numbers.message.has(event.nr) && names.includes('CAP_NET_ADMIN')) {
        [errno, capabilities] = ['EPERM in the answer', ['CAP_NET_ADMIN']];
      } else return;
    }
    const wanted = failed.find(({ capability }) => capabilityNames[capability] === capabilities[0]);
    this.record({
      program: event.comm,
      syscall: this.nameOf(event.nr),
      arguments: describeArguments(this.nameOf(event.nr), call.args),
      errno,
      capabilities,
      namespace: wanted?.namespace === this.first ? 'first' : 'other',
      by: 'capability check',
    });
  }

  private seccomp(event: Extract<TraceEvent, { type: 'exit' }>): void {
    const syscall = this.nameOf(event.nr);
    this.record({
      program: event.comm,
      syscall,
      arguments: '',
      errno: 'EPERM',
      capabilities: capabilitiesThatOpen(syscall, this.arch),
      namespace: undefined,
      by: 'seccomp filter',
    });
  }

  private record(call: Omit<RefusedCall, 'times'>): void {
    const key = [
      call.program,
      call.syscall,
      call.arguments,
      call.errno,
      call.by,
      call.namespace,
      ...call.capabilities,
    ].join('\0');
    this.found.set(key, { ...call, times: (this.found.get(key)?.times ?? 0) + 1 });
  }

  private nameOf(nr: number): string {
    return syscallName(this.arch, nr) ?? `system call ${nr}`;
  }
}

/** The capabilities with which the default filter lets a call through. */
export function capabilitiesThatOpen(syscall: string, arch: NativeSyscallArch): Capability[] {
  if (isOpen(syscall, arch, [])) return [];
  const names = capabilityNames.filter(
    (name) => seccompCapabilities.includes(name) && isOpen(syscall, arch, [name]),
  );
  // The one that means everything comes last.
  return [
    ...names.filter((name) => name !== 'CAP_SYS_ADMIN'),
    ...names.filter((name) => name === 'CAP_SYS_ADMIN'),
  ];
}

/** Whether the default filter lets a call through at all, if only with some arguments. */
export function isOpenWithAll(syscall: string, arch: NativeSyscallArch): boolean {
  return defaultSeccompPolicy({ arch, capabilities: capabilityNames, kernel: [6, 0] }).rules.some(
    ({ names, action }) => names.includes(syscall) && action === SECCOMP_RET_ALLOW,
  );
}

function isOpen(syscall: string, arch: NativeSyscallArch, capabilities: readonly string[]): boolean {
  return defaultSeccompPolicy({ arch, capabilities, kernel: [6, 0] }).rules.some(
    ({ names, conditions, action }) =>
      names.includes(syscall) && conditions.length === 0 && action === SECCOMP_RET_ALLOW,
  );
}
