/** One `wire` at a time in a network namespace: the next free address, and a bridge that is taken back, are everybody's. */
import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { WarrenError } from '../../errors.js';
import { flock, LOCK_EX, LOCK_NB } from '../../native/index.js';

/** What is done under the lock takes a second on a machine of many namespaces. */
const PATIENCE_MS = 30_000;

/**
 * Until the body has ended, others wait. The lock is on the namespace itself: it leaves no file, and goes with its holder.
 *
 * @throws {WarrenError} `ERR_LOCKED` after half a minute.
 */
export async function withWireLock<T>(body: () => Promise<T>): Promise<T> {
  const fd = openSync('/proc/thread-self/ns/net', 'r');
  try {
    const deadline = performance.now() + PATIENCE_MS;
    while (!flock(fd, LOCK_EX | LOCK_NB)) {
      if (performance.now() > deadline)
        throw new WarrenError('ERR_LOCKED', 'Cannot wire a namespace', {
          kind: 'timeout',
          why: 'another process has wired in this network namespace for half a minute',
          fix: 'let it end, or end it, and wire again',
        });
      await delay(10);
    }
    return await body();
  } finally {
    closeSync(fd);
  }
}
