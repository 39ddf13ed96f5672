/** The host's present values, for what a new namespace would reset. */
import { closeSync } from 'node:fs';
import { matchSysctlPattern } from '../kernel/sysctl-scope.js';
import { NetworkSysctls } from '../kernel/sysctl-files.js';
import { ipcSysctls } from '../kernel/sysctl-scope.js';
import type { NamespaceKind } from '../plan/constants.js';
import type { Namespaces } from './configure-namespaces.js';
import { readSysctl, readSysctlIn } from './sysctl-access.js';
import { makeNamespace } from './throw-away.js';
import type { Host } from './host.js';

interface Value {
  readonly path: string;
  readonly value: string;
}

/** Secrets of the host, what acts when written, and what belongs to a device: never copied. */
const personal = /\/(?:tcp_fastopen_key|stable_secret|flush|mtu|nf_conntrack_count|(?:msg|sem|shm)_next_id)$/;

/**
 * Which isolated parameters the caller's namespaces hold otherwise than new ones would, in the order in which to write them.
 *
 * @param pattern As of `--allow-unsafe-sysctl`; `*` for all of them.
 * @throws {WarrenError} `ERR_SYSCTL_PATTERN`
 */
export async function inheritedSysctls(
  pattern: string,
  namespaces: Namespaces,
  host: Host,
): Promise<Value[]> {
  const wanted = (path: string): boolean =>
    !personal.test(path) && (pattern === '*' || matchSysctlPattern(pattern, path));
  // Also where nothing is copied, so that a slip is told.
  wanted('net/ipv4/ip_forward');
  const values: Value[] = [];
  if (namespaces.net.from === 'new') values.push(...(await networkValues(wanted, namespaces)));
  if (namespaces.ipc.from === 'new') values.push(...(await ipcValues(wanted, namespaces, host)));
  return values;
}

async function networkValues(wanted: (path: string) => boolean, namespaces: Namespaces): Promise<Value[]> {
  const owner: NamespaceKind[] = namespaces.user.from === 'new' ? ['user'] : [];
  const fd = await makeNamespace([...owner, 'net'], 'net');
  const fresh = new NetworkSysctls(fd);
  const own = new NetworkSysctls();
  try {
    const values = fresh.keys().flatMap((path): Value[] => {
      if (!wanted(path) || fresh.access(path) !== 'writable') return [];
      const [mine, theirs] = [own.read(path), fresh.read(path)];
      if (!('value' in mine) || !('value' in theirs) || mine.value === theirs.value || mine.value === '')
        return [];
      return [{ path, value: mine.value.replaceAll('\t', ' ') }];
    });
    return values.sort((a, b) => rank(a.path) - rank(b.path));
  } finally {
    fresh.close();
    closeSync(fd);
  }
}

/** `conf/all` writes over `conf/default`, and that over the interfaces. */
function rank(path: string): number {
  if (path === 'net/ipv4/ip_forward' || path.includes('/conf/all/')) return 0;
  return path.includes('/conf/default/') ? 1 : 2;
}

async function ipcValues(
  wanted: (path: string) => boolean,
  namespaces: Namespaces,
  host: Host,
): Promise<Value[]> {
  const owner: NamespaceKind[] = namespaces.user.from === 'new' ? ['user'] : [];
  const values: Value[] = [];
  for (const path of ipcSysctls.filter(wanted)) {
    try {
      const mine = await readSysctl(path);
      const steps = [{ op: 'leave', kinds: [...owner, 'ipc'], uid: host.uid, gid: host.gid } as const];
      if (mine !== (await readSysctlIn(steps, path)))
        values.push({ path, value: mine.replaceAll('\t', ' ') });
    } catch (error) {
      // Not there without the part of the kernel that has it: nothing to copy.
      if (
        (error as { code?: unknown }).code !== 'ERR_SYSCTL_NOT_FOUND' &&
        (error as { errno?: unknown }).errno !== 'ENOENT'
      )
        throw error;
    }
  }
  return values;
}
