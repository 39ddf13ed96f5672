/** The host's present values, for what a new namespace would reset. */
import { quote } from '../errors.js';
import { nearKeys } from '../kernel/near-sysctls.js';
import { NetworkSysctls } from '../kernel/sysctl-files.js';
import { sameReading } from '../kernel/sysctl-reading.js';
import { slashed } from '../kernel/sysctl-name.js';
import { ipcSysctls, matchSysctlPattern } from '../kernel/sysctl-scope.js';
import type { Step } from '../plan/step.js';
import { readSurvey, type Surveyed } from '../plan/survey.js';
import type { Namespaces } from './configure-namespaces.js';
import { ask } from './launch.js';
import { throwAwayNetwork } from './throw-away.js';
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
 * @param warnings Gets a sentence where the pattern matches nothing.
 * @throws {WarrenError} `ERR_SYSCTL_PATTERN`
 */
export async function inheritedSysctls(
  pattern: string,
  like: Likeness,
  warnings: string[] = [],
): Promise<Value[]> {
  const { namespaces } = like;
  const keys: string[] = [];
  let matched = pattern === '*';
  const wanted = (path: string): boolean => {
    keys.push(path);
    if (personal.test(path) || (pattern !== '*' && !matchSysctlPattern(pattern, path))) return false;
    matched = true;
    return true;
  };
  // Also where nothing is copied, so that a slip is told.
  if (pattern !== '*') matchSysctlPattern(pattern, 'net/ipv4/ip_forward');
  const values: Value[] = [];
  if (namespaces.net.from === 'new') values.push(...(await networkValues(wanted, namespaces)));
  if (namespaces.ipc.from === 'new') values.push(...(await ipcValues(wanted, like)));
  if (!matched) warnings.push(noMatch(pattern, keys));
  return values;
}

function noMatch(pattern: string, keys: readonly string[]): string {
  const near = nearPatterns(pattern, keys);
  const meant = near.length === 0 ? '' : `; did you mean ${near.join(', ')}?`;
  return `no parameter that is copied to new namespaces matches --inherit-sysctls=${quote(pattern)}${meant}`;
}

/** @param keys Slashed. */
function nearPatterns(pattern: string, keys: readonly string[]): string[] {
  const dotted = (path: string): string => (path.includes('.') ? path : path.replaceAll('/', '.'));
  if (!pattern.endsWith('*')) return nearKeys(slashed(pattern), keys).map(dotted);
  const stem = slashed(pattern.slice(0, -1));
  // A few letters are near to everything.
  if (stem.length < 6) return [];
  return nearKeys(
    stem,
    keys.map((path) => path.slice(0, stem.length)),
  ).map((near) => `${dotted(near)}*`);
}

async function networkValues(wanted: (path: string) => boolean, namespaces: Namespaces): Promise<Value[]> {
  const throwAway = await throwAwayNetwork(namespaces.user.from === 'new');
  const fresh = throwAway.files;
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
    throwAway.close();
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
