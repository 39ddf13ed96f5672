import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LogFile, logError } from './file.js';

interface Entry {
  readonly index: number;
  readonly inode: bigint;
}

/** A file may outrun a look at all of them; not always. One that is not found so often was moved away by somebody. */
const MOST_TRIES = 10;

/**
 * A log's files: `log`, then log.1, log.2, … the older the higher.
 *
 * The monitor renames them while they are looked at, so a name says little: a file is known by its inode (which nothing
 * else gets as long as it is open), and its neighbour is believed only if neither has moved meanwhile.
 *
 * Looking is done without waiting: a handful of lstat(2) costs less than one trip to the thread pool, and moves less.
 */
export class LogFiles {
  /** Where a file was when it was opened. */
  private readonly lastSeen = new WeakMap<LogFile, number>();

  constructor(private readonly directory: string) {}

  /** Whether the directory is still there. */
  exist(): boolean {
    return lstatSync(this.directory, { throwIfNoEntry: false }) !== undefined;
  }

  async newest(): Promise<LogFile | undefined> {
    for (;;) {
      const index = this.inodeAt(0) === undefined ? this.scan()[0]?.index : 0;
      if (index === undefined) return undefined;
      const file = await this.open(index);
      if (file !== undefined) return file;
    }
  }

  async oldest(): Promise<LogFile | undefined> {
    let oldest = await this.newest();
    for (let file = oldest; file !== undefined;) {
      file = await this.older(file);
      if (file === undefined) break;
      await oldest?.close();
      oldest = file;
    }
    return oldest;
  }

  /** @returns Undefined where it was rotated away. */
  async find(inode: bigint, birth: bigint): Promise<LogFile | undefined> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const entry = this.scan().find((each) => each.inode === inode);
      const file = entry && (await this.open(entry.index));
      if (file?.inode === inode && file.birth === birth) return file;
      await file?.close();
      if (file?.inode === inode) return undefined;
    }
    return undefined;
  }

  /** The file before a file; undefined where it is the oldest there is. */
  async older(file: LogFile): Promise<LogFile | undefined> {
    const found = await this.neighbour(file, 1);
    return found === 'gone' ? undefined : found;
  }

  /**
   * The file after a file: from then on nothing is appended to that one any more. Undefined where it is the newest;
   * `gone` where it is not among the files any more, so that nobody knows what came between.
   */
  async newer(file: LogFile): Promise<LogFile | 'gone' | undefined> {
    if (this.inodeAt(0) === file.inode) return undefined;
    return this.neighbour(file, -1);
  }

  private async neighbour(file: LogFile, direction: 1 | -1): Promise<LogFile | 'gone' | undefined> {
    // Ends: every further round is a rotation, and moves the file nearer to its removal.
    for (;;) {
      const index = await this.locate(file);
      if (index === undefined) return 'gone';
      const beside = this.besides(index, direction);
      const found = beside === undefined ? undefined : await this.open(beside);
      // A rotation moves the higher ones first. With the file in its place, and nothing between, they are neighbours.
      const same = this.inodeAt(index) === file.inode && this.besides(index, direction) === beside;
      if (same && (found !== undefined || beside === undefined)) return found;
      await found?.close();
    }
  }

  /** The nearest index of a file in a direction. While files are renamed, one number is free. */
  private besides(index: number, direction: 1 | -1): number | undefined {
    for (const step of [1, 2]) {
      const beside = index + direction * step;
      if (beside >= 0 && this.inodeAt(beside) !== undefined) return beside;
    }
    // More of them are, where somebody has removed some.
    const indexes = this.scan().map((entry) => entry.index);
    return direction === 1 ? indexes.find((each) => each > index) : indexes.findLast((each) => each < index);
  }

  /** @returns Undefined where it is there no more. */
  private async locate(file: LogFile): Promise<number | undefined> {
    const seen = this.lastSeen.get(file);
    if (seen !== undefined && this.inodeAt(seen) === file.inode) return seen;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const index = this.scan().find(({ inode }) => inode === file.inode)?.index;
      if (index !== undefined) {
        this.lastSeen.set(file, index);
        return index;
      }
      if (await file.isRemoved()) return undefined;
    }
    return undefined;
  }

  private async open(index: number): Promise<LogFile | undefined> {
    const file = await LogFile.open(this.path(index));
    if (file !== undefined) this.lastSeen.set(file, index);
    return file;
  }

  /** What is there, the newest first. Upwards, as the files move, so that none is missed; of one seen twice the last counts. */
  private scan(): readonly Entry[] {
    const found = new Map<bigint, Entry>();
    for (const index of this.indexes()) {
      const inode = this.inodeAt(index);
      if (inode === undefined) continue;
      found.delete(inode);
      found.set(inode, { index, inode });
    }
    return [...found.values()];
  }

  /** Also the ones above each: readdir(3) may miss what is renamed at that moment. */
  private indexes(): readonly number[] {
    const indexes = new Set([0]);
    for (const name of this.names()) {
      const [, number = '0'] = /^log(?:\.([1-9]\d{0,5}))?$/.exec(name) ?? [];
      for (const step of [0, 1, 2]) indexes.add(Number(number) + step);
    }
    return [...indexes].sort((a, b) => a - b);
  }

  private names(): readonly string[] {
    try {
      return readdirSync(this.directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw logError(this.directory, error);
    }
  }

  private inodeAt(index: number): bigint | undefined {
    const stat = lstatSync(this.path(index), { bigint: true, throwIfNoEntry: false });
    return stat?.isFile() === true ? stat.ino : undefined;
  }

  private path(index: number): string {
    return join(this.directory, index === 0 ? 'log' : `log.${index}`);
  }
}
