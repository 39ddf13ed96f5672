import { writeSync } from 'node:fs';
import { STDOUT } from '../output.js';

/**
 * Standard output of a command that prints until it is interrupted, or until nobody reads it any more: `warren events |
 * head -1` ends.
 */
export class OutputStream {
  private readonly controller = new AbortController();
  private readonly signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

  constructor() {
    for (const signal of this.signals) process.on(signal, this.end);
  }

  /** Aborted when nothing more is to be printed. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  write(text: string): void {
    let rest = Buffer.from(text);
    while (rest.length > 0 && !this.signal.aborted) {
      try {
        rest = rest.subarray(writeSync(STDOUT, rest));
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EPIPE') this.end();
        else if (code !== 'EAGAIN') throw error;
        // Somebody made it non-blocking.
        else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      }
    }
  }

  close(): void {
    for (const signal of this.signals) process.off(signal, this.end);
  }

  private readonly end = (): void => this.controller.abort();
}
