/** A container that is kept: its life, from any process, through its directory and its monitor. */
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { WarrenError, quote } from '../errors.js';
import { parseSignal } from '../kernel/signals.js';
import * as c from '../plan/constants.js';
import { planRoot } from '../plan/container.js';
import type { Configured } from '../runtime/configure.js';
import type { Container as ExecutedProcess } from '../runtime/container.js';
import { readHost } from '../runtime/host.js';
import type { ExitStatus } from '../runtime/options.js';
import { collectRun, type RunResult } from '../runtime/run.js';
import { Attachment, type AttachOptions } from './attach.js';
import { configureKept } from './configure-kept.js';
import { requestError, type MonitorConnection, type RunEnd } from './connection.js';
import type { RootAccess } from './copy.js';
import { appendEvent, type EventAttributes } from './events.js';
import { spawnIn, type ExecOptions, type SpawnOptions } from './exec.js';
import { exitStatusOf, exitStatusOfRun } from './exit-status.js';
import {
  type FileLock,
  giveNameBack,
  linkName,
  lockContainer,
  nameTaken,
  ownerOfName,
  readRecord,
  recordText,
  takeName,
  writeWhole,
} from './files.js';
import type { LaunchedRun } from './launch.js';
import { leaveNetworks } from './leave-networks.js';
import { Liveness, isAlive } from './liveness.js';
import { logEnd, readLog, type LogEntry, type LogPosition, type ReadLogOptions } from './log/read.js';
import { checkName } from './names.js';
import type { RemoveOptions, StartContainerOptions, StopOptions, UpdateOptions } from './options.js';
import { setFrozen } from './pausing.js';
import type { ContainerRecord, ContainerSnapshot, ContainerStatus } from './record.js';
import { bury, endByForce, removeFiles } from './removal.js';
import { holdRoot, idMaps, openRootOf, type ContainerLayer } from './root.js';
import { readSnapshot } from './snapshot.js';
import { startRun } from './start-run.js';
import { updateContainer } from './update.js';

const defaultStopTimeoutMs = 10_000;

/** What `openContainers().create()`, `run()` and `find()` give. */
export class DetachedContainer {
  /** 64 hexadecimal digits. */
  readonly id: string;
  /** On the host. */
  readonly directory: string;

  readonly #root: string;
  readonly #live: Liveness;
  #record: ContainerRecord;
  /** Of a container just made, for its first start. */
  #configured: Configured | undefined;
  readonly #warnings: readonly string[];

  constructor(root: string, record: ContainerRecord, configured?: Configured) {
    this.#root = root;
    this.#record = record;
    this.#configured = configured;
    this.#warnings = configured?.warnings ?? [];
    this.id = record.id;
    this.directory = join(root, 'containers', record.id);
    this.#live = new Liveness(this.directory, () => this.name);
  }

  /** What was asked for at its making and has no effect here, one sentence each. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** As it was when this handle was made, or last looked. */
  get record(): ContainerRecord {
    return this.#record;
  }

  get name(): string {
    return this.#record.name;
  }

  /** @throws {WarrenError} `ERR_CONTAINER_NOT_FOUND`, `ERR_STATE_DAMAGED`. */
  snapshot(): ContainerSnapshot {
    return this.#live.ifThere(() => {
      const snapshot = readSnapshot(this.directory, this.id);
      this.#record = snapshot.record;
      return snapshot;
    });
  }

  /** @throws {WarrenError} `ERR_CONTAINER_NOT_FOUND`. */
  status(): ContainerStatus {
    return this.#live.status();
  }

  /**
   * Starts it; one that runs already is left as it is.
   *
   * @returns Its process id on the host, when the command is executing; undefined where it was running.
   * @throws {WarrenError} `ERR_STEP` and what else `start()` throws; the container is as it was before.
   */
  async start({ signal, attended = false }: StartContainerOptions = {}): Promise<number | undefined> {
    const lock = await lockContainer(this.directory, this.name);
    try {
      return await this.#start(attended, signal);
    } finally {
      lock.release();
    }
  }

  /**
   * Sends the stop signal, and SIGKILL after the grace; the monitor does both, whether or not this process lives to see it.
   * No restart policy starts it again. One that does not run is left as it is.
   *
   * @returns How it ended.
   * @throws {WarrenError} `ERR_CONTAINER_NOT_FOUND`, `ERR_SIGNAL_UNKNOWN`.
   */
  async stop({ signal, timeoutMs }: StopOptions = {}): Promise<ExitStatus> {
    const { stopSignal = 'SIGTERM', stopTimeoutMs = defaultStopTimeoutMs } = this.#record.options;
    const number = parseSignal(signal ?? stopSignal);
    const connection = await this.#live.connect();
    if (!connection) return this.#exitStatus();
    try {
      const errno = await connection.request(c.MSG_STOP, number, timeoutMs ?? stopTimeoutMs);
      if (errno !== undefined && errno !== 'ESRCH')
        throw requestError(`Cannot stop the container ${quote(this.name)}`, errno);
      const attributes = { name: this.name };
      const end = await connection.ended;
      await this.#leaveNetworks();
      appendEvent(this.#root, { id: this.id, action: 'stop', attributes });
      return this.#exitStatus(end);
    } finally {
      connection.close();
    }
  }

  /**
   * @param signal Name or number. Default SIGKILL. After SIGKILL, or its stop signal, no restart policy starts it again.
   * @throws {WarrenError} `ERR_CONTAINER_NOT_RUNNING`, `ERR_SIGNAL_UNKNOWN`.
   */
  async kill(signal: string | number = 'SIGKILL'): Promise<void> {
    const number = parseSignal(signal);
    const connection = await this.#live.connectRunning('signal');
    try {
      const wanted =
        number === c.SIGKILL || number === parseSignal(this.#record.options.stopSignal ?? 'SIGTERM');
      await this.#live.request(connection, 'signal', c.MSG_SIGNAL, number, Number(wanted));
      this.#event('kill', { signal: String(number) });
      // As the caller expects of a kill: what comes after it finds it gone.
      if (number !== c.SIGKILL) return;
      await connection.ended;
      await this.#leaveNetworks();
    } finally {
      connection.close();
    }
  }

  async restart(options: StopOptions = {}): Promise<void> {
    await this.stop(options);
    // A container that is removed when it ends is gone now.
    await this.#live.untilLetGo();
    await this.start();
    this.#event('restart');
  }

  /** Freezes its processes. @throws {WarrenError} `ERR_CONTAINER_NOT_RUNNING`, `ERR_CONTAINER_PAUSED`, `ERR_FREEZER`. */
  async pause(): Promise<void> {
    await setFrozen(this.#live, true);
    this.#event('pause');
  }

  async unpause(): Promise<void> {
    await setFrozen(this.#live, false);
    this.#event('unpause');
  }

  /** Waits until it has ended and no restart policy starts it again. For one that does not run: how it ended last. */
  async wait({ signal }: { readonly signal?: AbortSignal } = {}): Promise<ExitStatus> {
    if (this.#live.run) return this.#waitForRun(this.#live.run, signal);
    const connection = await this.#live.connect();
    if (!connection) return this.#exitStatus();
    const abort = (): void => connection.close();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const end = await connection.ended;
      signal?.throwIfAborted();
      return this.#exitStatus(end);
    } finally {
      signal?.removeEventListener('abort', abort);
      connection.close();
    }
  }

  /**
   * Removes the container and what it has written.
   *
   * @throws {WarrenError} `ERR_CONTAINER_RUNNING` without `force`; `ERR_CONTAINER_NOT_FOUND`.
   */
  async remove({ force = false }: RemoveOptions = {}): Promise<void> {
    const lock = await lockContainer(this.directory, this.name);
    try {
      if (force) {
        if (this.#live.isMonitored()) await endByForce(this.#live);
      } else if (isAlive(await this.#live.settled())) throw running(this.name, 'remove');
      await bury(this.directory);
      // Also of one whose record cannot be read.
      if (this.#record.networking || this.#record.createdAt === '') await leaveNetworks(this.#root, this.id);
      await removeFiles(this.#root, this.id, this.#live, () => this.#event('destroy'));
    } finally {
      lock.release();
    }
  }

  /** @throws {WarrenError} `ERR_CONTAINER_NAME`, `ERR_CONTAINER_NAME_TAKEN`. */
  async rename(to: string): Promise<void> {
    const name = checkName(to);
    const lock = await lockContainer(this.directory, this.name);
    try {
      const old = readRecord(this.directory, this.id);
      if (old.name === name) throw sameName(name);
      if (!takeName(this.#root, name, this.id)) throw nameTaken(name, ownerOfName(this.#root, name));
      try {
        this.#write({ ...old, name });
      } catch (error) {
        giveNameBack(this.#root, name, this.id);
        throw error;
      }
      linkName(this.directory, name);
      giveNameBack(this.#root, old.name, this.id);
      this.#event('rename', { oldName: old.name });
      // Its neighbours find it by the new one from now on. Who is in no network has no need of this file.
      if (old.networking) {
        const { announceName } = await import('./network.js');
        await announceName(this.#root, old, name);
      }
    } finally {
      lock.release();
    }
  }

  /**
   * Changes limits, also of a running container, and the restart policy. All of it, or nothing.
   *
   * @throws {WarrenError} `ERR_LIMIT` and what else limits are refused with, `ERR_LIMIT_REFUSED`, `ERR_CGROUP_UNAVAILABLE`,
   *   `ERR_RESTART_POLICY`.
   */
  async update(options: UpdateOptions): Promise<void> {
    const lock = await lockContainer(this.directory, this.name);
    try {
      await updateContainer(this.#live, this.#root, options, this.snapshot(), (record) =>
        this.#write(record),
      );
      this.#event('update');
    } finally {
      lock.release();
    }
  }

  /**
   * Runs one more command in it, to its end, and collects what it writes.
   *
   * @throws {CommandError} `ERR_COMMAND_FAILED` when it fails, unless `rejectOnFailure` is false.
   * @throws {WarrenError} `ERR_CONTAINER_NOT_RUNNING`, `ERR_CONTAINER_PAUSED`, and what `start()` of a command throws.
   */
  async exec(command: readonly string[], options: ExecOptions = {}): Promise<RunResult> {
    const { stdin, stdout, stderr, rejectOnFailure, maxBuffer, ...rest } = options;
    const began = performance.now();
    const process = await this.spawn(command, { ...rest, stdin: stdin === undefined ? 'ignore' : 'pipe' });
    return collectRun(process, command, { stdin, stdout, stderr, rejectOnFailure, maxBuffer }, began);
  }

  /** Starts one more command in it. The command ends, at the latest, when this process does, or the container. */
  async spawn(command: readonly string[], options: SpawnOptions = {}): Promise<ExecutedProcess> {
    const process = await spawnIn(this.#live, () => this.snapshot(), command, options);
    this.#event('exec_start', { pid: String(process.pid) });
    return process;
  }

  /** @throws {WarrenError} `ERR_CONTAINER_NOT_RUNNING`. */
  async attach({ from = 'end' }: AttachOptions = {}): Promise<Attachment> {
    const connection = await this.#live.connectRunning('attach to');
    try {
      // From now on, not from when somebody begins to read.
      const begin = from === 'end' ? await logEnd(this.directory) : from;
      this.#event('attach');
      return new Attachment(this.directory, connection, { from: begin });
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** The same for one that was started just now, and may have ended already: then there is only its output. */
  async attachFrom(from: LogPosition): Promise<Attachment> {
    this.#event('attach');
    return new Attachment(this.directory, await this.#live.connect(), { from });
  }

  /** The same, but the command lives on when this process ends; nobody hears how it ends. Its streams go nowhere. */
  async spawnDetached(
    command: readonly string[],
    options: Omit<SpawnOptions, 'stdin' | 'stdout' | 'stderr' | 'tty' | 'callerTerminal'> = {},
  ): Promise<number> {
    const process = await this.spawn(command, {
      ...options,
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'ignore',
    });
    process.detach();
    return process.pid;
  }

  /** Its output, line by line; see ReadLogOptions. With `follow` it ends when the container has ended. */
  logs(options: Omit<ReadLogOptions, 'ended'> = {}): AsyncIterable<LogEntry> {
    return this.#logs(options);
  }

  /**
   * Gives its root to `use`: as its processes see it while it runs, volumes and all; mounted for the purpose while it does not,
   * and then it cannot be started meanwhile. Nothing of it is executed.
   */
  async withRoot<T>(use: (root: RootAccess) => Promise<T>): Promise<T> {
    const maps = idMaps(this.#record.options);
    const connection = await this.#live.connect();
    try {
      if (connection && connection.pidfd >= 0) {
        const fd = openRootOf(connection.pid, connection.pidfd, this.name);
        try {
          return await use({ path: `/proc/self/fd/${fd}`, ...maps });
        } finally {
          closeSync(fd);
        }
      }
    } finally {
      connection?.close();
    }
    const lock = await lockContainer(this.directory, this.name);
    try {
      // Started meanwhile: then its own root is the one to use.
      if (this.#live.isMonitored()) return await this.#retryWithRoot(lock, use);
      const record = readRecord(this.directory, this.id);
      const { config } = await configureKept(this.#root, record);
      return await holdRoot(planRoot(config, readHost()), async (path) => use({ path, ...maps }));
    } finally {
      lock.release();
    }
  }

  /** What the container has written lies in `upper`, over `lower`: one for each file system of its root. */
  async layers(): Promise<readonly ContainerLayer[]> {
    const record = readRecord(this.directory, this.id);
    const { config } = await configureKept(this.#root, record);
    const { root } = config;
    if (root.kind === 'directory' || root.store === undefined) return [];
    const { store, skeleton } = root;
    return root.layers.map(({ lower, at, hidden, files }, index) => ({
      lower,
      at,
      hidden,
      files,
      upper: join(store, `upper${index + (skeleton ? 1 : 0)}`),
    }));
  }

  /** The connection to its monitor; undefined where it does not run. Close it. */
  async connect(): Promise<MonitorConnection | undefined> {
    return this.#live.connect();
  }

  async *#logs(options: Omit<ReadLogOptions, 'ended'>): AsyncGenerator<LogEntry, void, undefined> {
    this.#live.status();
    const connection = options.follow === true ? await this.#live.connect() : undefined;
    try {
      // Without a monitor nothing more will be written.
      const ended =
        options.follow === true ? (connection?.ended.then(() => undefined) ?? Promise.resolve()) : undefined;
      yield* readLog(this.directory, { ...options, ended });
    } finally {
      connection?.close();
    }
  }

  async #start(attended: boolean, signal: AbortSignal | undefined): Promise<number | undefined> {
    const configured = this.#configured;
    this.#configured = undefined;
    const run = await startRun(this.#live, {
      root: this.#root,
      attended,
      signal,
      readRecord: () => (this.#record = readRecord(this.directory, this.id)),
      configured,
    });
    if (run) this.#live.began(run);
    return run?.pid;
  }

  /** Told to whoever started it, even where nothing of it is left to look at. */
  async #waitForRun(run: LaunchedRun, signal: AbortSignal | undefined): Promise<ExitStatus> {
    run.reference(true);
    try {
      const end = await abortable(run.ended, signal);
      await this.#leaveNetworks();
      return this.#exitStatus(end);
    } finally {
      run.reference(false);
    }
  }

  async #retryWithRoot<T>(lock: FileLock, use: (root: RootAccess) => Promise<T>): Promise<T> {
    lock.release();
    return this.withRoot(use);
  }

  /** After an end that was seen; unless somebody has started it again: then they are its own. */
  async #leaveNetworks(): Promise<void> {
    if (!this.#record.networking) return;
    let lock: FileLock | undefined;
    try {
      lock = await lockContainer(this.directory, this.name);
      if (isAlive(this.#live.status().state)) return;
      await leaveNetworks(this.#root, this.id);
    } catch (error) {
      if (!(error instanceof WarrenError) || error.code !== 'ERR_CONTAINER_NOT_FOUND') throw error;
      // Removed at its end.
      await leaveNetworks(this.#root, this.id);
    } finally {
      lock?.release();
    }
  }

  #write(record: ContainerRecord): void {
    writeWhole(join(this.directory, 'config.json'), recordText(record));
    this.#record = record;
  }

  /** From what the monitor has told, where its files may be gone already (`--rm`). */
  #exitStatus(end?: RunEnd): ExitStatus {
    return end ? exitStatusOfRun(end) : exitStatusOf(this.#live.status());
  }

  #event(action: string, attributes: EventAttributes = {}): void {
    appendEvent(this.#root, { id: this.id, action, attributes: { name: this.name, ...attributes } });
  }
}

function sameName(name: string): WarrenError {
  return new WarrenError('ERR_CONTAINER_NAME_TAKEN', `Cannot rename the container ${quote(name)}`, {
    kind: 'already-exists',
    why: 'this is its name already',
    fix: 'choose another',
  });
}

function running(name: string, action: string): WarrenError {
  return new WarrenError('ERR_CONTAINER_RUNNING', `Cannot ${action} the container ${quote(name)}`, {
    kind: 'conflict',
    why: 'it is running',
    fix: `stop it first: warren stop ${name}; or: warren rm -f ${name}`,
  });
}

async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  signal.throwIfAborted();
  let abort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (abort) signal.removeEventListener('abort', abort);
  }
}
