/** Before a monitor appends to a log: what a crash left of a last frame is cut off. */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { FRAME_OVERHEAD, MAX_FRAME_DATA, decodeFrame } from './frame.js';

const windowBytes = 1024 * 1024;

/** Without effect on a log that ends with a whole frame, which is seen from its end alone. */
export function repairLog(directory: string): void {
  let fd: number;
  try {
    fd = openSync(join(directory, 'log'), 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    const { size } = fstatSync(fd);
    if (size === 0 || endsWithFrame(fd, size)) return;
    ftruncateSync(fd, soundLength(fd, size));
  } finally {
    closeSync(fd);
  }
}

function endsWithFrame(fd: number, size: number): boolean {
  const trailer = readAt(fd, size - 4, 4);
  const start = trailer.length < 4 ? -1 : size - FRAME_OVERHEAD - trailer.readUInt32LE(0);
  if (start < 0 || size - start > FRAME_OVERHEAD + MAX_FRAME_DATA) return false;
  const frame = decodeFrame(readAt(fd, start, size - start), 0);
  return frame.kind === 'frame' && frame.end === size - start;
}

function soundLength(fd: number, size: number): number {
  let sound = 0;
  while (sound < size) {
    const bytes = readAt(fd, sound, Math.min(windowBytes, size - sound));
    let at = 0;
    for (;;) {
      const frame = decodeFrame(bytes, at);
      if (frame.kind !== 'frame') break;
      at = frame.end;
    }
    if (at === 0) break;
    sound += at;
  }
  return sound;
}

function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(Math.max(0, length));
  if (position < 0) return bytes.subarray(0, 0);
  return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, position));
}
