/** One at a time, of all processes: an flock(2), which the kernel lets go of when its holder dies. */
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WarrenError } from '../errors.js';
import { flock, LOCK_EX, LOCK_NB } from '../native/index.js';
import { makeDirectory, networksDirectory } from './state.js';

/** Nothing that is done under the lock takes a second. */
const PATIENCE_MS = 30_000;

/** @throws {WarrenError} `ERR_LOCKED` after half a minute. */
export async function withLock<T>(body: () => Promise<T>): Promise<T> {
  makeDirectory(networksDirectory());
  const fd = openSync(join(networksDirectory(), 'lock'), constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    const deadline = performance.now() + PATIENCE_MS;
    for (let pauseMs = 1; !flock(fd, LOCK_EX | LOCK_NB); pauseMs = Math.min(pauseMs * 2, 20)) {
      if (performance.now() > deadline) {
        throw new WarrenError('ERR_LOCKED', 'Cannot change the networks', {
          kind: 'timeout',
          why: `another process has held ${join(networksDirectory(), 'lock')} for half a minute`,
          fix: 'look for it with: fuser -v FILE',
        });
      }
      await delay(pauseMs);
    }
    return await body();
  } finally {
    closeSync(fd);
  }
}
