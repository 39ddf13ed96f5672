/** How `warren ids` shows what it found. */
import { quote } from '../../errors.js';
import type { IdCheck } from '../../explore/ids/check.js';
import type { UserNamespaceChain, UserNamespaceLevel } from '../../explore/ids/levels.js';
import { type ResolvedId, type ResolvedLevel, resolveRanges } from '../../explore/ids/resolve.js';
import type { VolumeReport } from '../../explore/ids/volume.js';

const OVERFLOW = 65534;

/** `warren ids show`. */
export function chainText(chain: UserNamespaceChain): string {
  const lines = chain.levels.map((level, index) => levelLine(chain, level, index));
  if (!chain.reaches)
    lines.push('Your user namespace is not above it: what its ids mean here is not known in full.');
  else if (!chain.readerIsInitial)
    lines.push('You are not in the first user namespace: what lies beyond yours cannot be seen.');
  for (const kind of ['uid', 'gid'] as const) {
    const ranges = resolveRanges(chain, kind);
    lines.push('', `${kind} inside${arrows(chain)}`);
    if (chain.levels[0]?.[kind] === undefined) lines.push('  not known: the map cannot be read');
    else if (ranges.length === 0) lines.push(`  no map is written: every id shows as ${OVERFLOW}`);
    for (const { firstIds, length } of ranges) {
      lines.push(`  ${firstIds.map((level) => rangeText(level, length)).join(' → ')}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function levelLine(chain: UserNamespaceChain, level: UserNamespaceLevel, index: number): string {
  const { inode, creatorUid, pid, setgroups } = level;
  const isLast = index === chain.levels.length - 1;
  const notes = [
    ...(isLast && chain.reaches ? [chain.readerIsInitial ? 'the first one, yours' : 'yours'] : []),
    ...(creatorUid === undefined ? [] : [`made by user ${creatorUid}`]),
    ...(index === 0 || isLast
      ? []
      : [pid === undefined ? 'no process in it: its map cannot be read' : `process ${pid} is in it`]),
    ...(setgroups === 'deny' ? ['setgroups denied'] : []),
  ];
  return `${'  '.repeat(index)}user:[${inode}]${notes.length === 0 ? '' : ` ${notes.join(', ')}`}`;
}

function arrows(chain: UserNamespaceChain): string {
  return chain.levels
    .slice(1)
    .map(
      ({ inode }, index) =>
        ` → ${index === chain.levels.length - 2 && chain.reaches ? 'here' : `user:[${inode}]`}`,
    )
    .join('');
}

function rangeText({ id, known }: ResolvedLevel, length: number): string {
  if (!known) return 'not known';
  if (id === undefined) return `no name (${OVERFLOW})`;
  return length === 1 ? String(id) : `${id}–${id + length - 1}`;
}

/** `warren ids map`: one line for each id. */
export function resolvedText(resolved: ResolvedId, direction: 'to-host' | 'from-host'): string {
  const levels = direction === 'to-host' ? resolved.levels : resolved.levels.toReversed();
  return `${resolved.kind} ${levels.map((level) => rangeText(level, 1)).join(' → ')}\n`;
}

/** `warren ids volume`. */
export function volumeText(report: VolumeReport): string {
  const { owners, files, truncated, unreadable, fsType, idmapped } = report;
  const lines = [
    `${files} files${truncated ? ', and more that were not looked at' : ''} on ${fsType ?? 'a file system that is not known'}${idmapped ? ', whose mount changes ids itself' : ''}`,
    ...owners.map(
      ({ kind, outside, inside, files: count, example }) =>
        `${kind} ${outside} here is ${inside === undefined ? `not mapped: ${OVERFLOW} (nobody)` : String(inside)} inside, ${count} file${count === 1 ? '' : 's'}: ${quote(example)}`,
    ),
    ...unreadable.map(({ path, errno }) => `not looked at: ${quote(path)} (${errno})`),
    ...report.advice,
  ];
  return `${lines.join('\n')}\n`;
}

/** `warren ids check`. */
export function checksText(checks: readonly IdCheck[]): string {
  const word = { yes: 'yes ', no: 'NO  ', note: 'note' };
  return checks
    .map(
      ({ name, verdict, seen, fix }) =>
        `${word[verdict]} ${name}: ${seen}\n${fix === undefined ? '' : `     fix: ${fix}\n`}`,
    )
    .join('');
}
