/**
 * From the options of `run()` to a checked configuration: every name looked up, every number parsed, every refusal
 * made. Nothing is created here, and the same options are never looked at again.
 */
import { invalid, quote } from '../errors.js';
import { parseSignal } from '../kernel/signals.js';
import { parseSize } from '../kernel/size.js';
import { randomBytes } from '../native/index.js';
import type { ContainerConfig, MonitorConfig } from '../plan/config.js';
import { checkRange } from './check.js';
import {
  configureDomainname,
  configureHostname,
  configureIdMap,
  configureNamespaces,
  configureTime,
} from './configure-namespaces.js';
import { configureCapabilities, configureRlimits, configureSeccomp } from './configure-privilege.js';
import {
  DEFAULT_PATH,
  checkRootfs,
  configureEnvironment,
  configureRoot,
  configureUser,
  execPaths,
} from './configure-root.js';
import { configureDevices } from './devices.js';
import type { Host } from './host.js';
import type { LayerKeep } from './machine-root.js';
import { checkIdMapped, configureMounts } from './mounts.js';
import type { ContainerOptions } from './options.js';
import { configureSysctls } from './sysctls.js';
import { configureUserNetwork } from './user-network/configure.js';

export interface Configured {
  readonly config: ContainerConfig;
  /** What was asked for and has no effect, one sentence each. */
  readonly warnings: readonly string[];
}

const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

/** What docker hides of /proc and /sys: each tells about the host, or lets one act on it. */
const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];
const readOnlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** What a container that is kept has besides its options. */
export interface Keeping {
  readonly id: string;
  readonly layers: LayerKeep;
  readonly monitor: MonitorConfig;
  /** What its networks will have given it before it starts: `eth0`, … */
  readonly interfaces: readonly string[];
}

/**
 * @param keeping For a detached container, which has control groups whether or not anything is limited.
 * @throws {WarrenError} for everything that can be seen to be wrong before anything is done.
 */
export async function configure(
  argv: readonly string[],
  options: ContainerOptions,
  host: Host,
  keeping?: Keeping,
): Promise<Configured> {
  const warnings: string[] = [];
  checkCommand(argv);
  if (options.stopSignal !== undefined) parseSignal(options.stopSignal);
  const id = keeping?.id ?? randomBytes(32).toString('hex');
  const namespaces = configureNamespaces(options, host);
  const idMap = configureIdMap(options, namespaces, host);
  const privileged = options.privileged ?? false;

  const hostname = configureHostname(options, namespaces, id);
  const connected = configureUserNetwork(options, { namespaces, hostname, id }, host, warnings);
  const rootfs = options.rootfs === undefined ? undefined : checkRootfs(options);
  const { root, binds } = configureRoot(
    options,
    rootfs,
    { hostname, ...connected.files },
    idMap !== undefined && host.uid !== 0,
    keeping?.layers,
  );
  const user = configureUser(options, rootfs?.path ?? '/', idMap);
  const env = configureEnvironment(options, user, hostname);
  const capabilities = configureCapabilities(options, host, idMap !== undefined);
  const mounts = configureMounts(options);
  checkIdMapped(mounts, idMap !== undefined, host.uid);
  const confined = !privileged && options.systemPathsUnconfined !== true;

  return {
    warnings,
    config: {
      id,
      argv,
      execPaths: execPaths(argv[0] ?? '', env.get('PATH') ?? DEFAULT_PATH),
      env: [...env].map(([name, value]) => `${name}=${value}`),
      cwd: checkWorkdir(options.workdir),
      umask: checkRange('umask', options.umask ?? 0o022, 0, 0o777),
      namespaces,
      idMap,
      userNetwork: connected.network,
      timeOffsets: configureTime(options),
      hostname: namespaces.uts.from === 'new' ? hostname : undefined,
      domainname: configureDomainname(options, namespaces),
      user,
      root,
      readOnlyRoot: options.readOnly ?? false,
      mounts: [...binds, ...mounts],
      writableSystem: privileged,
      shmBytes: options.shmSize === undefined ? DEFAULT_SHM_BYTES : parseSize(options.shmSize, 'shm size'),
      devices: configureDevices(options),
      maskedPaths: confined ? maskedPaths : [],
      readOnlyPaths: confined ? readOnlyPaths : [],
      sysctls: await configureSysctls(
        options,
        { namespaces, host, idMap, interfaces: keeping?.interfaces ?? [] },
        warnings,
      ),
      capabilities,
      noNewPrivileges: options.noNewPrivileges ?? false,
      seccomp: await configureSeccomp(options, capabilities.bounding, warnings),
      rlimits: configureRlimits(options, host),
      oomScoreAdj:
        options.oomScoreAdj === undefined
          ? undefined
          : checkRange('oom score', options.oomScoreAdj, -1000, 1000),
      cgroup:
        options.limits === undefined &&
        options.cgroupParent === undefined &&
        options.deviceCgroupRules === undefined &&
        !keeping
          ? undefined
          : // Nobody else needs it, or pays for it.
            (await import('./configure-limits.js')).configureLimits(options, id, {
              groups: keeping ? 'all' : 'asked',
              host,
              warnings,
            }),
      terminal: options.tty === true ? (options.ttySize ?? { rows: 24, columns: 80 }) : undefined,
      callerTermios: undefined,
      monitor: keeping?.monitor,
      init: options.init ?? false,
    },
  };
}

export function checkCommand(argv: readonly string[]): void {
  const [command] = argv;
  if (command === undefined || command === '') {
    throw invalid(
      'ERR_COMMAND',
      'Cannot start a container',
      'no command was given',
      'name a program to run, such as bash',
    );
  }
  const damaged = argv.find((argument) => argument.includes('\0'));
  if (damaged !== undefined) {
    throw invalid(
      'ERR_COMMAND',
      `Cannot pass the argument ${quote(damaged)}`,
      'it has a NUL byte, which ends a string for execve(2)',
    );
  }
}

export function checkWorkdir(workdir = '/'): string {
  if (workdir.startsWith('/') && !workdir.includes('\0')) return workdir;
  throw invalid(
    'ERR_WORKDIR',
    `Cannot use the working directory ${quote(workdir)}`,
    'it is not an absolute path',
    'start it with /',
  );
}
