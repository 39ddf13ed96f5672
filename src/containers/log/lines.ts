import type { LogFrame, LogStream } from './frame.js';

/** A line of one stream, with the newline that ends it; or a note by the monitor or by the reader. */
export interface LogEntry {
  /** Nanoseconds since 1970: when the line's last part was read from the container. */
  readonly time: bigint;
  readonly stream: LogStream;
  /** Without a newline: the last line of a stream, or a part of one that is too long. A note has none. */
  readonly data: Buffer;
}

/** Bytes of a line, its newline not counted, after which it is split. */
export const MAX_LINE = 1024 * 1024;
const NEWLINE = 0x0a;

/** Joins frames to lines, each stream apart. Holds an unfinished line of each stream, and nothing else. */
export class LineJoiner {
  private readonly unfinished = { stdout: new Unfinished(), stderr: new Unfinished() };

  /** @returns The entries that the frame completes. */
  push(frame: LogFrame): LogEntry[] {
    const { time, stream, data } = frame;
    if (stream === 'note') return [frame];
    const line = this.unfinished[stream];
    if (data.length === 0) return line.length > 0 ? [{ time: line.time, stream, data: line.take() }] : [];
    const entries: LogEntry[] = [];
    for (let offset = 0; offset < data.length;) {
      const newline = data.indexOf(NEWLINE, offset);
      const room = offset + MAX_LINE - line.length;
      // With the newline that just fits behind a full line.
      const whole = newline >= 0 && newline <= room;
      const end = whole ? newline + 1 : Math.min(data.length, room);
      const part = data.subarray(offset, end);
      if (whole || end < data.length) entries.push({ time, stream, data: line.take(part) });
      else line.append(part, time);
      offset = end;
    }
    return entries;
  }

  /** What is left at the end: at most one unfinished line of each stream, the older first. */
  flush(): LogEntry[] {
    const entries: LogEntry[] = [];
    for (const stream of ['stdout', 'stderr'] as const) {
      const line = this.unfinished[stream];
      if (line.length > 0) entries.push({ time: line.time, stream, data: line.take() });
    }
    return entries.sort((a, b) => Number(a.time - b.time));
  }
}

/** Copies what it is given: a view would keep alive the whole chunk that a few bytes were read with. */
class Unfinished {
  length = 0;
  time = 0n;
  private buffer: Buffer = Buffer.alloc(0);

  append(part: Buffer, time: bigint): void {
    const length = this.length + part.length;
    if (length > this.buffer.length) {
      const grown = Buffer.allocUnsafe(Math.min(2 * length, MAX_LINE));
      this.buffer.copy(grown, 0, 0, this.length);
      this.buffer = grown;
    }
    part.copy(this.buffer, this.length);
    this.length = length;
    this.time = time;
  }

  /** The line so far and its last part; begins anew. */
  take(part: Buffer = Buffer.alloc(0)): Buffer {
    const line = this.length === 0 ? part : Buffer.concat([this.buffer.subarray(0, this.length), part]);
    this.length = 0;
    this.buffer = Buffer.alloc(0);
    return line;
  }
}
