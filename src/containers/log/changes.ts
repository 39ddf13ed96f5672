import { watch, type FSWatcher } from 'node:fs';
import { logError } from './file.js';

export interface ChangesOptions {
  /** Resolves when nothing more will be written. */
  readonly ended?: Promise<void> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Wakes a reader when something in a directory changes, the container ends, or the reader is called off. No wake-up is
 * lost: what happened after the last `forget()` lets `next()` return at once.
 *
 * @see inotify(7)
 */
export class Changes {
  ended = false;
  private changed = false;
  private failure: Error | undefined;
  private wake: (() => void) | undefined;
  private readonly watcher: FSWatcher;

  /** @throws {WarrenError} `ERR_LOG_READ`. */
  constructor(
    directory: string,
    private readonly options: ChangesOptions,
  ) {
    const fail = (error: unknown): void => {
      this.failure = logError(directory, error);
      this.notify();
    };
    try {
      this.watcher = watch(directory, this.notify);
    } catch (error) {
      throw logError(directory, error);
    }
    this.watcher.on('error', fail);
    const end = (): void => {
      this.ended = true;
      this.notify();
    };
    options.ended?.then(end, end);
    options.signal?.addEventListener('abort', this.notify);
  }

  get cancelled(): boolean {
    return this.options.signal?.aborted ?? false;
  }

  forget(): void {
    this.changed = false;
  }

  async next(): Promise<void> {
    while (!this.changed) await new Promise<void>((resolve) => (this.wake = resolve));
    if (this.failure !== undefined) throw this.failure;
  }

  close(): void {
    this.watcher.close();
    this.options.signal?.removeEventListener('abort', this.notify);
  }

  private readonly notify = (): void => {
    this.changed = true;
    this.wake?.();
  };
}
