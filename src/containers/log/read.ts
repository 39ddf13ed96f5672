import { invalid } from '../../errors.js';
import { LogFiles } from './files.js';
import type { LogFrame } from './frame.js';
import { LineJoiner, type LogEntry } from './lines.js';
import { endOf, startAt, startOfAll, type LogPosition, type LogStart } from './start.js';
import { startOfTail } from './tail.js';
import { walk } from './walk.js';

export type { LogFrame, LogStream } from './frame.js';
export type { LogEntry } from './lines.js';
export type { LogPosition } from './start.js';

export interface ReadLogOptions {
  /** Nanoseconds since 1970; entries of that time are included. Default: from the first one. */
  readonly since?: bigint | undefined;
  /** Nanoseconds since 1970; entries of that time are included. Default: to the last one. */
  readonly until?: bigint | undefined;
  /**
   * How many entries at most, the last ones of those that `since` and `until` select; with `follow`, those that come
   * later are not counted. Default all.
   */
  readonly tail?: number | undefined;
  /** Go on with what is written from now on. Default false. */
  readonly follow?: boolean | undefined;
  /** With `follow`: resolves when nothing more will be written. Default: never. */
  readonly ended?: Promise<void> | undefined;
  /** Ends the iteration, without an error, when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

export interface ReadFramesOptions {
  /** Default `end`: only what is written from the first call of `next()` on. */
  readonly from?: 'start' | 'end' | LogPosition | undefined;
  readonly follow?: boolean | undefined;
  readonly ended?: Promise<void> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A container's output as lines, in the order in which they were completed; lines without newline come last.
 *
 * Nothing is kept for a reader that is slow: what it has not read stays in the files, which it holds open.
 *
 * The clock may be set back: every entry is judged by its own time, and none tells anything about those after it. So
 * `until` with `follow` does not end the iteration, and `since` reads all there is.
 *
 * @param directory The container's. Without a log in it there are no entries.
 * @throws {WarrenError} `ERR_LOG_OPTION`, `ERR_LOG_READ`, from the iteration.
 */
export async function* readLog(
  directory: string,
  options: ReadLogOptions = {},
): AsyncGenerator<LogEntry, void, undefined> {
  const { since = 0n, until, tail, follow = false, signal } = options;
  if (tail !== undefined && !(Number.isSafeInteger(tail) && tail >= 0))
    throw invalid('ERR_LOG_OPTION', `Cannot read the last ${tail} lines of a log`, 'it is no count of lines');
  const selects = (time: bigint): boolean => time >= since && (until === undefined || time <= until);
  let skip = 0;
  const begin = async (files: LogFiles): Promise<LogStart> => {
    const start =
      tail === undefined
        ? await startOfAll(files)
        : await startOfTail(files, { count: tail, unfinished: !follow, selects });
    ({ skip } = start);
    return start;
  };
  for await (const entries of joinLines(walk(directory, begin, options))) {
    for (const entry of entries) {
      if (signal?.aborted === true) return;
      if (!selects(entry.time)) continue;
      if (skip > 0) skip--;
      else yield entry;
    }
  }
}

async function* joinLines(
  batches: AsyncIterable<readonly LogFrame[]>,
): AsyncGenerator<readonly LogEntry[], void, undefined> {
  const joiner = new LineJoiner();
  for await (const frames of batches) for (const frame of frames) yield joiner.push(frame);
  yield joiner.flush();
}

/**
 * A container's output as it was read from it.
 *
 * @throws {WarrenError} `ERR_LOG_READ`, from the iteration.
 */
export async function* readLogFrames(
  directory: string,
  options: ReadFramesOptions = {},
): AsyncGenerator<LogFrame, void, undefined> {
  const { from = 'end', signal } = options;
  const begin = async (files: LogFiles): Promise<LogStart> =>
    from === 'start' ? startOfAll(files) : startAt(files, from === 'end' ? await endOf(files) : from);
  for await (const frames of walk(directory, begin, options)) {
    for (const frame of frames) {
      if (signal?.aborted === true) return;
      yield frame;
    }
  }
}

/**
 * The present end of a container's log, for `readLogFrames()` to begin at.
 *
 * @throws {WarrenError} `ERR_LOG_READ`.
 */
export async function logEnd(directory: string): Promise<LogPosition> {
  return endOf(new LogFiles(directory));
}
