/** One more command in a container that runs: its namespaces, its control groups, its limits and its filter. */
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { WarrenError, quote } from '../errors.js';
import { getTermios } from '../native/index.js';
import { namespaceKinds } from '../plan/constants.js';
import { planExec, type ExecConfig } from '../plan/exec.js';
import { configureHostname, configureIdMap, configureNamespaces } from '../runtime/configure-namespaces.js';
import { configureCapabilities, configureRlimits, configureSeccomp } from '../runtime/configure-privilege.js';
import { DEFAULT_PATH, configureEnvironment, configureUser, execPaths } from '../runtime/configure-root.js';
import { checkCommand, checkWorkdir } from '../runtime/configure.js';
import type { Container } from '../runtime/container.js';
import { readHost } from '../runtime/host.js';
import type { ContainerOptions, RunOptions, StartOptions } from '../runtime/options.js';
import { execute } from '../runtime/start.js';
import { readProcText } from './cgroups.js';
import type { MonitorConnection } from './connection.js';
import type { Liveness } from './liveness.js';
import { withoutSharing } from './network-mode.js';
import { notRunningError } from './not-running.js';
import type { ContainerRecord, ContainerSnapshot } from './record.js';
import { readRunRecord } from './run-record.js';

/** What one command may have otherwise than its container. */
interface OwnOptions {
  /** Default: the container's. */
  readonly user?: string;
  readonly groupAdd?: readonly string[];
  /** Default: the container's. */
  readonly workdir?: string;
  /** Added to the container's. */
  readonly env?: Readonly<Record<string, string>>;
  /** All capabilities and no filter. Default: the container's. */
  readonly privileged?: boolean;
  readonly tty?: boolean;
  readonly ttySize?: { readonly rows: number; readonly columns: number };
}

/** What `DetachedContainer.spawn()` takes. */
export interface SpawnOptions
  extends
    OwnOptions,
    Pick<
      StartOptions,
      'stdin' | 'stdout' | 'stderr' | 'callerTerminal' | 'startSignal' | 'signal' | 'timeoutMs'
    > {}

/** What `DetachedContainer.exec()` takes. */
export interface ExecOptions
  extends
    OwnOptions,
    Pick<
      RunOptions,
      'stdin' | 'stdout' | 'stderr' | 'rejectOnFailure' | 'maxBuffer' | 'signal' | 'timeoutMs'
    > {}

interface ExecTarget {
  readonly record: ContainerRecord;
  readonly directory: string;
  /** Its first process, on the host. */
  readonly pid: number;
  /** A pidfd of it, which stays the caller's. */
  readonly pidfd: number;
}

/**
 * @param look Reads the container's record and status.
 * @throws {WarrenError} `ERR_CONTAINER_NOT_RUNNING`, `ERR_CONTAINER_PAUSED`, `ERR_STEP`, `ERR_COMMAND_NOT_FOUND`, …; nothing of
 *   it is left then.
 */
export async function spawnIn(
  container: Liveness,
  look: () => ContainerSnapshot,
  command: readonly string[],
  options: SpawnOptions,
): Promise<Container> {
  const action = 'run a command in';
  const connection = await container.connectRunning(action);
  const { directory } = container;
  try {
    const { pid, pidfd } = connection;
    if (pidfd < 0) throw notRunningError(container.name, action);
    // Until the command executes, nobody pauses the container: the newcomer would be frozen half-way.
    const joining = await container.share();
    try {
      const { record, status } = look();
      if (status.state === 'paused') throw pausedError(record.name);
      return await execIn({ record, directory, pid, pidfd }, command, options);
    } finally {
      joining.release();
    }
  } catch (error) {
    // It has ended under our hands: that is what is to be said, not where we were.
    if (error instanceof WarrenError && error.code === 'ERR_STEP' && hasEnded(connection, error))
      throw notRunningError(container.name, action);
    throw error;
  } finally {
    connection.close();
  }
}

async function execIn(
  target: ExecTarget,
  argv: readonly string[],
  options: SpawnOptions,
): Promise<Container> {
  checkCommand(argv);
  const { user, groupAdd, workdir, env, privileged, tty, ttySize, ...streams } = options;
  const { record } = target;
  const own: ContainerOptions = {
    ...withoutSharing(record.options),
    ...(user === undefined ? {} : { user }),
    groupAdd: [...(record.options.groupAdd ?? []), ...(groupAdd ?? [])],
    workdir: workdir ?? record.options.workdir ?? '/',
    env: { ...record.options.env, ...env },
    ...(privileged === true ? { privileged: true, caps: {}, seccomp: 'unconfined' as const } : {}),
    tty: tty ?? false,
    ...(ttySize === undefined ? {} : { ttySize }),
  };
  const warnings: string[] = [];
  const config = await configureExec(target, argv, own, warnings);
  const { callerTerminal } = streams;
  const plan = planExec(
    callerTerminal === undefined ? config : { ...config, callerTermios: getTermios(callerTerminal) },
    readHost(),
  );
  const startOptions: StartOptions = {
    ...streams,
    tty: own.tty ?? false,
    ...(record.options.stopSignal === undefined ? {} : { stopSignal: record.options.stopSignal }),
  };
  return execute(plan, { id: record.id, options: startOptions, warnings, target: target.pidfd });
}

async function configureExec(
  { record, directory, pid }: ExecTarget,
  argv: readonly string[],
  options: ContainerOptions,
  warnings: string[],
): Promise<ExecConfig> {
  const host = readHost();
  const namespaces = configureNamespaces(options, host);
  const idMap = configureIdMap(options, namespaces, host);
  const hostname = configureHostname(options, namespaces, record.id);
  // Its own files, as they are now; where it has gone meanwhile there are none, and joining it will say so.
  const user = configureUser(options, `/proc/${pid}/root`, idMap);
  const env = configureEnvironment(options, user, hostname);
  const capabilities = configureCapabilities(options, host, idMap !== undefined);
  const { cgroups } = readRunRecord(directory);
  // Only groups of cgroup v2 have this file.
  const unified = cgroups.findIndex((path) => existsSync(`${path}/cgroup.controllers`));
  return {
    kinds: namespaceKinds.filter((kind) => namespaces[kind].from !== 'host'),
    cgroups: cgroups.map((path, index) => (index === unified ? groupWithRoom(path, pid) : path)),
    unified: unified < 0 ? undefined : unified,
    denySetgroups: idMap?.denySetgroups ?? false,
    argv,
    execPaths: execPaths(argv[0] ?? '', env.get('PATH') ?? DEFAULT_PATH),
    env: [...env].map(([name, value]) => `${name}=${value}`),
    cwd: checkWorkdir(options.workdir),
    umask: options.umask ?? 0o022,
    user,
    capabilities,
    noNewPrivileges: options.noNewPrivileges ?? false,
    seccomp: await configureSeccomp(options, capabilities.bounding, warnings),
    rlimits: configureRlimits(options, host),
    oomScoreAdj: options.oomScoreAdj,
    terminal: options.tty === true ? (options.ttySize ?? { rows: 24, columns: 80 }) : undefined,
    callerTermios: undefined,
  };
}

/**
 * One of cgroup v2 that hands controllers on has no processes of its own (cgroups(7), "no internal processes"): a container
 * that has made groups below its own is joined where its first process is.
 */
function groupWithRoom(path: string, pid: number): string {
  if ((readProcText(`${path}/cgroup.subtree_control`) ?? '').trim() === '') return path;
  const own = /^0::(.*)$/m.exec(readProcText(`/proc/${pid}/cgroup`) ?? '')?.[1] ?? '';
  const name = `/${basename(path)}`;
  const at = own.indexOf(`${name}/`);
  return at < 0 ? path : path + own.slice(at + name.length);
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

function pausedError(name: string): WarrenError {
  return new WarrenError('ERR_CONTAINER_PAUSED', `Cannot run a command in the container ${quote(name)}`, {
    kind: 'conflict',
    why: 'it is paused: whoever joins it would be frozen as well',
    fix: `let it go on: warren unpause ${name}`,
  });
}
