import { Duplex } from 'node:stream';
import { ReadStream } from 'node:tty';
import { setWindowSize } from '../native/index.js';

/** The caller's side of a container's terminal. */
export interface ContainerTerminal {
  readonly readable: Duplex;
  readonly writable: Duplex;
  resize(rows: number, columns: number): void;
}

/** @param fd The master of the terminal; closed with the stream. */
export function openTerminal(fd: number): ContainerTerminal {
  const stream = new TerminalStream(fd);
  return {
    readable: stream,
    writable: stream,
    resize: (rows, columns) => {
      if (!stream.destroyed) setWindowSize(fd, rows, columns);
    },
  };
}

/** The master: a read gives EIO when the last process with the terminal open has ended, which is its end of file. */
class TerminalStream extends Duplex {
  readonly #tty: ReadStream;

  constructor(fd: number) {
    super({ allowHalfOpen: false });
    this.#tty = new ReadStream(fd);
    this.#tty.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) this.#tty.pause();
    });
    const end = (): void => {
      this.push(null);
    };
    this.#tty.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EIO') end();
      else this.destroy(error);
    });
    this.#tty.on('end', end);
    this.#tty.on('close', end);
  }

  override _read(): void {
    this.#tty.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#tty.write(chunk, () => {
      // A terminal that has gone away has no reader to miss the text.
      done();
    });
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#tty.destroy();
    done(error);
  }
}
