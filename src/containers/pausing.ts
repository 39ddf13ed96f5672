/** Freezing a container's processes, and letting them go on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WarrenError, quote } from '../errors.js';
import * as c from '../plan/constants.js';
import { type FileLock, tryOwnDirectory } from './files.js';
import type { Liveness } from './liveness.js';
import { notRunningError } from './not-running.js';

/** For commands that are just being started in it. */
const JOINING_PATIENCE_MS = 10_000;

/** @throws {WarrenError} `ERR_CONTAINER_NOT_RUNNING`, `ERR_CONTAINER_PAUSED`, `ERR_CONTAINER_BUSY`, `ERR_FREEZER`. */
export async function setFrozen(container: Liveness, wanted: boolean): Promise<void> {
  const action = wanted ? 'pause' : 'unpause';
  const { name } = container;
  const connection = await container.connectRunning(action);
  let alone: FileLock | undefined;
  try {
    if (wanted) alone = await withoutNewcomers(container);
    const { state } = container.status();
    if ((state === 'paused') === wanted) {
      throw new WarrenError('ERR_CONTAINER_PAUSED', `Cannot ${action} the container ${quote(name)}`, {
        kind: 'conflict',
        why: wanted ? 'it is paused already' : 'it is not paused',
        fix: wanted ? `let it go on: warren unpause ${name}` : 'there is nothing to do',
      });
    }
    const errno = await connection.request(c.MSG_FREEZE, Number(wanted));
    if (errno === 'ESRCH') throw notRunningError(name, action);
    if (errno !== undefined) throw freezerError(name, action, errno);
  } finally {
    alone?.release();
    connection.close();
  }
}

/** Whoever starts a command in it shares its directory meanwhile, for milliseconds. */
async function withoutNewcomers(container: Liveness): Promise<FileLock> {
  const deadline = performance.now() + JOINING_PATIENCE_MS;
  for (;;) {
    const lock = container.ifThere(() => tryOwnDirectory(container.directory));
    if (lock) return lock;
    if (performance.now() > deadline) {
      throw new WarrenError('ERR_CONTAINER_BUSY', `Cannot pause the container ${quote(container.name)}`, {
        kind: 'conflict',
        why: 'commands are being started in it all the time',
        fix: 'try again',
      });
    }
    await sleep(1);
  }
}

function freezerError(name: string, action: string, errno: string): WarrenError {
  const missing = errno === 'ENODEV';
  return new WarrenError('ERR_FREEZER', `Cannot ${action} the container ${quote(name)}`, {
    kind: missing ? 'unsupported' : 'kernel',
    why: missing
      ? 'it has no control group with a freezer'
      : errno === 'EBUSY'
        ? 'some of its processes would not be frozen'
        : `its control group refused: ${errno}`,
    fix: missing
      ? 'pausing needs cgroup v2, or the freezer of cgroup v1, and the right to make a group there'
      : undefined,
    errno,
  });
}
