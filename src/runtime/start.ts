import { WarrenError } from '../errors.js';
import { getTermios } from '../native/index.js';
import { planContainer } from '../plan/container.js';
import type { Plan } from '../plan/step.js';
import { configure } from './configure.js';
import { Container } from './container.js';
import { readHost } from './host.js';
import { Launch } from './launch.js';
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
  if (options.signal?.aborted === true) throw aborted(options.signal);
  const { config, warnings } = await configure(argv, options, readHost());
  const callerTerminal = options.callerTerminal;
  const plan = planContainer(
    callerTerminal === undefined ? config : { ...config, callerTermios: getTermios(callerTerminal) },
    readHost(),
  );
  const streams = await openStreams(options);
  let launch: Launch;
  try {
    launch = new Launch(plan, { streams: streams.fds, callerTerminal });
  } catch (error) {
    streams.closeOurs();
    throw error;
  } finally {
    streams.closeTheirs();
  }
  const cancel = (): void => void launch.signal(SIGKILL);
  options.signal?.addEventListener('abort', cancel, { once: true });
  try {
    const pid = await launch.running;
    const { stdin, stdout, stderr } = streams;
    const terminal =
      launch.terminalFd === undefined
        ? null
        : (await import('./terminal.js')).openTerminal(launch.terminalFd);
    launch.terminalFd = undefined;
    return new Container(pid, { id: config.id, launch, stdin, stdout, stderr, terminal, warnings, options });
  } catch (error) {
    // Where it is we who failed, the command runs by now.
    launch.signal(SIGKILL);
    launch.closeTerminal();
    streams.closeOurs();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', cancel);
  }
}

const SIGKILL = 9;

/** The steps that `start()` would take, in order; none is taken. Throws what `start()` would, short of the kernel's refusals. */
export async function plan(argv: readonly string[], options: StartOptions = {}): Promise<Plan> {
  const { config } = await configure(argv, options, readHost());
  return planContainer(config, readHost());
}

function aborted(signal: AbortSignal): WarrenError {
  return new WarrenError('ERR_CANCELLED', 'Cannot start the container', {
    kind: 'cancelled',
    why: 'the signal is already aborted',
    cause: signal.reason,
  });
}
