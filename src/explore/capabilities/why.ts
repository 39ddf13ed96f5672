/** Which capability a command lacks: watched, and then proved by giving it. */
import { setInterval, clearInterval } from 'node:timers';
import { type Capability, defaultCapabilities } from '../../kernel/capabilities.js';
import type { NativeSyscallArch } from '../../kernel/syscalls/index.js';
import { type RefusedCall, RefusedCalls } from './refused-calls.js';
import { openTracer } from './tracer.js';

/** One run of the command in a throw-away container. */
export interface TracedRun {
  /** What it was given besides what its user asked for. */
  readonly added: readonly Capability[];
  readonly exitCode: number;
  readonly refused: readonly RefusedCall[];
  /** Events that were lost: not all may have been seen. */
  readonly lost: number;
}

/** What became of one refusal. */
export interface Diagnosis extends RefusedCall {
  /**
   * The capability with which the call was no longer refused; undefined where none was found, or none was tried.
   * It was added in another container, and there the command made no such call that failed.
   */
  readonly cure: Capability | undefined;
  /** Given to the command, which was refused all the same. */
  readonly inVain: readonly Capability[];
  /** Not given to it for an experiment, because what it allows does not end at the container. */
  readonly notTried: readonly Capability[];
  /** Why adding one cannot help. */
  readonly hopeless: string | undefined;
}

export interface Explanation {
  readonly runs: readonly TracedRun[];
  readonly diagnoses: readonly Diagnosis[];
  /** All that was added in the last run. */
  readonly added: readonly Capability[];
}

export interface WhyOptions {
  /** The container has a user namespace of its own: what is asked of the first one, nobody in it can have. */
  readonly ownUserNamespace: boolean;
  /** What the container can be given at all. */
  readonly available: ReadonlySet<Capability>;
  /**
   * What it may be given for an experiment. Not what reaches beyond a container, such as CAP_SYS_TIME: the command would be
   * allowed to do for once what it was refused, and nobody has agreed to that.
   */
  readonly mayTry: ReadonlySet<Capability>;
  /** Runs of the command at most. Default 8; 1 makes no experiment. */
  readonly maxRuns?: number;
}

/** Runs the command with these capabilities added, to its end; returns its exit code. */
export type RunWith = (added: readonly Capability[]) => Promise<number>;

/** What a container's namespaces keep inside: tried without asking. */
const contained: readonly Capability[] = [
  ...defaultCapabilities,
  'CAP_DAC_READ_SEARCH',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_LEASE',
  'CAP_NET_ADMIN',
  'CAP_NET_BROADCAST',
  'CAP_SYS_ADMIN',
  'CAP_SYS_PTRACE',
  'CAP_SYS_RESOURCE',
];

/** Which namespaces of the container are not its own. */
export interface SharedNamespaces {
  readonly network: boolean;
  readonly pid: boolean;
  readonly ipc: boolean;
  readonly uts: boolean;
}

/** What may be tried without asking, in a container that shares these namespaces with others. */
export function containedCapabilities(shared: SharedNamespaces): ReadonlySet<Capability> {
  const names = new Set(contained);
  const leave = (...list: Capability[]): void => list.forEach((name) => names.delete(name));
  if (shared.network) leave('CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_NET_BIND_SERVICE', 'CAP_SYS_ADMIN');
  if (shared.pid) leave('CAP_KILL', 'CAP_SYS_PTRACE', 'CAP_SYS_ADMIN');
  if (shared.ipc) leave('CAP_IPC_OWNER', 'CAP_SYS_ADMIN');
  if (shared.uts) leave('CAP_SYS_ADMIN');
  return names;
}

/** How often what was traced is read: the kernel's buffer holds some 100,000 events. */
const readEveryMs = 20;

/**
 * Traces one run.
 *
 * @throws {WarrenError} `ERR_TRACE_UNSUPPORTED`, and what `run` throws.
 */
export async function traceRun(
  arch: NativeSyscallArch,
  run: RunWith,
  added: readonly Capability[],
): Promise<TracedRun> {
  const tracer = openTracer(arch);
  try {
    const calls = new RefusedCalls(arch, tracer.root);
    const read = (): void => tracer.read().forEach((event) => calls.add(event));
    const timer = setInterval(read, readEveryMs);
    let exitCode: number;
    try {
      exitCode = await run(added);
    } finally {
      clearInterval(timer);
    }
    read();
    return { added, exitCode, refused: calls.list(), lost: tracer.lost() };
  } finally {
    tracer.close();
  }
}

/**
 * Runs a command, and again with the capability that each refused call asked for, until nothing is refused that could be
 * cured: what is proposed has been tried.
 */
export async function explainRefusals(
  trace: (added: readonly Capability[]) => Promise<TracedRun>,
  { ownUserNamespace, available, mayTry, maxRuns = 8 }: WhyOptions,
): Promise<Explanation> {
  const runs: TracedRun[] = [];
  const seen = new Map<string, RefusedCall>();
  const tried = new Set<Capability>();
  let added: readonly Capability[] = [];
  for (;;) {
    const run = await trace(added);
    runs.push(run);
    for (const call of run.refused) if (!seen.has(keyOf(call))) seen.set(keyOf(call), call);
    if (runs.length >= maxRuns) break;
    const next = run.refused
      .filter((call) => whyHopeless(call, ownUserNamespace, available) === undefined)
      .flatMap(
        ({ capabilities }) =>
          capabilities.find((name) => !tried.has(name) && available.has(name) && mayTry.has(name)) ?? [],
      );
    if (next.length === 0) break;
    for (const name of next) tried.add(name);
    added = [...new Set([...added, ...next])];
  }
  const last = runs.at(-1);
  const diagnoses = [...seen.values()].map((call): Diagnosis => {
    const isCured = runs.length > 1 && !(last?.refused ?? []).some((other) => isSame(call, other));
    return {
      ...call,
      cure: isCured ? call.capabilities.filter((name) => added.includes(name)).at(-1) : undefined,
      inVain: isCured ? [] : call.capabilities.filter((name) => added.includes(name)),
      notTried: call.capabilities.filter((name) => available.has(name) && !mayTry.has(name)),
      hopeless: whyHopeless(call, ownUserNamespace, available),
    };
  });
  const cures = new Set(diagnoses.flatMap(({ cure }) => cure ?? []));
  return { runs, diagnoses, added: added.filter((name) => cures.has(name)) };
}

/** What the filter lets through may still be refused by a check: that is no cure. */
function isSame(call: RefusedCall, other: RefusedCall): boolean {
  if (call.by === 'seccomp filter') return call.program === other.program && call.syscall === other.syscall;
  return keyOf(call) === keyOf(other);
}

function whyHopeless(
  call: RefusedCall,
  ownUserNamespace: boolean,
  available: ReadonlySet<Capability>,
): string | undefined {
  if (call.capabilities.length === 0) return 'the seccomp filter refuses it whatever the capabilities';
  if (!call.capabilities.some((name) => available.has(name))) return 'Warren has not the capability itself';
  if (call.namespace === 'first' && ownUserNamespace) {
    return 'it is asked of the first user namespace, and the container has one of its own: leave --userns out';
  }
  return undefined;
}

function keyOf({ program, syscall, arguments: args, errno, by, capabilities }: RefusedCall): string {
  return [program, syscall, args, errno, by, ...capabilities].join('\0');
}
