import { isUtf8 } from 'node:buffer';
import { writeSync } from 'node:fs';
import type { LogEntry, ReadLogOptions } from '../containers/log/read.js';
import { STDERR, STDOUT } from './output.js';
import { formatTime } from './time.js';

export interface LogStyle {
  /** Each line begins with its time. */
  readonly timestamps: boolean;
  /** One JSON object a line, all on standard output. */
  readonly json: boolean;
}

export interface LogsRequest extends LogStyle {
  readonly follow: boolean;
  /** Nanoseconds since 1970, as `until`. */
  readonly since: bigint | undefined;
  readonly until: bigint | undefined;
  /** Undefined: all. */
  readonly tail: number | undefined;
}

/** What `warren logs` needs of a container. */
export interface LogSource {
  logs(options: Omit<ReadLogOptions, 'ended'>): AsyncIterable<LogEntry>;
}

/**
 * Prints a log until its end, or until nobody reads standard output any more.
 *
 * @param write For tests.
 */
export async function printLog(
  container: LogSource,
  { timestamps, json, ...selection }: LogsRequest,
  write?: WriteBytes,
): Promise<void> {
  const left = new AbortController();
  const printer = new LogPrinter({ timestamps, json }, () => left.abort(), write);
  for await (const entry of container.logs({ ...selection, signal: left.signal })) printer.print(entry);
  printer.flush();
  printer.check();
}

/** Writes to a descriptor, all of it. @returns False when nobody reads it. */
type WriteBytes = (fd: number, data: Buffer) => boolean;

/** Bytes that are written at once. */
const BATCH = 64 * 1024;

/**
 * Prints the lines of a log to the standard streams they came from, byte for byte, notes to standard error.
 *
 * What comes at once is written at once: a system call for each of a million lines would take longer than all the rest.
 */
export class LogPrinter {
  private pending: Buffer[] = [];
  private pendingLength = 0;
  private pendingFd = STDOUT;
  private scheduled = false;
  private failure: Error | undefined;
  private readonly lineBegun = new Map<LogEntry['stream'], boolean>();

  /**
   * @param readerLeft Called when nobody reads standard output any more, so that nothing more need be printed.
   */
  constructor(
    private readonly style: LogStyle,
    private readonly readerLeft: () => void,
    private readonly write: WriteBytes = writeBytes,
  ) {}

  print(entry: LogEntry): void {
    if (this.style.json) this.put(STDOUT, Buffer.from(`${jsonLine(entry)}\n`));
    else if (entry.stream === 'note')
      this.put(STDERR, Buffer.from(`warren: note: ${entry.data.toString()}\n`));
    else {
      const fd = entry.stream === 'stdout' ? STDOUT : STDERR;
      // Not within a line that was split for its length.
      if (this.style.timestamps && this.lineBegun.get(entry.stream) !== true)
        this.put(fd, Buffer.from(`${formatTime(entry.time)} `));
      this.put(fd, entry.data);
      this.lineBegun.set(entry.stream, entry.data.at(-1) !== 0x0a);
    }
  }

  /** Writes what is still to be written. */
  flush(): void {
    const { pending, pendingFd } = this;
    this.pending = [];
    this.pendingLength = 0;
    if (pending.length > 0 && !this.write(pendingFd, Buffer.concat(pending)) && pendingFd === STDOUT)
      this.readerLeft();
  }

  /** @throws What a write met that nobody waited for: a full disk. */
  check(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  private put(fd: number, data: Buffer): void {
    if (fd !== this.pendingFd) this.flush();
    this.pendingFd = fd;
    this.pending.push(data);
    this.pendingLength += data.length;
    if (this.pendingLength >= BATCH) this.flush();
    else if (!this.scheduled) {
      this.scheduled = true;
      setImmediate(this.flushLater);
    }
  }

  private readonly flushLater = (): void => {
    this.scheduled = false;
    try {
      this.flush();
    } catch (error) {
      this.failure = error as Error;
      this.readerLeft();
    }
  };
}

/** `text`, or `base64` where it is not UTF-8; without the newline, `partial` where there was none. */
function jsonLine({ time, stream, data }: LogEntry): string {
  const ended = data.at(-1) === 0x0a;
  const line = ended ? data.subarray(0, -1) : data;
  return JSON.stringify({
    time: formatTime(time),
    stream,
    ...(isUtf8(line) ? { text: line.toString() } : { base64: line.toString('base64') }),
    ...(ended || stream === 'note' ? {} : { partial: true }),
  });
}

/** Waits for a descriptor that somebody made non-blocking. */
function writeBytes(fd: number, data: Buffer): boolean {
  let rest = data;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A socket whose reader left data unread is reset; Node's own spawn() gives its children sockets for pipes.
      if (code === 'EPIPE' || code === 'ECONNRESET') return false;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
  return true;
}
