/** Which namespaces a container gets, and how ids and time differ in them. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { WarrenError, invalid, quote } from '../errors.js';
import { parseIdMap, parseIdMapText } from '../kernel/idmap.js';
import type { ContainerConfig, IdRange, NamespaceSource } from '../plan/config.js';
import type { NamespaceKind } from '../plan/constants.js';
import { checkRange } from './check.js';
import { namespaceIdentity, type Host } from './host.js';
import { checkHostname } from './hostname.js';
import type { ContainerOptions } from './options.js';
import { askedIdMap, defaultIdMap } from './subordinate-ids.js';
import { parseNamespace, type NamespaceKind as NamespaceWord } from './parse-namespace.js';

export type Namespaces = Readonly<Record<NamespaceKind, NamespaceSource>>;

export function configureNamespaces(options: ContainerOptions, host: Host): Namespaces {
  const choose = (
    kind: NamespaceKind,
    word: NamespaceWord,
    choice: string | undefined,
    otherwise: 'new' | 'host',
  ): NamespaceSource => {
    if (choice === undefined) return { from: otherwise };
    const parsed = parseNamespace(word, choice);
    if (parsed.from === 'host') return { from: 'host' };
    if (parsed.from === 'private' || parsed.from === 'none') return { from: 'new' };
    const path = parsed.from === 'pid' ? `/proc/${parsed.pid}/ns/${kind}` : parsed.path;
    // Our own, by another name: there is nothing to enter, and the kernel would refuse some (EINVAL).
    return namespaceIdentity(path) === namespaceIdentity(`/proc/self/ns/${kind}`)
      ? { from: 'host' }
      : { from: 'path', path };
  };
  const wantsUser = options.uidMap !== undefined || options.gidMap !== undefined || host.uid !== 0;
  const wantsTime = options.boottimeOffsetSec !== undefined || options.monotonicOffsetSec !== undefined;
  const namespaces: Record<NamespaceKind, NamespaceSource> = {
    user: choose('user', 'user', options.userns, wantsUser ? 'new' : 'host'),
    mnt: { from: 'new' },
    pid: choose('pid', 'pid', options.pid, 'new'),
    net: choose('net', 'network', options.network, 'new'),
    ipc: choose('ipc', 'ipc', options.ipc, 'new'),
    uts: choose('uts', 'uts', options.uts, 'new'),
    cgroup: choose('cgroup', 'cgroup', options.cgroupns, 'new'),
    time: choose('time', 'time', options.timens, wantsTime ? 'new' : 'host'),
  };
  if (namespaces.user.from !== 'new' && (options.uidMap ?? options.gidMap) !== undefined) {
    throw invalid(
      'ERR_IDMAP',
      'Cannot map ids',
      `the user namespace is ${quote(options.userns ?? 'host')}, and its map is written once`,
      'use --userns private',
    );
  }
  if (namespaces.time.from !== 'new' && wantsTime) {
    throw invalid(
      'ERR_TIME_OFFSET',
      'Cannot set time offsets',
      `the time namespace is ${quote(options.timens ?? 'host')}`,
      'leave --timens out',
    );
  }
  return namespaces;
}

export function configureTime({
  timens,
  boottimeOffsetSec = 0,
  monotonicOffsetSec = 0,
}: ContainerOptions): ContainerConfig['timeOffsets'] {
  if (boottimeOffsetSec === 0 && monotonicOffsetSec === 0 && timens !== 'private') return undefined;
  const limit = 2 ** 32;
  return {
    boottimeSec: checkRange('boottime offset', boottimeOffsetSec, -limit, limit),
    monotonicSec: checkRange('monotonic offset', monotonicOffsetSec, -limit, limit),
  };
}

export function configureIdMap(
  { uidMap, gidMap }: ContainerOptions,
  namespaces: Namespaces,
  host: Host,
): ContainerConfig['idMap'] {
  if (namespaces.user.from === 'path') return readIdMap(namespaces.user.path);
  if (namespaces.user.from !== 'new') return undefined;
  if (host.uid !== 0 && (uidMap ?? gidMap) === undefined) return defaultIdMap(host);
  const uid: readonly IdRange[] | undefined = uidMap ? parseIdMap(uidMap) : undefined;
  const gid: readonly IdRange[] | undefined = gidMap ? parseIdMap(gidMap) : undefined;
  const both = { uid: uid ?? gid, gid: gid ?? uid };
  if (!both.uid || !both.gid) {
    throw invalid(
      'ERR_IDMAP',
      'Cannot make a private user namespace',
      'no ids to map were given',
      'say which, as in: --uidmap 0:100000:65536',
    );
  }
  for (const [what, ranges] of Object.entries(both) as ['uid' | 'gid', readonly IdRange[]][]) {
    if (!ranges.some(({ inside }) => inside === 0)) {
      throw invalid(
        'ERR_IDMAP',
        `Cannot use the ${what} map`,
        'nothing is mapped to 0, so nobody could prepare the container',
        `add a range that starts at 0, as in: --${what}map 0:100000:65536`,
      );
    }
  }
  const { uid: uids, gid: gids } = both;
  if (host.uid !== 0) return askedIdMap({ uid: uids, gid: gids }, host);
  return { uid: uids, gid: gids, denySetgroups: false };
}

export function configureHostname({ hostname }: ContainerOptions, { uts }: Namespaces, id: string): string {
  if (hostname === undefined)
    return uts.from === 'new' ? id.slice(0, 12) : readFileSync('/proc/sys/kernel/hostname', 'utf8').trim();
  if (uts.from !== 'new') throw namedElsewhere('host name', hostname);
  return checkHostname(hostname);
}

export function configureDomainname(
  { domainname }: ContainerOptions,
  { uts }: Namespaces,
): string | undefined {
  if (domainname === undefined) return undefined;
  if (uts.from !== 'new') throw namedElsewhere('domain name', domainname);
  return checkHostname(domainname, 'domainname');
}

/** Setting it would rename the host, or another container. */
function namedElsewhere(what: string, name: string): WarrenError {
  return invalid(
    'ERR_HOSTNAME',
    `Cannot set the ${what} ${quote(name)}`,
    'the UTS namespace is not the container’s own',
    'leave --uts out',
  );
}

/**
 * The map of a user namespace that exists, from a process that is in it: the kernel shows it nowhere else. Ids are as the
 * caller sees them.
 */
function readIdMap(path: string): ContainerConfig['idMap'] {
  const pid = /^\/proc\/(\d+)\/ns\/user$/.exec(path)?.[1] ?? findMember(path);
  if (pid === undefined) {
    throw new WarrenError('ERR_IDMAP', `Cannot join the user namespace ${quote(path)}`, {
      kind: 'unsupported',
      why: 'no process is in it, so nothing tells which ids it maps',
      fix: 'keep a process in it, and name that: --userns pid:N',
    });
  }
  const read = (name: string): readonly IdRange[] =>
    parseIdMapText(readFileSync(`/proc/${pid}/${name}`, 'utf8'));
  const setgroups = readFileSync(`/proc/${pid}/setgroups`, 'utf8').trim();
  return { uid: read('uid_map'), gid: read('gid_map'), denySetgroups: setgroups === 'deny' };
}

function findMember(path: string): string | undefined {
  const wanted = namespaceIdentity(path);
  return readdirSync('/proc').find((name) => {
    if (!/^\d+$/.test(name)) return false;
    const stats = statSync(`/proc/${name}/ns/user`, { bigint: true, throwIfNoEntry: false });
    return stats !== undefined && `${stats.dev}:${stats.ino}` === wanted;
  });
}
