import { WarrenError, invalid } from '../errors.js';
import type { ContainerOptions, ExitStatus, StartOptions, Stdio } from '../runtime/options.js';
import { isTerminal, STDERR, STDIN, STDOUT, writeText } from './output.js';
import type { RelayedStreams, RelayedTerminal } from './relay.js';
import { SignalRelay } from './signal-relay.js';

/** What attending a container needs of its handle. */
export interface AttendedContainer extends RelayedStreams {
  readonly terminal: RelayedTerminal | null;
  /** Said before anything else. */
  readonly warnings?: readonly string[];
  kill(signal: number | string): void;
  wait(): Promise<ExitStatus>;
}

export type StartContainer = (argv: readonly string[], options: StartOptions) => Promise<AttendedContainer>;

export interface ForegroundIo {
  /** Pass standard input on. */
  readonly interactive: boolean;
  /** The container has a terminal of its own. */
  readonly tty: boolean;
  /** Print the steps and take none. */
  readonly plan?: 'text' | 'json' | undefined;
}

/** Runs a command in a container, in the foreground of this process; returns the exit code. */
export async function runContainer(
  command: readonly string[],
  options: ContainerOptions,
  io: ForegroundIo,
): Promise<number> {
  if (io.plan !== undefined) {
    const { describePlan } = await import('../runtime/describe.js');
    writeText(STDOUT, await describePlan(command, options, io.plan));
    return 0;
  }
  const { start } = await import('../runtime/start.js');
  return attend(start, command, options, io);
}

/**
 * Starts a container and stays with it to its end.
 *
 * @param signals Catches them already, for a caller who has begun something; stopped here in any case.
 * @returns The exit code of the command; 128 + n when signal n ended it, or came while it was being started.
 * @throws {WarrenError} `ERR_NOT_A_TTY`, and what `start` throws.
 */
export async function attend(
  start: StartContainer,
  command: readonly string[],
  options: ContainerOptions,
  io: ForegroundIo,
  signals: SignalRelay = new SignalRelay(),
): Promise<number> {
  try {
    if (io.tty && io.interactive && !(await isTerminal(STDIN))) {
      throw invalid(
        'ERR_NOT_A_TTY',
        'Cannot give the command a terminal',
        'the input device is not a TTY',
        'leave out -t, or start it from a terminal',
      );
    }
    const stdio = io.tty ? await terminalStdio(io.interactive) : await plainStdio(io.interactive);
    const container = await start(command, { ...options, ...stdio, startSignal: signals.startSignal });
    return await stayWith(container, io, signals);
  } catch (error) {
    const interrupted = signals.interruptedBy;
    if (interrupted === undefined || !(error instanceof WarrenError) || error.kind !== 'cancelled')
      throw error;
    const { constants } = await import('node:os');
    return 128 + constants.signals[interrupted];
  } finally {
    signals.stop();
  }
}

async function stayWith(
  container: AttendedContainer,
  io: ForegroundIo,
  signals: SignalRelay,
): Promise<number> {
  const { stdin, stdout, stderr, terminal, warnings = [] } = container;
  for (const warning of warnings) writeText(STDERR, `warren: note: ${warning}\n`);
  if (terminal === null && stdin === null && stdout === null && stderr === null) {
    signals.passTo(container);
    return tellEnd(await container.wait());
  }
  const { relayStreams, relayTerminal } = await import('./relay.js');
  // A terminal of the container's own tells its processes of its new size by itself.
  signals.passTo(container, terminal ? ['SIGWINCH'] : []);
  const relay = terminal ? relayTerminal(terminal, io.interactive) : relayStreams(container);
  let status: ExitStatus;
  try {
    status = await container.wait();
    await relay.drained;
  } finally {
    relay.restore();
  }
  return tellEnd(status);
}

/** The exit code; what it does not say is said. */
function tellEnd({ exitCode, oomKilled }: ExitStatus): number {
  if (oomKilled)
    writeText(STDERR, 'warren: note: a process was killed: the container was at its limit of memory\n');
  return exitCode;
}

/**
 * A terminal of the caller's is never handed to a container, which could put keys into its input queue (TIOCSTI): it is
 * relayed instead. Whatever else the caller's descriptors are is inherited, and costs nothing.
 */
async function plainStdio(interactive: boolean): Promise<Pick<StartOptions, 'stdin' | 'stdout' | 'stderr'>> {
  const choose = async (fd: number): Promise<Stdio> => ((await isTerminal(fd)) ? 'pipe' : 'inherit');
  return {
    stdin: interactive ? await choose(STDIN) : 'ignore',
    stdout: await choose(STDOUT),
    stderr: await choose(STDERR),
  };
}

async function terminalStdio(
  interactive: boolean,
): Promise<Pick<StartOptions, 'tty' | 'ttySize' | 'callerTerminal'>> {
  const { terminalSize } = await import('./relay.js');
  const size = terminalSize();
  return {
    tty: true,
    ...(size === undefined ? {} : { ttySize: size }),
    ...(interactive ? { callerTerminal: STDIN } : {}),
  };
}
