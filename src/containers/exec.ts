/** One more command in a container that runs: its namespaces, its control groups, its limits and its filter. */
import { existsSync } from 'node:fs';
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
import { withoutSharing } from './network-mode.js';
import type { ContainerRecord } from './record.js';
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

export interface ExecTarget {
  readonly record: ContainerRecord;
  readonly directory: string;
  /** Its first process, on the host. */
  readonly pid: number;
  /** A pidfd of it, which stays the caller's. */
  readonly pidfd: number;
}

/** @throws {WarrenError} `ERR_STEP`, `ERR_COMMAND_NOT_FOUND`, …; nothing of it is left then. */
export async function execIn(
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

export function pausedError(name: string): WarrenError {
  return new WarrenError('ERR_CONTAINER_PAUSED', `Cannot run a command in the container ${quote(name)}`, {
    kind: 'conflict',
    why: 'it is paused: whoever joins it would be frozen as well',
    fix: `let it go on: warren unpause ${name}`,
  });
}
