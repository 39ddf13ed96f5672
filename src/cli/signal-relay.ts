import { STDERR, writeText } from './output.js';

/** docker gives up on a command that ignores them after the same number. */
const LAST_INTERRUPT = 3;

/** What is passed on. Not SIGTSTP, which stops only `warren`; not SIGCHLD and SIGPIPE, which are `warren`'s own. */
const forwardedSignals = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGCONT',
  'SIGWINCH',
] as const satisfies readonly NodeJS.Signals[];

type ForwardedSignal = (typeof forwardedSignals)[number];

const interrupts: ReadonlySet<ForwardedSignal> = new Set(['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM']);

interface SignalTarget {
  kill(signal: number | string): void;
}

/**
 * Catches this process's signals from its construction to `stop()`: while the container is being started they put an end
 * to that, afterwards they go to the container, every one of them, also while it is stopping.
 */
export class SignalRelay {
  /** The signal that came during the start. */
  interruptedBy: ForwardedSignal | undefined;
  private readonly starting = new AbortController();
  private target: SignalTarget | undefined;
  private kept: ReadonlySet<NodeJS.Signals> = new Set();
  private interruptCount = 0;
  private readonly removers: (() => void)[] = [];

  constructor() {
    for (const signal of forwardedSignals) {
      const listener = (): void => {
        this.receive(signal);
      };
      process.on(signal, listener);
      this.removers.push(() => process.off(signal, listener));
    }
  }

  /** Aborted by a signal that ends a process, as long as there is no target. */
  get startSignal(): AbortSignal {
    return this.starting.signal;
  }

  /** @param except Signals not to pass on. */
  passTo(target: SignalTarget, except: readonly NodeJS.Signals[] = []): void {
    this.target = target;
    this.kept = new Set(except);
    // It came too late to prevent the start, so it is the command's.
    if (this.interruptedBy !== undefined) this.receive(this.interruptedBy);
  }

  stop(): void {
    for (const remove of this.removers.splice(0)) remove();
  }

  private receive(signal: ForwardedSignal): void {
    if (this.target === undefined) {
      if (!interrupts.has(signal)) return;
      this.interruptedBy ??= signal;
      this.starting.abort();
      return;
    }
    if (this.kept.has(signal)) return;
    if ((signal === 'SIGINT' || signal === 'SIGTERM') && ++this.interruptCount === LAST_INTERRUPT) {
      writeText(
        STDERR,
        `warren: the command does not heed ${signal}: killing it\n  fix: process 1 ignores what it does not handle; --init puts it under an init\n`,
      );
      this.target.kill('SIGKILL');
      return;
    }
    this.target.kill(signal);
  }
}
