/** Whether a container is there, runs, and has a monitor to talk to: liveness is a lock, not a number that somebody wrote. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { quote } from '../errors.js';
import { LOCK_EX, LOCK_NB, flock } from '../native/index.js';
import { MonitorConnection, PATIENCE_MS, requestError, silent } from './connection.js';
import { isMonitored, notFound, shareDirectory, type FileLock } from './files.js';
import type { LaunchedRun } from './launch.js';
import { notRunningError } from './not-running.js';
import type { ContainerState } from './record.js';
import { readStatus, type MeasuredStatus } from './snapshot.js';

/** Longer than anybody who only asks holds the status file. */
const STATUS_PATIENCE_MS = 200;

export function isAlive(state: ContainerState): boolean {
  return state === 'running' || state === 'paused' || state === 'restarting';
}

export class Liveness {
  readonly directory: string;
  readonly #name: () => string;
  /** The run that this process began last. */
  #run: LaunchedRun | undefined;
  #runIsOver = false;

  /** @param name Its name at present, for messages. */
  constructor(directory: string, name: () => string) {
    this.directory = directory;
    this.#name = name;
  }

  get name(): string {
    return this.#name();
  }

  get run(): LaunchedRun | undefined {
    return this.#run;
  }

  /** A run that this process has begun. */
  began(run: LaunchedRun): void {
    this.#run = run;
    this.#runIsOver = false;
    void run.ended.then(() => (this.#runIsOver = this.#run === run));
  }

  /** @throws {WarrenError} `ERR_CONTAINER_NOT_FOUND` where `read` finds a file of it gone. */
  ifThere<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw notFound(this.name);
      throw error;
    }
  }

  /**
   * Shares its directory with others who start commands in it: until all have released it, nobody pauses it.
   *
   * @throws {WarrenError} `ERR_CONTAINER_NOT_FOUND`.
   */
  async share(): Promise<FileLock> {
    try {
      return await shareDirectory(this.directory);
    } catch (error) {
      return this.ifThere(() => {
        throw error;
      });
    }
  }

  /** @throws {WarrenError} `ERR_CONTAINER_NOT_FOUND`. */
  status(): MeasuredStatus {
    return this.ifThere(() => readStatus(this.directory));
  }

  isMonitored(): boolean {
    return this.ifThere(() => {
      const fd = openSync(join(this.directory, 'status'), 'r');
      try {
        return isMonitored(fd);
      } finally {
        closeSync(fd);
      }
    });
  }

  /** After its end: a monitor that has told it may still be writing its last word. */
  async untilLetGo(): Promise<void> {
    while (this.isMonitored()) await sleep(1);
  }

  /** Its state when no monitor is just beginning, or ending: whoever started it may have been killed meanwhile. */
  async settled(): Promise<ContainerState> {
    const began = performance.now();
    for (;;) {
      const { state } = this.status();
      // Not by its pid, which one that is just beginning has not written yet.
      if (isAlive(state) || !this.isMonitored()) return state;
      if (performance.now() - began > PATIENCE_MS) throw silent(this.directory);
      await sleep(1);
    }
  }

  /**
   * Locks the status file, for a start.
   *
   * @returns False where a monitor has it: the container runs. One that is just beginning, or ending, is waited for.
   */
  async takeStatus(fd: number): Promise<boolean> {
    const began = performance.now();
    while (!flock(fd, LOCK_EX | LOCK_NB)) {
      const waited = performance.now() - began;
      if (waited > STATUS_PATIENCE_MS && isAlive(this.status().state)) return false;
      if (waited > PATIENCE_MS) throw silent(this.directory);
      await sleep(1);
    }
    return true;
  }

  /** @returns undefined where it does not run. A monitor that is just beginning, or ending, is waited for. */
  async connect(patienceMs?: number): Promise<MonitorConnection | undefined> {
    const began = performance.now();
    for (;;) {
      const connection = await MonitorConnection.open(this.directory, patienceMs);
      if (connection) return connection;
      // One that we stay with waits for us in turn, before it is removed.
      if (this.#runIsOver || !this.isMonitored()) return undefined;
      if (performance.now() - began > (patienceMs ?? PATIENCE_MS)) throw silent(this.directory);
      await sleep(1);
    }
  }

  /** @throws {WarrenError} `ERR_CONTAINER_NOT_RUNNING`, `ERR_CONTAINER_NOT_FOUND`. */
  async connectRunning(action: string): Promise<MonitorConnection> {
    const connection = await this.connect();
    if (connection) return connection;
    this.status();
    throw notRunningError(this.name, action);
  }

  /** @throws {WarrenError} `ERR_CONTAINER_NOT_RUNNING`, and what the monitor refuses with. */
  async request(
    connection: MonitorConnection,
    action: string,
    type: number,
    a: number,
    b = 0,
  ): Promise<void> {
    const errno = await connection.request(type, a, b);
    if (errno === undefined) return;
    if (errno === 'ESRCH') throw notRunningError(this.name, action);
    throw requestError(`Cannot ${action} the container ${quote(this.name)}`, errno);
  }
}
