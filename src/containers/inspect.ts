/** A container in the shape of `docker inspect`: docker's names and nesting, and only what is true here. */
import { parseUlimit, rlimitInfinity } from '../kernel/rlimit.js';
import { parseSize } from '../kernel/size.js';
import { parseSignal, signalName } from '../kernel/signals.js';
import type { CgroupLimits } from '../kernel/cgroup/limits.js';
import { DEFAULT_PATH } from '../runtime/configure-root.js';
import type { ContainerOptions } from '../runtime/options.js';
import { parseDevice } from '../runtime/parse-device.js';
import { parseMounts } from '../runtime/parse-mounts.js';
import { findContainerCgroups, readContainerLimits, type ContainerCgroup } from './cgroups.js';
import { imageOf } from './filter.js';
import {
  networkNamesOf,
  networkSettingsOf,
  portBindingsOf,
  readEndpoints,
  userPlaceOf,
  type NetworkPlace,
} from './inspect-network.js';
import type { ContainerSnapshot, ContainerStatus, StoredOptions } from './record.js';

export type InspectedContainer = ReturnType<typeof inspectContainer>;

/** What docker prints for a time that never was. */
const NEVER = '0001-01-01T00:00:00Z';

/** With the control groups and limits as the kernel has them now. */
export function inspectRunning(snapshot: ContainerSnapshot): InspectedContainer {
  const cgroups = findContainerCgroups(snapshot);
  const isNetworked = snapshot.record.networking !== undefined && snapshot.status.pid > 0;
  const user = snapshot.status.pid > 0 ? userPlaceOf(snapshot.record) : undefined;
  return inspectContainer(
    snapshot,
    cgroups,
    cgroups.length === 0 ? {} : readContainerLimits(cgroups),
    isNetworked ? readEndpoints().get(snapshot.record.id) : user ? [user] : [],
  );
}

export function inspectContainer(
  { record, status, directory }: ContainerSnapshot,
  cgroups: readonly ContainerCgroup[] = [],
  limits: CgroupLimits = {},
  places: readonly NetworkPlace[] = [],
) {
  const { options, command } = record;
  return {
    Id: record.id,
    Created: record.createdAt,
    Path: command[0] ?? '',
    Args: command.slice(1),
    State: stateOf(status),
    Image: imageOf(options),
    LogPath: `${directory}/log`,
    Name: `/${record.name}`,
    RestartCount: status.restartCount,
    Driver: 'overlay2',
    Platform: 'linux',
    HostConfig: hostConfigOf(record.options, record),
    GraphDriver: { Name: 'overlay2', Data: layersOf(options, directory) },
    Mounts: mountsOf(options),
    Config: {
      Hostname: hostnameOf(options, record.id),
      Domainname: options.domainname ?? '',
      User: options.user ?? '',
      Tty: options.tty ?? false,
      OpenStdin: record.openStdin,
      Env: environmentOf(options),
      Cmd: [...command],
      Image: imageOf(options),
      WorkingDir: options.workdir ?? '/',
      Labels: { ...record.labels },
      StopSignal: signalName(parseSignal(options.stopSignal ?? 'SIGTERM')),
      StopTimeout: (options.stopTimeoutMs ?? 10_000) / 1000,
    },
    NetworkSettings: networkSettingsOf(record, places),
    Warren: {
      MonitorPid: status.monitorPid,
      Directory: directory,
      Cgroups: Object.fromEntries(cgroups.map((cgroup) => [hierarchyName(cgroup), cgroup.directory])),
      Limits: { ...limits },
    },
  };
}

function stateOf(status: ContainerStatus) {
  const { state } = status;
  return {
    Status: state,
    // As in docker, one that is paused runs, and one that is being restarted as well.
    Running: state === 'running' || state === 'paused' || state === 'restarting',
    Paused: state === 'paused',
    Restarting: state === 'restarting',
    OOMKilled: status.oomKilled,
    Dead: state === 'dead',
    Pid: status.pid,
    ExitCode: status.exitCode,
    Error: status.error,
    StartedAt: status.startedAt || NEVER,
    FinishedAt: status.finishedAt || NEVER,
  };
}

function hostConfigOf(options: StoredOptions, record: ContainerSnapshot['record']) {
  const { limits = {}, caps = {}, restart, log } = { ...options, ...record };
  const bytes = (size: number | string | undefined): number => {
    if (size === undefined) return 0;
    return size === -1 || size === '-1' ? -1 : parseSize(size);
  };
  const memory = bytes(limits.memory);
  return {
    Binds: [...(options.volumes ?? [])],
    LogConfig: {
      Type: 'warren',
      Config: { 'max-size': String(log.maxSizeBytes), 'max-file': String(log.maxFiles) },
    },
    NetworkMode: networkNamesOf(record)[0] ?? 'none',
    PortBindings: portBindingsOf(record.networking ?? options),
    RestartPolicy: { Name: restart.name, MaximumRetryCount: restart.maximumRetries },
    AutoRemove: record.autoRemove,
    CapAdd: [...(caps.add ?? [])],
    CapDrop: [...(caps.drop ?? [])],
    CgroupnsMode: options.cgroupns ?? 'private',
    GroupAdd: [...(options.groupAdd ?? [])],
    IpcMode: options.ipc ?? 'private',
    OomScoreAdj: options.oomScoreAdj ?? 0,
    PidMode: modeOf(options.pid),
    Privileged: options.privileged ?? false,
    ReadonlyRootfs: options.readOnly ?? false,
    SecurityOpt: securityOf(options),
    UTSMode: modeOf(options.uts),
    UsernsMode: options.userns ?? (options.uidMap === undefined ? '' : 'private'),
    ShmSize: parseSize(options.shmSize ?? '64m'),
    Sysctls: Object.fromEntries(
      Object.entries(options.sysctls ?? {}).map(([key, value]) => [key, String(value)]),
    ),
    Tmpfs: Object.fromEntries((options.tmpfs ?? []).map(splitTmpfs)),
    Ulimits: (options.ulimits ?? []).map(ulimitOf),
    Devices: (options.devices ?? []).map(deviceOf),
    Init: options.init ?? false,
    CgroupParent: options.cgroupParent ?? '',
    Memory: memory,
    MemorySwap: limits.memorySwap === undefined ? Math.max(0, memory * 2) : bytes(limits.memorySwap),
    MemoryReservation: bytes(limits.memoryReservation),
    NanoCpus: Math.round((limits.cpus ?? 0) * 1e9),
    CpuShares: limits.cpuShares ?? 0,
    CpusetCpus: limits.cpusetCpus ?? '',
    CpusetMems: limits.cpusetMems ?? '',
    PidsLimit: limits.pids ?? 0,
    BlkioWeight: limits.blkioWeight ?? 0,
  };
}

/** docker leaves the mode empty where the container has its own. */
function modeOf(choice: string | undefined): string {
  return choice === undefined || choice === 'private' ? '' : choice;
}

function hostnameOf({ hostname, uts }: StoredOptions, id: string): string {
  return hostname ?? (uts === 'host' ? '' : id.slice(0, 12));
}

/** What is given, and docker's PATH; the rest (HOME, HOSTNAME) is found when it starts. */
function environmentOf({ env = {} }: StoredOptions): string[] {
  const given = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return Object.hasOwn(env, 'PATH') ? given : [...given, `PATH=${DEFAULT_PATH}`];
}

function securityOf({ seccomp, noNewPrivileges, systemPathsUnconfined }: StoredOptions): string[] {
  return [
    ...(noNewPrivileges === true ? ['no-new-privileges'] : []),
    ...(seccomp === 'unconfined' ? ['seccomp=unconfined'] : []),
    ...(typeof seccomp === 'object' ? [`seccomp=${JSON.stringify(seccomp, bigAsNumber)}`] : []),
    ...(systemPathsUnconfined === true ? ['systempaths=unconfined'] : []),
  ];
}

/** Masks of 64 bits are kept as they are; JSON has no word for them. */
function bigAsNumber(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

function splitTmpfs(text: string): [string, string] {
  const colon = text.indexOf(':');
  return colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
}

/** -1 for no limit, which JSON keeps as null. */
function ulimitOf(limit: NonNullable<ContainerOptions['ulimits']>[number]) {
  const number = (value: number | bigint | null): number =>
    value === null || value === Infinity || value === rlimitInfinity ? -1 : Number(value);
  const { name, soft, hard } = typeof limit === 'string' ? parseUlimit(limit) : limit;
  return { Name: name, Soft: number(soft), Hard: number(hard) };
}

function deviceOf(device: NonNullable<ContainerOptions['devices']>[number]) {
  const { source, target, access } = parseDevice(device);
  return { PathOnHost: source, PathInContainer: target, CgroupPermissions: access };
}

/** Only a root that is a directory has one layer; a view of the machine has one for each of its top directories. */
function layersOf({ rootfs, rw }: StoredOptions, directory: string): Record<string, string> {
  if (rootfs === undefined) return { LayerDir: `${directory}/layer` };
  return rw === true ? { RootDir: rootfs } : { LowerDir: rootfs, UpperDir: `${directory}/layer/upper0` };
}

export interface InspectedMount {
  readonly Type: string;
  readonly Source: string;
  readonly Destination: string;
  readonly Mode: string;
  readonly RW: boolean;
  readonly Propagation: string;
}

/** What the options ask for; the mounts that every container has are not listed, as in docker. */
export function mountsOf({ volumes = [], mounts = [] }: StoredOptions): InspectedMount[] {
  return parseMounts({ volumes, mounts }).map(
    ({ type, source = '', target, readOnly = false, propagation = 'rprivate', idmap }) => ({
      Type: type,
      Source: source,
      Destination: target,
      Mode: [...(readOnly ? ['ro'] : []), ...(idmap === true ? ['idmap'] : [])].join(','),
      RW: !readOnly,
      Propagation: type === 'bind' ? propagation : '',
    }),
  );
}

/** As /proc/PID/cgroup names it; `unified` for cgroup2, which has no name there. */
function hierarchyName({ version, controllers, name }: ContainerCgroup): string {
  if (version === 2) return 'unified';
  return name === undefined ? controllers.join(',') : `name=${name}`;
}
