/** A connection to a container's monitor: requests and their answers, and the news it has for everybody. */
import { closeSync, openSync } from 'node:fs';
import { basename, join } from 'node:path';
import { WarrenError, quote } from '../errors.js';
import { connectMonitor, disconnectMonitor, sendToLauncher, type LauncherHandle } from '../native/index.js';
import * as c from '../plan/constants.js';
import { errnoName } from '../runtime/failure.js';
import type { ExitStatus } from '../runtime/options.js';
import { readUsage } from './status.js';

/** How a run ended. */
export interface RunEnd {
  readonly waitStatus: number;
  readonly oomKills: number;
  /** No restart follows. */
  readonly final: boolean;
  readonly usage: ExitStatus['usage'];
}

export function readRunEnd(packet: Buffer): RunEnd {
  return {
    waitStatus: packet.readInt32LE(4),
    oomKills: packet.readInt32LE(8),
    final: packet.readInt32LE(12) !== 0,
    usage: readUsage(packet, 16),
  };
}

/** A monitor answers at once; only the freezer of cgroup v1 may keep it, for two seconds. */
export const PATIENCE_MS = 10_000;

const longestPath = 107;
const headBytes = 16;
/** The monitor's room for one piece of input. */
export const mostInput = 4096;

export class MonitorConnection {
  /** The command's process id on the host; 0 while it does not run. */
  pid = 0;
  /** A pidfd of it, or -1. Closed with the connection. */
  pidfd = -1;
  /** Settles when no run follows: with the last run's end, or undefined when the monitor went without a word. */
  readonly ended: Promise<RunEnd | undefined>;

  readonly #directory: string;
  readonly #patienceMs: number;
  readonly #handle: LauncherHandle;
  readonly #answers: ((errno: number | undefined) => void)[] = [];
  #settleEnded!: (end: RunEnd | undefined) => void;
  #greeted!: (there: boolean) => void;
  readonly #greeting: Promise<boolean>;
  #last: RunEnd | undefined;
  #closed = false;

  /**
   * @param patienceMs How long the monitor may take for its greeting, and for each answer.
   * @returns undefined where no monitor listens, or none any more.
   * @throws {WarrenError} `ERR_MONITOR_SILENT`.
   */
  static async open(directory: string, patienceMs = PATIENCE_MS): Promise<MonitorConnection | undefined> {
    let connection: MonitorConnection;
    try {
      connection = new MonitorConnection(directory, patienceMs);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') return undefined;
      // Too many wait already.
      if (code === 'EAGAIN') throw silent(directory);
      throw error;
    }
    try {
      return (await connection.#inTime(connection.#greeting)) ? connection : undefined;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  private constructor(directory: string, patienceMs: number) {
    this.#directory = directory;
    this.#patienceMs = patienceMs;
    this.ended = new Promise((resolve) => (this.#settleEnded = resolve));
    this.#greeting = new Promise((resolve) => (this.#greeted = resolve));
    const path = join(directory, 'socket');
    const receive = (packet: Buffer | null, fd: number): void => {
      if (packet) this.#receive(packet, fd);
      else this.#end();
    };
    if (Buffer.byteLength(path) <= longestPath) {
      this.#handle = connectMonitor(path, receive);
      return;
    }
    const parent = openSync(directory, 'r');
    try {
      this.#handle = connectMonitor(`/proc/self/fd/${parent}/socket`, receive);
    } finally {
      closeSync(parent);
    }
  }

  /**
   * Asks for something and waits until it is done.
   *
   * @returns The errno's name; undefined when it was done. `ESRCH` where there is nothing to do it to.
   * @throws {WarrenError} `ERR_MONITOR_SILENT`.
   */
  async request(type: number, a = 0, b = 0): Promise<string | undefined> {
    if (!this.#send(type, a, b)) return 'ESRCH';
    const errno = await this.#inTime(
      new Promise<number | undefined>((resolve) => this.#answers.push(resolve)),
    );
    return errno === undefined ? 'ESRCH' : errno === 0 ? undefined : errnoName(errno);
  }

  resize(rows: number, columns: number): void {
    this.#send(c.MSG_RESIZE, rows, columns);
  }

  /** @param data At most `mostInput` bytes. @returns False while there is no room: to be tried again. */
  input(data: Uint8Array): boolean {
    const packet = Buffer.alloc(headBytes + data.length);
    packet.writeUInt32LE(c.MSG_INPUT, 0);
    packet.set(data, headBytes);
    return sendToLauncher(this.#handle, packet);
  }

  endInput(): boolean {
    return this.#send(c.MSG_INPUT_END, 0, 0);
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    if (!this.#closed) disconnectMonitor(this.#handle);
    this.#end();
  }

  async #inTime<T>(promise: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(silent(this.#directory));
      }, this.#patienceMs);
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #send(type: number, a: number, b: number): boolean {
    if (this.#closed) return false;
    const packet = Buffer.alloc(c.MESSAGE_SIZE);
    packet.writeUInt32LE(type, 0);
    packet.writeInt32LE(a, 4);
    packet.writeInt32LE(b, 8);
    return sendToLauncher(this.#handle, packet);
  }

  #receive(packet: Buffer, fd: number): void {
    switch (packet.readUInt32LE(0)) {
      case c.MSG_RUNNING:
        this.#setProcess(packet.readInt32LE(4), fd);
        this.#last = undefined;
        this.#greeted(true);
        return;
      case c.MSG_EXITED:
        this.#setProcess(0, -1);
        this.#last = readRunEnd(packet);
        if (this.#last.final) this.#settleEnded(this.#last);
        break;
      case c.MSG_ANSWER:
        this.#answers.shift()?.(packet.readInt32LE(4));
    }
    if (fd >= 0) closeSync(fd);
  }

  #setProcess(pid: number, pidfd: number): void {
    if (this.pidfd >= 0) closeSync(this.pidfd);
    this.pid = pid;
    this.pidfd = pidfd;
  }

  #end(): void {
    this.#closed = true;
    this.#setProcess(0, -1);
    this.#greeted(false);
    this.#settleEnded(this.#last);
    for (const answer of this.#answers.splice(0)) answer(undefined);
  }
}

/** What a monitor could not do, in words. */
export function requestError(action: string, errno: string): WarrenError {
  return new WarrenError('ERR_MONITOR_REQUEST', action, {
    kind: 'kernel',
    why: `its monitor was refused it by the kernel: ${errno}`,
    errno,
  });
}

/** It lives, and does not answer: stopped by a signal or a debugger, or it hangs in the kernel. */
export function silent(directory: string): WarrenError {
  const id = basename(directory).slice(0, 12);
  return new WarrenError('ERR_MONITOR_SILENT', `Cannot reach the monitor of the container ${quote(id)}`, {
    kind: 'timeout',
    why: 'it lives, and does not answer; perhaps it was stopped (SIGSTOP), or the disk hangs',
    fix: `let it go on (its pid is MonitorPid in: warren inspect ${id}), or give the container up: warren rm -f ${id}`,
  });
}
