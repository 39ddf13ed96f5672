import { getTermios } from '../native/index.js';
import { SIGKILL } from '../plan/constants.js';
import { planContainer } from '../plan/container.js';
import type { Plan } from '../plan/step.js';
import { configure } from './configure.js';
import { Container } from './container.js';
import { readHost } from './host.js';
import { Launch, cancelled } from './launch.js';
import type { StartOptions } from './options.js';
import { openStreams } from './stdio.js';

/**
 * Starts a command in namespaces of its own.
 *
 * @param argv The command and its arguments; a name without a slash is looked for in the container's PATH.
 * @returns When the command is executing.
 * @throws {WarrenError} For bad options before anything is created; `ERR_STEP` names the step that the kernel refused,
 *   `ERR_COMMAND_NOT_FOUND`, `ERR_COMMAND_NOT_EXECUTABLE`. Nothing stays behind.
 */
export async function start(argv: readonly string[], options: StartOptions = {}): Promise<Container> {
  refuseAborted(signalsOf(options));
  const { config, warnings } = await configure(argv, await withPorts(options), readHost());
  const callerTerminal = options.callerTerminal;
  const plan = planContainer(
    callerTerminal === undefined ? config : { ...config, callerTermios: getTermios(callerTerminal) },
    readHost(),
  );
  // Beside the start, so that it costs no time.
  const collected = config.cgroup && (await import('./collect-garbage.js')).collectInPassing(config.cgroup);
  try {
    return await execute(plan, { id: config.id, options, warnings });
  } finally {
    await collected;
  }
}

export interface Execution {
  readonly id: string;
  readonly options: StartOptions;
  readonly warnings: readonly string[];
  /** A pidfd of the process whose namespaces the plan joins. */
  readonly target?: number;
  /** What takes the records of a plan that traces. */
  readonly trace?: number;
}

/** Carries out a plan whose last step executes a command; returns when that executes. */
export async function execute(
  plan: Plan,
  { id, options, warnings, target, trace }: Execution,
): Promise<Container> {
  const signals = signalsOf(options);
  const { callerTerminal } = options;
  const streams = await openStreams(options);
  try {
    refuseAborted(signals);
  } catch (error) {
    streams.closeTheirs();
    streams.closeOurs();
    throw error;
  }
  let launch: Launch;
  try {
    launch = new Launch(plan, { streams: streams.fds, callerTerminal, target, trace });
  } catch (error) {
    streams.closeOurs();
    throw error;
  } finally {
    streams.closeTheirs();
  }
  const cancel = (): void => {
    launch.cancel();
  };
  for (const signal of signals) signal.addEventListener('abort', cancel, { once: true });
  try {
    const pid = await launch.running;
    const { stdin, stdout, stderr } = streams;
    const terminal =
      launch.terminalFd === undefined
        ? null
        : (await import('./terminal.js')).openTerminal(launch.terminalFd);
    launch.terminalFd = undefined;
    return new Container(pid, { id, launch, stdin, stdout, stderr, terminal, warnings, options });
  } catch (error) {
    // Where it is we who failed, the command runs by now.
    launch.signal(SIGKILL);
    launch.closeTerminal();
    streams.closeOurs();
    throw error;
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', cancel);
  }
}

/** Which ports of the host are published, where a program of the user's does that. */
async function withPorts(options: StartOptions): Promise<StartOptions> {
  if (options.publish === undefined) return options;
  return (await import('./user-network/choose-ports.js')).choosePorts(options);
}

function signalsOf({ signal, startSignal }: StartOptions): AbortSignal[] {
  return [signal, startSignal].filter((each) => each !== undefined);
}

function refuseAborted(signals: readonly AbortSignal[]): void {
  const aborted = signals.find((signal) => signal.aborted);
  if (aborted) throw cancelled(aborted.reason);
}

/** The steps that `start()` would take, in order; none is taken. Throws what `start()` would, short of the kernel's refusals. */
export async function plan(argv: readonly string[], options: StartOptions = {}): Promise<Plan> {
  const { config } = await configure(argv, await withPorts(options), readHost());
  return planContainer(config, readHost());
}
