/** The host's present values, for what a new namespace would reset. */
import { closeSync } from 'node:fs';
import { NetworkSysctls } from '../kernel/sysctl-files.js';
import { sameReading } from '../kernel/sysctl-reading.js';
import { ipcSysctls, matchSysctlPattern } from '../kernel/sysctl-scope.js';
import type { NamespaceKind } from '../plan/constants.js';
import type { Step } from '../plan/step.js';
import { readSurvey, type Surveyed } from '../plan/survey.js';
import type { Namespaces } from './configure-namespaces.js';
import { ask } from './launch.js';
import { makeNamespace } from './throw-away.js';
import { wayInto, type Likeness } from './throw-away-way.js';

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
export async function inheritedSysctls(pattern: string, like: Likeness): Promise<Value[]> {
  const { namespaces } = like;
  const wanted = (path: string): boolean =>
    !personal.test(path) && (pattern === '*' || matchSysctlPattern(pattern, path));
  // Also where nothing is copied, so that a slip is told.
  wanted('net/ipv4/ip_forward');
  const values: Value[] = [];
  if (namespaces.net.from === 'new') values.push(...(await networkValues(wanted, namespaces)));
  if (namespaces.ipc.from === 'new') values.push(...(await ipcValues(wanted, like)));
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

async function ipcValues(wanted: (path: string) => boolean, like: Likeness): Promise<Value[]> {
  const paths = ipcSysctls.filter(wanted);
  const survey = async (way: readonly Step[]): Promise<Map<string, Surveyed>> =>
    readSurvey(await ask({ steps: [...way, { op: 'survey-sysctls', paths }] }), paths);
  const [own, fresh] = await Promise.all([survey([]), survey(wayInto(['ipc'], like))]);
  return paths.flatMap((path): Value[] => {
    const [mine, theirs] = [own.get(path), fresh.get(path)];
    if (!mine || theirs?.access !== 'writable') return [];
    if (!('value' in mine.reading) || sameReading(mine.reading, theirs.reading)) return [];
    return [{ path, value: mine.reading.value.replaceAll('\t', ' ') }];
  });
}
