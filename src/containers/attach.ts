/**
 * To be with a container: its output as it comes, its input, its terminal's size. Any number of processes may be, at once.
 *
 * Output is followed in the log, input and size go to the monitor: so nobody's slowness is felt by the container, nor by
 * the others who are attached.
 */
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MonitorConnection } from './connection.js';
import { mostInput } from './connection.js';
import { readLogFrames, type LogFrame, type LogPosition } from './log/read.js';

export interface AttachOptions {
  /** Where the output begins. Default `end`: with what comes from now on. */
  readonly from?: 'start' | 'end' | LogPosition;
}

/** What `DetachedContainer.attach()` returns. Close it, or it keeps Node's event loop alive until the container ends. */
export class Attachment {
  /** The container's standard input, or its terminal's. Ending it closes the input, where the container was made with `openStdin`. */
  readonly stdin: Writable;
  /** What the container writes, in pieces as it wrote them; ends when it has ended or the attachment is closed. */
  readonly output: AsyncGenerator<LogFrame, void, undefined>;
  /** undefined: it has ended. */
  readonly #connection: MonitorConnection | undefined;
  readonly #closing = new AbortController();

  constructor(directory: string, connection: MonitorConnection | undefined, { from = 'end' }: AttachOptions) {
    this.#connection = connection;
    this.stdin = new InputStream(connection);
    this.output = readLogFrames(directory, {
      from,
      follow: true,
      ended: connection?.ended.then(() => undefined) ?? Promise.resolve(),
      signal: this.#closing.signal,
    });
  }

  /** Of its terminal. */
  resize(rows: number, columns: number): void {
    this.#connection?.resize(rows, columns);
  }

  /** Settles when the container has ended, and no restart policy starts it again. False where it lives on, and only we left. */
  async ended(): Promise<boolean> {
    await this.#connection?.ended;
    return !this.#closing.signal.aborted;
  }

  /** Leaves it as it is. */
  close(): void {
    this.#closing.abort();
    // A reader that has stopped in the middle would keep the log open.
    this.output.return().catch(() => undefined);
    this.stdin.destroy();
    this.#connection?.close();
  }
}

const FULL_PAUSE_MS = 5;

class InputStream extends Writable {
  readonly #connection: MonitorConnection | undefined;

  constructor(connection: MonitorConnection | undefined) {
    super();
    this.#connection = connection;
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send(chunk).then(() => {
      done();
    }, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#sendEnd().then(() => {
      done();
    }, done);
  }

  async #sendEnd(): Promise<void> {
    const connection = this.#connection;
    while (connection && !connection.closed && !connection.endInput()) await sleep(FULL_PAUSE_MS);
  }

  /** A container that does not read makes its writer wait, and nobody else. */
  async #send(chunk: Buffer): Promise<void> {
    const connection = this.#connection;
    if (!connection) return;
    for (let start = 0; start < chunk.length; start += mostInput) {
      const piece = chunk.subarray(start, start + mostInput);
      while (!connection.closed && !connection.input(piece)) await sleep(FULL_PAUSE_MS);
    }
  }
}
