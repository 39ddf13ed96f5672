/**
 * Which parameters a container may set: decided before anything of it exists, by what its own namespaces isolate, and
 * for network keys by asking the kernel in a throw-away namespace.
 */
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { WarrenError, invalid, quote } from '../errors.js';
import { netSysctlFact } from '../kernel/net-sysctls.js';
import { checkSysctlValue, parseSysctlName } from '../kernel/sysctl-name.js';
import { isSafeSysctl, matchSysctlPattern, sysctlScope } from '../kernel/sysctl-scope.js';
import type { Namespaces } from './configure-namespaces.js';
import type { ContainerOptions } from './options.js';
import { probeSysctls, type SysctlAccess } from './probe-sysctls.js';
import { kindOfScope } from './sysctl-access.js';
import type { Likeness } from './throw-away-way.js';

interface Setting {
  readonly path: string;
  readonly name: string;
  readonly value: string;
}

/** docker's: ports below 1024 and ICMP sockets need no capability in a network of one's own. */
const networkDefaults: readonly Setting[] = [
  { path: 'net/ipv4/ip_unprivileged_port_start', name: 'net.ipv4.ip_unprivileged_port_start', value: '0' },
  { path: 'net/ipv4/ping_group_range', name: 'net.ipv4.ping_group_range', value: '0 2147483647' },
];

/** @throws {WarrenError} `ERR_SYSCTL_NAME`, `ERR_SYSCTL_VALUE`, `ERR_SYSCTL_NOT_ISOLATED`, `ERR_SYSCTL_UNAVAILABLE`, `ERR_SYSCTL_UNSAFE`. */
export async function configureSysctls(
  options: ContainerOptions,
  like: Likeness,
  warnings: string[] = [],
): Promise<Setting[]> {
  const { namespaces } = like;
  const asked = Object.entries(options.sysctls ?? {}).map(([key, value]): Setting => {
    const { path, name } = parseSysctlName(key);
    return { path, name, value: checkSysctlValue(key, value) };
  });
  const twice = asked.find(({ path }, index) => asked.findIndex((other) => other.path === path) !== index);
  if (twice)
    throw invalid(
      'ERR_SYSCTL_NAME',
      `Cannot set the sysctl ${quote(twice.name)}`,
      'it is given twice',
      'give each key once',
    );
  for (const setting of asked) {
    checkIsolated(setting, namespaces);
    checkNames(setting, options, namespaces);
    checkPolicy(setting, options);
  }
  await checkAvailable(asked, like);
  const defaults = namespaces.net.from === 'new' && namespaces.user.from === 'host' ? networkDefaults : [];
  const inherited = await inheritFrom(options, like, warnings);
  // What is asked for wins over what is inherited, and that over docker's defaults.
  const settings = [...without(defaults, [...inherited, ...asked]), ...without(inherited, asked), ...asked];
  if (options.checkSysctls === true)
    await (await import('./check-sysctl-values.js')).checkSysctlValues(settings, like);
  return settings;
}

function without(settings: readonly Setting[], others: readonly Setting[]): Setting[] {
  return settings.filter(({ path }) => !others.some((other) => other.path === path));
}

async function inheritFrom(
  options: ContainerOptions,
  like: Likeness,
  warnings: string[],
): Promise<Setting[]> {
  const { inheritSysctls = false } = options;
  if (inheritSysctls === false) return [];
  const { inheritedSysctls } = await import('./inherit-sysctls.js');
  const pattern = inheritSysctls === true ? '*' : inheritSysctls;
  const values = await inheritedSysctls(pattern, like, warnings);
  return values
    .map(({ path, value }): Setting => ({ ...parseSysctlName(path), value }))
    .filter((setting) => isAllowed(setting, options));
}

function refuse(name: string, why: string, fix: string): WarrenError {
  return new WarrenError('ERR_SYSCTL_NOT_ISOLATED', `Cannot set the sysctl ${quote(name)} for a container`, {
    kind: 'invalid-argument',
    why,
    fix,
  });
}

function checkIsolated({ path, name }: Setting, namespaces: Namespaces): void {
  const { scope, why } = sysctlScope(path);
  if (scope === 'host') {
    throw refuse(name, why, `set it on the host, for all: sysctl -w ${name}=…`);
  }
  if (namespaces[kindOfScope[scope]].from === 'host') {
    throw refuse(
      name,
      `it belongs to the ${scope} namespace, and the container shares the host's`,
      scope === 'user'
        ? 'give it one of its own, as with --uidmap 0:100000:65536, or set it on the host'
        : `leave --${scope} host out, or set it on the host`,
    );
  }
}

/** Names have options of their own, which are carried out after the parameters are written. */
function checkNames({ path, name }: Setting, options: ContainerOptions, { uts }: Namespaces): void {
  const twice =
    (path === 'kernel/hostname' && uts.from === 'new') ||
    (path === 'kernel/domainname' && options.domainname !== undefined);
  if (!twice) return;
  const option = path === 'kernel/hostname' ? '--hostname' : '--domainname';
  throw new WarrenError('ERR_SYSCTL_UNAVAILABLE', `Cannot set the sysctl ${quote(name)} for a container`, {
    kind: 'invalid-argument',
    why: `${option} is what sets it, and would write over it`,
    fix: `use ${option}`,
  });
}

function isAllowed({ path, name }: Setting, options: ContainerOptions): boolean {
  const { allowUnsafeSysctls = [] } = options;
  const policy = options.sysctlPolicy ?? (allowUnsafeSysctls.length > 0 ? 'k8s-safe' : 'namespaced');
  if (policy === 'namespaced' || isSafeSysctl(path)) return true;
  return allowUnsafeSysctls.some((pattern) => matchSysctlPattern(pattern, name));
}

function checkPolicy(setting: Setting, options: ContainerOptions): void {
  if (isAllowed(setting, options)) return;
  const { name } = setting;
  throw new WarrenError('ERR_SYSCTL_UNSAFE', `Cannot set the sysctl ${quote(name)}`, {
    kind: 'permission-denied',
    why: 'it is not among the sysctls that Kubernetes calls safe, and no pattern allows it',
    fix: `allow it: --allow-unsafe-sysctl ${quote(name)}`,
  });
}

async function checkAvailable(asked: readonly Setting[], like: Likeness): Promise<void> {
  // What Kubernetes calls safe exists, and can be written, in every new namespace of the kernels we support; names can be, by root.
  let doubtful = asked.filter(({ path }) => {
    const { scope } = sysctlScope(path);
    return scope === 'network' || like.namespaces.user.from === 'host'
      ? !isSafeSysctl(path) && scope !== 'uts'
      : true;
  });
  if (doubtful.length > 0) doubtful = await unmeasured(doubtful, like.namespaces);
  if (doubtful.length === 0) return;
  const access = await probeSysctls(
    doubtful.map(({ path }) => likeLoopback(path, like.interfaces)),
    like,
  );
  for (const [index, { path, name }] of doubtful.entries())
    checkAccess(path, name, access[index] ?? 'absent');
}

/** Interfaces have the same keys, and a throw-away namespace has the loopback only. */
function likeLoopback(path: string, interfaces: readonly string[]): string {
  const device = deviceOf(path);
  return device !== undefined && interfaces.includes(device) ? path.split('/').with(3, 'lo').join('/') : path;
}

/** The interface that a key belongs to, unless every new namespace has it. */
function deviceOf(path: string): string | undefined {
  const device = /^net\/ipv[46]\/(?:conf|neigh)\/([^/]+)\/[^/]+$/.exec(path)?.[1];
  return device === undefined || ['all', 'default', 'lo'].includes(device) ? undefined : device;
}

/**
 * Leaves out what a census of this kernel's series has written in a new namespace, where this kernel has the key at all: asking it
 * again would cost a namespace.
 */
async function unmeasured(settings: readonly Setting[], namespaces: Namespaces): Promise<Setting[]> {
  const { measuredOf, seriesOf } = await import('../kernel/sysctl-measured.js');
  const series = seriesOf(release());
  if (namespaces.user.from === 'path') return [...settings];
  const access = namespaces.user.from === 'host' ? 'access' : 'userAccess';
  return settings.filter(({ path }) => {
    const { scope } = sysctlScope(path);
    if (scope === 'host' || namespaces[kindOfScope[scope]].from !== 'new') return true;
    // The host may have an interface of that name.
    if (deviceOf(path) !== undefined) return true;
    const measured = measuredOf(path, series);
    return measured?.leaks !== false || measured[access] !== 'writable' || !existsSync(`/proc/sys/${path}`);
  });
}

function checkAccess(path: string, name: string, access: SysctlAccess): void {
  const fact = netSysctlFact(path);
  if (fact?.state === 'global') {
    throw refuse(
      name,
      `it looks like the container's own, but a write changes the whole machine: ${fact.reason}`,
      'set it on the host',
    );
  }
  if (access === 'writable') return;
  const reason = fact ? `: ${fact.reason}` : '';
  const seen: Record<Exclude<SysctlAccess, 'writable'>, string> = {
    absent: `it does not exist in a namespace like the container's${reason}`,
    'read-only': `it is read-only in a namespace like the container's${reason}`,
    denied: `the kernel does not permit writing it there${reason}`,
  };
  throw new WarrenError('ERR_SYSCTL_UNAVAILABLE', `Cannot set the sysctl ${quote(name)} for a container`, {
    kind: 'invalid-argument',
    why: `${seen[access]} (seen in a throw-away one)`,
    fix:
      path.startsWith('kernel/') && path.endsWith('name')
        ? 'use --domainname, which does not go through /proc/sys'
        : access === 'absent'
          ? `check the spelling; if it belongs to the host, set it there: warren sysctl why ${name}`
          : `set it on the host, where it is kept: warren sysctl why ${name}`,
  });
}
