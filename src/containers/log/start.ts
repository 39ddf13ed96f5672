import type { LogFile } from './file.js';
import type { LogFiles } from './files.js';

/** Where reading begins. */
export interface LogStart {
  /** Open, the oldest first, each following the one before. Whoever gets them closes them. */
  readonly files: readonly LogFile[];
  /** In the first of them. */
  readonly position: number;
  /** In the last of them: where reading ends that does not follow. */
  readonly limit: number;
  /** Entries from there on that are not wanted. */
  readonly skip: number;
  /** The place that was asked for is not there any more; this one comes after it. */
  readonly lost: boolean;
}

/** A place in a log, between two frames. It stays the same place when files are rotated. */
export interface LogPosition {
  /** Undefined: before the first frame of a log that has no file yet. */
  readonly file: { readonly inode: bigint; readonly birth: bigint } | undefined;
  readonly offset: number;
}

export const nowhere: LogStart = { files: [], position: 0, limit: 0, skip: 0, lost: false };

/** All there is. The files are opened at once: what is rotated away while a slow reader reads is still read. */
export async function startOfAll(files: LogFiles): Promise<LogStart> {
  const newest = await files.newest();
  if (newest === undefined) return nowhere;
  const opened = [newest];
  try {
    for (let file = await files.older(newest); file !== undefined; file = await files.older(file))
      opened.unshift(file);
    return { files: opened, position: 0, limit: await newest.size(), skip: 0, lost: false };
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

export async function startAt(files: LogFiles, { file, offset }: LogPosition): Promise<LogStart> {
  if (file === undefined) return startOfAll(files);
  const first = await files.find(file.inode, file.birth);
  if (first === undefined) return { ...(await startOfAll(files)), lost: true };
  const opened = [first];
  try {
    let last = first;
    for (;;) {
      const next = await files.newer(last);
      // It was rotated away under us: what comes after it is the follower's to find out.
      if (next === undefined || next === 'gone') break;
      opened.push((last = next));
    }
    return { files: opened, position: offset, limit: await last.size(), skip: 0, lost: false };
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

/** The present end of a log. */
export async function endOf(files: LogFiles): Promise<LogPosition> {
  const newest = await files.newest();
  if (newest === undefined) return { file: undefined, offset: 0 };
  try {
    const { inode, birth } = newest;
    return { file: { inode, birth }, offset: await newest.framesEnd() };
  } finally {
    await newest.close();
  }
}

export async function closeAll(files: readonly LogFile[]): Promise<void> {
  for (const file of files) await file.close();
}
