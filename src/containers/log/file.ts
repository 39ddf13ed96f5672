import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { WarrenError, quote, type ErrorKind } from '../../errors.js';
import { decodeFrames, decodeFramesBefore, FRAME_OVERHEAD, MAX_FRAME_DATA, type LogFrame } from './frame.js';

/** Bytes read at once, and so about what a reader holds; the greatest frame fits. */
const CHUNK = 2 * (MAX_FRAME_DATA + FRAME_OVERHEAD);

export interface FrameBatch {
  /** In the order of reading. */
  readonly frames: readonly LogFrame[];
  /** Where the next read begins. */
  readonly position: number;
  /** Why there are no frames: nothing is left, a frame's end is missing, or there is something else. */
  readonly stop: 'end' | 'torn' | 'damaged' | undefined;
}

/** One file of a log. It is the same file wherever it is renamed to, and can be read after it was removed. */
export class LogFile {
  private constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
    readonly inode: bigint,
    /** Nanoseconds since 1970, 0 where the file system does not tell: the inode of a removed file is soon used again. */
    readonly birth: bigint,
  ) {}

  /**
   * @returns Undefined where there is no such file.
   * @throws {WarrenError} `ERR_LOG_READ`.
   */
  static async open(path: string): Promise<LogFile | undefined> {
    let handle: FileHandle;
    try {
      handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw logError(path, error);
    }
    try {
      const { ino, birthtimeNs } = await handle.stat({ bigint: true });
      return new LogFile(path, handle, ino, birthtimeNs);
    } catch (error) {
      await handle.close();
      throw logError(path, error);
    }
  }

  async size(): Promise<number> {
    return (await this.handle.stat()).size;
  }

  /** Whether it has no name any more. */
  async isRemoved(): Promise<boolean> {
    return (await this.handle.stat()).nlink === 0;
  }

  /** Nanoseconds since 1970. */
  async lastWritten(): Promise<bigint> {
    return (await this.handle.stat({ bigint: true })).mtimeNs;
  }

  /** The frames that begin at a position, and end at `limit` or before; some of them. */
  async read(position: number, limit = Infinity): Promise<FrameBatch> {
    const bytes = await this.bytes(position, Math.min(limit, await this.size()));
    const { frames, offset, damaged } = decodeFrames(bytes);
    const stop = damaged ? 'damaged' : bytes.length === 0 ? 'end' : 'torn';
    return { frames, position: position + offset, stop: frames.length === 0 ? stop : undefined };
  }

  /** The frames before a position that is a frame's end, the last one first; some of them. */
  async readBefore(position: number): Promise<FrameBatch> {
    const start = Math.max(0, position - CHUNK);
    const { frames, offset } = decodeFramesBefore(await this.bytes(start, position));
    // The chunk holds any frame whole, so one that seems to begin before it is none.
    const stop = position === 0 ? 'end' : 'damaged';
    return { frames, position: start + offset, stop: frames.length === 0 ? stop : undefined };
  }

  /**
   * The end of the last whole frame. Usually the file's end, and one look there tells.
   *
   * @param thorough Find it from the file's start, where damage cannot deceive.
   */
  async framesEnd(thorough = false): Promise<number> {
    const size = await this.size();
    if (!thorough && (await this.readBefore(size)).stop !== 'damaged') return size;
    let position = 0;
    for (;;) {
      const batch = await this.read(position, size);
      if (batch.stop !== undefined) return position;
      ({ position } = batch);
    }
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  private async bytes(start: number, end: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(CHUNK, end - start)));
    try {
      const { bytesRead } = await this.handle.read(buffer, 0, buffer.length, start);
      return buffer.subarray(0, bytesRead);
    } catch (error) {
      throw logError(this.path, error);
    }
  }
}

/** What the kernel refused, while a log was opened, read or watched. */
export function logError(path: string, cause: unknown): WarrenError {
  const { code = '', syscall, message } = cause as NodeJS.ErrnoException;
  return new WarrenError('ERR_LOG_READ', `Cannot read the log ${quote(path)}`, {
    kind: kinds[code] ?? 'kernel',
    why: message,
    fix: syscall === 'watch' ? watchFixes[code] : undefined,
    syscall,
    errno: code,
    cause,
  });
}

export function noLog(directory: string): WarrenError {
  return new WarrenError('ERR_LOG_READ', `Cannot read the log in ${quote(directory)}`, {
    kind: 'not-found',
    why: 'there is no such directory',
  });
}

const kinds: Readonly<Record<string, ErrorKind>> = {
  ENOENT: 'not-found',
  EACCES: 'permission-denied',
  EMFILE: 'resource-exhausted',
  ENFILE: 'resource-exhausted',
  ENOSPC: 'resource-exhausted',
};

/** inotify(7) */
const watchFixes: Readonly<Record<string, string>> = {
  EMFILE: 'raise the limit, for example: sysctl -w fs.inotify.max_user_instances=1024',
  ENOSPC: 'raise the limit, for example: sysctl -w fs.inotify.max_user_watches=524288',
};
