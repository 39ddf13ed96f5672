/** The census of what IPC, UTS and user namespaces isolate. Their values are changed all at once: none decides about another. */
import type { CensusEntry } from './census.js';
import { otherValues } from '../other-value.js';
import { kindOf, localKinds, lookInto, readingIn, userAccesses, type Looks } from '../probe-local.js';
import { localKeys, ownIds, survey, type Seen } from '../survey.js';
import type { SysctlTools } from '../tools.js';
import { restore, type HostFiles, type Snapshot } from './journal.js';

export function localSnapshot(host: HostFiles): Snapshot {
  return new Map(
    localKeys().flatMap((path): [string, string][] => {
      const value = host.read(path);
      return value === undefined ? [] : [[path, value]];
    }),
  );
}

/** @param before What to put back. */
export async function localCensus(
  tools: SysctlTools,
  host: HostFiles,
  before: Snapshot,
): Promise<ReadonlyMap<string, CensusEntry>> {
  const paths = localKeys();
  const users = await userAccesses(tools, paths);
  const entries = new Map<string, CensusEntry>();
  for (const kinds of localKinds) {
    const some = paths.filter((path) => kinds.includes(kindOf(path)));
    const looks = await lookInto(tools, some, kinds, () => true);
    const changed = new Map<string, string>();
    let then: ReadonlyMap<string, Seen>;
    try {
      for (const path of some.filter((each) => !each.endsWith('_next_id'))) {
        const value = change(host, path, before.get(path) ?? '');
        if (value !== undefined) changed.set(path, value);
      }
      then = await survey(tools, [{ op: 'leave', kinds, ...ownIds() }], some);
    } finally {
      restore(before, host);
    }
    for (const path of some) {
      entries.set(path, {
        access: looks.fresh.get(path)?.access ?? 'absent',
        userAccess: users.get(path)?.access ?? 'absent',
        leaks: leaks(path, looks),
        ...origin(path, looks, then, changed.get(path)),
      });
    }
  }
  return entries;
}

/** @returns The value that the host then has; undefined where it takes no other. */
function change(host: HostFiles, path: string, value: string): string | undefined {
  for (const candidate of otherValues(path, value)) {
    if (host.write(path, candidate) !== undefined) continue;
    const now = host.read(path);
    if (now !== value) return now;
  }
  return undefined;
}

function leaks(path: string, { host, marks }: Looks): boolean | undefined {
  const mark = marks.get(path);
  const before = readingIn(host, path);
  if (!mark || !('value' in before) || !('value' in mark.hostAfter)) return undefined;
  return mark.hostAfter.value !== before.value;
}

function origin(
  path: string,
  looks: Looks,
  then: ReadonlyMap<string, Seen>,
  changed: string | undefined,
): Pick<CensusEntry, 'origin' | 'note'> {
  if (leaks(path, looks) === true) return { origin: 'shared' };
  const [first, now, child] = [looks.fresh, then, looks.child].map((seen) => readingIn(seen, path));
  const mark = looks.marks.get(path);
  if (mark && child && 'value' in child && child.value === mark.value) return { origin: 'creator' };
  if (changed === undefined || !first || !now || !('value' in first) || !('value' in now))
    return { origin: undefined, note: 'the host’s value was not changed' };
  if (now.value === first.value) return { origin: 'default-or-computed' };
  return now.value === changed
    ? { origin: 'initial' }
    : { origin: 'computed', note: 'moved by other keys of the host' };
}
