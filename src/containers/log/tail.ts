import type { LogFile } from './file.js';
import type { LogFiles } from './files.js';
import { FRAME_OVERHEAD, type LogFrame } from './frame.js';
import { LineJoiner, type LogEntry } from './lines.js';
import { closeAll, nowhere, type LogStart } from './start.js';

export interface TailOptions {
  readonly count: number;
  /** Whether a last line without newline is an entry; a follower waits for the rest of it. */
  readonly unfinished: boolean;
  /** Whether entries of that time are wanted. */
  readonly selects: (time: bigint) => boolean;
}

/**
 * Bytes of the log in which the beginning of a line is looked for that is known to be wanted. A line whose parts lie further
 * apart begins with the later one. Without a bound, the one line that a program wrote to stderr would make us read all
 * of its stdout.
 */
const LOOK_BACK = 1024 * 1024;

/**
 * Where the last `count` entries begin, reading no more of the log than that takes: first backwards, counting ends of
 * lines, then forwards from there, counting the entries that really come of it (a long line is several), the surplus of
 * which is to be skipped. Nothing is kept but numbers, so `count` may be great.
 */
export async function startOfTail(files: LogFiles, options: TailOptions): Promise<LogStart> {
  const newest = await files.newest();
  if (newest === undefined) return nowhere;
  const opened = [newest];
  try {
    const { limit, position } = await searchBack(files, opened, options);
    const skip = await surplus({ files: opened, position, limit }, options);
    return { files: opened, position, limit, skip, lost: false };
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

/** Opens older files as it needs them. */
async function searchBack(
  files: LogFiles,
  opened: LogFile[],
  options: TailOptions,
): Promise<Pick<LogStart, 'limit' | 'position'>> {
  let limit: number | undefined;
  let search = new Search(options);
  for (let file = opened[0]; file !== undefined; file = await files.older(file)) {
    if (opened[0] !== file) opened.unshift(file);
    let end = await file.framesEnd();
    let found = await searchFile(file, end, search.copy());
    if (found === undefined) {
      // Bytes at its end looked like frames and led to some that are none: only from its start can be told what they are.
      end = await file.framesEnd(true);
      found = await searchFile(file, end, search.copy());
    }
    limit ??= end;
    // Undefined: somebody cuts the file while we look.
    if (found === undefined) break;
    if (found.search.isDone()) return { limit, position: found.position };
    ({ search } = found);
  }
  return { limit: limit ?? 0, position: 0 };
}

/** @returns Undefined where there is damage before `end`. */
async function searchFile(
  file: LogFile,
  end: number,
  search: Search,
): Promise<{ search: Search; position: number } | undefined> {
  for (let position = end; ;) {
    if (search.isDone()) return { search, position };
    const batch = await file.readBefore(position);
    if (batch.stop === 'damaged') return undefined;
    if (batch.stop === 'end') return { search, position };
    for (const frame of batch.frames) {
      search.visit(frame);
      position -= FRAME_OVERHEAD + frame.data.length;
      if (search.isDone()) break;
    }
  }
}

/** What stands behind the frame that is looked at, in its stream; whether the beginning of a line is to be found. */
interface StreamState {
  at: 'log end' | 'stream end' | 'amid';
  wantsStart: boolean;
}

/** Whether what is further back decides about an entry that may be wanted. */
function isOpen({ at, wantsStart }: StreamState): boolean {
  return wantsStart || at === 'stream end';
}

/** Counts the ends of entries backwards, and knows of which the beginning is still to be found. */
class Search {
  private found = 0;
  private lookedBack = 0;
  private readonly streams: Record<'stdout' | 'stderr', StreamState> = {
    stdout: { at: 'log end', wantsStart: false },
    stderr: { at: 'log end', wantsStart: false },
  };

  constructor(private readonly options: TailOptions) {}

  copy(): Search {
    const copy = new Search(this.options);
    copy.found = this.found;
    copy.lookedBack = this.lookedBack;
    Object.assign(copy.streams.stdout, this.streams.stdout);
    Object.assign(copy.streams.stderr, this.streams.stderr);
    return copy;
  }

  isDone(): boolean {
    if (this.found < this.options.count) return false;
    const { stdout, stderr } = this.streams;
    return !(isOpen(stdout) || isOpen(stderr)) || this.lookedBack > LOOK_BACK;
  }

  visit({ stream, time, data }: LogFrame): void {
    if (this.found >= this.options.count) this.lookedBack += FRAME_OVERHEAD + data.length;
    const selected = this.options.selects(time);
    if (stream === 'note') {
      if (selected) this.found++;
      return;
    }
    const state = this.streams[stream];
    if (data.length === 0) {
      // It is an entry's end if the data before it has no newline.
      state.at = this.found < this.options.count ? 'stream end' : 'amid';
      state.wantsStart = false;
      return;
    }
    const lineEnd = (): void => {
      state.wantsStart = selected && (this.found < this.options.count || state.at === 'stream end');
      if (state.wantsStart) this.found++;
    };
    let newline = data.lastIndexOf(0x0a);
    if (state.at !== 'amid' && newline !== data.length - 1) {
      // A follower does not count it, and shows all of it when it is finished.
      if (state.at === 'log end' && !this.options.unfinished) state.wantsStart = true;
      else lineEnd();
    }
    state.at = 'amid';
    while (newline >= 0) {
      lineEnd();
      newline = newline === 0 ? -1 : data.lastIndexOf(0x0a, newline - 1);
    }
  }
}

/** How many wanted entries more than `count` there are from a start to its limit. */
async function surplus(
  start: Pick<LogStart, 'files' | 'position' | 'limit'>,
  options: TailOptions,
): Promise<number> {
  const joiner = new LineJoiner();
  let entries = 0;
  const count = (some: readonly LogEntry[]): void => {
    for (const { time } of some) if (options.selects(time)) entries++;
  };
  let { position } = start;
  for (const [index, file] of start.files.entries()) {
    const isLast = index === start.files.length - 1;
    let batch = await file.read(position, isLast ? start.limit : Infinity);
    while (batch.stop === undefined) {
      for (const frame of batch.frames) count(joiner.push(frame));
      batch = await file.read(batch.position, isLast ? start.limit : Infinity);
    }
    // The reader will make a note of it.
    const noted = batch.stop === 'damaged' || (batch.stop === 'torn' && !isLast);
    if (noted && options.selects(await file.lastWritten())) entries++;
    position = 0;
  }
  if (options.unfinished) count(joiner.flush());
  return Math.max(0, entries - options.count);
}
