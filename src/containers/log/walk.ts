import { Changes, type ChangesOptions } from './changes.js';
import { noLog, type LogFile } from './file.js';
import { LogFiles } from './files.js';
import type { LogFrame } from './frame.js';
import { closeAll, type LogStart } from './start.js';

export interface WalkOptions extends ChangesOptions {
  /** Go on with what is written from now on. Default false. */
  readonly follow?: boolean | undefined;
}

/**
 * Yields the frames from a start on, some at a time; without `follow` up to the start's limit, otherwise until the
 * container has ended and all is read, the directory is gone, or the reader is called off.
 *
 * Goes over rotation by inode: a file is left for the next one only after that one was seen, when nothing can be appended
 * to it any more, and then was read once more to its end. Where a file could not be read on, a note says so.
 */
export async function* walk(
  directory: string,
  begin: (files: LogFiles) => Promise<LogStart>,
  options: WalkOptions,
): AsyncGenerator<readonly LogFrame[], void, undefined> {
  const files = new LogFiles(directory);
  if (!files.exist()) throw noLog(directory);
  // Before anything is read, so that no change after that is missed.
  const changes = options.follow === true ? new Changes(directory, options) : undefined;
  try {
    const walker = new Walker(files, await begin(files), changes);
    try {
      yield* walker.run();
    } finally {
      await walker.close();
    }
  } finally {
    changes?.close();
  }
}

const MISSING = 'the log was rotated faster than it was read: lines may be missing here';

class Walker {
  /** Files that are known to follow. */
  private readonly ahead: LogFile[];
  private current: LogFile | undefined;
  private position: number;
  /** The one after `current`, which is therefore complete. */
  private next: LogFile | undefined;
  /** Whether something may have been between `current` and `next`. */
  private gap = false;
  /** The place of damage that was already told of. */
  private toldOf = -1;

  constructor(
    private readonly files: LogFiles,
    private readonly start: LogStart,
    private readonly changes: Changes | undefined,
  ) {
    this.ahead = [...start.files];
    this.current = this.ahead.shift();
    this.position = start.position;
  }

  async *run(): AsyncGenerator<readonly LogFrame[], void, undefined> {
    const { changes } = this;
    if (this.start.lost && this.current !== undefined) yield [await note(this.current, MISSING)];
    for (;;) {
      // All before reading: what happens from here on is seen by the next round.
      changes?.forget();
      const ended = changes === undefined || changes.ended || !this.files.exist();
      const stop = yield* this.readOn();
      if (changes?.cancelled === true) return;
      if (this.current !== undefined) {
        if (this.next === undefined) {
          if (await this.lookAhead()) continue;
        } else {
          if (stop !== 'end') yield* this.damage(this.current);
          if (this.gap) yield [await note(this.current, MISSING)];
          await this.goOn(this.current, this.next);
          continue;
        }
        if (stop === 'damaged') yield* this.damage(this.current);
      }
      if (ended) return;
      await changes.next();
    }
  }

  async close(): Promise<void> {
    await closeAll([this.current, this.next, ...this.ahead].filter((file) => file !== undefined));
  }

  /** Reads the current file to its end. */
  private async *readOn(): AsyncGenerator<readonly LogFrame[], 'end' | 'torn' | 'damaged', undefined> {
    if (this.current === undefined && this.changes !== undefined) this.current = await this.files.oldest();
    const { current } = this;
    if (current === undefined) return 'end';
    const isLast = this.next === undefined && this.ahead.length === 0;
    const limit = this.changes === undefined && isLast ? this.start.limit : Infinity;
    if (this.position > (await current.size())) {
      yield [await note(current, 'the log was cut short by somebody')];
      this.position = 0;
    }
    while (this.changes?.cancelled !== true) {
      const batch = await current.read(this.position, limit);
      if (batch.stop !== undefined) return batch.stop;
      this.position = batch.position;
      yield batch.frames;
    }
    return 'end';
  }

  /** @returns Whether there is a next file. */
  private async lookAhead(): Promise<boolean> {
    this.next = this.ahead.shift();
    if (this.next === undefined && this.changes !== undefined && this.current !== undefined) {
      const newer = await this.files.newer(this.current);
      this.gap = newer === 'gone';
      this.next = newer === 'gone' ? await this.files.oldest() : newer;
    }
    return this.next !== undefined;
  }

  private async goOn(from: LogFile, to: LogFile): Promise<void> {
    this.current = to;
    this.next = undefined;
    this.position = 0;
    this.toldOf = -1;
    this.gap = false;
    await from.close();
  }

  private async *damage(file: LogFile): AsyncGenerator<readonly LogFrame[], void, undefined> {
    if (this.toldOf === this.position) return;
    this.toldOf = this.position;
    yield [
      await note(file, `the log is damaged: ${(await file.size()) - this.position} bytes cannot be read`),
    ];
  }
}

/** A note of the reader's, with the time of the file's last change. */
async function note(file: LogFile, text: string): Promise<LogFrame> {
  return { time: await file.lastWritten(), stream: 'note', data: Buffer.from(text) };
}
