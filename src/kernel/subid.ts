/** Ranges of ids that an ordinary user may give to user namespaces; see subuid(5), subgid(5). */

export interface SubordinateRange {
  readonly start: number;
  readonly count: number;
  /** Of the file, from 1. */
  readonly line: number;
}

export interface SubordinateIds {
  /** Of this user, in the order of the file. */
  readonly ranges: readonly SubordinateRange[];
  /** Ranges of others that hold ids of theirs: two users would share them. */
  readonly overlaps: readonly {
    readonly mine: SubordinateRange;
    readonly owner: string;
    readonly theirs: SubordinateRange;
  }[];
  /** Lines that newuidmap(1) passes over, because they are not `NAME:START:COUNT`. */
  readonly damaged: readonly number[];
}

/**
 * @param owners What the user is called in the file: login name, and number.
 * @param text Of /etc/subuid or /etc/subgid.
 */
export function subordinateIdsOf(owners: readonly string[], text: string): SubordinateIds {
  const all: { owner: string; range: SubordinateRange }[] = [];
  const damaged: number[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, owner, start, count] = /^([^:]+):(\d{1,10}):(\d{1,10})$/.exec(line) ?? [];
    if (owner === undefined) damaged.push(index + 1);
    else all.push({ owner, range: { start: Number(start), count: Number(count), line: index + 1 } });
  }
  const ranges = all.filter(({ owner }) => owners.includes(owner)).map(({ range }) => range);
  const others = all.filter(({ owner }) => !owners.includes(owner));
  const overlaps = ranges.flatMap((mine) =>
    others
      .filter(({ range }) => mine.start < range.start + range.count && range.start < mine.start + mine.count)
      .map(({ owner, range }) => ({ mine, owner, theirs: range })),
  );
  return { ranges, overlaps, damaged };
}
