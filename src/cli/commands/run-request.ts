import { WarrenError, invalid, quote } from '../../errors.js';
import { parseSeccompText } from '../../kernel/seccomp/json.js';
import type { ContainerOptions, NamespaceChoice } from '../../runtime/options.js';
import { parseEnv, parseEnvFile } from '../../runtime/parse-env.js';
import type { OptionValues } from '../options.js';
import { networkModeOf, readUserNetworking } from './network-options.js';
import {
  badValue,
  parseAssignment,
  parseDecimal,
  parseDuration,
  parseInteger,
  parseOctal,
} from '../values.js';
import type { runOptionTable } from './run-options.js';

/** `create` has fewer. */
type RunValues = OptionValues<typeof runOptionTable>;

/** What reading the options may look at outside them. */
export interface RunSurroundings {
  /** The caller's environment, for `-e KEY`. */
  readonly env: NodeJS.ProcessEnv;
  readonly readFile: (path: string) => string;
}

export interface RunRequest {
  readonly options: ContainerOptions;
  readonly interactive: boolean;
  readonly plan: 'text' | 'json' | undefined;
  /** What was accepted and has no effect. */
  readonly warnings: readonly string[];
}

interface SecurityOptions {
  seccomp?: 'default' | 'unconfined' | object;
  noNewPrivileges?: boolean;
  systemPathsUnconfined?: boolean;
}

/**
 * The library's options for the command line's.
 *
 * Text with a grammar of its own (volumes, sizes, capabilities, namespaces, …) goes through as it is: the library reads
 * and checks it, for every caller alike. Here is only what the library takes in another form.
 */
export function readRunRequest(values: RunValues, surroundings: RunSurroundings): RunRequest {
  const warnings: string[] = [];
  const security = readSecurityOptions(values['security-opt'] ?? [], surroundings, warnings);
  const options = {
    rootfs: values.rootfs,
    rw: values.rw,
    readOnly: values['read-only'],
    home: values.home,
    storageSize: readStorageSize(values['storage-opt'] ?? []),
    volumes: values.volume,
    mounts: values.mount,
    tmpfs: values.tmpfs,
    shmSize: values['shm-size'],

    pid: asNamespace(values.pid),
    ipc: asNamespace(values.ipc),
    uts: asNamespace(values.uts),
    network: networkModeOf(values) as ContainerOptions['network'],
    ...readUserNetworking(values),
    cgroupns: asNamespace(values.cgroupns),
    userns: asNamespace(values.userns),
    timens: asNamespace(values.timens),
    uidMap: values.uidmap,
    gidMap: values.gidmap,
    boottimeOffsetSec: mapped(values['boottime-offset'], (text) => parseInteger('boottime-offset', text)),
    monotonicOffsetSec: mapped(values['monotonic-offset'], (text) => parseInteger('monotonic-offset', text)),

    hostname: values.hostname,
    domainname: values.domainname,
    user: values.user,
    groupAdd: values['group-add'],
    workdir: values.workdir,
    env: readEnv(values, surroundings),
    umask: mapped(values.umask, (text) => parseOctal('umask', text)),

    caps: readCapabilities(values),
    privileged: values.privileged,
    ...security,
    devices: values.device,
    deviceCgroupRules: values['device-cgroup-rule'],
    ulimits: values.ulimit,
    oomScoreAdj: mapped(values['oom-score-adj'], (text) => parseInteger('oom-score-adj', text)),

    limits: readLimits(values),
    cgroupParent: values['cgroup-parent'],

    sysctls: mapped(values.sysctl, (list) =>
      Object.fromEntries(list.map((each) => parseAssignment('sysctl', each))),
    ),
    allowUnsafeSysctls: values['allow-unsafe-sysctl'],
    sysctlPolicy: readPolicy(values['sysctl-policy']),
    inheritSysctls: values['inherit-sysctls'],
    checkSysctls: values.check,

    tty: values.tty,
    init: values.init,
    stopSignal: values['stop-signal'],
    stopTimeoutMs: mapped(values['stop-timeout'], (text) => parseInteger('stop-timeout', text) * 1000),
    timeoutMs: mapped(values.timeout, (text) => parseDuration('timeout', text)),
  };
  return {
    options: withoutUndefined(options),
    interactive: values.interactive ?? false,
    plan: readPlan(values.plan),
    warnings,
  };
}

/** The library checks it: an unknown word must get the same message there as here. */
function asNamespace(text: string | undefined): NamespaceChoice | undefined {
  return text as NamespaceChoice | undefined;
}

function readPolicy(text: string | undefined): 'namespaced' | 'k8s-safe' | undefined {
  if (text === undefined || text === 'namespaced' || text === 'k8s-safe') return text;
  throw badValue('sysctl-policy', text, 'it is neither namespaced nor k8s-safe');
}

function readPlan(text: string | undefined): 'text' | 'json' | undefined {
  if (text === undefined || text === 'text' || text === 'json') return text;
  throw badValue('plan', text, 'it is neither text nor json');
}

function readStorageSize(list: readonly string[]): string | undefined {
  let size: string | undefined;
  for (const each of list) {
    const [key, value] = parseAssignment('storage-opt', each);
    if (key !== 'size')
      throw badValue('storage-opt', each, 'only size is known', 'write --storage-opt size=1g');
    size = value;
  }
  return size;
}

/** Files first, so that `-e` wins, as in docker. */
export function readEnv(
  values: Pick<RunValues, 'env' | 'env-file'>,
  surroundings: RunSurroundings,
): Readonly<Record<string, string>> | undefined {
  if (values.env === undefined && values['env-file'] === undefined) return undefined;
  const { env } = surroundings;
  const files = values['env-file'] ?? [];
  const sources = files.map((file) => parseEnvFile(readInput(file, 'ERR_ENV_FILE', surroundings), env, file));
  sources.push(parseEnv(values.env ?? [], env));
  // Spreading defines what it is given, even `__proto__`.
  return sources.reduce((all, each) => ({ ...all, ...each }), {});
}

type LimitValues = Pick<
  RunValues,
  | 'memory'
  | 'memory-swap'
  | 'memory-reservation'
  | 'cpus'
  | 'cpu-shares'
  | 'cpuset-cpus'
  | 'cpuset-mems'
  | 'pids-limit'
  | 'blkio-weight'
>;

export function readLimits(values: LimitValues): ContainerOptions['limits'] {
  const integer = (option: 'cpu-shares' | 'pids-limit' | 'blkio-weight'): number | undefined =>
    mapped(values[option], (text) => parseInteger(option, text));
  const limits = withoutUndefined({
    memory: values.memory,
    memorySwap: values['memory-swap'],
    memoryReservation: values['memory-reservation'],
    cpus: mapped(values.cpus, (text) => parseDecimal('cpus', text)),
    cpuShares: integer('cpu-shares'),
    cpusetCpus: values['cpuset-cpus'],
    cpusetMems: values['cpuset-mems'],
    pids: integer('pids-limit'),
    blkioWeight: integer('blkio-weight'),
  });
  return Object.keys(limits).length === 0 ? undefined : limits;
}

function readCapabilities(values: RunValues): ContainerOptions['caps'] {
  if (values['cap-add'] === undefined && values['cap-drop'] === undefined) return undefined;
  return withoutUndefined({ add: values['cap-add'], drop: values['cap-drop'] });
}

/** docker's `--security-opt`: `KEY=VALUE`, its older `KEY:VALUE`, or a word. */
function readSecurityOptions(
  list: readonly string[],
  surroundings: RunSurroundings,
  warnings: string[],
): SecurityOptions {
  const security: SecurityOptions = {};
  for (const each of list) {
    const [, key = each, value] = /^([a-z-]+)[=:](.*)$/s.exec(each) ?? [];
    switch (key) {
      case 'seccomp':
        security.seccomp = readSeccomp(value ?? '', surroundings);
        break;
      case 'no-new-privileges':
        if (value !== undefined && value !== 'true' && value !== 'false') {
          throw badValue('security-opt', each, 'its value is neither true nor false');
        }
        security.noNewPrivileges = value !== 'false';
        break;
      case 'systempaths':
        if (value !== 'unconfined') {
          throw badValue('security-opt', each, 'only systempaths=unconfined is known');
        }
        security.systemPathsUnconfined = true;
        break;
      case 'apparmor':
      case 'label':
        warnings.push(
          `--security-opt ${quote(each)} has no effect: Warren sets no ${key === 'label' ? 'SELinux' : 'AppArmor'} labels`,
        );
        break;
      default:
        throw badValue(
          'security-opt',
          each,
          'there is no such security option',
          'known are seccomp=FILE|unconfined|default, no-new-privileges and systempaths=unconfined',
        );
    }
  }
  return security;
}

function readSeccomp(value: string, surroundings: RunSurroundings): 'default' | 'unconfined' | object {
  if (value === 'unconfined') return 'unconfined';
  // docker's word for its own profile is `builtin`.
  if (value === 'default' || value === 'builtin') return 'default';
  if (value === '') {
    throw badValue(
      'security-opt',
      'seccomp',
      'its value is missing',
      'write seccomp=FILE, seccomp=unconfined or seccomp=default',
    );
  }
  const text = readInput(value, 'ERR_SECCOMP_FILE', surroundings);
  let profile: unknown;
  try {
    // Not JSON.parse: masks of 64 bits must not be rounded.
    profile = parseSeccompText(text);
  } catch (cause) {
    throw new WarrenError('ERR_SECCOMP_FILE', `Cannot read the seccomp profile ${quote(value)}`, {
      kind: 'invalid-argument',
      why: 'it is not JSON',
      fix: 'look where it is damaged with: jq . FILE',
      cause,
    });
  }
  if (typeof profile !== 'object' || profile === null || Array.isArray(profile)) {
    throw invalid(
      'ERR_SECCOMP_FILE',
      `Cannot read the seccomp profile ${quote(value)}`,
      'it is not a JSON object',
      'write { "defaultAction": …, "syscalls": […] }, as docker takes it',
    );
  }
  return profile;
}

/** A file that the caller named. */
/** @throws {WarrenError} `code`, where the file cannot be read. */
export function readInput(
  path: string,
  code: `ERR_${string}`,
  surroundings: Pick<RunSurroundings, 'readFile'>,
): string {
  try {
    return surroundings.readFile(path);
  } catch (cause) {
    const { code: errno, syscall } = cause as NodeJS.ErrnoException;
    if (errno === undefined) throw cause;
    throw new WarrenError(code, `Cannot read ${quote(path)}`, {
      kind: errno === 'ENOENT' ? 'not-found' : errno === 'EACCES' ? 'permission-denied' : 'invalid-argument',
      why: `${syscall ?? 'reading it'} failed with ${errno}`,
      fix: 'give the path of a file that can be read',
      syscall,
      errno,
      cause,
    });
  }
}

function mapped<T, U>(value: T | undefined, map: (value: T) => U): U | undefined {
  return value === undefined ? undefined : map(value);
}

type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** Options that were not given are left out, so that the library's defaults stand. */
function withoutUndefined<T extends object>(object: T): Present<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Present<T>;
}
