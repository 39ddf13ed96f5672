import { invalid, quote } from '../errors.js';

/** One line of `/proc/PID/uid_map`; see user_namespaces(7). */
export interface IdMapRange {
  /** First id in the namespace. */
  readonly inside: number;
  /** First id outside: in the parent namespace when written, in the reader's when read. */
  readonly outside: number;
  readonly length: number;
}

/** The kernel's limit since Linux 4.15; it was 5 before. */
const maxRanges = 340;

/** 2³²−1 is "no id" (`(uid_t) -1`): it cannot be mapped, and a range ends before it. */
const idLimit = 4_294_967_295;

/** The map must be written with one write(2) of less than a page. */
const maxTextBytes = 4095;

/**
 * Reads and checks a whole map, by the rules of the kernel, which itself answers every fault with a bare EINVAL.
 *
 * @param ranges Ranges, and texts `INSIDE:OUTSIDE:LENGTH`.
 * @throws {WarrenError} `ERR_IDMAP`, naming the range or the two that collide.
 */
export function parseIdMap(ranges: readonly (IdMapRange | string)[]): IdMapRange[] {
  const parsed = ranges.map((range) =>
    typeof range === 'string' ? parseIdMapRange(range) : checkRange(range, show(range)),
  );
  checkIdMap(parsed);
  return parsed;
}

/**
 * @param text `INSIDE:OUTSIDE:LENGTH`, decimal digits only.
 * @throws {WarrenError} `ERR_IDMAP`.
 */
export function parseIdMapRange(text: string): IdMapRange {
  const [inside, outside, length, ...rest] = text.split(':').map(strictId);
  if (inside === undefined || outside === undefined || length === undefined || rest.length > 0) {
    throw bad(
      quote(text),
      'it is not three whole numbers of at most 4294967295',
      'write INSIDE:OUTSIDE:LENGTH, as in 0:100000:65536',
    );
  }
  return checkRange({ inside, outside, length }, quote(text));
}

/** The text to write to `/proc/PID/uid_map` or `gid_map`, in one write(2). */
export function formatIdMap(ranges: readonly IdMapRange[]): string {
  return ranges.map(({ inside, outside, length }) => `${inside} ${outside} ${length}\n`).join('');
}

/**
 * Reads `/proc/PID/uid_map` or `gid_map`, which the kernel checked when it was written.
 *
 * @throws {WarrenError} `ERR_IDMAP` for a text that is no such file.
 */
export function parseIdMapText(text: string): IdMapRange[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => parseIdMapRange(line.trim().split(/ +/).join(':')));
}

/** The id outside that an id inside stands for; undefined when it is not mapped. */
export function idToOutside(ranges: readonly IdMapRange[], id: number): number | undefined {
  const range = ranges.find(({ inside, length }) => id >= inside && id < inside + length);
  return range && range.outside + (id - range.inside);
}

/** The id inside that shows for an id outside; undefined when it is not mapped, and shows as 65534. */
export function idToInside(ranges: readonly IdMapRange[], id: number): number | undefined {
  const range = ranges.find(({ outside, length }) => id >= outside && id < outside + length);
  return range && range.inside + (id - range.outside);
}

function checkIdMap(ranges: readonly IdMapRange[]): void {
  if (ranges.length === 0)
    throw bad(
      'without ranges',
      'an empty map cannot be written',
      'give at least one range, as in 0:100000:65536',
    );
  if (ranges.length > maxRanges) {
    throw bad(
      `of ${ranges.length} ranges`,
      `the kernel takes at most ${maxRanges}`,
      'join neighbouring ranges',
    );
  }
  const bytes = formatIdMap(ranges).length;
  if (bytes > maxTextBytes) {
    throw bad(
      `of ${ranges.length} ranges`,
      `its text has ${bytes} bytes and the kernel takes ${maxTextBytes}`,
      'join neighbouring ranges',
    );
  }
  refuseOverlap(ranges, 'inside');
  refuseOverlap(ranges, 'outside');
}

/** In order, only neighbours can overlap. */
function refuseOverlap(ranges: readonly IdMapRange[], side: 'inside' | 'outside'): void {
  const sorted = ranges.toSorted((a, b) => a[side] - b[side]);
  for (const [index, range] of sorted.entries()) {
    const before = sorted[index - 1];
    if (before !== undefined && before[side] + before.length > range[side]) {
      throw bad(
        `with ${show(before)} and ${show(range)}`,
        `both hold the id ${range[side]} ${side} the namespace`,
        'make the ranges disjoint',
      );
    }
  }
}

function checkRange(range: IdMapRange, label: string): IdMapRange {
  const { inside, outside, length } = range;
  if (![inside, outside, length].every((id) => Number.isInteger(id) && id >= 0 && id <= idLimit)) {
    throw bad(label, 'it is not three whole numbers of at most 4294967295', undefined);
  }
  if (length === 0) throw bad(label, 'its length is 0', 'give a length of 1 or more');
  if (inside + length > idLimit || outside + length > idLimit) {
    throw bad(label, `it ends beyond the last id, ${idLimit - 1}`, 'make it shorter, or start it lower');
  }
  return range;
}

function strictId(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) && Number(text) <= idLimit ? Number(text) : undefined;
}

function show({ inside, outside, length }: IdMapRange): string {
  return `${inside}:${outside}:${length}`;
}

function bad(what: string, why: string, fix: string | undefined): Error {
  return invalid('ERR_IDMAP', `Cannot use the id map ${what}`, why, fix);
}
