/** A container that is kept: its life, from any process, through its directory and its monitor. */
import { closeSync, existsSync, openSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WarrenError, invalid, quote } from '../errors.js';
import { parseSignal, signalName } from '../kernel/signals.js';
import { LOCK_EX, LOCK_NB, flock } from '../native/index.js';
import type { ContainerConfig } from '../plan/config.js';
import * as c from '../plan/constants.js';
import { planContainer, planRoot } from '../plan/container.js';
import { configure, type Configured, type Keeping } from '../runtime/configure.js';
import { readHost } from '../runtime/host.js';
import type { Container as ExecutedProcess } from '../runtime/container.js';
import type { ExitStatus } from '../runtime/options.js';
import { removeTree } from '../runtime/remove-tree.js';
import { collectRun, type RunResult } from '../runtime/run.js';
import { Attachment, type AttachOptions } from './attach.js';
import { findContainerCgroups } from './cgroups.js';
import { parseRestartPolicy } from './checked-options.js';
import { MonitorConnection, PATIENCE_MS, requestError, silent, type RunEnd } from './connection.js';
import { appendEvent, type EventAttributes } from './events.js';
import { execIn, pausedError, type ExecOptions, type SpawnOptions } from './exec.js';
import {
  type FileLock,
  giveNameBack,
  isMonitored,
  linkName,
  linkedName,
  lockContainer,
  makeStateRoot,
  nameTaken,
  notFound,
  ownerOfName,
  readRecord,
  recordText,
  shareDirectory,
  takeName,
  writeWhole,
  tryOwnDirectory,
} from './files.js';
import type { RootAccess } from './copy.js';
import { holdRoot, idMaps, openRootOf, type ContainerLayer } from './root.js';
import { updateLimits } from './limits.js';
import { launchMonitor, type LaunchedRun } from './launch.js';
import { logEnd, readLog, type LogEntry, type LogPosition, type ReadLogOptions } from './log/read.js';
import { checkName } from './names.js';
import type { ReadyNetwork } from './network.js';
import { sharedContainer, withoutSharing } from './network-mode.js';
import { notRunningError } from './not-running.js';
import type { RemoveOptions, StartContainerOptions, StopOptions, UpdateOptions } from './options.js';
import type { ContainerRecord, ContainerSnapshot, ContainerState, ContainerStatus } from './record.js';
import { readRunRecord, writeRunRecord } from './run-record.js';
import { readSnapshot, readStatus, type MeasuredStatus } from './snapshot.js';

const defaultStopTimeoutMs = 10_000;
/** For commands that are just being started in it. */
const JOINING_PATIENCE_MS = 10_000;

/** @param root The state directory. */
export function keepingOf(
  root: string,
  {
    id,
    restart,
    openStdin,
    autoRemove,
    log,
    networking,
    options,
  }: Omit<ContainerRecord, 'name' | 'labels' | 'command' | 'createdAt' | 'version'>,
): Keeping {
  return {
    id,
    layers: { store: join(root, 'containers', id, 'layer'), hidden: root },
    monitor: {
      restart: restart.name,
      mostRestarts: restart.maximumRetries,
      openInput: openStdin,
      remove: autoRemove,
      logBytes: log.maxSizeBytes,
      logFiles: log.maxFiles,
      attended: false,
      network: networking !== undefined || sharedContainer(options) !== undefined,
    },
    interfaces: networking?.networks.map((_, index) => `eth${index}`) ?? [],
  };
}

/** What `openContainers().create()`, `run()` and `find()` give. */
export class DetachedContainer {
  /** 64 hexadecimal digits. */
  readonly id: string;
  /** On the host. */
  readonly directory: string;

  readonly #root: string;
  #record: ContainerRecord;
  /** Of the start that this handle made. */
  #run: LaunchedRun | undefined;
  #runIsOver = false;
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
    return this.#ifThere(() => {
      const snapshot = readSnapshot(this.directory, this.id);
      this.#record = snapshot.record;
      return snapshot;
    });
  }

  /** @throws {WarrenError} `ERR_CONTAINER_NOT_FOUND`. */
  status(): ContainerStatus {
    return this.#status();
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
    const connection = await this.#connect();
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
    const connection = await this.#connectRunning('signal');
    try {
      const wanted =
        number === c.SIGKILL || number === parseSignal(this.#record.options.stopSignal ?? 'SIGTERM');
      await this.#request(connection, 'signal', c.MSG_SIGNAL, number, Number(wanted));
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
    await this.#untilLetGo();
    await this.start();
    this.#event('restart');
  }

  /** Freezes its processes. @throws {WarrenError} `ERR_CONTAINER_NOT_RUNNING`, `ERR_CONTAINER_PAUSED`, `ERR_FREEZER`. */
  async pause(): Promise<void> {
    await this.#freeze(true);
    this.#event('pause');
  }

  async unpause(): Promise<void> {
    await this.#freeze(false);
    this.#event('unpause');
  }

  /** Waits until it has ended and no restart policy starts it again. For one that does not run: how it ended last. */
  async wait({ signal }: { readonly signal?: AbortSignal } = {}): Promise<ExitStatus> {
    if (this.#run) return this.#waitForRun(this.#run, signal);
    const connection = await this.#connect();
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
        if (this.#isMonitored()) await this.#end();
      } else if (isAlive(await this.#settled())) throw running(this.name, 'remove');
      await this.#bury();
      // Also of one whose record cannot be read.
      if (this.#record.networking || this.#record.createdAt === '') await this.#detachNetworks();
      await this.#removeFiles();
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
  async update({ limits: change, restart, sysctls }: UpdateOptions): Promise<void> {
    const policy = typeof restart === 'string' ? parseRestartPolicy(restart) : restart;
    const lock = await lockContainer(this.directory, this.name);
    try {
      const snapshot = this.snapshot();
      const { record } = snapshot;
      if (policy && policy.name !== 'no' && record.autoRemove) throw removedAtItsEnd(this.name);
      const { options } = record;
      const updated = change && updateLimits(findContainerCgroups(snapshot), options.limits ?? {}, change);
      try {
        const next: ContainerRecord = {
          ...record,
          restart: policy ?? record.restart,
          options: {
            ...options,
            ...(updated ? { limits: updated.limits } : {}),
            ...(sysctls ? { sysctls: { ...options.sysctls, ...sysctls } } : {}),
          },
        };
        // Refuses what no start could have.
        if (sysctls)
          await configure(
            next.command,
            withoutSharing(next.options),
            readHost(),
            keepingOf(this.#root, next),
          );
        this.#write(next);
        if (policy || record.restart.name !== 'no') await this.#tellMonitor(next);
      } catch (error) {
        updated?.undo();
        this.#write(record);
        throw error;
      }
      this.#event('update');
    } finally {
      lock.release();
    }
  }

  /** For the runs that its restart policy begins: the monitor knows nothing of records. */
  async #tellMonitor(record: ContainerRecord): Promise<void> {
    const connection = await this.#connect();
    if (!connection) return;
    try {
      const options = withoutSharing(record.options);
      const made = await configure(record.command, options, readHost(), keepingOf(this.#root, record));
      const isNetworked = made.config.monitor?.network === true;
      const { filesOf, joinNetwork } = await import('./network.js');
      const config = isNetworked ? joinNetwork(made.config, filesOf(this.directory)) : made.config;
      const { encodeSteps } = await import('../plan/encode.js');
      writeWhole(join(this.directory, 'plan'), encodeSteps(planContainer(config, readHost()).steps).bytes);
      const errno = await connection.request(c.MSG_PLAN);
      // It is ending: what was changed is for its next start.
      if (errno !== undefined && errno !== 'ESRCH')
        throw requestError(`Cannot update the container ${quote(this.name)}`, errno);
    } finally {
      connection.close();
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
    const connection = await this.#connectRunning('run a command in');
    try {
      if (connection.pidfd < 0) throw notRunningError(this.name, 'run a command in');
      const { pid, pidfd } = connection;
      // Until the command executes, nobody pauses the container: the newcomer would be frozen half-way.
      const joining = await shareDirectory(this.directory);
      let process: ExecutedProcess;
      try {
        const { record, status } = this.snapshot();
        if (status.state === 'paused') throw pausedError(this.name);
        process = await execIn({ record, directory: this.directory, pid, pidfd }, command, options);
      } finally {
        joining.release();
      }
      this.#event('exec_start', { pid: String(process.pid) });
      return process;
    } catch (error) {
      // It has ended under our hands: that is what is to be said, not where we were.
      if (error instanceof WarrenError && error.code === 'ERR_STEP' && hasEnded(connection, error))
        throw notRunningError(this.name, 'run a command in');
      throw error;
    } finally {
      connection.close();
    }
  }

  /** @throws {WarrenError} `ERR_CONTAINER_NOT_RUNNING`. */
  async attach({ from = 'end' }: AttachOptions = {}): Promise<Attachment> {
    const connection = await this.#connectRunning('attach to');
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
    return new Attachment(this.directory, await this.#connect(), { from });
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
    const connection = await this.#connect();
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
      if (this.#isMonitored()) return await this.#retryWithRoot(lock, use);
      const record = readRecord(this.directory, this.id);
      const { config } = await configure(
        record.command,
        withoutSharing(record.options),
        readHost(),
        keepingOf(this.#root, record),
      );
      return await holdRoot(planRoot(config, readHost()), async (path) => use({ path, ...maps }));
    } finally {
      lock.release();
    }
  }

  /** What the container has written lies in `upper`, over `lower`: one for each file system of its root. */
  async layers(): Promise<readonly ContainerLayer[]> {
    const record = readRecord(this.directory, this.id);
    const { config } = await configure(
      record.command,
      withoutSharing(record.options),
      readHost(),
      keepingOf(this.#root, record),
    );
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
    return this.#connect();
  }

  async *#logs(options: Omit<ReadLogOptions, 'ended'>): AsyncGenerator<LogEntry, void, undefined> {
    this.#status();
    const connection = options.follow === true ? await this.#connect() : undefined;
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
    const status = openSync(join(this.directory, 'status'), 'r+');
    let directory = -1;
    let network: ReadyNetwork | undefined;
    let config: ContainerConfig;
    try {
      if (!(await this.#takeStatus(status))) return undefined;
      const record = readRecord(this.directory, this.id);
      this.#record = record;
      await this.#bury();
      const keeping = keepingOf(this.#root, record);
      const { config: made } =
        this.#configured ??
        (await configure(record.command, withoutSharing(record.options), readHost(), keeping));
      this.#configured = undefined;
      if (record.networking) {
        const { joinNetwork, setUpNetwork } = await import('./network.js');
        network = await setUpNetwork(this.#root, this.directory, record, record.networking);
        config = joinNetwork(made, network);
      } else if (sharedContainer(record.options) !== undefined) {
        const { joinNetwork, shareNetwork } = await import('./network.js');
        network = await shareNetwork(this.#root, sharedContainer(record.options) ?? '');
        config = joinNetwork(made, network);
      } else config = made;
      if (attended && config.monitor) config = { ...config, monitor: { ...config.monitor, attended } };
      const plan = planContainer(config, readHost());
      writeRunRecord(this.directory, config);
      const { repairLog } = await import('./log/repair.js');
      repairLog(this.directory);
      directory = openSync(this.directory, 'r');
      const run = await launchMonitor(plan, { directory, status, network: network?.fd }, signal);
      this.#run = run;
      this.#runIsOver = false;
      void run.ended.then(() => (this.#runIsOver = this.#run === run));
      return run.pid;
    } catch (error) {
      if (network) await this.#giveBackNetworks();
      throw error;
    } finally {
      closeSync(status);
      if (directory >= 0) closeSync(directory);
      if (network) closeSync(network.fd);
    }
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
      if (isAlive(this.#status().state)) return;
      await this.#giveBackNetworks();
    } catch (error) {
      if (!(error instanceof WarrenError) || error.code !== 'ERR_CONTAINER_NOT_FOUND') throw error;
      // Removed at its end.
      await this.#giveBackNetworks();
    } finally {
      lock?.release();
    }
  }

  /** What it had there is free from now on; where it ends by itself, the next who needs it, or `warren gc`, finds that. */
  async #giveBackNetworks(): Promise<void> {
    if (this.#record.networking) await this.#detachNetworks();
  }

  async #detachNetworks(): Promise<void> {
    const { giveBackNetworks } = await import('./network.js');
    await giveBackNetworks(this.#root, this.id);
  }

  /**
   * Ends what is left of a run whose monitor was killed: its control groups, and whoever is still in them. Its state does not
   * tell: a monitor that was killed during the start has not written any.
   */
  async #bury(): Promise<void> {
    const left = readRunRecord(this.directory).cgroups.filter((path) => existsSync(path));
    if (left.length === 0) return;
    const { collectGroups } = await import('../runtime/collect-garbage.js');
    await collectGroups(left);
  }

  /** @returns False where a monitor has it: the container runs. One that is just beginning, or ending, is waited for. */
  async #takeStatus(fd: number): Promise<boolean> {
    const began = performance.now();
    while (!flock(fd, LOCK_EX | LOCK_NB)) {
      const waited = performance.now() - began;
      if (waited > STATUS_PATIENCE_MS && isAlive(this.#status().state)) return false;
      if (waited > PATIENCE_MS) throw silent(this.directory);
      await sleep(1);
    }
    return true;
  }

  /** Its state when no monitor is just beginning, or ending: whoever started it may have been killed meanwhile. */
  async #settled(): Promise<ContainerState> {
    const began = performance.now();
    for (;;) {
      const { state } = this.#status();
      // Not by its pid, which one that is just beginning has not written yet.
      if (isAlive(state) || !this.#isMonitored()) return state;
      if (performance.now() - began > PATIENCE_MS) throw silent(this.directory);
      await sleep(1);
    }
  }

  /** @returns undefined where it does not run. A monitor that is just beginning, or ending, is waited for. */
  async #connect(patienceMs?: number): Promise<MonitorConnection | undefined> {
    const began = performance.now();
    for (;;) {
      const connection = await MonitorConnection.open(this.directory, patienceMs);
      if (connection) return connection;
      // One that we stay with waits for us in turn, before it is removed.
      if (this.#runIsOver || !this.#isMonitored()) return undefined;
      if (performance.now() - began > (patienceMs ?? PATIENCE_MS)) throw silent(this.directory);
      await sleep(1);
    }
  }

  async #connectRunning(action: string): Promise<MonitorConnection> {
    const connection = await this.#connect();
    if (connection) return connection;
    this.#status();
    throw notRunningError(this.name, action);
  }

  async #request(
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

  async #freeze(wanted: boolean): Promise<void> {
    const action = wanted ? 'pause' : 'unpause';
    const connection = await this.#connectRunning(action);
    let alone: FileLock | undefined;
    try {
      if (wanted) alone = await this.#withoutNewcomers();
      const { state } = this.#status();
      if ((state === 'paused') === wanted) {
        throw new WarrenError('ERR_CONTAINER_PAUSED', `Cannot ${action} the container ${quote(this.name)}`, {
          kind: 'conflict',
          why: wanted ? 'it is paused already' : 'it is not paused',
          fix: wanted ? `let it go on: warren unpause ${this.name}` : 'there is nothing to do',
        });
      }
      const errno = await connection.request(c.MSG_FREEZE, Number(wanted));
      if (errno === 'ESRCH') throw notRunningError(this.name, action);
      if (errno !== undefined) throw freezerError(this.name, action, errno);
    } finally {
      alone?.release();
      connection.close();
    }
  }

  /** See `spawn()`. Commands that are being started take milliseconds. */
  async #withoutNewcomers(): Promise<FileLock> {
    const deadline = performance.now() + JOINING_PATIENCE_MS;
    for (;;) {
      const lock = this.#ifThere(() => tryOwnDirectory(this.directory));
      if (lock) return lock;
      if (performance.now() > deadline) {
        throw new WarrenError('ERR_CONTAINER_BUSY', `Cannot pause the container ${quote(this.name)}`, {
          kind: 'conflict',
          why: 'commands are being started in it all the time',
          fix: 'try again',
        });
      }
      await sleep(1);
    }
  }

  /** For a removal: whoever holds the lock decides, and no policy starts it again. A monitor that is silent is killed. */
  async #end(): Promise<void> {
    try {
      const connection = await this.#connect(END_PATIENCE_MS);
      if (!connection) return;
      try {
        do await connection.request(c.MSG_STOP, c.SIGKILL, 0);
        while (!(await settlesWithin(connection.ended, END_PATIENCE_MS)));
      } finally {
        connection.close();
      }
    } catch (error) {
      if (!(error instanceof WarrenError) || error.code !== 'ERR_MONITOR_SILENT') throw error;
      const { killMonitor } = await import('./kill-monitor.js');
      killMonitor(this.directory);
      // Not even SIGKILL ends what hangs in the kernel.
      if (!(await settlesWithin(this.#untilLetGo(), END_PATIENCE_MS))) throw error;
    }
  }

  async #removeFiles(): Promise<void> {
    const removing = join(this.#root, 'removing');
    const gone = join(removing, this.id);
    makeStateRoot(this.#root);
    const working = await shareDirectory(removing);
    try {
      // Not as this handle knows it: somebody may have given it another.
      const name = linkedName(this.directory);
      renameSync(this.directory, gone);
      if (name !== undefined) giveNameBack(this.#root, name, this.id);
      this.#event('destroy');
      await removeTree(gone);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw notFound(this.name);
      throw error;
    } finally {
      working.release();
    }
  }

  #write(record: ContainerRecord): void {
    writeWhole(join(this.directory, 'config.json'), recordText(record));
    this.#record = record;
  }

  #isMonitored(): boolean {
    return this.#ifThere(() => {
      const fd = openSync(join(this.directory, 'status'), 'r');
      try {
        return isMonitored(fd);
      } finally {
        closeSync(fd);
      }
    });
  }

  /** After its end: a monitor that has told it may still be writing its last word. */
  async #untilLetGo(): Promise<void> {
    while (this.#isMonitored()) await sleep(1);
  }

  #status(): MeasuredStatus {
    return this.#ifThere(() => readStatus(this.directory));
  }

  #ifThere<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw notFound(this.name);
      throw error;
    }
  }

  /** From what the monitor has told, where its files may be gone already (`--rm`). */
  #exitStatus(end?: RunEnd): ExitStatus {
    if (end) {
      const signal = end.waitStatus & 0x7f;
      const code = signal === 0 ? (end.waitStatus >> 8) & 0xff : 128 + signal;
      return exitStatus(code, signal, end.oomKills > 0, end.usage);
    }
    const status = this.#status();
    return exitStatus(status.exitCode, status.signal, status.oomKilled, status.usage);
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

function removedAtItsEnd(name: string): WarrenError {
  return invalid(
    'ERR_RESTART_POLICY',
    `Cannot change the restart policy of ${quote(name)}`,
    'the container is removed when it ends',
    'make it without --rm',
  );
}

function exitStatus(
  exitCode: number,
  signal: number,
  oomKilled: boolean,
  usage: ExitStatus['usage'],
): ExitStatus {
  return {
    exitCode,
    signal: signal === 0 ? undefined : (signalName(signal) as NodeJS.Signals),
    timedOut: false,
    isCanceled: false,
    oomKilled,
    usage,
  };
}

/** `PF_EXITING` of the kernel's flags in /proc/PID/stat, proc_pid_stat(5). */
const EXITING = 0x4;

/** Whether the monitor has told its end, or will as soon as it has reaped it. */
function hasEnded({ closed, pid }: MonitorConnection, { syscall, errno }: WarrenError): boolean {
  // In the middle of its exit a process has no namespaces any more, and its PID namespace takes nobody in (ENOMEM).
  if (closed || pid === 0 || (syscall === 'setns' && errno === 'ESRCH')) return true;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state = '', , , , , , flags] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return /^[ZX]/.test(state) || (Number(flags) & EXITING) !== 0;
  } catch {
    return true;
  }
}

/** Who removes by force does not care how it ends: sooner than others are told that a monitor is silent. */
const END_PATIENCE_MS = 3000;

async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const patience = new AbortController();
  const late = sleep(ms, false, { signal: patience.signal }).catch(() => false);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    patience.abort();
  }
}

/** Longer than anybody who only asks holds the status file. */
const STATUS_PATIENCE_MS = 200;

function isAlive(state: ContainerState): boolean {
  return state === 'running' || state === 'paused' || state === 'restarting';
}

function running(name: string, action: string): WarrenError {
  return new WarrenError('ERR_CONTAINER_RUNNING', `Cannot ${action} the container ${quote(name)}`, {
    kind: 'conflict',
    why: 'it is running',
    fix: `stop it first: warren stop ${name}; or: warren rm -f ${name}`,
  });
}

function freezerError(name: string, action: string, errno: string): WarrenError {
  const missing = errno === 'ENODEV';
  return new WarrenError('ERR_FREEZER', `Cannot ${action} the container ${quote(name)}`, {
    kind: missing ? 'unsupported' : 'kernel',
    why: missing
      ? 'it has no control group with a freezer'
      : errno === 'EBUSY'
        ? 'some of its processes would not be frozen'
        : `its control group refused: ${errno}`,
    fix: missing
      ? 'pausing needs cgroup v2, or the freezer of cgroup v1, and the right to make a group there'
      : undefined,
    errno,
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
