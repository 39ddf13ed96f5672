import { idToInside, idToOutside } from '../../kernel/idmap.js';
import { WarrenError } from '../../errors.js';
import type { LevelMap, UserNamespaceChain } from './levels.js';

export type IdKind = 'uid' | 'gid';

/** What one id is called at one level. */
export interface ResolvedLevel {
  /** The user namespace. */
  readonly inode: number;
  /** Undefined: it has no name there, and shows as 65534 (kernel.overflowuid). */
  readonly id: number | undefined;
  /** False where no process is there to read the map from. */
  readonly known: boolean;
}

export interface ResolvedId {
  readonly kind: IdKind;
  /** In the process's user namespace. */
  readonly inside: number | undefined;
  /** In the reader's. */
  readonly outside: number | undefined;
  /** From the process's user namespace to the reader's. */
  readonly levels: readonly ResolvedLevel[];
}

/**
 * What an id is called at every level between a process and the reader.
 *
 * @param direction `to-host`: `id` is one inside. `from-host`: `id` is the reader's.
 * @throws {WarrenError} `ERR_USERNS_UNRELATED`, `ERR_USERNS_UNMAPPED`.
 */
export function resolveId(
  chain: UserNamespaceChain,
  kind: IdKind,
  id: number,
  direction: 'to-host' | 'from-host',
): ResolvedId {
  const [innermost] = chain.levels;
  const map = innermost?.[kind];
  if (!chain.reaches || map === undefined) throw unrelated(chain);
  if (map.ranges.length === 0 && map.nameless.length === 0) throw unwritten(kind);
  const outside = direction === 'to-host' ? idToOutside(map.ranges, id) : id;
  const inside = direction === 'to-host' ? id : idToInside(map.ranges, id);
  const levels = chain.levels.map((level, index): ResolvedLevel => {
    const levelMap = level[kind];
    if (index === 0) return { inode: level.inode, id: inside, known: true };
    return {
      inode: level.inode,
      id: outside === undefined || levelMap === undefined ? undefined : idToInside(levelMap.ranges, outside),
      known: levelMap !== undefined,
    };
  });
  return { kind, inside, outside, levels };
}

/** One range of the innermost map, with its first id at each level. */
export interface ResolvedRange {
  readonly kind: IdKind;
  readonly length: number;
  /** From the innermost outwards. The kernel lets no range of a map cross a range of the map above it. */
  readonly firstIds: readonly ResolvedLevel[];
}

/** A process's map, its outer ids resolved through every level. */
export function resolveRanges(chain: UserNamespaceChain, kind: IdKind): ResolvedRange[] {
  const map: LevelMap | undefined = chain.levels[0]?.[kind];
  if (map === undefined) return [];
  const known = map.ranges.map(({ inside, length }): ResolvedRange => ({
    kind,
    length,
    firstIds: chain.reaches
      ? resolveId(chain, kind, inside, 'to-host').levels
      : chain.levels.map(({ inode }, index) => ({
          inode,
          id: index === 0 ? inside : undefined,
          known: index === 0,
        })),
  }));
  const nameless = map.nameless.map(({ inside, length }): ResolvedRange => ({
    kind,
    length,
    firstIds: chain.levels.map(({ inode }, index) => ({
      inode,
      id: index === 0 ? inside : undefined,
      known: index === 0 || index === chain.levels.length - 1,
    })),
  }));
  return [...known, ...nameless].sort((a, b) => (a.firstIds[0]?.id ?? 0) - (b.firstIds[0]?.id ?? 0));
}

function unrelated(chain: UserNamespaceChain): WarrenError {
  return new WarrenError('ERR_USERNS_UNRELATED', 'Cannot translate ids of that process', {
    kind: 'unsupported',
    why: chain.reaches
      ? 'its maps cannot be read'
      : 'its user namespace is not below yours, so the kernel has no common names for their ids',
    fix: 'look from the first user namespace of the machine',
  });
}

function unwritten(kind: IdKind): WarrenError {
  return new WarrenError('ERR_USERNS_UNMAPPED', `Cannot translate a ${kind} of that process`, {
    kind: 'conflict',
    why: `the ${kind}_map of its user namespace has not been written: every id there shows as 65534`,
    fix: `write it once: /proc/PID/${kind}_map`,
  });
}
