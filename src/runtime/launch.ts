/** Carries out a plan: encodes it, starts the launcher, and turns its packets into promises. */
import { closeSync, openSync } from 'node:fs';
import { WarrenError } from '../errors.js';
import { decodeWaitStatus } from '../kernel/wait-status.js';
import { sendToLauncher, signalPidfd, spawnLauncher, type LauncherHandle } from '../native/index.js';
import * as c from '../plan/constants.js';
import { encodeSteps, type Encoded } from '../plan/encode.js';
import type { Plan } from '../plan/step.js';

/** How the command ended, as wait(2) and getrusage(2) tell it. */
export interface Exited {
  readonly code: number | undefined;
  readonly signal: number | undefined;
  readonly userMs: number;
  readonly systemMs: number;
  readonly maxRssBytes: number;
  /** How many processes the kernel killed because the container was at its limit of memory. */
  readonly oomKills: number;
}

export interface LaunchOptions {
  /** Descriptors for the command's 0, 1 and 2; they stay the caller's to close. */
  readonly streams: readonly [number, number, number];
  /** A terminal that the launcher puts in order again if this process is killed. */
  readonly callerTerminal?: number | undefined;
  /** A pidfd of the process whose namespaces the plan joins. */
  readonly target?: number | undefined;
  /** What takes the records of a plan that traces. */
  readonly trace?: number | undefined;
}

/** The first descriptor the launcher gets besides its own; see native/launcher/plan.h. */
const FD_EXTRA = 5;

/** A plan being carried out. */
export class Launch {
  /** The command's pid, once it executes. Rejects with the step that failed. */
  readonly running: Promise<number>;
  /** Settles when the launcher is gone, and everything of the container with it. */
  readonly exited: Promise<Exited>;
  /** The master of the container's terminal, for the receiver to close. */
  terminalFd: number | undefined;
  /** Settles with the descriptor that the launcher hands over; undefined where it ends without one. */
  readonly handedOver: Promise<number | undefined>;
  #settleHandedOver!: (fd: number | undefined) => void;
  /** What a probe answered, or a program that failed has said. */
  reply: Buffer | undefined;

  readonly handle: LauncherHandle;
  readonly #plan: Plan;
  readonly #encoded: Encoded;
  #settleRunning!: { resolve: (pid: number) => void; reject: (error: unknown) => void };
  #settleExited!: { resolve: (exited: Exited) => void; reject: (error: unknown) => void };
  #failure: Buffer | undefined;
  #status: Exited | undefined;
  #gone = false;
  #cancelled = false;
  /** A pidfd of the command while it runs. */
  #command = -1;

  /** @throws {WarrenError} `ERR_LAUNCH` when the launcher itself cannot be started. */
  constructor(plan: Plan, { streams, callerTerminal, target, trace }: LaunchOptions) {
    this.#plan = plan;
    this.running = new Promise((resolve, reject) => (this.#settleRunning = { resolve, reject }));
    this.exited = new Promise((resolve, reject) => (this.#settleExited = { resolve, reject }));
    this.handedOver = new Promise((resolve) => (this.#settleHandedOver = resolve));
    // Whoever looks at one of them only must not be punished for the other.
    this.running.catch(() => undefined);
    this.exited.catch(() => undefined);
    const extra = Object.entries({ 'caller-terminal': callerTerminal, target, trace }).flatMap(
      ([name, fd]) => (fd === undefined ? [] : [{ name, fd }]),
    );
    this.#encoded = encodeSteps(
      plan.steps,
      Object.fromEntries(extra.map(({ name }, index) => [name, FD_EXTRA + index])),
    );
    try {
      this.handle = spawnLauncher(
        this.#encoded.bytes,
        [...streams, ...extra.map(({ fd }) => fd)],
        (packet, fd) => {
          if (packet) this.#receive(packet, fd);
          else this.#end();
        },
      );
    } catch (cause) {
      throw launchError(cause);
    }
  }

  get ended(): boolean {
    return this.#gone;
  }

  /** @returns False when there is nothing left to signal. */
  signal(number: number): boolean {
    return this.#send(c.MSG_SIGNAL, number);
  }

  /** Ends the start; without effect when the command executes already, whether or not we have heard of it. */
  cancel(): void {
    this.#cancelled = true;
    this.#send(c.MSG_CANCEL, 0);
  }

  /** The command lives on when this process ends. */
  detach(): void {
    this.#send(c.MSG_DETACH, 0);
  }

  #send(type: number, value: number): boolean {
    const message = Buffer.alloc(c.MESSAGE_SIZE);
    message.writeUInt32LE(type, 0);
    message.writeInt32LE(value, 4);
    return !this.#gone && sendToLauncher(this.handle, message);
  }

  /** For a terminal that nobody took over. */
  closeTerminal(): void {
    if (this.terminalFd !== undefined) closeSync(this.terminalFd);
    this.terminalFd = undefined;
  }

  #receive(packet: Buffer, fd: number): void {
    switch (packet.readUInt32LE(0)) {
      case c.MSG_FAILED:
        this.#failure = packet;
        break;
      case c.MSG_RUNNING:
        this.#settleRunning.resolve(packet.readInt32LE(4));
        this.#command = fd;
        return;
      case c.MSG_EXITED:
        this.#status = readExit(packet);
        break;
      case c.MSG_TERMINAL:
        // Negative: there was no room for another descriptor here (EMFILE), and the kernel dropped it.
        this.terminalFd = fd < 0 ? undefined : fd;
        this.#settleHandedOver(this.terminalFd);
        return;
      case c.MSG_DATA:
        this.reply = packet;
    }
    if (fd >= 0) closeSync(fd);
  }

  #end(): void {
    this.#gone = true;
    this.#settleHandedOver(undefined);
    this.#letGo(this.#status === undefined);
    if (this.#failure) {
      void this.#fail(this.#failure).catch((error: unknown) => {
        this.#settleRunning.reject(error);
        this.#settleExited.reject(error);
      });
      return;
    }
    if (!this.#status) {
      const error = new WarrenError('ERR_LAUNCHER_LOST', 'Cannot tell how the command ended', {
        kind: 'internal',
        why: 'the launcher ended without a word; likely it was killed, and the command with it',
      });
      this.#settleRunning.reject(error);
      this.#settleExited.reject(error);
      return;
    }
    // Of no effect where the command was running, which was told before its end.
    if (this.#cancelled) this.#settleRunning.reject(cancelled());
    this.#settleRunning.resolve(-1);
    this.#settleExited.resolve(this.#status);
  }

  /**
   * A command dies with its launcher by its parent-death signal, but for one that an execve has made somebody else (a
   * set-user-ID program): the kernel has cleared it there.
   */
  #letGo(lost: boolean): void {
    if (this.#command < 0) return;
    try {
      if (lost) signalPidfd(this.#command, c.SIGKILL);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    } finally {
      closeSync(this.#command);
      this.#command = -1;
    }
  }

  async #fail(packet: Buffer): Promise<void> {
    // Not loaded before something fails: it knows all the words.
    const { describeFailure } = await import('./failure.js');
    const error = describeFailure(this.#plan, this.#encoded, {
      op: packet.readInt32LE(4),
      errno: packet.readInt32LE(8),
      note: this.reply?.toString('utf8', 4),
    });
    this.#settleRunning.reject(error);
    this.#settleExited.reject(error);
  }
}

/** @param cause What the caller's signal was aborted with. */
export function cancelled(cause?: unknown): WarrenError {
  return new WarrenError('ERR_CANCELLED', 'Cannot start the container', {
    kind: 'cancelled',
    why: 'the start was cancelled',
    cause,
  });
}

function readExit(packet: Buffer): Exited {
  const { code, signal } = decodeWaitStatus(packet.readInt32LE(4));
  return {
    code,
    signal: signal === 0 ? undefined : signal,
    oomKills: packet.readInt32LE(8),
    userMs: Number(packet.readBigUInt64LE(16)) / 1000,
    systemMs: Number(packet.readBigUInt64LE(24)) / 1000,
    maxRssBytes: Number(packet.readBigUInt64LE(32)),
  };
}

export function launchError(cause: unknown): Error {
  const { code, syscall } = cause as NodeJS.ErrnoException;
  if (syscall === undefined) return cause as Error;
  return new WarrenError('ERR_LAUNCH', 'Cannot start the launcher', {
    kind:
      code === 'EAGAIN' || code === 'ENOMEM' || code === 'EMFILE' || code === 'ENFILE'
        ? 'resource-exhausted'
        : 'kernel',
    why: `${syscall} failed with ${code}`,
    fix:
      code === 'ENOSYS'
        ? 'Warren needs Linux 5.12 or newer'
        : 'look at the limits of processes, memory and open files (ulimit -a)',
    syscall,
    errno: code,
    cause,
  });
}

/** A plan that only asks, and its answer. @throws {WarrenError} the step that failed. */
export async function ask(plan: Plan): Promise<Buffer> {
  const nowhere = openSync('/dev/null', 'r+');
  try {
    const launched = new Launch(plan, { streams: [nowhere, nowhere, nowhere] });
    await launched.exited.catch((error: unknown) => {
      if (!launched.reply) throw error;
    });
    if (launched.reply) return launched.reply;
  } finally {
    closeSync(nowhere);
  }
  throw new WarrenError('ERR_LAUNCHER_LOST', 'Cannot ask the kernel', {
    kind: 'internal',
    why: 'the launcher gave no answer',
  });
}
