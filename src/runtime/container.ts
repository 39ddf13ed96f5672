/** A running container in the foreground of this process: it ends, at the latest, when the process does. */
import type { Readable, Writable } from 'node:stream';
import { parseSignal, signalName } from '../kernel/signals.js';
import { referenceLauncher } from '../native/index.js';
import { SIGKILL } from '../plan/constants.js';
import type { Exited, Launch } from './launch.js';
import { splitLines } from './lines.js';
import type { ExitStatus, StartOptions } from './options.js';
import type { ContainerTerminal } from './terminal.js';

export interface ContainerParts {
  readonly id: string;
  readonly launch: Launch;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly terminal: ContainerTerminal | null;
  readonly warnings: readonly string[];
  readonly options: StartOptions;
}

const defaultStopTimeoutMs = 10_000;

/** What `start()` returns. Not thenable: wait for the end with `wait()`. */
export class Container {
  /** 64 hexadecimal digits. */
  readonly id: string;
  /** The command's process id on the host. */
  readonly pid: number;
  /** With `stdin: 'pipe'`. */
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** With `tty: true`, instead of the three streams. */
  readonly terminal: ContainerTerminal | null;
  /** What was asked for and has no effect here, one sentence each. */
  readonly warnings: readonly string[];

  readonly #launch: Launch;
  readonly #options: StartOptions;
  readonly #status: Promise<ExitStatus>;
  #timedOut = false;
  #isCanceled = false;
  #stopping: Promise<ExitStatus> | undefined;

  constructor(pid: number, parts: ContainerParts) {
    this.pid = pid;
    this.id = parts.id;
    this.stdin = parts.stdin;
    this.stdout = parts.stdout;
    this.stderr = parts.stderr;
    this.terminal = parts.terminal;
    this.warnings = parts.warnings;
    this.#launch = parts.launch;
    this.#options = parts.options;
    this.#status = this.#watch();
    this.#status.catch(() => undefined);
  }

  /** @returns False when the command has ended. @throws {WarrenError} `ERR_SIGNAL_UNKNOWN`. */
  kill(signal: number | string = 'SIGTERM'): boolean {
    return this.#launch.signal(parseSignal(signal));
  }

  /** Waits for the end; the same result however often it is asked. */
  async wait(): Promise<ExitStatus> {
    return this.#status;
  }

  /**
   * Sends the stop signal, and SIGKILL when `stopTimeoutMs` has passed. Idempotent; a container that has ended is left as
   * it is.
   */
  async stop(): Promise<ExitStatus> {
    return (this.#stopping ??= this.#stop());
  }

  /** The lines of standard output, without their ends. Leaving the loop leaves the container running. */
  lines(): AsyncIterable<string> {
    return splitLines(this.stdout ?? this.terminal?.readable ?? null);
  }

  /** Whether the running container keeps Node's event loop alive. Default: it does. */
  ref(): this {
    referenceLauncher(this.#launch.handle, true);
    return this;
  }

  unref(): this {
    referenceLauncher(this.#launch.handle, false);
    return this;
  }

  /** The command lives on when this process ends, and no longer keeps its event loop alive. */
  detach(): void {
    this.#launch.detach();
    this.unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop();
    } finally {
      // What nobody has read keeps its pipe open; nobody will now.
      for (const stream of [this.stdin, this.stdout, this.stderr, this.terminal?.readable]) stream?.destroy();
    }
  }

  async #watch(): Promise<ExitStatus> {
    const { timeoutMs, signal } = this.#options;
    const end = (): void => {
      this.#launch.signal(SIGKILL);
    };
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            this.#timedOut = true;
            end();
          }, timeoutMs);
    const cancel = (): void => {
      this.#isCanceled = true;
      end();
    };
    if (signal?.aborted === true) cancel();
    else signal?.addEventListener('abort', cancel, { once: true });
    try {
      return toStatus(await this.#launch.exited, this.#timedOut, this.#isCanceled);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
    }
  }

  async #stop(): Promise<ExitStatus> {
    const { stopSignal = 'SIGTERM', stopTimeoutMs = defaultStopTimeoutMs } = this.#options;
    if (this.#launch.ended || !this.kill(stopSignal)) return this.#status;
    const late = setTimeout(() => this.#launch.signal(SIGKILL), stopTimeoutMs);
    try {
      return await this.#status;
    } finally {
      clearTimeout(late);
    }
  }
}

function toStatus(
  { code, signal, oomKills, ...usage }: Exited,
  timedOut: boolean,
  isCanceled: boolean,
): ExitStatus {
  return {
    exitCode: code ?? 128 + (signal ?? 0),
    signal: signal === undefined ? undefined : (signalName(signal) as NodeJS.Signals),
    timedOut,
    isCanceled,
    oomKilled: oomKills > 0,
    usage,
  };
}
